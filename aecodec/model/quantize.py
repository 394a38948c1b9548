"""Latents <-> symbols. Everything dequantized is an integer number of 1/16 steps (SPEC 4.1)."""

from __future__ import annotations

import torch
from torch import Tensor

SIXTEENTHS_BITS = 4
SIXTEENTHS = 2**SIXTEENTHS_BITS
SYMBOL_LIMIT = 2**15 - 1
"""Largest magnitude of a symbol; the fixed-point bounds build on it."""
RATE_WEIGHT = 0.04
"""How far rounding leans to the smaller symbol; 1 / (4 mu ln 2) for mu bits a squared step (the
slope of an ideal quantizer at high rate is mu = 8.7, 0.042). Chosen on validation pictures."""


def rate_aware_round(residual: Tensor, scale: Tensor, lean: float = 1.0) -> Tensor:
    """Round a residual to the nearest integer or, where the bits saved are worth it, towards zero.

    residual and its predicted scale (standard deviation) in steps, of the same shape. With the
    bits between two neighbouring symbols taken from a Gaussian of variance scale^2 + 1/12, the
    threshold between n - 1 and n moves from n - 1/2 up by RATE_WEIGHT (2 n - 1) / variance,
    or `lean` times as far.
    A choice of the encoder alone (rate-distortion optimized quantization).
    """
    nearest = residual.round()
    n = nearest.abs()
    threshold = n - 0.5 + lean * RATE_WEIGHT * (2 * n - 1) / (scale.square() + 1 / 12)
    return torch.where(residual.abs() < threshold, nearest - nearest.sign(), nearest)


def quantize(value: Tensor, mean: Tensor, scale: Tensor, lean: float = 1.0) -> Tensor:
    """Latent and scale in steps, mean in 1/16 steps -> symbols, float64 integers."""
    residual = value.double() - mean / SIXTEENTHS
    return rate_aware_round(residual, scale, lean).clamp(-SYMBOL_LIMIT, SYMBOL_LIMIT)


def dequantize(symbols: Tensor, mean: Tensor) -> Tensor:
    """Back from `quantize`: symbols, mean in 1/16 steps -> latent in 1/16 steps."""
    return symbols * SIXTEENTHS + mean
