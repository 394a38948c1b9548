"""Rounds of refinement of latents, on tensors alone: what the encoder does and training repeats.

y and z are moved down the gradient of what a file is judged by, bits and what its errors are worth
in bits (distortion.py), at the latents that a decoder would see.
(Latent refinement: Campos et al. 2019, arXiv 1906.01223; Yang et al. 2020, NeurIPS.)

One round is a proximal step. y is what rounding aims at. At y_hat, the distortion and the bits
that y_hat causes elsewhere as context have the gradient g, and curvature c; so the aim of the next
round is y_hat - g / c, damped. For PSNR the curvature is mostly that of the linear synthesis,
c = 2/3 lambda step^2 bits a squared step. To the eye errors matter more in one place than in
another, so it is measured: by how much the gradient changes between y_hat and a place beside it.
A latent's own bits are left to the rate-aware rounding, which knows them. The gradient is taken at
the reconstruction points, where g_s sees y_hat; the aim starts from y_hat itself, since rounding
knows nothing of points.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from aecodec.format.constants import SIXTEENTHS, TABLE_COUNT
from aecodec.model.entropy_model import (
    gaussian_bits,
    index_of_scale,
    put_steps,
    take_batch,
    take_bias,
)
from aecodec.model.model import Model
from aecodec.model.quantize import rounded_residual

FIRST_DAMPING, LAST_DAMPING = 0.75, 0.25
"""Share of the way to its new aim that y goes, at the beginning and at the end of all rounds."""
IDEAL_CURVATURE = 17.3
"""Bits a squared step that the errors of an ideal quantizer are worth, at high rates."""
CURVATURE_MIN = 16.0
"""The curvature where the linear synthesis says less."""
BIAS_POWER = {"psnr": 1.0, "visual": 0.5}
"""How far rounding goes by the curvature; half as far where that is measured, and so not exact."""
BIAS_MIN, BIAS_MAX = 0.5, 2.0
BESIDE = 0.3
"""Steps, up or down at random, to the place where the gradient is taken once more."""
MEASURED_MIN, MEASURED_MAX = 0.1, 20.0
"""Of a measured curvature, as a share of that of the linear synthesis."""
HYPER_RATE = 0.003
"""Steps that z moves by, for a gradient of one bit a step."""
LMBDA_SHARE = 1.1
"""What the gradient takes for lambda, as a share of it: a photo's latents, refined, cost less at
equal quality if they become a little better and the q a little coarser."""


@torch.no_grad()
def descend(
    model: Model,
    y: Tensor,
    z: Tensor,
    q: Tensor,
    rounds: int,
    distortion_slope: Callable[[Tensor], Tensor],
    network_dtype: torch.dtype | None = None,
    tune: str = "psnr",
) -> tuple[Tensor, Tensor, Tensor]:
    """y and z after some rounds, and the bias of rounding y; q int64 [B].

    distortion_slope: y_hat -> gradient of the distortion in bits, of the shape of y; called once a
    round, and with tune "visual" once more.
    """
    curvature, bias = distortion_curvature(model, q), unrefined_bias(model, q, tune)
    for number, damping in enumerate(dampings(rounds)):
        y_hat, points, y_slope, z_slope = context_slope(model, y, z, q, bias, network_dtype)
        slope = distortion_slope(y_hat + points)
        if tune == "visual" and not number:
            curvature = measured_curvature(distortion_slope, y_hat + points, slope, curvature)
            bias = rounding_bias(curvature, tune)
        bend = (LMBDA_SHARE * curvature).clamp(min=CURVATURE_MIN)
        y = y + damping * (y_hat - (y_slope + LMBDA_SHARE * slope) / bend - y)
        z = z - HYPER_RATE * z_slope
    return y, z, bias


def unrefined_bias(model: Model, q: Tensor, tune: str) -> Tensor:
    """The bias of rounding y [B, M, 1, 1] where nothing is measured: none for the eye."""
    if tune == "visual":
        return torch.ones_like(model.log_step(q))
    return rounding_bias(distortion_curvature(model, q), tune)


def rounding_bias(curvature: Tensor, tune: str) -> Tensor:
    """How far rounding leans, of the shape of the curvature: the further, the less errors count."""
    less = (IDEAL_CURVATURE / (LMBDA_SHARE * curvature)) ** BIAS_POWER[tune]
    return less.clamp(BIAS_MIN, BIAS_MAX)


def measured_curvature(
    distortion_slope: Callable[[Tensor], Tensor], y_hat: Tensor, slope: Tensor, linear: Tensor
) -> Tensor:
    """The curvature of the distortion around y_hat, where its slope is known.

    linear: that of the linear synthesis for PSNR [B, M, 1, 1], to which it is found as a factor of
    each place and one of each channel: what a single random direction says of one latent is noise
    (the diagonal of a Hessian by random signs: Bekas, Kokiopoulou and Saad 2007).
    """
    numbers = torch.arange(y_hat.numel(), device=y_hat.device) * 0x9E3779B1 % 2**32
    odd = (numbers ^ (numbers >> 15)) * 0x85EBCA6B % 2**32 >> 20 & 1  # as random as need be
    beside = BESIDE * (2 * odd - 1).to(y_hat.dtype).view(y_hat.shape)
    change = (distortion_slope(y_hat + beside) - slope) * beside / BESIDE**2
    of_place = change.sum(dim=1, keepdim=True) / linear.sum(dim=1, keepdim=True)
    of_place = avg_pool2d(of_place, 3, 1, 1, count_include_pad=False)
    of_place = of_place.clamp(MEASURED_MIN, MEASURED_MAX)
    bend = linear * of_place
    of_channel = change.sum(dim=(2, 3), keepdim=True) / bend.sum(dim=(2, 3), keepdim=True)
    return bend * of_channel.clamp(MEASURED_MIN, MEASURED_MAX)


def dampings(rounds: int) -> list[float]:
    """Of every round: falling, so that latents come to rest; of a single one, the middle."""
    fall = LAST_DAMPING / FIRST_DAMPING
    return [FIRST_DAMPING * fall ** ((n + 0.5) / rounds) for n in range(rounds)]


def distortion_curvature(model: Model, q: Tensor) -> Tensor:
    """Bits a squared step that lambda SE bends by, were g_s linear: [B, M, 1, 1]."""
    return 2 / 3 * model.lmbda[q][:, None, None, None] * model.log_step(q).exp().square()


def context_slope(
    model: Model,
    y: Tensor,
    z: Tensor,
    q: Tensor,
    bias: Tensor,
    network_dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """-> y_hat, its points, and the gradients of the bits of y after y_hat and z_hat.

    Of the bits of a latent, what its own value causes is not counted, but what it causes in the
    means and scales of those that come after it.
    """
    coded: list[Tensor] = []
    bits: list[Tensor] = []
    points: list[Tensor] = []

    def code_batch(batch: int, mean: Tensor, scale: Tensor) -> Tensor:
        symbols = rounded_residual(take_batch(y, z, batch) - mean, scale, take_bias(bias, y, batch))
        if batch:
            bits.append(gaussian_bits(symbols + (mean.detach() - mean), scale).sum())
            points.append(points_of(model, symbols, mean, scale))
        coded.append((mean.detach() + symbols).requires_grad_())
        return coded[-1]

    with torch.enable_grad():
        y_hat = model.walk(z.shape, q, code_batch, network_dtype)
        z_slope, *slopes = torch.autograd.grad(torch.stack(bits).sum(), coded[:-1])
    return y_hat.detach(), put_steps(points, y), put_steps(slopes, y), z_slope


@torch.no_grad()
def points_of(model: Model, symbols: Tensor, mean: Tensor, log2_scale: Tensor) -> Tensor:
    """How far from y_hat g_s sees latents, in steps; mean and scale as floating point has them."""
    index = index_of_scale(log2_scale).round().clamp(0, TABLE_COUNT - 1)
    return model.points(symbols, (mean * SIXTEENTHS).round(), index)
