"""container.py against formats/SPEC.md: literal bytes, round trips, damaged tiles."""

import struct
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecodec.errors import FormatError
from aecodec.format.box import Box
from aecodec.format.chunks import Chunk
from aecodec.format.constants import MAX_ANCILLARY_BYTES, MAX_TILE
from aecodec.format.container import Container, Payload, read_container, write_container
from aecodec.format.header import HEADER_BYTES, Header, read_header
from aecodec.format.info import info
from tests.chunks import aec_file, aec_head

HEADER = Header(model_id=bytes(range(8)), width=768, height=512, q=38)
FULL = Container(
    HEADER,
    payloads=(Payload(b"payload"),),
    icc=b"profile",
    exif=b"II*\0",
    xmp=b"<x/>",
    preview=b"\0\3\x3fwords",
    filter=b"\1\x20\x20\x20\x20words",
    alpha=b"PNG",
)
DAMAGED = Payload(b"", "damaged")
TILED = Container(
    replace(HEADER, tile_side=512), payloads=(Payload(b"left"), Payload(b"right side"))
)
PLAIN = bytes.fromhex(
    "89 41 45 43 0d 0a 1a 0a 01"  # signature, version
    "00 01 02 03 04 05 06 07"  # model id
    "00 00 03 00 00 00 02 00 00 26 10"  # width, height, mode, q, tile
    "05 bc b4 e0"
    "00 00 00 02 54 49 4c 45 68 69 4d e7 41 87"  # TILE, "hi"
)


def file_of(*chunks: tuple[bytes, bytes], tile: int = 1024, version: int = 1) -> bytes:
    """A file with good CRCs and the fields of HEADER."""
    head = aec_head(768, 512, tile, HEADER.model_id, q=38, version=version)
    return aec_file(head, list(chunks))


TILE = (b"TILE", b"hi")


def test_the_bytes_of_a_plain_file() -> None:
    assert write_container(Container(HEADER, (Payload(b"hi"),))) == PLAIN
    assert file_of(TILE) == PLAIN
    assert len(PLAIN) == HEADER_BYTES + 14


def test_the_bytes_of_a_file_with_metadata() -> None:
    assert write_container(FULL) == file_of(
        (b"iccp", b"profile"),
        (b"exif", b"II*\0"),
        (b"xmpx", b"<x/>"),
        (b"prvw", b"\0\3\x3fwords"),
        (b"FLTR", b"\1\x20\x20\x20\x20words"),
        (b"ALPH", b"PNG"),
        (b"TILE", b"payload"),
    )


def test_the_bytes_of_a_file_with_tiles() -> None:
    index = (b"TIDX", struct.pack(">II", 4, 10))
    tiles = (b"TILE", b"left"), (b"TILE", b"right side")
    assert write_container(TILED) == file_of(index, *tiles, tile=512)


def test_tiles_cover_the_picture_row_by_row() -> None:
    header = replace(HEADER, width=1000, height=600, tile_side=512)
    assert header.tiles() == [
        Box(0, 0, 512, 512),
        Box(0, 512, 512, 1000),
        Box(512, 0, 600, 512),
        Box(512, 512, 600, 1000),
    ]


@pytest.mark.parametrize("place", [-1, 0, 4], ids=["length", "type", "data"])
def test_a_damaged_tile_does_not_lose_the_others(place: int) -> None:
    data = bytearray(write_container(TILED))
    data[data.index(b"TILEleft") + place] ^= 2
    with pytest.raises(FormatError, match=r"tile 0 \(column 0, row 0\): "):
        read_container(bytes(data))
    payloads = read_container(bytes(data), keep_going=True).payloads
    assert payloads == (DAMAGED, Payload(b"right side"))


def test_a_cut_tile_does_not_lose_the_others() -> None:
    payloads = read_container(write_container(TILED)[:-3], keep_going=True).payloads
    assert payloads == (Payload(b"left"), DAMAGED)


@pytest.mark.parametrize("file", [TILED, FULL], ids=["tiles", "one"])
def test_the_beginning_of_a_file_has_the_head_of_its_first_tile(file: Container) -> None:
    data = write_container(file)
    first = data.index(b"TILE") + 4
    for length in range(1, len(data)):
        if length < first:
            with pytest.raises(FormatError, match="cut"):
                read_container(data[:length], partial=True)
        else:
            payloads = read_container(data[:length], partial=True).payloads
            found = [payload.data for payload in payloads]
            whole = [payload.data for payload in file.payloads]
            assert all(all_of.startswith(some) for some, all_of in zip(found, whole, strict=True))
            assert payloads[0].state == ("cut" if length < first + len(whole[0]) + 4 else "whole")


@pytest.mark.parametrize("place", [-1, 0], ids=["length", "type"])
def test_a_wrong_head_of_a_tile_that_is_cut_is_damage(place: int) -> None:
    data = bytearray(write_container(TILED)[:-5])
    data[data.index(b"TILEright") + place] ^= 2
    with pytest.raises(FormatError, match=r"tile 1 \(column 1, row 0\): "):
        read_container(bytes(data), partial=True)
    payloads = read_container(bytes(data), keep_going=True, partial=True).payloads
    assert payloads == (Payload(b"left"), DAMAGED)


def test_no_tile_announces_more_than_it_may_have() -> None:
    head = struct.pack(">I", 2**28 + 1) + b"TILE"
    with pytest.raises(FormatError, match="the limit is 268435456"):
        read_container(PLAIN[:HEADER_BYTES] + head, partial=True)
    index = (b"TIDX", struct.pack(">II", 4, 2**28 + 1))
    with pytest.raises(FormatError, match="the limit is 268435456"):
        read_container(file_of(index, (b"TILE", b"left"), tile=512), partial=True)


metadata = st.none() | st.binary(max_size=40)


@given(
    st.builds(
        Container,
        header=st.builds(
            Header,
            model_id=st.binary(min_size=8, max_size=8),
            width=st.integers(1, 20_000),
            height=st.integers(1, 5_000),
            q=st.integers(0, 63),
            mode=st.integers(0, 1),
        ),
        payloads=st.just(()),
        icc=metadata,
        exif=metadata,
        xmp=metadata,
        alpha=metadata,
    ),
    st.data(),
)
def test_round_trip(container: Container, draw: st.DataObject) -> None:
    count = len(container.header.tiles())
    payload = st.binary(max_size=100).map(Payload)
    payloads = draw.draw(st.lists(payload, min_size=count, max_size=count))
    container = replace(container, payloads=tuple(payloads))
    data = write_container(container)
    assert read_container(data) == container
    assert read_header(data[:HEADER_BYTES]) == container.header


def test_info_tells_what_the_command_prints() -> None:
    data = write_container(FULL)
    assert asdict(info(data)) == {
        "bytes": len(data),
        "format_version": 1,
        "model": "0001020304050607",
        "width": 768,
        "height": 512,
        "mode": "RGB",
        "q": 38,
        "quality": 60,
        "bpp": 8 * len(data) / (768 * 512),
        "tile": 1024,
        "tiles": 1,
        "chunks": (
            {"type": "iccp", "bytes": 7},
            {"type": "exif", "bytes": 4},
            {"type": "xmpx", "bytes": 4},
            {"type": "prvw", "bytes": 8},
            {"type": "FLTR", "bytes": 10},
            {"type": "ALPH", "bytes": 3},
            {"type": "TILE", "bytes": 7},
        ),
        "icc": 7,
        "exif": 4,
        "xmp": 4,
        "preview": 8,
        "filter": 10,
        "alpha": 3,
    }


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (file_of(TILE, version=9)[:9], "format version 9"),  # though it is cut
        (file_of((b"TIDX", bytes(12)), TILE, TILE, tile=512), "TIDX has 12 bytes, not 4 for each"),
    ],
)
def test_what_the_invalid_vectors_leave_out(data: bytes, rule: str) -> None:
    for read in (read_container, info):
        with pytest.raises(FormatError, match=rule):
            read(data)


@pytest.mark.parametrize(
    "data",
    [PLAIN, write_container(FULL), write_container(TILED)],
    ids=["plain", "metadata", "tiles"],
)
def test_any_cut_is_noticed(data: bytes) -> None:
    for length in range(len(data)):
        with pytest.raises(FormatError):
            read_container(data[:length])


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(FormatError, match="chunk exif has 16777217 bytes"):
        write_container(replace(FULL, exif=bytes(MAX_ANCILLARY_BYTES + 1)))
    with pytest.raises(FormatError, match="4 ASCII letters"):
        Chunk("long type", b"")
    with pytest.raises(FormatError, match="a model id has 8 bytes, not 2"):
        Header(model_id=b"id", width=1, height=1, q=0)
    with pytest.raises(FormatError, match="multiple of 64"):
        replace(HEADER, tile_side=MAX_TILE - 1)
