"""Rounds of refinement of latents, on tensors alone: what the encoder does and training repeats.

y and z are moved down the gradient of what a file is judged by, bits + lambda MSE, at the latents
that a decoder would see.
(Latent refinement: Campos et al. 2019, arXiv 1906.01223; Yang et al. 2020, NeurIPS.)

One round is a proximal step. y is what rounding aims at. At y_hat, the distortion and the bits
that y_hat causes elsewhere as context have the gradient g, and curvature mostly that of the linear
synthesis, c = 2/3 lambda step^2 bits a squared step; so the aim of the next round is y_hat - g / c,
damped. A latent's own bits are left to the rate-aware rounding, which knows them. The gradient is
taken at the reconstruction points, where g_s sees y_hat; the aim starts from y_hat itself, since
rounding knows nothing of points.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from aecodec.format.constants import SIXTEENTHS, TABLE_COUNT
from aecodec.model.entropy_model import gaussian_bits, index_of_scale, put_steps, take_batch
from aecodec.model.model import Model
from aecodec.model.quantize import rounded_residual

FIRST_DAMPING, LAST_DAMPING = 0.75, 0.25
"""Share of the way to its new aim that y goes, at the beginning and at the end of all rounds."""
CURVATURE_MIN = 16.0
"""The curvature where the linear synthesis says less; that of an ideal quantizer is 17.3."""
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
) -> tuple[Tensor, Tensor]:
    """y and z after some rounds; q int64 [B].

    distortion_slope: y_hat -> gradient of lambda SE in bits, SE the sum over pixels of the mean
    squared error of the three samples; all of the shape of y.
    """
    curvature = (LMBDA_SHARE * distortion_curvature(model, q)).clamp(min=CURVATURE_MIN)
    for damping in dampings(rounds):
        y_hat, points, y_slope, z_slope = context_slope(model, y, z, q, network_dtype)
        slope = y_slope + LMBDA_SHARE * distortion_slope(y_hat + points)
        y = y + damping * (y_hat - slope / curvature - y)
        z = z - HYPER_RATE * z_slope
    return y, z


def dampings(rounds: int) -> list[float]:
    """Of every round: falling, so that latents come to rest; of a single one, the middle."""
    fall = LAST_DAMPING / FIRST_DAMPING
    return [FIRST_DAMPING * fall ** ((n + 0.5) / rounds) for n in range(rounds)]


def distortion_curvature(model: Model, q: Tensor) -> Tensor:
    """Bits a squared step that lambda SE bends by, were g_s linear: [B, M, 1, 1]."""
    return 2 / 3 * model.lmbda[q][:, None, None, None] * model.log_step(q).exp().square()


def context_slope(
    model: Model, y: Tensor, z: Tensor, q: Tensor, network_dtype: torch.dtype | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """-> y_hat, its points, and the gradients of the bits of y after y_hat and z_hat.

    Of the bits of a latent, what its own value causes is not counted, but what it causes in the
    means and scales of those that come after it.
    """
    coded: list[Tensor] = []
    bits: list[Tensor] = []
    points: list[Tensor] = []

    def code_batch(batch: int, mean: Tensor, scale: Tensor) -> Tensor:
        symbols = rounded_residual(take_batch(y, z, batch) - mean, scale)
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
