"""The beginning of a file decodes as far as it has arrived."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import aecodec
from aecodec.format.box import Box
from aecodec.format.container import read_container
from aecodec.format.info import info
from aecodec.format.payload import ArrivedSymbolDecoder, SymbolDecoder
from aecodec.image.psnr import psnr
from tests.format.test_payload import CODER, encode
from tests.payloads import codec
from tests.photos import photo

PIXELS = photo(200, 150)


@cache
def coded(tile: int = 1024) -> bytes:
    return codec().encode(PIXELS, tile=tile, effort=0)


def first_payload_byte(data: bytes) -> int:
    return len(data) - 4 - info(data).chunks[-1].bytes


def test_more_bytes_give_a_better_picture() -> None:
    shares = (0.05, 0.3, 0.6, 0.9)
    cuts = [codec().decode_picture(coded()[: int(s * len(coded()))], partial=True) for s in shares]
    found = [psnr(PIXELS, picture.pixels) for picture in cuts]
    assert found == sorted(found) and found[-1] > found[0] + 10
    assert all(picture.notes == ("cut off: detail is missing",) for picture in cuts)


def test_a_whole_file_is_decoded_as_ever() -> None:
    picture = codec().decode_picture(coded(), partial=True)
    assert not picture.notes
    assert np.array_equal(picture.pixels, codec().decode_picture(coded()).pixels)


def test_without_the_option_a_cut_file_is_refused() -> None:
    with pytest.raises(aecodec.FormatError, match="cut inside the chunk TILE"):
        codec().decode(coded()[:-1])


def test_nothing_is_shown_before_the_first_tile() -> None:
    begin = first_payload_byte(coded())
    with pytest.raises(aecodec.FormatError, match="cut"):
        codec().decode(coded()[: begin - 1], partial=True)
    picture = codec().decode_picture(coded()[:begin], partial=True)
    assert np.ptp(picture.pixels) <= 3


def test_damage_is_still_refused() -> None:
    data = bytearray(coded(tile=128))
    data[first_payload_byte(coded(tile=128)) - 300] ^= 1
    with pytest.raises(aecodec.FormatError, match="damaged chunk"):
        codec().decode(bytes(data[:-2]), partial=True)


def test_tiles_arrive_one_after_the_other() -> None:
    data, whole = coded(tile=128), codec().decode_picture(coded(tile=128)).pixels
    sizes = [chunk.bytes for chunk in info(data).chunks if chunk.type == "TILE"]
    assert len(sizes) == 4
    start = len(data) - sum(sizes[1:]) - 3 * 12
    cut = data[: start + 8 + sizes[1] // 2]
    picture = codec().decode_picture(cut, partial=True)
    assert picture.notes == ("cut off: detail is missing in 3 of 4 tiles",)
    assert np.array_equal(picture.pixels[:64, :64], whole[:64, :64])
    container = read_container(cut, partial=True)
    assert [payload.state for payload in container.payloads] == ["whole"] + 3 * ["cut"]
    assert [len(payload.data) for payload in container.payloads[1:]] == [sizes[1] // 2, 0, 0]
    part = codec().decode_picture(cut, Box(0, 0, 40, 40), partial=True)
    assert not part.notes


def test_small_and_partial() -> None:
    picture = codec().decode_picture(coded()[: len(coded()) // 2], scale=4, partial=True)
    assert picture.pixels.shape == (38, 50, 3) and picture.notes


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
