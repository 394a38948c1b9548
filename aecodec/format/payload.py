"""The entropy coder: symbols <-> payload, with constriction's ANS coder and integer tables.

All symbols of a batch that share a table are coded together, the widest table first; then the
batch's escapes (SPEC 4.4). The coder is a stack, so the encoder works from the end; the decoder
from the beginning, as far as the payload has arrived.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from aecodec.errors import FormatError
from aecodec.format.constants import SYMBOL_LIMIT
from aecodec.format.tables import PRECISION_BITS, Indexes, Symbols, Tables, table_entries

EXPONENTS = 17
"""Exponents 0 to 16; that of the largest symbol's escape is 15, and no encoder writes 16."""
_ARRIVED_SYMBOLS = 64  # decoded at a time where the payload may end


class CodingTables:
    """A model's tables made ready for constriction. Immutable, so threads may share them."""

    def __init__(self, tables: Tables) -> None:
        self.largest = (tables.sizes - 2) // 2
        self.bits = [PRECISION_BITS - np.log2(table) for table in tables]
        self.models = [
            # Every symbol gets weight 1, the rest is shared in proportion to what is given: with
            # W - 1 that is W exactly. Another `perfect` would be another format.
            constriction.stream.model.Categorical((table - 1).astype(np.float64), perfect=False)
            for table in tables
        ]


@contextmanager
def _coder_errors() -> Iterator[None]:
    """constriction panics (a BaseException) and asserts on damaged data: all become FormatError."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError, FormatError):
        raise
    except BaseException as error:
        raise FormatError(f"payload: damaged ({type(error).__name__})") from None


class SymbolEncoder:
    """Takes batches of symbols in coding order, then writes the payload."""

    def __init__(self, tables: CodingTables) -> None:
        self.tables = tables
        self.batches: list[list[tuple[Symbols, Any]]] = []
        self.bits = 0.0
        """what tables and escapes say the batches cost"""

    def put(self, symbols: Symbols, indexes: Indexes) -> None:
        """symbols int32 [n], indexes uint8 [n]: which table codes which symbol."""
        batch: list[tuple[Symbols, Any]] = []
        escapes: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        for index, places in by_table(indexes):
            largest = int(self.tables.largest[index])
            values = symbols[places]
            entries = table_entries(values, largest)
            escapes.append(_zigzag(values[entries > 2 * largest], largest))
            batch.append((entries, self.tables.models[index]))
            self.bits += float(self.tables.bits[index][entries].sum())
        escaped = np.concatenate(escapes, dtype=np.int64)
        exponents = np.frexp(escaped)[1].astype(np.int32) - 1
        self.bits += len(escaped) * math.log2(EXPONENTS) + float(exponents.sum())
        self.batches.append(batch + list(_escape_groups(escaped, exponents)))

    def finish(self) -> bytes:
        """-> payload: little-endian 32-bit words, those that are decoded first in front."""
        ans = constriction.stream.stack.AnsCoder()
        for batch in reversed(self.batches):
            for entries, model in reversed(batch):
                ans.encode_reverse(entries, model)
        return ans.get_compressed()[::-1].astype("<u4").tobytes()


class SymbolDecoder:
    """Inverse of SymbolEncoder: takes the payload, then gives batches in coding order."""

    def __init__(self, tables: CodingTables, payload: bytes) -> None:
        """Raises FormatError for a payload that no encoder writes."""
        if len(payload) % 4:
            raise FormatError("payload: length is not a multiple of 4 bytes")
        words = np.frombuffer(payload, dtype="<u4").astype(np.uint32)
        self.tables, self.escapes = tables, 0
        with _coder_errors():
            self.ans = constriction.stream.stack.AnsCoder(words[::-1].copy())

    def get(self, indexes: Indexes) -> Symbols:
        """indexes uint8 [n] -> symbols int32 [n]. Raises FormatError for damaged data."""
        symbols = np.zeros(len(indexes), dtype=np.int32)
        escaped: list[tuple[NDArray[np.intp], int]] = []
        with _coder_errors():
            for index, places in by_table(indexes):
                largest = int(self.tables.largest[index])
                entries = self._entries(self.tables.models[index], len(places))
                places = places[: len(entries)]
                symbols[places] = entries - largest
                escaped.append((places[entries == 2 * largest + 1], largest))
            values = self._escapes(sum(len(places) for places, _ in escaped))
        self.escapes += len(values)
        start = 0
        for places, largest in escaped:
            part = values[start : start + len(places)]
            symbols[places] = _unzigzag(part, largest)
            start += len(places)
        return symbols

    def _entries(self, model: Any, count: int) -> Symbols:
        return self.ans.decode(model, count)

    def _escapes(self, count: int) -> NDArray[np.int64]:
        if not count:
            return np.empty(0, dtype=np.int64)
        exponents = self.ans.decode(_uniform(EXPONENTS), count)
        values = np.left_shift(1, exponents.astype(np.int64))
        for exponent in _mantissa_exponents(exponents):
            places = np.flatnonzero(exponents == exponent)
            values[places] += self.ans.decode(_uniform(1 << exponent), len(places))
        return values

    def finish(self) -> None:
        """Raises FormatError when words are left over."""
        if not self.ans.is_empty():
            raise FormatError("payload: data left after the last symbol")


class ArrivedSymbolDecoder(SymbolDecoder):
    """Decodes the beginning of a payload: symbols whose words have not arrived are 0."""

    def __init__(self, tables: CodingTables, payload: bytes) -> None:
        super().__init__(tables, payload[: len(payload) // 4 * 4])

    def get(self, indexes: Indexes) -> Symbols:
        return np.zeros(len(indexes), dtype=np.int32) if self._empty() else super().get(indexes)

    def _entries(self, model: Any, count: int) -> Symbols:
        """As many as the words suffice for, a few of the last ones given up."""
        parts = [np.empty(0, dtype=np.int32)]
        for start in range(0, count, _ARRIVED_SYMBOLS):
            part = self.ans.decode(model, min(_ARRIVED_SYMBOLS, count - start))
            if self._empty():
                break
            parts.append(part)
        return np.concatenate(parts)

    def _escapes(self, count: int) -> NDArray[np.int64]:
        values = super()._escapes(count)
        return np.zeros_like(values) if self._empty() else values

    def _empty(self) -> bool:
        """Whether the state, which is two words, has missed a word, or soon will."""
        return self.ans.num_words() <= 2

    def finish(self) -> None:
        """Nothing is known of the end."""


def symbol_decoder(tables: CodingTables, payload: bytes, cut: bool) -> SymbolDecoder:
    """Of a payload, or of what has arrived of it. Raises FormatError."""
    return (ArrivedSymbolDecoder if cut else SymbolDecoder)(tables, payload)


def by_table(indexes: Indexes) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """-> (table index, places of its symbols) for every table in use, the widest first."""
    order = np.argsort(~indexes, kind="stable")
    counts = np.bincount(indexes, minlength=1)
    start = 0
    for index in np.flatnonzero(counts)[::-1]:
        yield int(index), order[start : start + counts[index]]
        start += int(counts[index])


def _escape_groups(values: NDArray[np.int64], exponents: Symbols) -> Iterator[tuple[Symbols, Any]]:
    """Escaped values (from 1) as symbols to code: their exponents, then their mantissas."""
    if len(values):
        yield exponents, _uniform(EXPONENTS)
    for exponent in _mantissa_exponents(exponents):
        mantissas = values[exponents == exponent] - (1 << exponent)
        yield mantissas.astype(np.int32), _uniform(1 << exponent)


def _zigzag(values: Symbols, largest: int) -> NDArray[np.int64]:
    """Values beyond +-largest -> 1, 2, 3 ...: largest+1, -largest-1, largest+2, ..."""
    return 2 * (np.abs(values.astype(np.int64)) - largest) - (values > 0)


def _unzigzag(values: NDArray[np.int64], largest: int) -> NDArray[np.int64]:
    """Inverse of `_zigzag`, 0 -> 0. Raises FormatError for a symbol no encoder writes."""
    magnitude = (values + 1) // 2 + largest
    if len(values) and int(magnitude.max()) > SYMBOL_LIMIT:
        raise FormatError(f"payload: a symbol is beyond {SYMBOL_LIMIT}")
    return np.where(values % 2 == 1, magnitude, -magnitude) * np.sign(values)


def _mantissa_exponents(exponents: Symbols) -> list[int]:
    """The exponents in use that have mantissa bits, ascending."""
    return [int(exponent) for exponent in np.unique(exponents) if exponent > 0]


def _uniform(size: int) -> Any:
    return constriction.stream.model.Uniform(size)
