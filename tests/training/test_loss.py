"""loss.py: which bits a phase learns from."""

from __future__ import annotations

import torch

from aecodec.training.loss import learnt_bits, symbol_bits


def test_what_is_hardly_ever_coded_still_has_a_slope_towards_its_mean() -> None:
    """Its symbols, all 0, have none, so that nothing would keep the mean where it is."""
    torch.manual_seed(1)
    value, symbols, scale = torch.zeros(4000), torch.zeros(4000), torch.full((4000,), -3.2)
    slopes = []
    for bits in (symbol_bits, learnt_bits):
        mean = torch.full((4000,), 0.1, requires_grad=True)
        slopes.append(
            float(torch.autograd.grad(bits(value, mean, scale, symbols).sum(), mean)[0].sum())
        )
    assert abs(slopes[0]) < 10 < 100 < slopes[1]


def test_what_is_coded_is_learnt_as_a_file_holds_it() -> None:
    value, symbols, mean = torch.tensor([2.2]), torch.tensor([2.0]), torch.tensor([0.1])
    scale = torch.zeros(1)
    found = learnt_bits(value, mean, scale, symbols)
    assert torch.equal(found, symbol_bits(value, mean, scale, symbols))
