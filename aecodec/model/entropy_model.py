"""The entropy model: hyperprior and four-step quadtree context, p(y | z_hat, q).

`EntropyNetwork` is in floating point, for training and refinement. The codec codes with the same
network in integers, `FixedNetwork` (fixed_network.py), so that encoder and decoder agree to the bit
on every machine.

Units of the two:                               floating point      integers
    y_hat, mean                                 steps               1/16 steps
    scale                                       log2 of steps       index of a table, 0..63
    everything between                          order 1             2^-12

Sources: hyperprior, Balle et al. 2018 (ICLR), section 3; mean and scale, Minnen et al. 2018
(NeurIPS), section 2; quadtree context, Li et al., DCVC-DC (CVPR 2023), section 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aecodec.format.constants import Q_COUNT, QUADTREE, SCALES_PER_OCTAVE, TABLE_COUNT
from aecodec.model.ambient import autocast_to
from aecodec.model.config import STEPS, ModelConfig
from aecodec.model.layers import (
    DepthwiseBlock,
    PerQ,
    Pointwise,
    depth_to_space,
    pointwise,
    space_to_depth,
)

SCALE_MIN = 0.11

CodeBatch = Callable[[int, Tensor, Tensor], Tensor]
"""(batch, mean, scale) -> its latents, dequantized, of that shape. Batch 0 is the hyper-latent,
[B, N, H/64, W/64], batches 1 to 4 are the steps of the latent, [B, M, H/32, W/32] each."""
PROBABILITY_FLOOR = 1e-9


class Whiten(nn.Module):
    """y_hat in steps -> order 1: times r[q, c], a fixed table."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("table", torch.ones(Q_COUNT, channels, dtype=torch.float32))
        self.table: Tensor

    def forward(self, y_hat: Tensor, q: Tensor) -> Tensor:
        return y_hat * self.table[q][:, :, None, None]


class MeanOutput(Whiten):
    """Network output -> mean in steps: times a table of its own, at first 1 / r[q, c]."""


class ScaleOutput(nn.Module):
    """Network output (octaves) -> log2 scale in steps: plus a row for every q, not below 0.11.

    The bound leaks one per cent, so that a scale below it still feels its gradient.
    """

    FLOOR = -3.184425
    """log2(SCALE_MIN)"""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.base = PerQ(channels)

    def forward(self, h: Tensor, q: Tensor) -> Tensor:
        above = F.leaky_relu(h + self.base(q) - self.FLOOR, 0.01)
        return above.clamp(max=(TABLE_COUNT - 1) / SCALES_PER_OCTAVE) + self.FLOOR


class Bias(nn.Module):
    """Adds a learned row for q. [B, C, H, W] -> same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rows = PerQ(channels)

    def forward(self, h: Tensor, q: Tensor) -> Tensor:
        return h + self.rows(q).to(h.dtype)


class PhaseBias(nn.Module):
    """Adds a vector for each of the four positions of a 2x2 cell: which latents are known there."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.cell = nn.Parameter(torch.zeros(channels, 2, 2, dtype=torch.float32))

    def forward(self, h: Tensor) -> Tensor:
        return h + repeat_cell(self.cell, h).to(h.dtype)


class MeanScaleHead(Pointwise):
    """Pointwise with M outputs for the means and M for the scales, some channels at a time."""

    def forward(self, x: Tensor, channels: slice) -> Tensor:  # type: ignore[override]
        """[B, inputs, H, W] -> means, then scales, of those channels."""
        return pointwise(
            x, mean_scale_rows(self.weight, channels), mean_scale_rows(self.bias, channels)
        )


def mean_scale_rows(rows: Tensor, channels: slice) -> Tensor:
    """[2 M, ...], rows for means, then for scales -> those of some channels, in the same order."""
    return rows.unflatten(0, (2, -1))[:, channels].flatten(0, 1)


class ContextStep(nn.Module):
    """What steps 1 to 3 do not share: (y so far, |y|, fused) -> context width, and the outputs."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.context_width
        self.stem = Pointwise(2 * config.latent + config.fusion_width, width)
        self.phase = PhaseBias(width)
        self.head = MeanScaleHead(width, 2 * config.latent, zero=True)


class EntropyNetwork(nn.Module):
    """h_s, fusion and context: everything the decoder must repeat exactly."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, fusion = config.hyper_width, config.fusion_width
        self.latent = config.latent
        self.up1 = Pointwise(config.hyper, 4 * width)  # h_s
        self.q_bias = Bias(width)
        self.block1 = DepthwiseBlock(width, fold=4)
        self.up2 = Pointwise(width, 4 * width)
        self.block2 = DepthwiseBlock(width, fold=4)
        self.fuse = Pointwise(width, fusion)
        blocks = [DepthwiseBlock(fusion, fold=4) for _ in range(config.fusion_blocks)]
        self.fusion = nn.Sequential(*blocks)
        self.head = MeanScaleHead(fusion, 2 * config.latent, zero=True)
        self.steps = nn.ModuleList(ContextStep(config) for _ in range(STEPS - 1))
        blocks = [DepthwiseBlock(config.context_width, 4) for _ in range(config.context_blocks)]
        self.context = nn.Sequential(*blocks)
        self.whiten = Whiten(config.latent)
        self.mean = MeanOutput(config.latent)
        self.scale = ScaleOutput(config.latent)

    def fuse_hyper(self, z_hat: Tensor, q: Tensor) -> Tensor:
        """z_hat [B, N, H/64, W/64] -> features [B, F, H/16, W/16]."""
        h = self.block1(self.q_bias(depth_to_space(self.up1(z_hat), 2), q))
        h = self.block2(depth_to_space(self.up2(h), 2))
        return self.fusion(self.fuse(h))

    def features(self, step: int, y_hat: Tensor, fused: Tensor, q: Tensor) -> Tensor:
        """Input of the step's head: the fused features, from the second step on with context."""
        if step == 0:
            return fused
        part: ContextStep = self.steps[step - 1]  # type: ignore[assignment]
        seen = self.whiten(y_hat, q).to(fused.dtype)
        h = part.phase(part.stem(torch.cat([seen, seen.abs(), fused], dim=1)))
        return self.context(h)

    def predict(self, step: int, features: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
        """-> mean, scale [B, M, H/32, W/32] of the latents of this step."""
        head = self.head if step == 0 else self.steps[step - 1].head
        assert isinstance(head, nn.Module)
        means, scales = [], []
        for channels, rows, columns in step_places(step, self.latent):
            outputs = head(features[:, :, rows, columns], channels)
            mean, scale = outputs.chunk(2, dim=1)
            means.append(mean)
            scales.append(scale)
        return self.mean(torch.cat(means, dim=1), q), self.scale(torch.cat(scales, dim=1), q)

    def forward(
        self,
        z_hat: Tensor,
        q: Tensor,
        code_batch: CodeBatch,
        network_dtype: torch.dtype | None = None,
    ) -> Tensor:
        """Walk the four steps, batches 1 to 4: see `Model.walk`.

        z_hat as this path's units have it, q int64 [B] -> y_hat [B, M, H/16, W/16].
        With `network_dtype`, all but inputs and outputs runs under autocast to it.
        """
        device = z_hat.device.type
        with autocast_to(device, network_dtype):
            fused = self.fuse_hyper(z_hat, q)
        y_hat = fused.new_zeros((len(q), self.latent, *fused.shape[2:]), dtype=z_hat.dtype)
        for step in range(STEPS):
            with autocast_to(device, network_dtype):
                features = self.features(step, y_hat, fused, q)
            mean, scale = self.predict(step, features.to(z_hat.dtype), q)
            y_hat = put_step(code_batch(1 + step, mean, scale), step, y_hat)
        return y_hat


class HyperAnalysis(nn.Module):
    """h_a. Whitened latent [B, M, H/16, W/16] -> z [B, N, H/64, W/64]."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.hyper_width
        self.stem = Pointwise(config.latent, width)
        self.block1 = DepthwiseBlock(width, fold=4)
        self.down1 = Pointwise(4 * width, width)
        self.block2 = DepthwiseBlock(width, fold=4)
        self.down2 = Pointwise(4 * width, config.hyper)

    def forward(self, whitened: Tensor) -> Tensor:
        h = self.block1(self.stem(whitened))
        h = self.block2(self.down1(space_to_depth(h, 2)))
        return self.down2(space_to_depth(h, 2))


class HyperPrior(nn.Module):
    """p(z | q): a Gaussian for every channel and q, coded with the same tables as y."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.mean = PerQ(config.hyper)
        self.scale = PerQ(config.hyper)

    def forward(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """-> mean in steps, log2 scale, [B, N, 1, 1]."""
        return self.mean(q), self.scale(q).clamp(min=ScaleOutput.FLOOR)


def index_of_scale(log2_scale: Tensor) -> Tensor:
    """log2 of a scale in steps -> table index, not rounded."""
    return SCALES_PER_OCTAVE * (log2_scale - ScaleOutput.FLOOR)


def scale_of_index(index: Tensor) -> Tensor:
    """Inverse of `index_of_scale`."""
    return index / SCALES_PER_OCTAVE + ScaleOutput.FLOOR


def gaussian_bits(residual: Tensor, log2_scale: Tensor) -> Tensor:
    """Bits of a residual in steps under a Gaussian integrated over one step, elementwise."""
    inverse = math.sqrt(0.5) * torch.exp2(-log2_scale)
    distance = residual.abs()
    upper = torch.erfc((distance - 0.5) * inverse)
    lower = torch.erfc((distance + 0.5) * inverse)
    return -torch.log2((0.5 * (upper - lower)).clamp(min=PROBABILITY_FLOOR))


def repeat_cell(cell: Tensor, like: Tensor) -> Tensor:
    """Repeat [C, 2, 2] over the positions of `like` [B, C', H, W] -> [1, C, H, W]."""
    h, w = like.shape[2:]
    return cell.repeat(1, (h + 1) // 2, (w + 1) // 2)[None, :, :h, :w]


def step_places(step: int, channels: int) -> list[tuple[slice, slice, slice]]:
    """Channels, rows and columns of the latents that `step` codes, group by group."""
    size = channels // STEPS
    return [
        (slice(size * group, size * group + size), slice(p // 2, None, 2), slice(p % 2, None, 2))
        for group, p in enumerate(QUADTREE[step])
    ]


def take_step(y: Tensor, step: int) -> Tensor:
    """[B, M, H, W] -> the latents that `step` codes, [B, M, H/2, W/2]; H and W are even."""
    places = step_places(step, y.shape[1])
    return torch.cat([y[:, channels, rows, columns] for channels, rows, columns in places], dim=1)


def take_batch(y: Tensor, z: Tensor, batch: int) -> Tensor:
    """The latents of a batch: z, or of y those that a step codes."""
    return take_step(y, batch - 1) if batch else z


def take_bias(bias: Tensor, y: Tensor, batch: int) -> Tensor | float:
    """How far rounding of a batch's latents leans (`rate_aware_round`); bias: of y, or broadcast to
    it."""
    return take_step(bias.expand_as(y), batch - 1) if batch else 1.0


def put_steps(parts: Sequence[Tensor], like: Tensor) -> Tensor:
    """What belongs to the first steps, in its places of y; 0 in those of the others."""
    y = torch.zeros_like(like)
    for step, part in enumerate(parts):
        set_step(part, step, y)
    return y


def put_step(values: Tensor, step: int, y: Tensor) -> Tensor:
    """Inverse of `take_step`: a copy of y with the latents of a step set."""
    y = y.clone()
    set_step(values, step, y)
    return y


def set_step(values: Tensor, step: int, y: Tensor) -> None:
    """As `put_step`, but in y itself and not in a copy."""
    for channels, rows, columns in step_places(step, y.shape[1]):
        y[:, channels, rows, columns] = values[:, channels]
