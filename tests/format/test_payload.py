"""The entropy coder: pinned bytes, round trips, and damage that ends in FormatError."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecodec.errors import FormatError, ModelError
from aecodec.format.constants import SYMBOL_LIMIT
from aecodec.format.payload import ArrivedSymbolDecoder, CodingTables, SymbolDecoder, SymbolEncoder
from aecodec.format.tables import TOTAL, Tables, gaussian_mass, make_tables

CODER = CodingTables(make_tables([gaussian_mass(scale) for scale in (0.11, 0.5, 2.0, 30.0)]))


def encode(batches: list[tuple[list[int], list[int]]], coder: CodingTables = CODER) -> bytes:
    encoder = SymbolEncoder(coder)
    for symbols, indexes in batches:
        encoder.put(np.array(symbols, np.int32), np.array(indexes, np.uint8))
    return encoder.finish()


def decode(payload: bytes, all_indexes: list[list[int]]) -> list[list[int]]:
    decoder = SymbolDecoder(CODER, payload)
    symbols = [decoder.get(np.array(indexes, np.uint8)).tolist() for indexes in all_indexes]
    decoder.finish()
    return symbols


def test_payload_bytes_are_pinned() -> None:
    """Another payload for these symbols is another format."""
    frequencies = [4_194_304, 8_388_608, 4_194_048, 256]
    frequencies += [1_000_000, 3_000_000, 8_777_216, 3_000_000, 999_000, 1_000]
    coder = CodingTables(Tables(np.array(frequencies, np.int32), np.array([4, 6], np.int32)))
    payload = encode([([0, 1, -3, 2, 0], [0, 1, 0, 1, 0]), ([1, -40, 1], [1, 1, 0])], coder)
    assert payload.hex() == "bd0700002704da0524e961c2"


symbol = st.one_of(st.integers(-3, 3), st.integers(-SYMBOL_LIMIT, SYMBOL_LIMIT))
batch = st.lists(st.tuples(symbol, st.integers(0, 3)), max_size=40)


@given(st.lists(batch, max_size=4))
def test_round_trip(pairs: list[list[tuple[int, int]]]) -> None:
    batches = [([s for s, _ in part], [i for _, i in part]) for part in pairs]
    payload = encode(batches)
    assert decode(payload, [indexes for _, indexes in batches]) == [s for s, _ in batches]


def test_cost_is_what_the_tables_say() -> None:
    random = np.random.default_rng(0)
    indexes = random.integers(0, 4, 20_000).astype(np.uint8)
    scales = np.array([0.11, 0.5, 2.0, 30.0])[indexes]
    encoder = SymbolEncoder(CODER)
    encoder.put(np.round(random.normal(0, scales)).astype(np.int32), indexes)
    assert len(encoder.finish()) * 8 == pytest.approx(encoder.bits, rel=0.001, abs=64)


@given(st.binary(max_size=64), st.lists(st.integers(0, 3), max_size=50))
def test_any_payload_decodes_or_is_refused(payload: bytes, indexes: list[int]) -> None:
    with suppress(FormatError):
        decode(payload, [indexes])


@given(st.integers(0, 600), st.integers(0, 3))
def test_symbols_that_arrived_are_right(length: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    indexes = [random.integers(0, 4, 300).astype(np.uint8) for _ in range(3)]
    symbols = [np.round(random.normal(0, [0.2, 1, 4, 60][seed], 300)).astype(int) for _ in indexes]
    batches = [(s.tolist(), i.tolist()) for s, i in zip(symbols, indexes, strict=True)]
    payload = encode(batches)
    decoder = ArrivedSymbolDecoder(CODER, payload[:length])
    cut = [decoder.get(index) for index in indexes]
    decoder.finish()
    for got, right in zip(cut, symbols, strict=True):
        assert ((got == right) | (got == 0)).all()
    whole = SymbolDecoder(CODER, payload)
    for index, right in zip(indexes, symbols, strict=True):
        assert np.array_equal(whole.get(index), right)
    if length >= len(payload):
        assert sum(int((got != right).sum()) for got, right in zip(cut, symbols, strict=True)) < 200


@pytest.mark.parametrize(
    ("frequencies", "sizes", "rule"),
    [
        ([1, TOTAL - 3, 1, 1], [5], "do not match"),
        ([1, 1, TOTAL - 2], [3], "2 K"),
        ([0, TOTAL - 2, 1, 1], [4], "positive"),
        ([1, 1, 1, 1], [4], "sum"),
    ],
)
def test_bad_tables_are_refused(frequencies: list[int], sizes: list[int], rule: str) -> None:
    with pytest.raises(ModelError, match=rule):
        Tables(np.array(frequencies, np.int32), np.array(sizes, np.int32))
