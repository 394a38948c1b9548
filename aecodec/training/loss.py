"""Rate and distortion of a batch, as training sees them."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from aecodec.coding.descent import descend, unrefined_bias
from aecodec.coding.distortion import distortion_slope
from aecodec.model.entropy_model import gaussian_bits, take_batch, take_bias
from aecodec.model.model import Model
from aecodec.model.quantize import rounded_residual

FROZEN = ("decoder", "refined")
"""Phases in which g_a and h_a do not learn."""
SETTLED_SCALE = -2.0
"""log2 of the standard deviation, in steps, below which a latent is hardly ever anything but 0."""


def straight_through(value: Tensor, rounded: Tensor) -> Tensor:
    """`rounded`, with the gradient of `value`."""
    return value + (rounded - value).detach()


def noisy(value: Tensor) -> Tensor:
    """value + U(-1/2, 1/2): the differentiable stand-in for rounding (Balle et al. 2017)."""
    return value + (torch.rand_like(value) - 0.5)


def latent_bits(value: Tensor, mean: Tensor, log2_scale: Tensor, symbols: Tensor) -> Tensor:
    """Bits of a latent under its predicted mean and scale, elementwise: noise for the rate."""
    return gaussian_bits(noisy(value - mean), log2_scale)


def symbol_bits(value: Tensor, mean: Tensor, log2_scale: Tensor, symbols: Tensor) -> Tensor:
    """As `latent_bits`, of the symbols that a file would hold."""
    return gaussian_bits(straight_through(value - mean, symbols), log2_scale)


def learnt_bits(value: Tensor, mean: Tensor, log2_scale: Tensor, symbols: Tensor) -> Tensor:
    """As `symbol_bits`; of latents that are hardly ever anything but 0, as `latent_bits`.

    The symbols of those cost nothing, whatever their mean, until it is far off: they have no slope
    that would keep it where it is, and Muon moves what has no slope as far as the rest. (One run
    ended with twice the bits at low rates, by channels that were never coded before.)
    """
    bits = symbol_bits(value, mean, log2_scale, symbols)
    noise = latent_bits(value, mean, log2_scale, symbols)
    return torch.where(log2_scale < SETTLED_SCALE, noise, bits)


def rate_distortion(model: Model, x: Tensor, q: Tensor, phase: str) -> tuple[Tensor, Tensor]:
    """-> bits per pixel [B], MSE over RGB in [0, 1] [B]; as for `code`, in binary32."""
    bpp, x_hat = code(model, x, q, phase, None)
    return bpp, mean_squares(x, x_hat)


def mean_squares(x: Tensor, x_hat: Tensor) -> Tensor:
    """Planes [B, 3, H, W] -> MSE [B]."""
    return (x - x_hat).square().mean(dim=(1, 2, 3))


def code(
    model: Model,
    x: Tensor,
    q: Tensor,
    phase: str,
    network_dtype: torch.dtype | None,
    rounds: int = 0,
    tune: str = "psnr",
) -> tuple[Tensor, Tensor]:
    """-> bits per pixel [B], x_hat [B, 3, H, W].

    x [B, 3, H, W] planes, q int64 [B]. Mixed quantization (Minnen and Singh 2020, section 4.2):
    noise for the rate, rounding for distortion and context. phase "entropy": the networks of g_a
    and g_s are off; "joint": all; "decoder": g_a and h_a are frozen and the rate, too, is
    that of rounded latents; "refined": of those after so many rounds of the encoder's refinement,
    for what `tune` says.
    """
    learns = torch.is_grad_enabled()
    with torch.set_grad_enabled(learns and phase not in FROZEN):
        y, z, bias = latents(model, x, q, phase, network_dtype, rounds, tune)
    bits_of = latent_bits if phase not in FROZEN else learnt_bits if learns else symbol_bits
    coded: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []

    def code_batch(batch: int, mean: Tensor, scale: Tensor) -> Tensor:
        value = take_batch(y, z, batch)
        symbols = rounded_residual(value - mean, scale, take_bias(bias, y, batch))
        coded.append((value, mean, scale, symbols))
        return straight_through(value - mean, symbols) + mean

    y_hat = model.walk(z.shape, q, code_batch, network_dtype)
    if phase == "entropy":
        x_hat = model.skip.inverse(y_hat * model.log_step(q).exp())
    else:
        x_hat = model.g_s(y_hat, q, network_dtype)
    bits = torch.stack([bits_of(*batch).sum(dim=(1, 2, 3)) for batch in coded]).sum(dim=0)
    return bits / (x.shape[2] * x.shape[3]), x_hat


def latents(
    model: Model,
    x: Tensor,
    q: Tensor,
    phase: str,
    network_dtype: torch.dtype | None,
    rounds: int,
    tune: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """-> y, z and the bias of rounding y, as for `code`."""
    if phase == "entropy":
        y = model.skip(x) * model.log_gain(q).exp()
    else:
        y = model.g_a(x, q, network_dtype)
    z = model.h_a(y, q, network_dtype)
    if not rounds:
        return y, z, unrefined_bias(model, q, tune)
    slope = partial(distortion_slope, model, x, q, tune, network_dtype)
    return descend(model, y, z, q, rounds, slope, network_dtype, tune)
