"""The few layers everything is built from: 1x1 convolution, depthwise 3x3, Hardswish, the DCB.

They take and return [B, C, H, W], channels_last in memory, which is what CPUs are fast at. Those of
the entropy side have integer twins in fixed_point.py.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aecodec.format.constants import Q_COUNT
from aecodec.model.products import linear

STRIP = 2**20
"""Numbers, the widest layer's of a strip: what lies between two layers stays in the caches."""


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x [B, C, H, W], weight [D, C], bias [D] -> [B, D, H, W].

    As a matrix product and not a convolution: its order of sums does not depend on the threads.
    """
    return linear(x.permute(0, 2, 3, 1), weight, bias).permute(0, 3, 1, 2)


class Pointwise(nn.Module):
    """1x1 convolution. [B, inputs, H, W] -> [B, outputs, H, W]."""

    def __init__(self, inputs: int, outputs: int, zero: bool = False) -> None:
        """zero: whether training starts with weights of zero."""
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(outputs, dtype=torch.float32))
        self.zero = zero

    def randomise(self) -> None:
        """Weights as training starts with them."""
        if not self.zero:
            nn.init.normal_(self.weight, std=self.weight.shape[1] ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        return pointwise(x, self.weight, self.bias)


class Depthwise(nn.Module):
    """3x3 convolution of every channel by itself, zero padding. [B, C, H, W] -> same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels, 1, 3, 3, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(channels, dtype=torch.float32))

    def randomise(self) -> None:
        """Weights as training starts with them."""
        nn.init.normal_(self.weight, std=0.1)
        with torch.no_grad():
            self.weight[:, :, 1, 1] += 1.0

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, padding=1, groups=self.weight.shape[0])


class Activation(nn.Module):
    """Hardswish, x * clamp(x + 3, 0, 6) / 6: piecewise polynomial, so exact in integers.

    Without gradients x itself becomes the result.
    Source: Howard et al., Searching for MobileNetV3, section 5.2.
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.hardswish(x, inplace=not torch.is_grad_enabled())


class DepthwiseBlock(nn.Module):
    """Depthwise-convolution block (DCB): a spatial and a channel branch, both residual.

    x += W2 dw3x3(act(W1 x));  x += W4 fold(act(W3 x)), W3: C -> 4C, its `fold` parts summed.
    fold=2 (8 C^2 MACs a position) in the transforms, fold=4 (7 C^2) on the entropy side.
    Both branches start at zero. Source: Jia et al., DCVC-RT (CVPR 2025), section 3.
    Without gradients, on the CPU, in strips of rows and in the memory of x.
    """

    def __init__(self, channels: int, fold: int) -> None:
        super().__init__()
        self.fold = fold
        self.spatial_in = Pointwise(channels, channels)
        self.spatial = Depthwise(channels)
        self.spatial_out = Pointwise(channels, channels, zero=True)
        self.channel_in = Pointwise(channels, 4 * channels)
        self.channel_out = Pointwise(4 * channels // fold, channels, zero=True)
        self.act = Activation()

    def forward(self, x: Tensor) -> Tensor:
        seen = self.spatial(self.act(self.spatial_in(x)))
        if torch.is_grad_enabled() or x.device.type != "cpu":
            return self.joined(x, seen)
        rows = max(1, STRIP // (4 * x.shape[1] * x.shape[3]))
        for strip in zip(x.split(rows, dim=2), seen.split(rows, dim=2), strict=True):
            self.joined(*strip)
        return x

    def joined(self, x: Tensor, seen: Tensor) -> Tensor:
        """x and what the spatial branch sees of it -> the result, every position by itself."""
        x = plus(x, self.spatial_out(seen))
        parts = self.act(self.channel_in(x)).chunk(self.fold, dim=1)
        return plus(x, self.channel_out(sum(parts[1:], parts[0])))


def plus(x: Tensor, y: Tensor) -> Tensor:
    """x + y; without gradients in the memory of x."""
    return x + y if torch.is_grad_enabled() else x.add_(y)


class PerQ(nn.Module):
    """A vector of `channels` numbers for every q: linear interpolation between learned knots.

    Few knots rather than 64 free rows, so that every batch trains every rate.
    """

    KNOTS = 9

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.knots = nn.Parameter(torch.zeros(self.KNOTS, channels, dtype=torch.float32))

    def fit(self, rows: Tensor) -> None:
        """Set the knots so that the table comes nearest to `rows` [64, channels].

        In binary64, so that every run has the same knots.
        """
        with torch.no_grad():
            between = interpolation(self.KNOTS, rows.device)
            self.knots.copy_(torch.linalg.lstsq(between.double(), rows.double()).solution)

    def table(self) -> Tensor:
        """-> [64, channels]."""
        return interpolation(self.KNOTS, self.knots.device).to(self.knots.dtype) @ self.knots

    def forward(self, q: Tensor) -> Tensor:
        """q int64 [B] -> [B, channels, 1, 1]."""
        return self.table()[q][:, :, None, None]


@cache
@torch.inference_mode(False)
def interpolation(knots: int, device: torch.device) -> Tensor:
    """Weights of so many knots for every q, linear between two: [64, knots]."""
    position = torch.linspace(0, knots - 1, Q_COUNT, dtype=torch.float32, device=device)[:, None]
    distance = (position - torch.arange(knots, device=device)[None, :]).abs()
    return (1 - distance).clamp(min=0)


def space_to_depth(x: Tensor, n: int) -> Tensor:
    """[B, C, H, W] -> [B, n*n*C, H/n, W/n], channel order (row, column, C)."""
    b, c, h, w = x.shape
    x = x.permute(0, 2, 3, 1).reshape(b, h // n, n, w // n, n, c).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h // n, w // n, n * n * c).permute(0, 3, 1, 2)


def depth_to_space(x: Tensor, n: int) -> Tensor:
    """Inverse of `space_to_depth`: [B, n*n*C, H, W] -> [B, C, H*n, W*n]."""
    b, c, h, w = x.shape
    x = x.permute(0, 2, 3, 1).reshape(b, h, w, n, n, c // (n * n)).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h * n, w * n, c // (n * n)).permute(0, 3, 1, 2)
