"""Latents to symbols and back."""

from __future__ import annotations

import torch

from aecodec.quantize import SYMBOL_LIMIT, dequantize, quantize, rate_aware_round


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
    y_hat = dequantize(quantize(value, mean, torch.full((601,), 50.0)), mean, torch.tensor(52))
    assert (y_hat / 16 - value).abs().max() <= 0.51


def test_ones_are_read_nearer_to_a_narrow_mean() -> None:
    symbols = torch.tensor([-2.0, -1, 0, 1, 2])
    for index, value in ((15, 14), (16, 15), (23, 15), (24, 16)):
        y_hat = dequantize(symbols, torch.zeros(5), torch.tensor(index))
        assert y_hat.tolist() == [-32, -value, 0, value, 32]


def test_symbols_are_limited() -> None:
    far = torch.tensor([1e9, -1e9])
    symbols = quantize(far, torch.zeros(2), torch.ones(2))
    assert symbols.tolist() == [SYMBOL_LIMIT, -SYMBOL_LIMIT]
