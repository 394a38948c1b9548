"""The layers of the entropy network in integers, carried in binary32 (SPEC 4.2).

Every value is an integer, and every partial sum of a product stays below 2^24, where binary32 is
exact. So any order of summation, number of threads, BLAS or device gives the same bits.

What blocks add to, a *stream*, is in units of 2^-12. Before each product its inputs are
*requantized*, each channel to a unit and a range of its own; weights are as fine as these ranges
and 2^24 allow; a sum is rescaled by the floor of its division by a power of two.
training/integers.py chooses all of that for a trained network.

Tensors are [P, channels]: positions, row by row.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aecodec.format.constants import FRACTION_BITS
from aecodec.model.bounds import EXACT, FOLD
from aecodec.model.layers import STRIP, Depthwise, DepthwiseBlock, Pointwise
from aecodec.model.products import linear, one_arithmetic

ONE = 2.0**FRACTION_BITS
PROBE = 8191
"""Of inputs that products are tried with: 13 bits, more than TF32 and binary16 have."""


@cache
def working_dtype() -> torch.dtype:
    """binary32 where this machine's products are exact in it, or else binary64.

    Tried on sums of almost 2^24: where "binary32" is TF32 or bfloat16 inside, they are not.
    """
    random = torch.Generator().manual_seed(1)
    with one_arithmetic():
        for rows, inputs, outputs in ((1, 7, 5), (64, 992, 192), (512, 192, 768)):
            a = torch.randint(-PROBE, PROBE + 1, (rows, inputs), generator=random)
            w = torch.randint(-PROBE, PROBE + 1, (outputs, inputs), generator=random)
            w = torch.div(
                w * (EXACT // PROBE - 1), w.abs().sum(1, keepdim=True), rounding_mode="trunc"
            )
            a[0], bias = PROBE * w[0].sign(), w.sum(1) % 2
            found = linear(a.float(), w.float(), bias.float())
            if not torch.equal(found.double(), a.double() @ w.double().t() + bias):
                return torch.float64
    return torch.float32


class Requantize(nn.Module):
    """floor(x / 2^shift + 1/2), limited to low..high; each channel by itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name in ("shift", "low", "high"):
            self.register_buffer(name, torch.zeros(channels, dtype=torch.int16))
        self.shift: Tensor
        self.low: Tensor
        self.high: Tensor

    def prepare(self, dtype: torch.dtype) -> None:
        """Make working copies."""
        self.one_half = torch.tensor(0.5, dtype=dtype)
        rows = torch.exp2(-self.shift.double()), self.low.double(), self.high.double()
        self.exact = torch.stack(rows).to(dtype)

    def forward(self, x: Tensor, channels: slice = slice(None)) -> Tensor:
        """channels: which of them x has."""
        scale, low, high = self.exact[:, channels].unbind()
        return torch.addcmul(self.one_half, x, scale).floor_().clamp_(low, high)

    def unit(self, fraction: int) -> Tensor:
        """What 1 stands for after it, where before it that is 2^-fraction."""
        return torch.exp2(self.shift.double() - fraction)


def half_unit(shift: Tensor) -> Tensor:
    """What a bias holds for its sum to be rounded, where it is divided by 2^shift."""
    return torch.where(shift > 0, torch.exp2(shift.double() - 1), 0)


class FixedAffine(nn.Module):
    """Of pointwise and depthwise layers: floor((sum of weight a + bias) / 2^shift).

    a: inputs, requantized by `input`.
    """

    def __init__(self, inputs: int, outputs: int, taps: int) -> None:
        """taps: weights of an output."""
        super().__init__()
        self.input = Requantize(inputs)
        self.register_buffer("weight", torch.zeros(outputs, taps, dtype=torch.int16))
        self.register_buffer("bias", torch.zeros(outputs, dtype=torch.int32))
        self.register_buffer("shift", torch.zeros(outputs, dtype=torch.int16))
        self.weight: Tensor
        self.bias: Tensor
        self.shift: Tensor

    def prepare(self, dtype: torch.dtype) -> None:
        """Make working copies, of numbers within the bounds of SPEC 4.2 (bounds.py)."""
        self.input.prepare(dtype)
        scale = torch.exp2(-self.shift.double())
        # Divided beforehand, which is as exact and saves a walk over the sums.
        self.weight_exact = (self.weight * scale[:, None]).to(dtype)
        self.bias_exact = (self.bias * scale).to(dtype)

    def ranges(self) -> tuple[Tensor, Tensor]:
        """Of inputs, as `largest_sums` takes them."""
        return self.input.low, self.input.high

    def to_float(self, layer: Pointwise | Depthwise, inputs: Tensor, outputs: Tensor) -> None:
        """Give a floating-point layer the values of this one; inputs [inputs] or [outputs, 1],
        outputs [outputs]: what 1 stands for."""
        scale = torch.exp2(-self.shift.double()) * outputs
        weight = self.weight * scale[:, None] / inputs
        layer.weight.copy_(weight.view_as(layer.weight))
        layer.bias.copy_((self.bias - half_unit(self.shift)) * scale)


class FixedPointwise(FixedAffine):
    """1x1 convolution. [P, inputs] -> [P, outputs]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, inputs)

    def forward(self, x: Tensor) -> Tensor:
        return linear(self.input(x), self.weight_exact, self.bias_exact).floor_()


class FixedDepthwise(FixedAffine):
    """3x3 convolution of every channel by itself, of requantized inputs. [P, C] -> same."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 9)

    def ranges(self) -> tuple[Tensor, Tensor]:
        return self.input.low[:, None], self.input.high[:, None]

    def prepare(self, dtype: torch.dtype) -> None:
        super().prepare(dtype)
        self.taps = self.weight_exact.t().contiguous()

    def forward(self, a: Tensor, rows: int, columns: int) -> Tensor:
        # Tap by tap: a convolution of PyTorch's may be Winograd's, whose sums are larger.
        padded = F.pad(a.view(rows, columns, -1), (0, 0, 1, 1, 1, 1))
        sums = self.bias_exact.expand(rows, columns, -1).clone()
        for tap, weight in enumerate(self.taps):
            row, column = divmod(tap, 3)
            sums.addcmul_(padded[row : row + rows, column : column + columns], weight)
        return sums.floor_().view_as(a)


class FixedBlock(nn.Module):
    """DepthwiseBlock with `fold` FOLD, in place. [P, C] -> same.

    What is activated is in units of 2^-f, f one of the two `fractions`; the result, six times
    Hardswish, in those of 2^-2f.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.spatial_in = FixedPointwise(channels, channels)
        self.spatial = FixedDepthwise(channels)
        self.spatial_out = FixedPointwise(channels, channels)
        self.channel_in = FixedPointwise(channels, FOLD * channels)
        self.channel_out = FixedPointwise(channels, channels)
        self.register_buffer("fractions", torch.zeros(2, dtype=torch.int16))
        self.fractions: Tensor
        """of the spatial and the channel branch"""

    def prepare(self) -> None:
        """Read the fractions."""
        self.spatial_fraction, self.channel_fraction = self.fractions.tolist()

    def forward(self, x: Tensor, rows: int, columns: int) -> Tensor:
        size, strip = self.channels, max(1, STRIP // self.channels)
        seen = torch.empty_like(x)
        for start in range(0, len(x), strip):
            part = slice(start, start + strip)
            activated = six_hardswish(self.spatial_in(x[part]), self.spatial_fraction)
            seen[part] = self.spatial.input(activated)
        seen = self.spatial(seen, rows, columns)
        strip = max(1, STRIP // (FOLD * size))
        for start in range(0, len(x), strip):
            part = slice(start, start + strip)
            stream = x[part].add_(self.spatial_out(seen[part]))
            activated = six_hardswish(self.channel_in(stream), self.channel_fraction)
            parts = activated.split(size, dim=1)
            folded = torch.add(parts[0], parts[1])
            for other in parts[2:]:
                folded.add_(other)
            stream.add_(self.channel_out(folded))
        return x

    def to_float(self, block: DepthwiseBlock) -> None:
        """Give a floating-point block the values of this one.

        What lies between `spatial` and `spatial_out` has no unit: a channel's weights shall sum to
        about 1.
        """
        stream = torch.tensor(1 / ONE, dtype=torch.float64)
        first, second = self.spatial_fraction, self.channel_fraction
        inputs = self.spatial.input.unit(2 * first) / 6
        sums = self.spatial.weight.abs().sum(1) * torch.exp2(-self.spatial.shift.double()) / inputs
        between = torch.exp2(-sums.clamp(min=1e-9).log2().round())
        to_float = (
            (
                self.spatial_in,
                block.spatial_in,
                self.spatial_in.input.unit(FRACTION_BITS),
                0.5**first,
            ),
            (self.spatial, block.spatial, inputs[:, None], between),
            (self.spatial_out, block.spatial_out, between, stream),
            (
                self.channel_in,
                block.channel_in,
                self.channel_in.input.unit(FRACTION_BITS),
                0.5**second,
            ),
            (
                self.channel_out,
                block.channel_out,
                self.channel_out.input.unit(2 * second) / 6,
                stream,
            ),
        )
        for layer, target, unit_in, unit_out in to_float:
            layer.to_float(target, unit_in, torch.as_tensor(unit_out, dtype=torch.float64))


def six_hardswish(u: Tensor, fraction: int) -> Tensor:
    """u clamp(u + 3, 0, 6), of order 1: exact below 2^24. u in units of 2^-fraction; result in
    those of 2^(-2 fraction).

    Source: Howard et al., Searching for MobileNetV3, section 5.2.
    """
    three = 3 * 2.0**fraction
    return F.hardtanh(u, -three, three).add_(three).mul_(u)
