"""Latents to symbols and back."""

from __future__ import annotations

import torch

from aecodec.format.constants import SYMBOL_LIMIT
from aecodec.model.points import Points
from aecodec.model.quantize import dequantize, quantize, rate_aware_round


def test_wide_distributions_round_to_the_nearest() -> None:
    residual = torch.arange(-94, 95) / 10 + 0.03
    assert torch.equal(rate_aware_round(residual, torch.tensor(100.0)), residual.round())


def test_narrow_distributions_lean_to_zero() -> None:
    """At scale 0.3 a symbol costs 4.2 bits more than zero, worth 0.23 of a step."""
    residual = torch.tensor([0.55, 0.72, 0.74, 1.0, -0.72, -0.74])
    rounded = rate_aware_round(residual, torch.tensor(0.3))
    assert rounded.tolist() == [0, 0, 1, 1, 0, -1]


def test_a_symbol_moves_by_at_most_one() -> None:
    residual = torch.linspace(-40, 40, 4001)
    for scale in (0.11, 0.5, 3.0):
        moved = rate_aware_round(residual, torch.tensor(scale)).abs() - residual.round().abs()
        assert set(moved.tolist()) <= {0.0, -1.0}


def test_dequantize_is_within_a_step() -> None:
    value, mean = torch.linspace(-30, 30, 601), torch.full((601,), 5.0)
    y_hat = dequantize(quantize(value, mean, torch.full((601,), 50.0)), mean)
    assert (y_hat / 16 - value).abs().max() <= 0.51


def test_points_lie_on_the_side_of_the_symbol_or_else_of_the_mean() -> None:
    points = Points()
    points.table[7, 0, 6], points.table[7, 0, 8], points.table[7, 1, 4] = 64, 32, -16
    points.table[7, 2, 3], points.table[7, 3, 0] = 8, 4
    seen = {  # (symbol, mean): 1/256 steps
        (0, 2): 64,
        (0, -2): -64,
        (0, 4): 32,
        (0, -900): -32,
        (0, 0): 0,
        (1, 0): -16,
        (-1, 0): 16,
        (2, -1): 8,
        (-2, 1): -8,
        (2, 1): 0,
        (3, -4): 4,
        (-4000, 5): -4,
    }
    symbols, mean = (torch.tensor(column).double() for column in zip(*seen, strict=True))
    beside = points(symbols, mean, torch.full((len(seen),), 7.0))
    assert (256 * beside).tolist() == list(seen.values())
    assert not points(symbols, mean, torch.full((len(seen),), 8.0)).any()


def test_symbols_are_limited() -> None:
    far = torch.tensor([1e9, -1e9])
    symbols = quantize(far, torch.zeros(2), torch.ones(2))
    assert symbols.tolist() == [SYMBOL_LIMIT, -SYMBOL_LIMIT]
