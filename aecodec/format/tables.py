"""The quantized distributions of a model: integer frequencies to code with (SPEC 4.4)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aecodec.errors import ModelError
from aecodec.format.constants import SYMBOL_LIMIT

Symbols = NDArray[np.int32]
Indexes = NDArray[np.uint8]
"""Which table codes each symbol."""

PRECISION_BITS = 24
TOTAL = 2**PRECISION_BITS
"""Sum of a table's frequencies."""
TAIL_SCALES = 4.5
"""A table covers +-4.5 standard deviations; what lies beyond escapes."""
ESCAPE_MIN = 256
"""Least frequency of the escape symbol, so that a surprise costs at most 16 bits more."""


@dataclass(frozen=True)
class Tables:
    """The quantized distributions. Raises ModelError unless every table is usable.

    frequencies: int32, all tables one after the other; sizes: int32, entries of each.
    A table of size 2 K + 2 gives symbols -K..K and, last, the escape.
    """

    frequencies: NDArray[np.int32]
    sizes: NDArray[np.int32]

    def __post_init__(self) -> None:
        if any(a.ndim != 1 or a.dtype != np.int32 for a in (self.frequencies, self.sizes)):
            raise ModelError("tables: frequencies and sizes must be one-dimensional, of int32")
        if not (1 <= len(self.sizes) <= 256 and int(self.sizes.sum()) == len(self.frequencies)):
            raise ModelError("tables: sizes do not match frequencies")
        largest = 2 * SYMBOL_LIMIT + 2
        if (self.sizes < 4).any() or (self.sizes > largest).any() or (self.sizes % 2).any():
            raise ModelError(f"tables: a size is not 2 K + 2 with K in 1 to {SYMBOL_LIMIT}")
        if any(table.min() < 1 or int(table.sum()) != TOTAL for table in self):
            raise ModelError(f"tables: frequencies must be positive and sum to {TOTAL}")

    def __iter__(self) -> Iterator[NDArray[np.int32]]:
        return iter(np.split(self.frequencies, np.cumsum(self.sizes)[:-1]))


def table_entries(symbols: NDArray[Any], largest: int) -> Symbols:
    """Integers -> their entries in a table of -largest..largest and, last, the escape."""
    outside = np.abs(symbols) > largest
    return np.where(outside, 2 * largest + 1, symbols + largest).astype(np.int32)


def make_tables(masses: list[NDArray[np.float64]]) -> Tables:
    """Weights of -K..K and the escape, one array a table, of any sum -> tables."""
    parts = [_frequencies(mass / mass.sum()) for mass in masses]
    sizes = np.array([len(part) for part in parts], dtype=np.int32)
    return Tables(np.concatenate(parts).astype(np.int32), sizes)


def gaussian_mass(scale: float) -> NDArray[np.float64]:
    """Probabilities of -K..K and the escape under a Gaussian, integrated over steps."""
    largest = max(1, math.ceil(TAIL_SCALES * scale))
    edges = [math.erf((k + 0.5) / (scale * math.sqrt(2))) for k in range(largest + 1)]
    one_side = [(high - low) / 2 for low, high in zip(edges, edges[1:], strict=False)]
    return np.array([*reversed(one_side), edges[0], *one_side, 1 - edges[-1]])


def _frequencies(mass: NDArray[np.float64]) -> NDArray[np.int64]:
    frequencies = np.maximum(1, np.floor(mass * TOTAL)).astype(np.int64)
    frequencies[-1] = max(ESCAPE_MIN, frequencies[-1])
    frequencies[np.argmax(frequencies)] += TOTAL - frequencies.sum()
    return frequencies
