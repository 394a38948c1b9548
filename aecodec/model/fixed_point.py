"""Exact twins of the entropy network's layers: integers carried in float64.

Every value is an integer; every partial sum stays below 2^53, where float64 arithmetic is exact.
So any order of summation, number of threads, BLAS or device gives the same bits (SPEC 4.2).
Activations are in units of 2^-12 and clamped to +-64; weights are 16-bit integers with one shift
a layer; rescaling is a floor of a division by a power of two.

`to_fixed` replaces the layers of a model's entropy side, each by its twin's `from_float`;
`float_twin` goes back by `to_float`.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aecodec.errors import ModelError
from aecodec.format.constants import SIXTEENTHS, SIXTEENTHS_BITS, SYMBOL_LIMIT, TABLE_COUNT
from aecodec.model.entropy_model import (
    SCALES_PER_OCTAVE,
    Bias,
    EntropyNetwork,
    HyperInput,
    HyperPrior,
    MeanOutput,
    MeanScaleHead,
    PhaseBias,
    ScaleOutput,
    Whiten,
    index_of_scale,
    mean_scale_rows,
    repeat_cell,
    scale_of_index,
)
from aecodec.model.layers import Activation, Depthwise, Pointwise, pointwise
from aecodec.model.model import Model

FRACTION_BITS = 12
ONE = 2.0**FRACTION_BITS
LIMIT = 64 * ONE
"""Every layer's output is clamped to +-LIMIT."""
INPUT_LIMIT = 16 * LIMIT
"""Bound of any layer's input: sums of at most 16 clamped values (a residual stream is one
layer, one bias and at most seven blocks of two; `fold` adds four)."""
EXACT = 2.0**53
WEIGHT_MAX = 2**15 - 1
WHITEN_BITS = 12
MEAN_BITS = 20
MEAN_LIMIT = 2.0**20
"""of a mean, in 1/16 steps"""
LATENT_LIMIT = SYMBOL_LIMIT * SIXTEENTHS + MEAN_LIMIT
"""of y_hat and z_hat, in 1/16 steps: largest symbol and mean"""
SIXTH, SIXTH_BITS = 10923.0, 16
"""1/6 of Hardswish: 10923 / 2^16"""


def rescale(x: Tensor, bits: int) -> Tensor:
    """floor(x / 2^bits), in place; exact."""
    return x.mul_(2.0**-bits).floor_()


def quantize_weight(weight: Tensor) -> tuple[Tensor, int]:
    """-> int16 weight and shift: weight is about int16 / 2^shift, as fine as 16 bits allow.

    Raises ModelError for weights that are not finite.
    """
    largest = float(weight.abs().max())
    if not math.isfinite(largest):
        raise ModelError("fixed point: a weight is not finite")
    shift = 15 if largest == 0 else min(24, math.floor(math.log2(WEIGHT_MAX / largest)))
    return (weight.double() * 2.0**shift).round().to(torch.int16), shift


class Fixed(nn.Module):
    """An integer layer: by `from_float` from its floating-point twin, by `to_float` back into it.

    These two are for layers without numbers of their own.
    """

    @classmethod
    def from_float(cls, layer: Any) -> Fixed:
        """-> the integer twin of a layer."""
        return cls()

    def to_float(self, layer: Any) -> None:
        """Give a floating-point layer the values of this one."""


class FixedAffine(Fixed):
    """What FixedPointwise and FixedDepthwise share: integer weight, bias and shift."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        integers, shift = quantize_weight(weight.detach())
        scaled = (bias.detach().double() * 2.0 ** (FRACTION_BITS + shift)).round()
        self.register_buffer("weight", integers)
        self.register_buffer("bias", scaled.to(torch.int64))
        self.register_buffer("shift", torch.tensor(shift, dtype=torch.int32))
        self.weight: Tensor
        self.bias: Tensor
        self.shift: Tensor
        self.prepare()

    @classmethod
    def from_float(cls, layer: Any) -> FixedAffine:
        return cls(layer.weight, layer.bias)

    def to_float(self, layer: Any) -> None:
        weight = self.weight.double() * 2.0**-self.bits
        layer.weight.copy_(weight.float().view_as(layer.weight))
        layer.bias.copy_((self.bias.double() * 2.0 ** -(FRACTION_BITS + self.bits)).float())

    def prepare(self) -> None:
        """Check the bound and make the float64 working copies; after every load.

        Raises ModelError when a partial sum could reach 2^53.
        """
        self.bits = int(self.shift)
        if not 1 <= self.bits <= 24:
            raise ModelError("fixed point: a shift is not in 1..24")
        rounding = 2.0 ** (self.bits - 1)
        weight, bias = self.weight.double().flatten(1), self.bias.double() + rounding
        sums = INPUT_LIMIT * weight.abs().sum(1) + self.bias.double().abs() + rounding
        if not float(sums.max()) < EXACT:
            raise ModelError("fixed point: a sum could reach 2^53")
        # Divided by the power of two beforehand, which is as exact and saves a walk over the sums.
        self.weight_exact, self.bias_exact = weight * 2.0**-self.bits, bias * 2.0**-self.bits

    def rescaled(self, sums: Tensor) -> Tensor:
        """Sums, divided, as the layer's output, in place."""
        return sums.floor_().clamp_(-LIMIT, LIMIT)


class FixedPointwise(FixedAffine):
    """Pointwise: [1, inputs, H, W] -> [1, outputs, H, W]."""

    def forward(self, x: Tensor) -> Tensor:
        return self.rescaled(pointwise(x, self.weight_exact, self.bias_exact))


class FixedMeanScaleHead(FixedPointwise):
    """MeanScaleHead: means, then scales, of some channels."""

    def forward(self, x: Tensor, channels: slice) -> Tensor:  # type: ignore[override]
        exact = self.weight_exact, self.bias_exact
        return self.rescaled(pointwise(x, *(mean_scale_rows(rows, channels) for rows in exact)))


class FixedDepthwise(FixedAffine):
    """Depthwise: [1, C, H, W] -> same."""

    def forward(self, x: Tensor) -> Tensor:
        _, h, w = x.shape[1:]
        padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        total = self.bias_exact.expand(x.shape[0], h, w, -1).clone()
        for tap in range(9):
            row, column = divmod(tap, 3)
            total.addcmul_(padded[:, row : row + h, column : column + w], self.weight_exact[:, tap])
        return self.rescaled(total).permute(0, 3, 1, 2)


class FixedActivation(Fixed):
    """Hardswish: |x| * 6 * 10923 stays below 2^22 * 2^14.6 * 2^13.5."""

    def forward(self, x: Tensor) -> Tensor:
        gate = (x + 3 * ONE).clamp_(0, 6 * ONE).mul_(x)
        return gate.mul_(SIXTH * 2.0 ** -(FRACTION_BITS + SIXTH_BITS)).floor_()


class FixedTable(Fixed):
    """An integer table with one row for every q, int32 [64, C]."""

    UNIT: ClassVar[float] = 1.0
    """integer of the table for the factor 1"""

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        limit = 2.0**31 - 1
        integers = rows.detach().double().round().clamp(-limit, limit).to(torch.int32)
        self.register_buffer("rows", integers)
        self.rows: Tensor

    @classmethod
    def from_float(cls, layer: Any) -> FixedTable:
        return cls(layer.table.double() * cls.UNIT)

    def to_float(self, layer: Any) -> None:
        layer.table.copy_(self.rows.double() / self.UNIT)

    def row(self, q: Tensor) -> Tensor:
        """-> float64 [1, C, 1, 1]."""
        return self.rows[q].double()[:, :, None, None]


class FixedBias(FixedTable):
    """Bias: adds a row for q."""

    @classmethod
    def from_float(cls, layer: Any) -> FixedBias:
        return cls(layer.rows.table() * ONE)

    def to_float(self, layer: Any) -> None:
        layer.rows.fit(self.rows.float() / ONE)

    def forward(self, h: Tensor, q: Tensor) -> Tensor:
        return h + self.row(q).clamp(-LIMIT, LIMIT)


class FixedPhaseBias(Fixed):
    """PhaseBias: adds a vector for each position of a 2x2 cell."""

    def __init__(self, cell: Tensor) -> None:
        super().__init__()
        integers = (cell.detach().double() * ONE).round().clamp(-LIMIT, LIMIT)
        self.register_buffer("cell", integers.to(torch.int32))
        self.cell: Tensor

    @classmethod
    def from_float(cls, layer: Any) -> FixedPhaseBias:
        return cls(layer.cell)

    def to_float(self, layer: Any) -> None:
        layer.cell.copy_(self.cell.float() / ONE)

    def forward(self, h: Tensor) -> Tensor:
        return h + repeat_cell(self.cell.double().clamp(-LIMIT, LIMIT), h)


class FixedHyperInput(Fixed):
    """z_hat in 1/16 steps -> 2^-12."""

    def forward(self, z_hat: Tensor) -> Tensor:
        return (z_hat * 2.0 ** (FRACTION_BITS - SIXTEENTHS_BITS)).clamp(-LIMIT, LIMIT)


class FixedWhiten(FixedTable):
    """y_hat in 1/16 steps -> 2^-12, order 1. |y_hat| <= LATENT_LIMIT, rows < 2^31."""

    UNIT = 2.0 ** (FRACTION_BITS - SIXTEENTHS_BITS + WHITEN_BITS)

    def forward(self, y_hat: Tensor, q: Tensor) -> Tensor:
        return rescale(y_hat * self.row(q), WHITEN_BITS).clamp_(-LIMIT, LIMIT)


class FixedMeanOutput(FixedTable):
    """Network output -> mean in 1/16 steps. |h| <= 2^18 and rows < 2^31."""

    UNIT = 2.0 ** (SIXTEENTHS_BITS + MEAN_BITS - FRACTION_BITS)

    def forward(self, h: Tensor, q: Tensor) -> Tensor:
        mean = rescale(h * self.row(q) + 2.0 ** (MEAN_BITS - 1), MEAN_BITS)
        return mean.clamp_(-MEAN_LIMIT, MEAN_LIMIT)


class FixedScaleOutput(FixedTable):
    """Network output (octaves) -> table index 0..63."""

    @classmethod
    def from_float(cls, layer: Any) -> FixedScaleOutput:
        return cls((index_of_scale(layer.base.table().double()) + 0.5) * ONE)

    def to_float(self, layer: Any) -> None:
        layer.base.fit(scale_of_index(self.rows.double() / ONE - 0.5).float())

    def forward(self, h: Tensor, q: Tensor) -> Tensor:
        index = rescale(h * SCALES_PER_OCTAVE + self.row(q), FRACTION_BITS)
        return index.clamp_(0, TABLE_COUNT - 1)


class FixedHyperPrior(Fixed):
    """p(z | q): means in 1/16 steps and table indexes, [64, N] each."""

    def __init__(self, mean: Tensor, index: Tensor) -> None:
        super().__init__()
        self.mean = FixedTable(mean * SIXTEENTHS)
        self.index = FixedTable(index.clamp(0, TABLE_COUNT - 1))

    @classmethod
    def from_float(cls, layer: Any) -> FixedHyperPrior:
        return cls(layer.mean.table().double(), index_of_scale(layer.scale.table().double()))

    def to_float(self, layer: Any) -> None:
        layer.mean.fit(self.mean.rows.float() / SIXTEENTHS)
        layer.scale.fit(scale_of_index(self.index.rows.float()))

    def forward(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """-> mean in 1/16 steps, table index 0..63, float64 [1, N, 1, 1]."""
        mean = self.mean.row(q).clamp(-MEAN_LIMIT, MEAN_LIMIT)
        return mean, self.index.row(q).clamp(0, TABLE_COUNT - 1)


TWINS: dict[type[nn.Module], type[Fixed]] = {
    Pointwise: FixedPointwise,
    MeanScaleHead: FixedMeanScaleHead,
    Depthwise: FixedDepthwise,
    Activation: FixedActivation,
    Bias: FixedBias,
    PhaseBias: FixedPhaseBias,
    HyperInput: FixedHyperInput,
    Whiten: FixedWhiten,
    MeanOutput: FixedMeanOutput,
    ScaleOutput: FixedScaleOutput,
    HyperPrior: FixedHyperPrior,
}
"""What each layer of the entropy side becomes."""


def to_fixed(model: Model) -> Model:
    """Make the entropy side of `model` integer, in place, and return it."""
    model.entropy = _replaced(model.entropy)
    model.hyper_prior = _replaced(model.hyper_prior)
    return model


def _replaced(module: Any) -> Any:
    """The integer twin of a layer, or the module with all its layers replaced."""
    if type(module) in TWINS:
        return TWINS[type(module)].from_float(module)
    for name, child in module.named_children():
        setattr(module, name, _replaced(child))
    return module


def prepare(network: nn.Module) -> None:
    """Check bounds and rebuild working copies after integers were loaded; raises ModelError."""
    for module in network.modules():
        if isinstance(module, FixedAffine):
            module.prepare()
        if isinstance(module, EntropyNetwork) and max(len(module.fusion), len(module.context)) > 7:
            raise ModelError("fixed point: more than seven blocks exceed the input bound")


def float_twin(fixed: Model) -> Model:
    """-> a floating-point model with the values of `fixed`."""
    model = Model(fixed.config)
    entropy_side = ("entropy.", "hyper_prior.")
    shared = {k: v for k, v in fixed.state_dict().items() if not k.startswith(entropy_side)}
    model.load_state_dict(shared, strict=False)
    with torch.no_grad():
        fixed.hyper_prior.to_float(model.hyper_prior)  # type: ignore[operator]
        targets = dict(model.entropy.named_modules())
        for name, source in fixed.entropy.named_modules():
            if isinstance(source, Fixed):
                source.to_float(targets[name])
    return model


assert INPUT_LIMIT * 6 * ONE * SIXTH < EXACT
assert LIMIT * 2.0**31 < EXACT and LATENT_LIMIT * 2.0**31 < EXACT
