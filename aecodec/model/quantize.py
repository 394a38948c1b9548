"""Latents <-> symbols. Everything dequantized is an integer number of 1/16 steps (SPEC 4.1)."""

from __future__ import annotations

import torch
from torch import Tensor

from aecodec.format.constants import SIXTEENTHS, SYMBOL_LIMIT
from aecodec.format.tables import Indexes, Symbols

RATE_WEIGHT = 0.04
"""How far rounding leans to the smaller symbol; 1 / (4 mu ln 2) for mu bits a squared step (the
slope of an ideal quantizer at high rate is mu = 8.7, 0.042). Chosen on validation pictures."""


def rate_aware_round(
    residual: Tensor, deviation: Tensor, rounding_bias: Tensor | float = 1.0
) -> Tensor:
    """Round a residual to the nearest integer or, where the bits saved are worth it, towards zero.

    residual and its predicted standard deviation in steps, of the same shape. With the
    bits between two neighbouring symbols taken from a Gaussian of variance deviation^2 + 1/12, the
    threshold between n - 1 and n moves from n - 1/2 up by RATE_WEIGHT (2 n - 1) / variance,
    or `rounding_bias` times as far.
    A choice of the encoder alone (rate-distortion optimized quantization).
    """
    nearest = residual.round()
    n = nearest.abs()
    shift = rounding_bias * RATE_WEIGHT * (2 * n - 1) / (deviation.square() + 1 / 12)
    return torch.where(residual.abs() < n - 0.5 + shift, nearest - nearest.sign(), nearest)


def rounded_residual(
    residual: Tensor, log2_scale: Tensor, rounding_bias: Tensor | float = 1.0
) -> Tensor:
    """-> symbols as the encoder chooses them, of residuals in floating point."""
    with torch.no_grad():
        return rate_aware_round(residual, log2_scale.exp2(), rounding_bias)


def quantize(
    value: Tensor, mean: Tensor, deviation: Tensor, rounding_bias: Tensor | float = 1.0
) -> Tensor:
    """Latent and deviation in steps, mean in 1/16 steps -> symbols, float64 integers."""
    residual = value.double() - mean / SIXTEENTHS
    return rate_aware_round(residual, deviation, rounding_bias).clamp(-SYMBOL_LIMIT, SYMBOL_LIMIT)


def dequantize(symbols: Tensor, mean: Tensor) -> Tensor:
    """Back from `quantize`: symbols, mean in 1/16 steps -> latent in 1/16 steps."""
    return symbols * SIXTEENTHS + mean


def as_symbols(values: Tensor) -> Symbols:
    """Integers of any shape -> int32 [n], as the entropy coder takes them."""
    return values.reshape(-1).to(torch.int32).numpy()


def from_symbols(symbols: Symbols, like: Tensor) -> Tensor:
    """Inverse of `as_symbols`: float64 integers of the shape of `like`."""
    return torch.from_numpy(symbols).double().view(like.shape)


def as_indexes(values: Tensor) -> Indexes:
    """Table indexes of any shape -> uint8 [n]."""
    return values.reshape(-1).to(torch.uint8).numpy()
