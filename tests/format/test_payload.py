"""The entropy coder: pinned bytes, round trips, and damage that ends in FormatError."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecodec.errors import FormatError, ModelError
from aecodec.format.constants import SYMBOL_LIMIT
from aecodec.format.payload import EntropyCoder, SymbolDecoder, SymbolEncoder
from aecodec.format.tables import TOTAL, Tables, gaussian_mass, make_tables

CODER = EntropyCoder(make_tables([gaussian_mass(scale) for scale in (0.11, 0.5, 2.0, 30.0)]))


def encode(batches: list[tuple[list[int], list[int]]], coder: EntropyCoder = CODER) -> bytes:
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
    coder = EntropyCoder(Tables(np.array(frequencies, np.int32), np.array([4, 6], np.int32)))
    payload = encode([([0, 1, -3, 2, 0], [0, 1, 0, 1, 0]), ([1, -40, 1], [1, 1, 0])], coder)
    assert payload.hex() == "bd0700002704da0524e961c2"


def decode_entry(state: int, words: list[int], table: list[int]) -> tuple[int, int]:
    """One symbol by the words of SPEC 4.4 alone -> entry and new state."""
    place, entry, before = state % 2**24, 0, 0
    while before + table[entry] <= place:
        before += table[entry]
        entry += 1
    state = (state >> 24) * table[entry] + place - before
    if state < 2**32 and words:
        state = state * 2**32 + words.pop()
    return entry, state


def test_coder_is_that_of_the_specification() -> None:
    """A second decoder, in integers, reads what constriction wrote, escapes included."""
    random = np.random.default_rng(2)
    symbols = random.integers(-2, 3, 60).tolist()
    words = np.frombuffer(encode([(symbols, [1] * 60), ([50], [0])]), "<u4")[::-1].tolist()
    state = (words.pop() << 32) + words.pop()
    first, table = list(CODER.tables)[:2]
    reach, decoded = len(table) // 2 - 1, []
    for _ in symbols:
        entry, state = decode_entry(state, words, table.tolist())
        decoded.append(entry - reach)
    assert decoded == symbols
    escape, state = decode_entry(state, words, first.tolist())
    assert escape == len(first) - 1
    share = 2**24 // 17
    exponent, state = decode_entry(state, words, [share] * 16 + [2**24 - 16 * share])
    mantissa, state = decode_entry(state, words, [2 ** (24 - exponent)] * 2**exponent)
    assert 2**exponent + mantissa == 2 * (50 - (len(first) // 2 - 1)) - 1
    assert state == 0 and not words


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


def test_left_over_data_is_refused() -> None:
    payload = encode([([3] * 40, [1] * 40)])
    with pytest.raises(FormatError, match="left after"):
        decode(payload, [[1] * 2])


def test_odd_length_is_refused() -> None:
    with pytest.raises(FormatError, match="multiple of 4"):
        SymbolDecoder(CODER, b"12345")


def test_symbol_beyond_the_limit_is_refused() -> None:
    payload = encode([([40_000], [0])])
    with pytest.raises(FormatError, match="beyond"):
        decode(payload, [[0]])


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
