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

from aecodec.errors import ModelError
from aecodec.format.constants import FRACTION_BITS
from aecodec.model.layers import STRIP, Depthwise, DepthwiseBlock, Pointwise
from aecodec.model.products import linear, one_arithmetic

ONE = 2.0**FRACTION_BITS
EXACT = 2**24
"""Binary32 has all integers up to here."""
STREAM_LIMIT = 2**22
"""Bound of a stream: half a unit is added to it, and still exact."""
SHIFT_MAX = 24
FRACTION_MAX = 10
"""of what is activated"""
FOLD = 4
"""Parts of its channels that a block sums."""
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
        """Check the numbers and make working copies. Raises ModelError."""
        check_shift(self.shift)
        if not bool(((self.low <= 0) & (self.high >= 0)).all()):
            raise ModelError("fixed point: a range does not hold zero")
        self.one_half = torch.tensor(0.5, dtype=dtype)
        rows = torch.exp2(-self.shift.double()), self.low.double(), self.high.double()
        self.exact = torch.stack(rows).to(dtype)

    def forward(self, x: Tensor, channels: slice = slice(None)) -> Tensor:
        """channels: which of them x has."""
        scale, low, high = self.exact[:, channels].unbind()
        return torch.addcmul(self.one_half, x, scale).floor_().clamp_(low, high)

    def largest(self) -> float:
        """The largest that is not limited, before it is divided."""
        return float((self.high * torch.exp2(self.shift.double())).max())

    def unit(self, fraction: int) -> Tensor:
        """What 1 stands for after it, where before it that is 2^-fraction."""
        return torch.exp2(self.shift.double() - fraction)


def check_shift(shift: Tensor) -> None:
    """Raises ModelError."""
    if not bool(((shift >= 0) & (shift <= SHIFT_MAX)).all()):
        raise ModelError(f"fixed point: a shift is not in 0..{SHIFT_MAX}")


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
        """Check the bounds and make working copies; `reach` is then the largest magnitude of an
        output. Raises ModelError."""
        self.input.prepare(dtype)
        check_shift(self.shift)
        scale = torch.exp2(-self.shift.double())
        sums = largest_sums(self.weight, self.bias, *self.ranges())
        if not float(sums.max()) < EXACT:
            raise ModelError("fixed point: a sum could reach 2^24")
        self.reach = float((sums * scale).max()) + 1
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


def largest_sums(weight: Tensor, bias: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The largest magnitude of any partial sum, by output, of weight [outputs, taps] and bias.

    Inputs lie in low..high: [taps] or, where every output has inputs of its own, [outputs, 1].
    """
    weight, bias = weight.double(), bias.double()
    ends = weight * low, weight * high
    above = torch.maximum(*ends).sum(1) + bias.clamp(min=0)
    below = torch.minimum(*ends).sum(1) + bias.clamp(max=0)
    return torch.maximum(above, -below)


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

    LAYERS = ("spatial_in", "spatial", "spatial_out", "channel_in", "channel_out")

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
        """Check what the layers do not see. Raises ModelError."""
        self.spatial_fraction, self.channel_fraction = self.fractions.tolist()
        for fraction, before, after, parts in (
            (self.spatial_fraction, self.spatial_in, self.spatial, 1),
            (self.channel_fraction, self.channel_in, self.channel_out, FOLD),
        ):
            if not 0 <= fraction <= FRACTION_MAX:
                raise ModelError(f"fixed point: a fraction is not in 0..{FRACTION_MAX}")
            # What is larger may be rounded: it is limited. Parts below zero are above -9/4 4^f.
            least = parts * 9 / 4 * 4**fraction
            if after.input.largest() + least >= EXACT or before.reach + 3 * 2**fraction >= EXACT:
                raise ModelError("fixed point: an activation could reach 2^24")
        self.reach = self.spatial_out.reach + self.channel_out.reach

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
