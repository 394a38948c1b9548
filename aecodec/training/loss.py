"""Rate and distortion of a batch, as training sees them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from aecodec.model import Model
from aecodec.model.fixed_point import scale_index
from aecodec.quantize import SIXTEENTHS, pull, rate_aware_round

PROBABILITY_FLOOR = 1e-9


def gaussian_bits(residual: Tensor, log2_scale: Tensor) -> Tensor:
    """Bits of a residual in steps under a Gaussian integrated over one step, elementwise."""
    inverse = math.sqrt(0.5) * torch.exp2(-log2_scale)
    distance = residual.abs()
    upper = torch.erfc((distance - 0.5) * inverse)
    lower = torch.erfc((distance + 0.5) * inverse)
    return -torch.log2((0.5 * (upper - lower)).clamp(min=PROBABILITY_FLOOR))


def rounded(value: Tensor, log2_scale: Tensor) -> tuple[Tensor, Tensor]:
    """-> symbols as the encoder chooses them and what they stand for in the decoder, in steps.

    Both have the gradient of the identity (straight-through).
    """
    with torch.no_grad():
        symbols = rate_aware_round(value, log2_scale.exp2())
        value_hat = symbols - pull(symbols, scale_index(log2_scale).round()) / SIXTEENTHS
    return value + (symbols - value).detach(), value + (value_hat - value).detach()


def noisy(value: Tensor) -> Tensor:
    """value + U(-1/2, 1/2): the differentiable stand-in for rounding (Balle et al. 2017)."""
    return value + (torch.rand_like(value) - 0.5)


def rate_distortion(
    model: Model,
    x: Tensor,
    q: Tensor,
    phase: str,
    network_dtype: torch.dtype | None,
) -> tuple[Tensor, Tensor]:
    """-> bits per pixel [B], MSE over RGB in [0, 1] [B].

    x [B, 3, H, W] planes, q int64 [B]. Mixed quantization (Minnen and Singh 2020, section 4.2):
    noise for the rate, rounding for distortion and context. phase "entropy": the networks of g_a
    and g_s are off; "joint": all; "decoder": g_a and h_a are frozen and the rate, too, is that
    of rounded latents.
    """
    with torch.set_grad_enabled(torch.is_grad_enabled() and phase != "decoder"):
        if phase == "entropy":
            y = model.skip(x) * model.log_gain(q).exp()
        else:
            y = model.g_a(x, q, network_dtype)
        z = model.h_a(y, q, network_dtype)
    z_mean, z_scale = model.hyper_prior(q)
    z_symbols, z_hat = rounded(z - z_mean, z_scale)
    z_for_rate = z_symbols if phase == "decoder" else noisy(z - z_mean)
    bits = gaussian_bits(z_for_rate, z_scale).sum(dim=(1, 2, 3))
    coded: list[tuple[Tensor, Tensor]] = []

    def code_step(mask: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
        residual = y - mean
        symbols, residual_hat = rounded(residual, scale)
        coded.append((mask * (symbols if phase == "decoder" else residual), mask * scale))
        return residual_hat + mean

    y_hat = model.entropy(z_hat + z_mean, q, code_step, network_dtype)
    if phase == "entropy":
        x_hat = model.skip.inverse(y_hat * model.log_step(q).exp())
    else:
        x_hat = model.g_s(y_hat, q, network_dtype)
    residual, scale = (torch.stack(parts).sum(0) for parts in zip(*coded, strict=True))
    y_for_rate = residual if phase == "decoder" else noisy(residual)
    bits = bits + gaussian_bits(y_for_rate, scale).sum(dim=(1, 2, 3))
    bpp = bits / (x.shape[2] * x.shape[3])
    return bpp, (x - x_hat).square().mean(dim=(1, 2, 3))
