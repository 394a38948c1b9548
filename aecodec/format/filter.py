"""The chunk FLTR: the coefficients of a photo's filter <-> bytes (SPEC 3.7).

What the filter does, and how an encoder finds it: coding/filter.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aecodec.errors import FormatError
from aecodec.format.constants import COEFFICIENT_LIMIT, FILTER_LIMITS
from aecodec.format.payload import CodingTables, SymbolDecoder, SymbolEncoder
from aecodec.format.tables import Symbols

COLOURS = 3
NEIGHBOURS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if row or column]
DIFFERENCES = COLOURS * len(NEIGHBOURS)
"""Features of a sample that are differences to neighbours, in all colours."""
UNITS = np.array((2.0**-6, 2.0**-6, 2.0**-12, 2.0**-13))
"""What a coefficient of each kind is worth: of differences, limited differences, samples and 1."""


@dataclass(frozen=True, eq=False)
class Filter:
    """What is added to every sample: for each colour, features times coefficients."""

    coefficients: Symbols
    """int32 [3, features]: differences, as often limited ones as there are limits, samples, 1"""

    @property
    def limits(self) -> tuple[float, ...]:
        """What differences are limited to, each time that they count so."""
        features = self.coefficients.shape[1]
        return next(limits for limits in FILTER_LIMITS if feature_count(limits) == features)


def feature_kinds(limits: tuple[float, ...]) -> NDArray[np.intp]:
    """The kind of every feature, a place in UNITS."""
    return np.repeat(np.arange(4), (DIFFERENCES, len(limits) * DIFFERENCES, COLOURS, 1))


def feature_count(limits: tuple[float, ...]) -> int:
    """How many features a sample has."""
    return len(feature_kinds(limits))


def between_means(row: int, column: int, reduction: int) -> NDArray[np.float64]:
    """Weights [3, 3] of a mean of r x r samples and its neighbours that give what lies a sample
    beside its middle: parabolas through three means, along both axes (SPEC 5.7)."""
    return np.outer(_parabola(row / reduction), _parabola(column / reduction))


def _parabola(place: float) -> NDArray[np.float64]:
    """Weights of samples at -1, 0 and 1 in the parabola through them, at a place."""
    square = place**2
    return np.array([(square - place) / 2, 1 - square, (square + place) / 2])


def write_filter(tables: CodingTables, filter: Filter) -> bytes:
    """-> the data of a chunk FLTR."""
    limits, symbols = filter.limits, filter.coefficients.flatten()
    kinds = np.tile(feature_kinds(limits), COLOURS)
    indexes = [_cheapest_table(tables, symbols[kinds == kind]) for kind in range(len(UNITS))]
    encoder = SymbolEncoder(tables)
    encoder.put(symbols, np.array(indexes, np.uint8)[kinds])
    return bytes([len(limits), *indexes]) + encoder.finish()


def read_filter(tables: CodingTables, data: bytes) -> Filter:
    """Inverse of `write_filter`. Raises FormatError for a damaged payload."""
    limits, indexes = FILTER_LIMITS[data[0]], np.frombuffer(data, np.uint8, len(UNITS), 1)
    try:
        decoder = SymbolDecoder(tables, data[1 + len(indexes) :])
        coefficients = decoder.get(np.tile(indexes[feature_kinds(limits)], COLOURS))
        decoder.finish()
    except FormatError as error:
        raise FormatError(f"the filter's {error}") from error
    if np.abs(coefficients).max() > COEFFICIENT_LIMIT:
        raise FormatError(f"a number of the filter is beyond {COEFFICIENT_LIMIT}")
    return Filter(coefficients.reshape(COLOURS, -1))


def _cheapest_table(tables: CodingTables, symbols: Symbols) -> int:
    """The index of the table that codes some symbols in the fewest bits."""

    def bits(index: int) -> float:
        encoder = SymbolEncoder(tables)
        encoder.put(symbols, np.full(len(symbols), index, np.uint8))
        return encoder.bits

    return min(range(len(tables.models)), key=bits)
