"""The transforms g_a and g_s: a linear lapped transform beside depthwise-convolution blocks.

y = g_a(x, q) and x_hat = g_s(y_hat, q). The linear skip alone is a working transform codec (a
16x16 KLT with overlap); the networks start at zero and learn what it cannot do.
Source: the linear skip as in AuxT (Li et al., On Disentangled Training for Nonlinear Transform
in Learned Image Compression, ICLR 2025); overlap as in Malvar, Signal Processing with Lapped
Transforms (1992), in the pre-filter form of Tran et al. (2003).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aecodec.format.constants import LATENT_STRIDE, NETWORK_STRIDE, SMALL_BLOCKS, SMALL_REDUCTIONS
from aecodec.model.config import ModelConfig
from aecodec.model.layers import (
    DepthwiseBlock,
    PerQ,
    Pointwise,
    depth_to_space,
    pointwise,
    space_to_depth,
)

BLOCK = LATENT_STRIDE
PATCH = 3 * BLOCK * BLOCK


class LappedTransform(nn.Module):
    """Orthonormal linear transform of 16x16 RGB blocks with an overlap of 8 pixels.

    `overlap` [16, 16], orthogonal, mixes the 16 samples around each block edge, rows then
    columns; `basis` [M, 768] holds the leading principal components of the blocks after that.
    """

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.zeros(latent, PATCH, dtype=torch.float32))
        self.register_buffer("overlap", torch.eye(BLOCK, dtype=torch.float32))
        self.overlap: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """x [B, 3, H, W] -> u [B, M, H/16, W/16]."""
        patches = space_to_depth(mix_edges(x, self.overlap), BLOCK)
        return pointwise(patches, self.basis)

    def inverse(self, u: Tensor, reduction: int = 1) -> Tensor:
        """u [B, M, H/16, W/16] -> [B, 3, H/r, W/r], means of r x r samples."""
        if reduction in SMALL_REDUCTIONS:
            return self.small_inverse(u, reduction)
        patches = pointwise(u, self.basis.t())
        return mix_edges(depth_to_space(patches, BLOCK), self.overlap.t(), reduction)

    def small_inverse(self, u: Tensor, reduction: int) -> Tensor:
        """The same by fewer numbers a block: what each of its halves adds to the means of the edge
        it lies at. Those of both sides of an edge are summed."""
        kinds = edge_parts(self.overlap, reduction)
        places = slice(0, 1), slice(1, -1), slice(-1, None)
        basis, u = self.basis.unflatten(1, (BLOCK, BLOCK, 3)), u.permute(0, 2, 3, 1)
        side = 2 * BLOCK // reduction
        parts = u.new_empty(*u.shape[:3], 3 * side**2)
        for rows, row_part in zip(places, kinds, strict=True):
            half_way = torch.einsum("mrcn,ar->macn", basis, row_part)
            for columns, column_part in zip(places, kinds, strict=True):
                weight = torch.einsum("macn,bc->mabn", half_way, column_part)
                parts[:, rows, columns] = u[:, rows, columns] @ weight.flatten(1)
        x = parts.unflatten(3, (side, side, 3)).transpose(2, 3)  # [B, h, side, w, side, 3]
        return summed_at_edges(summed_at_edges(x, 1), 2).permute(0, 3, 1, 2)


def edge_parts(overlap: Tensor, reduction: int) -> list[Tensor]:
    """What the 16 samples of a block add, along one axis, to means of the edges at its two ends.

    [2 * 16/r, 16] for the first block of an axis, for those in the middle and for the last one:
    at the ends of a picture there is no edge, and means are those of samples that are not mixed.
    """
    half = BLOCK // 2
    mixed = means(overlap, reduction).t()  # [16/r, 16]
    middle = torch.block_diag(mixed[:, half:], mixed[:, :half])
    alone = means(
        torch.eye(half, dtype=overlap.dtype, device=overlap.device), reduction
    ).t()  # [8/r, 8]
    first, last, count = middle.clone(), middle.clone(), len(alone)
    first[: 2 * count] = 0
    first[count : 2 * count, :half] = alone
    last[2 * count :] = 0
    last[2 * count : 3 * count, half:] = alone
    return [first, middle, last]


def summed_at_edges(x: Tensor, axis: int) -> Tensor:
    """Numbers as of `edge_parts`, of n blocks at `axis` and 2 k each behind it -> n * k sums."""
    left, right = x.chunk(2, dim=axis + 1)
    count, half = x.shape[axis] - 1, left.shape[axis + 1] // 2
    edges = right.narrow(axis, 0, count) + left.narrow(axis, 1, count)
    first = left.select(axis, 0).narrow(axis, half, half)
    last = right.select(axis, -1).narrow(axis, 0, half)
    return torch.cat([first, edges.flatten(axis, axis + 1), last], dim=axis)


def mix_edges(x: Tensor, matrix: Tensor, reduction: int = 1) -> Tensor:
    """Multiply the 16 samples around every block edge, along both axes, by `matrix` [16, 16].

    [B, C, H, W] -> [B, C, H/r, W/r], where `reduction` samples become their mean at once.
    The outer 8 samples of the image have no neighbour and are not mixed. As products of what lies
    side by side in memory, channels_last.
    """
    channels = x.shape[1]
    matrix = means(matrix.t(), reduction).t().contiguous()  # [16/r, 16]
    in_rows = torch.kron(matrix, torch.eye(channels, dtype=matrix.dtype, device=matrix.device)).t()

    def mixed_columns(x: Tensor) -> Tensor:
        return (x.reshape(*x.shape[:2], -1, BLOCK * channels) @ in_rows).reshape(
            *x.shape[:2], -1, channels
        )

    def mixed_rows(x: Tensor) -> Tensor:
        return (matrix @ x.reshape(len(x), -1, BLOCK, x.shape[2] * channels)).reshape(
            len(x), -1, *x.shape[2:]
        )

    x = x.permute(0, 2, 3, 1)
    for axis, mixed in ((2, mixed_columns), (1, mixed_rows)):
        half, size = BLOCK // 2, x.shape[axis]
        first, edges, last = x.split([half, size - BLOCK, half], dim=axis)
        ends = (means(end.movedim(axis, -1), reduction).movedim(-1, axis) for end in (first, last))
        x = torch.cat([next(ends), mixed(edges), next(ends)], dim=axis)
    return x.permute(0, 3, 1, 2)


def means(x: Tensor, count: int) -> Tensor:
    """The means of every `count` numbers along the last axis."""
    return x if count == 1 else x.unflatten(-1, (-1, count)).mean(dim=-1)


class Analysis(nn.Module):
    """Network of g_a. x [B, 3, H, W], q [B] -> [B, M, H/16, W/16]; starts at zero."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.analysis_width
        self.stem = Pointwise(3 * NETWORK_STRIDE**2, width)
        self.gain = PerQ(width)
        nn.init.ones_(self.gain.knots)
        blocks = [DepthwiseBlock(width, fold=2) for _ in range(config.analysis_blocks)]
        self.blocks = nn.Sequential(*blocks)
        self.head = Pointwise(4 * width, config.latent, zero=True)

    def forward(self, x: Tensor, q: Tensor) -> Tensor:
        h = self.stem(space_to_depth(x, NETWORK_STRIDE) * 4.0)  # [B, C, H/8, W/8], order 1
        h = self.blocks(h * self.gain(q).to(h.dtype))
        return self.head(space_to_depth(h, 2))


class SynthesisTrunk(nn.Module):
    """What both networks of g_s begin with."""

    def __init__(self, config: ModelConfig, blocks: int) -> None:
        super().__init__()
        width = config.synthesis_width
        self.stem = Pointwise(config.latent, 4 * width)
        self.gain = PerQ(width)
        nn.init.ones_(self.gain.knots)
        self.blocks = nn.Sequential(*(DepthwiseBlock(width, fold=2) for _ in range(blocks)))

    def features(self, whitened: Tensor, q: Tensor) -> Tensor:
        """Whitened latent [B, M, H/16, W/16], q [B] -> [B, C, H/8, W/8]."""
        h = self.blocks(depth_to_space(self.stem(whitened), 2))
        return h * self.gain(q).to(h.dtype)


class Synthesis(SynthesisTrunk):
    """Network of g_s. Whitened latent [B, M, H/16, W/16], q [B] -> [B, 3, H, W]; starts at zero."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, config.synthesis_blocks)
        self.head = Pointwise(config.synthesis_width, 3 * NETWORK_STRIDE**2, zero=True)

    def forward(self, whitened: Tensor, q: Tensor, reduction: int = 1) -> Tensor:
        """With a reduction: [B, 3, H/r, W/r], the means of r x r samples."""
        h = self.features(whitened, q)
        if reduction == 1:
            return depth_to_space(self.head(h), NETWORK_STRIDE)
        weight, bias = (
            mean_of_pixels(part, reduction) for part in (self.head.weight, self.head.bias)
        )
        small = pointwise(h.to(weight.dtype), weight, bias)
        return depth_to_space(small, NETWORK_STRIDE // reduction)


def mean_of_pixels(rows: Tensor, reduction: int) -> Tensor:
    """Rows for the 8x8 pixels of a position [192, ...] -> for means of r x r of them."""
    side = NETWORK_STRIDE // reduction
    return rows.unflatten(0, (side, reduction, side, reduction, 3)).mean(dim=(1, 3)).flatten(0, 2)


class SmallSynthesis(SynthesisTrunk):
    """Network of g_s for pictures at 1/4 and 1/8 of the size: half of the work in size S.

    Whitened latent [B, M, H/16, W/16], q [B] -> [B, 3, H/r, W/r]. Training starts it as
    the first blocks of the whole network.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, SMALL_BLOCKS)
        heads = {
            str(reduction): Pointwise(
                config.synthesis_width, 3 * (NETWORK_STRIDE // reduction) ** 2, zero=True
            )
            for reduction in SMALL_REDUCTIONS
        }
        self.heads = nn.ModuleDict(heads)

    def forward(self, whitened: Tensor, q: Tensor, reduction: int) -> Tensor:
        h = self.heads[str(reduction)](self.features(whitened, q))
        return depth_to_space(h, NETWORK_STRIDE // reduction)

    def start_as(self, network: Synthesis) -> None:
        """Take over the first blocks of the whole network, and its head as means of pixels."""
        self.stem.load_state_dict(network.stem.state_dict())
        self.gain.load_state_dict(network.gain.state_dict())
        for block, source in zip(self.blocks, network.blocks, strict=False):
            block.load_state_dict(source.state_dict())
        with torch.no_grad():
            for reduction, head in self.heads.items():
                assert isinstance(head, Pointwise)
                head.weight.copy_(mean_of_pixels(network.head.weight, int(reduction)))
                head.bias.copy_(mean_of_pixels(network.head.bias, int(reduction)))
