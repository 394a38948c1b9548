"""container.py against formats/SPEC.md: literal bytes, round trips, one bad file a rule."""

import struct
import zlib
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecodec.errors import FormatError
from aecodec.format.box import Box
from aecodec.format.chunks import Chunk
from aecodec.format.constants import MAX_ANCILLARY_BYTES, MAX_CHUNKS, MAX_TILE
from aecodec.format.container import Container, Payload, read_container, write_container
from aecodec.format.header import HEADER_BYTES, SIGNATURE, Header, read_header
from aecodec.format.info import info

HEADER = Header(model_id=bytes(range(8)), width=768, height=512, q=38)
FULL = Container(
    HEADER,
    payloads=(Payload(b"payload"),),
    icc=b"profile",
    exif=b"II*\0",
    xmp=b"<x/>",
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


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    """A well-formed chunk of any type."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def file_of(*chunks: bytes, **fields: int) -> bytes:
    """A file with a good CRC around whatever header fields and chunks are asked for."""
    values = {"version": 1, "width": 768, "height": 512, "mode": 0, "q": 38, "tile": 16} | fields
    head = SIGNATURE + struct.pack(
        ">B8sIIBBB",
        values["version"],
        HEADER.model_id,
        values["width"],
        values["height"],
        values["mode"],
        values["q"],
        values["tile"],
    )
    return head + struct.pack(">I", zlib.crc32(head)) + b"".join(chunks)


TILE = chunk(b"TILE", b"hi")
TWO = {"tile": 8}  # 512 pixels: two tiles
INDEX = chunk(b"TIDX", struct.pack(">II", 2, 2))


def test_the_bytes_of_a_plain_file() -> None:
    assert write_container(Container(HEADER, (Payload(b"hi"),))) == PLAIN
    assert file_of(TILE) == PLAIN
    assert len(PLAIN) == HEADER_BYTES + 14


def test_the_bytes_of_a_file_with_metadata() -> None:
    assert write_container(FULL) == file_of(
        chunk(b"iccp", b"profile"),
        chunk(b"exif", b"II*\0"),
        chunk(b"xmpx", b"<x/>"),
        chunk(b"FLTR", b"\1\x20\x20\x20\x20words"),
        chunk(b"ALPH", b"PNG"),
        chunk(b"TILE", b"payload"),
    )


def test_the_bytes_of_a_file_with_tiles() -> None:
    assert write_container(TILED) == file_of(
        chunk(b"TIDX", struct.pack(">II", 4, 10)),
        chunk(b"TILE", b"left"),
        chunk(b"TILE", b"right side"),
        tile=8,
    )


def test_what_a_file_costs_beside_the_payload() -> None:
    assert len(write_container(Container(HEADER, (Payload(b""),)))) == 44
    assert (
        len(write_container(Container(replace(HEADER, tile_side=512), (Payload(b""),) * 2)))
        == 32 + 20 + 24
    )


def test_tiles_cover_the_picture_row_by_row() -> None:
    header = replace(HEADER, width=1000, height=600, tile_side=512)
    assert header.tiles() == [
        Box(0, 0, 512, 512),
        Box(0, 512, 512, 1000),
        Box(512, 0, 600, 512),
        Box(512, 512, 600, 1000),
    ]


def test_a_damaged_tile_does_not_lose_the_others() -> None:
    data = bytearray(write_container(TILED))
    data[data.index(b"left")] ^= 1
    with pytest.raises(FormatError, match=r"tile 0 \(column 0, row 0\): damaged chunk TILE"):
        read_container(bytes(data))
    assert read_container(bytes(data), keep_going=True).payloads == (
        DAMAGED,
        Payload(b"right side"),
    )
    assert read_container(write_container(TILED)[:-3], keep_going=True).payloads == (
        Payload(b"left"),
        DAMAGED,
    )


def test_a_damaged_type_of_the_first_tile_does_not_lose_the_others() -> None:
    data = bytearray(write_container(TILED))
    data[data.index(b"TILE")] ^= 1
    assert read_container(bytes(data), keep_going=True).payloads == (
        DAMAGED,
        Payload(b"right side"),
    )


def test_a_damaged_length_of_a_tile_does_not_lose_the_others() -> None:
    data = bytearray(write_container(TILED))
    data[data.index(b"TILE") - 1] ^= 2
    assert read_container(bytes(data), keep_going=True).payloads == (
        DAMAGED,
        Payload(b"right side"),
    )


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


def test_unknown_ancillary_chunks_are_skipped_and_listed() -> None:
    data = file_of(chunk(b"teSt", b"1"), chunk(b"teSt", b"2"), chunk(b"xmpx", b"x"), TILE)
    assert read_container(data) == Container(HEADER, (Payload(b"hi"),), xmp=b"x")
    assert [(c.type, c.bytes) for c in info(data).chunks] == [
        ("teSt", 1),
        ("teSt", 1),
        ("xmpx", 1),
        ("TILE", 2),
    ]


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
        "quality": 61,
        "bpp": 8 * len(data) / (768 * 512),
        "tile": 1024,
        "tiles": 1,
        "chunks": (
            {"type": "iccp", "bytes": 7},
            {"type": "exif", "bytes": 4},
            {"type": "xmpx", "bytes": 4},
            {"type": "FLTR", "bytes": 10},
            {"type": "ALPH", "bytes": 3},
            {"type": "TILE", "bytes": 7},
        ),
        "icc": 7,
        "exif": 4,
        "xmp": 4,
        "filter": 10,
        "alpha": 3,
    }


BAD_FILES = {
    "version, cut": (file_of(TILE, version=9)[:9], "format version 9"),
    "tile of a longer chunk": (file_of(TILE[:9]), "tile 0 .*: cut inside the chunk TILE"),
    "metadata after the index": (
        file_of(INDEX, chunk(b"exif", b"hi"), TILE, TILE, **TWO),
        "tile 0 .*: the chunk exif is not the tile of the index",
    ),
    "index too long": (
        file_of(chunk(b"TIDX", b"\0" * 12), TILE, TILE, **TWO),
        "TIDX has 12 bytes, not 4 for each tile",
    ),
}
"""What the invalid vectors, one for every rule, leave out."""


@pytest.mark.parametrize("data, rule", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_is_refused_by_the_rule_it_breaks(data: bytes, rule: str) -> None:
    with pytest.raises(FormatError, match=rule):
        read_container(data)
    with pytest.raises(FormatError, match=rule):
        info(data)


def test_as_many_chunks_as_allowed() -> None:
    data = file_of(*[chunk(b"test")] * MAX_CHUNKS, TILE)
    assert read_container(data).payloads == (Payload(b"hi"),)


WHOLE = write_container(FULL)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_any_changed_byte_is_noticed(place: int, change: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[place] ^= change
    with pytest.raises(FormatError):
        read_container(bytes(damaged))


@pytest.mark.parametrize(
    "data", [PLAIN, WHOLE, write_container(TILED)], ids=["plain", "metadata", "tiles"]
)
def test_any_cut_is_noticed(data: bytes) -> None:
    for length in range(len(data)):
        with pytest.raises(FormatError):
            read_container(data[:length])


@given(st.binary(max_size=300))
def test_any_bytes_at_all_give_a_format_error(noise: bytes) -> None:
    for data in (noise, PLAIN[:HEADER_BYTES] + noise):
        with pytest.raises(FormatError):
            read_container(data)


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(FormatError, match="chunk exif has 16777217 bytes"):
        write_container(replace(FULL, exif=bytes(MAX_ANCILLARY_BYTES + 1)))
    with pytest.raises(FormatError, match="4 ASCII letters"):
        Chunk("long type", b"")
    with pytest.raises(FormatError, match="a model id has 8 bytes, not 2"):
        Header(model_id=b"id", width=1, height=1, q=0)
    with pytest.raises(FormatError, match="multiple of 64"):
        replace(HEADER, tile_side=MAX_TILE - 1)
