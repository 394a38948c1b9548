"""Integer twins of the entropy side's tables: a row for every q, or a vector for every phase.

They are small, and computed in binary64, where integers below 2^53 are exact (SPEC 4.2). Each is
made by `from_float` from its floating-point twin, and gives it its values by `to_float`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from aecodec.format.constants import (
    FRACTION_BITS,
    LIMIT,
    MEAN_BITS,
    MEAN_LIMIT,
    Q_COUNT,
    SCALES_PER_OCTAVE,
    SIXTEENTHS,
    SIXTEENTHS_BITS,
    SYMBOL_LIMIT,
    TABLE_COUNT,
    WHITEN_BITS,
)
from aecodec.model.entropy_model import index_of_scale, scale_of_index
from aecodec.model.fixed_point import ONE

LATENT_LIMIT = SYMBOL_LIMIT * SIXTEENTHS + MEAN_LIMIT
"""of y_hat and z_hat, in 1/16 steps: largest symbol and mean"""


def rescale(x: Tensor, bits: int) -> Tensor:
    """floor(x / 2^bits), in place; exact."""
    return x.mul_(2.0**-bits).floor_()


class FixedTable(nn.Module):
    """An integer table with one row for every q, int32 [64, C]."""

    UNIT: ClassVar[float] = 1.0
    """integer of the table for the factor 1"""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(Q_COUNT, channels, dtype=torch.int32))
        self.rows: Tensor

    def set(self, rows: Tensor) -> None:
        """Set the table to the integers nearest to `rows` [64, C]."""
        limit = 2.0**31 - 1
        self.rows.copy_(rows.detach().double().round().clamp(-limit, limit))

    def from_float(self, layer: Any) -> None:
        self.set(layer.table.double() * self.UNIT)

    def to_float(self, layer: Any) -> None:
        layer.table.copy_(self.rows.double() / self.UNIT)

    def row(self, q: Tensor) -> Tensor:
        """-> float64 [1, C, 1, 1]."""
        return self.rows[q].double()[:, :, None, None]


class FixedBias(FixedTable):
    """Bias: a row for q, of a stream."""

    def from_float(self, layer: Any) -> None:
        self.set(layer.rows.table().double() * ONE)

    def to_float(self, layer: Any) -> None:
        layer.rows.fit(self.rows.float() / ONE)

    def forward(self, q: Tensor) -> Tensor:
        """-> float64 [C]."""
        return self.rows[q][0].double().clamp(-LIMIT, LIMIT)


class FixedPhaseBias(nn.Module):
    """PhaseBias: a vector for each position of a 2x2 cell, of a stream."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("cell", torch.zeros(channels, 2, 2, dtype=torch.int32))
        self.cell: Tensor

    def from_float(self, layer: Any) -> None:
        self.cell.copy_((layer.cell.detach().double() * ONE).round().clamp(-LIMIT, LIMIT))

    def to_float(self, layer: Any) -> None:
        layer.cell.copy_(self.cell.float() / ONE)

    def forward(self) -> Tensor:
        """-> float64 [2, 2, C]."""
        return self.cell.permute(1, 2, 0).double().clamp(-LIMIT, LIMIT)


class FixedWhiten(FixedTable):
    """y_hat in 1/16 steps -> a stream. |y_hat| <= LATENT_LIMIT, rows < 2^31."""

    UNIT = 2.0 ** (FRACTION_BITS - SIXTEENTHS_BITS + WHITEN_BITS)

    def forward(self, y_hat: Tensor, q: Tensor) -> Tensor:
        return rescale(y_hat * self.row(q), WHITEN_BITS).clamp_(-LIMIT, LIMIT)


class FixedMeanOutput(FixedTable):
    """Output of a head -> mean in 1/16 steps. |h| <= LIMIT and rows < 2^31."""

    UNIT = 2.0 ** (SIXTEENTHS_BITS + MEAN_BITS - FRACTION_BITS)

    def forward(self, h: Tensor, q: Tensor) -> Tensor:
        mean = rescale(h * self.row(q) + 2.0 ** (MEAN_BITS - 1), MEAN_BITS)
        return mean.clamp_(-MEAN_LIMIT, MEAN_LIMIT)


class FixedScaleOutput(FixedTable):
    """Output of a head (octaves) -> table index 0..63."""

    def from_float(self, layer: Any) -> None:
        self.set((index_of_scale(layer.base.table().double()) + 0.5) * ONE)

    def to_float(self, layer: Any) -> None:
        layer.base.fit(scale_of_index(self.rows.double() / ONE - 0.5).float())

    def forward(self, h: Tensor, q: Tensor) -> Tensor:
        index = rescale(h * SCALES_PER_OCTAVE + self.row(q), FRACTION_BITS)
        return index.clamp_(0, TABLE_COUNT - 1)


class FixedHyperPrior(nn.Module):
    """p(z | q): means in 1/16 steps and table indexes, [64, N] each."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean = FixedTable(channels)
        self.index = FixedTable(channels)

    def from_float(self, layer: Any) -> None:
        self.mean.set(layer.mean.table().double() * SIXTEENTHS)
        scales = index_of_scale(layer.scale.table().double())
        self.index.set(scales.clamp(0, TABLE_COUNT - 1))

    def to_float(self, layer: Any) -> None:
        layer.mean.fit(self.mean.rows.float() / SIXTEENTHS)
        layer.scale.fit(scale_of_index(self.index.rows.float()))

    def forward(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """-> mean in 1/16 steps, table index 0..63, float64 [1, N, 1, 1]."""
        mean = self.mean.row(q).clamp(-MEAN_LIMIT, MEAN_LIMIT)
        return mean, self.index.row(q).clamp(0, TABLE_COUNT - 1)


assert LIMIT * 2.0**31 < 2.0**53 and LATENT_LIMIT * 2.0**31 < 2.0**53
