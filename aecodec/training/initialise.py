"""The start: a linear lapped transform codec with a plausible entropy model, networks at zero."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from aecodec.coding.planes import Pixels
from aecodec.format.constants import Q_COUNT
from aecodec.model.entropy_model import SCALE_MIN
from aecodec.model.layers import space_to_depth
from aecodec.model.model import Model
from aecodec.model.transforms import BLOCK, mix_edges

INITIAL_TILES = 400
"""Pictures that suffice for the linear start."""


def lmbda_table(lmbda_min: float, lmbda_max: float) -> Tensor:
    """lambda of every q, on MSE of RGB in [0, 1]: log-spaced, [64]."""
    return torch.linspace(math.log(lmbda_min), math.log(lmbda_max), Q_COUNT).exp()


def initialise(model: Model, pictures: list[Pixels], lmbda: Tensor) -> None:
    """Set overlap, basis, steps, whitening and scales of a new model in place.

    Steps from high-rate theory: D = 3 / (2 ln2 lambda) per sample and D = step^2 / 12.
    """
    overlap = best_overlap()
    variance, basis = principal_components(pictures, overlap)
    sigma = variance[: model.config.latent].sqrt()[None, :].float()  # [1, M]
    step = (18 / (math.log(2) * lmbda)).sqrt()[:, None]  # [64, 1], pixel units
    r = step / (sigma**2 + step**2).sqrt()
    with torch.no_grad():
        model.skip.overlap.copy_(overlap)
        model.skip.basis.copy_(basis[: model.config.latent])
        model.log_step.fit(step.log().expand_as(r))
        model.log_gain.fit(-step.log().expand_as(r))
        model.whiten.table.copy_(r)
        model.entropy.whiten.table.copy_(r)
        model.entropy.mean.table.copy_(1 / r)
        model.entropy.scale.base.fit((0.5 * sigma / step).clamp(min=SCALE_MIN).log2())
        model.entropy.up2.weight.mul_(0.5)


def principal_components(pictures: list[Pixels], overlap: Tensor) -> tuple[Tensor, Tensor]:
    """-> variances [768], descending, and components [768, 768] (rows) of the lapped blocks."""
    total = torch.zeros(3 * BLOCK**2, 3 * BLOCK**2, dtype=torch.float64)
    count = 0
    for pixels in pictures[:: max(1, len(pictures) // INITIAL_TILES)]:
        h, w = (n // BLOCK * BLOCK for n in pixels.shape[:2])
        x = torch.from_numpy(pixels[:h, :w].copy()).permute(2, 0, 1)[None] / 255
        blocks = space_to_depth(mix_edges(x - 0.5, overlap), BLOCK).flatten(2)[0].double()
        total += blocks @ blocks.t()
        count += blocks.shape[1]
    variance, vectors = torch.linalg.eigh(total / count)
    return variance.flip(0).clamp(min=0), vectors.t().flip(0).float()


def best_overlap() -> Tensor:
    """Orthogonal [16, 16] mixing of the samples around a block edge, best for an AR(1) signal.

    Minimizes the sum of log variances of the blocks' principal components (so maximizes the
    coding gain, Malvar 1992, section 1.4) at correlation 0.95: 0.33 dB an axis over no overlap.
    """
    half = BLOCK // 2
    eye = torch.eye(half, dtype=torch.float64)
    flip = eye.flip(0)
    butterfly = torch.cat([torch.cat([eye, flip], 1), torch.cat([flip, -eye], 1)]) / math.sqrt(2)
    lag = torch.arange(4 * BLOCK, dtype=torch.float64)
    signal = 0.95 ** (lag[:, None] - lag[None, :]).abs()
    free = (0.01 * torch.sin(torch.arange(half * half, dtype=torch.float64))).view(half, half)
    free.requires_grad_()

    def overlap() -> Tensor:
        rotation = torch.matrix_exp(free.triu(1) - free.triu(1).t())
        return butterfly @ torch.block_diag(eye, rotation) @ butterfly

    def loss() -> Tensor:
        mixed = mix_edges(signal[None, None], overlap())[0, 0]  # both sides: P R P^T
        return torch.linalg.slogdet(mixed[BLOCK : 2 * BLOCK, BLOCK : 2 * BLOCK])[1]

    optimizer = torch.optim.LBFGS([free], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)
    return overlap().detach().float()
