"""container.py against formats/SPEC.md: literal bytes, round trips, one bad file a rule."""

import struct
import zlib
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecodec.container import (
    HEADER_BYTES,
    MAX_ANCILLARY_BYTES,
    MAX_CHUNKS,
    MAX_PAYLOAD_BYTES,
    SIGNATURE,
    Chunk,
    Container,
    Header,
    info,
    read_container,
    read_header,
    write_container,
)
from aecodec.errors import FormatError

HEADER = Header(model_id=bytes(range(8)), width=768, height=512, q=38)
FULL = Container(HEADER, payload=b"payload", icc=b"profile", exif=b"II*\0", xmp=b"<x/>")
PLAIN = bytes.fromhex(
    "89 41 45 43 0d 0a 1a 0a 00"  # signature, version
    "00 01 02 03 04 05 06 07"  # model id
    "00 00 03 00 00 00 02 00 00 26"  # width, height, mode, q
    "64 6b 03 a9"
    "00 00 00 02 44 41 54 41 68 69 ec e5 df 71"  # DATA, "hi"
)


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    """A well-formed chunk of any type."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def file_of(*chunks: bytes, **fields: int) -> bytes:
    """A file with a good CRC around whatever header fields and chunks are asked for."""
    values = {"version": 0, "width": 768, "height": 512, "mode": 0, "q": 38} | fields
    head = SIGNATURE + struct.pack(
        ">B8sIIBB",
        values["version"],
        HEADER.model_id,
        values["width"],
        values["height"],
        values["mode"],
        values["q"],
    )
    return head + struct.pack(">I", zlib.crc32(head)) + b"".join(chunks)


DATA = chunk(b"DATA", b"hi")


def test_the_bytes_of_a_plain_file() -> None:
    assert write_container(Container(HEADER, b"hi")) == PLAIN
    assert file_of(DATA) == PLAIN
    assert len(PLAIN) == HEADER_BYTES + 14


def test_the_bytes_of_a_file_with_metadata() -> None:
    assert write_container(FULL) == file_of(
        chunk(b"iccp", b"profile"),
        chunk(b"exif", b"II*\0"),
        chunk(b"xmpx", b"<x/>"),
        chunk(b"DATA", b"payload"),
    )


metadata = st.none() | st.binary(max_size=40)


@given(
    st.builds(
        Container,
        header=st.builds(
            Header,
            model_id=st.binary(min_size=8, max_size=8),
            width=st.integers(1, 65_535),
            height=st.integers(1, 1_024),
            q=st.integers(0, 63),
        ),
        payload=st.binary(max_size=100),
        icc=metadata,
        exif=metadata,
        xmp=metadata,
    )
)
def test_round_trip(container: Container) -> None:
    data = write_container(container)
    assert read_container(data) == container
    assert read_header(data[:HEADER_BYTES]) == container.header


def test_unknown_ancillary_chunks_are_skipped_and_listed() -> None:
    data = file_of(chunk(b"teSt", b"1"), chunk(b"teSt", b"2"), chunk(b"xmpx", b"x"), DATA)
    assert read_container(data) == Container(HEADER, b"hi", xmp=b"x")
    assert [(c.type, c.bytes) for c in info(data).chunks] == [
        ("teSt", 1),
        ("teSt", 1),
        ("xmpx", 1),
        ("DATA", 2),
    ]


def test_info_tells_what_the_command_prints() -> None:
    data = write_container(FULL)
    assert asdict(info(data)) == {
        "bytes": len(data),
        "format_version": 0,
        "model": "0001020304050607",
        "width": 768,
        "height": 512,
        "mode": "RGB",
        "q": 38,
        "quality": 61,
        "bpp": 8 * len(data) / (768 * 512),
        "tiles": 1,
        "chunks": (
            {"type": "iccp", "bytes": 7},
            {"type": "exif", "bytes": 4},
            {"type": "xmpx", "bytes": 4},
            {"type": "DATA", "bytes": 7},
        ),
        "icc": 7,
        "exif": 4,
        "xmp": 4,
    }


BAD_FILES = {
    "empty": (b"", "the signature is missing"),
    "another format": (b"\x89PNG\r\n\x1a\n" + PLAIN[8:], "the signature is missing"),
    "text mode": (PLAIN.replace(b"\r\n", b"\n"), "transferred as text"),
    "cut signature": (PLAIN[:5], "cut inside the signature: 5 bytes"),
    "version": (file_of(DATA, version=1), "format version 1; this aecodec reads version 0"),
    "version, cut": (file_of(DATA, version=9)[:9], "format version 9"),
    "cut header": (PLAIN[:30], "cut inside the header: 30 bytes of 31"),
    "header CRC": (PLAIN[:27] + b"0000" + PLAIN[31:], "damaged header: its CRC"),
    "width 0": (file_of(DATA, width=0), "sides of 0x512 are not in 1 to 65535"),
    "height 0": (file_of(DATA, height=0), "sides of 768x0 are not in 1 to 65535"),
    "width": (file_of(DATA, width=65_536, height=1), "sides of 65536x1 are not in 1 to 65535"),
    "pixels": (file_of(DATA, width=8_193, height=8_192), "over the limit of 67108864 pixels"),
    "mode": (file_of(DATA, mode=1), "unknown colour mode 1"),
    "q": (file_of(DATA, q=64), "q 64 is not in 0 to 63"),
    "no payload": (file_of(), "cut: no chunk DATA"),
    "only metadata": (file_of(chunk(b"exif", b"x")), "cut: no chunk DATA"),
    "cut chunk head": (file_of(DATA[:7]), "cut inside the head of a chunk"),
    "cut chunk data": (file_of(DATA[:9]), "cut inside the chunk DATA"),
    "cut chunk CRC": (file_of(DATA[:-1]), "cut inside the chunk DATA"),
    "chunk CRC": (file_of(DATA[:-1] + b"!"), "damaged chunk DATA: its CRC"),
    "skipped chunk CRC": (file_of(chunk(b"test")[:-1] + b"!", DATA), "damaged chunk test"),
    "chunk type": (file_of(chunk(b"DA1A")), "4 ASCII letters, not 'DA1A'"),
    "chunk type, 8 bit": (file_of(chunk(b"D\xc4TA")), "4 ASCII letters"),
    "long metadata": (
        file_of(struct.pack(">I", MAX_ANCILLARY_BYTES + 1) + b"exif"),
        "chunk exif has 16777217 bytes; the limit is 16777216",
    ),
    "long payload": (
        file_of(struct.pack(">I", MAX_PAYLOAD_BYTES + 1) + b"DATA"),
        "chunk DATA has 268435457 bytes; the limit is 268435456",
    ),
    "unknown critical": (file_of(chunk(b"TILE"), DATA), "unknown critical chunk TILE"),
    "iccp twice": (file_of(chunk(b"iccp"), chunk(b"iccp"), DATA), "a second chunk iccp"),
    "exif twice": (file_of(chunk(b"exif"), chunk(b"exif"), DATA), "a second chunk exif"),
    "xmpx twice": (file_of(chunk(b"xmpx"), chunk(b"xmpx"), DATA), "a second chunk xmpx"),
    "DATA twice": (file_of(DATA, DATA), "14 bytes left over after the chunk DATA"),
    "metadata last": (file_of(DATA, chunk(b"exif")), "12 bytes left over after the chunk DATA"),
    "trailing byte": (PLAIN + b"\0", "1 bytes left over after the chunk DATA"),
    "chunks": (file_of(*[chunk(b"test")] * MAX_CHUNKS, DATA), "more than 64 chunks"),
}


@pytest.mark.parametrize("data, rule", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_is_refused_by_the_rule_it_breaks(data: bytes, rule: str) -> None:
    with pytest.raises(FormatError, match=rule):
        read_container(data)
    with pytest.raises(FormatError, match=rule):
        info(data)


def test_as_many_chunks_as_allowed() -> None:
    data = file_of(*[chunk(b"test")] * (MAX_CHUNKS - 1), DATA)
    assert read_container(data).payload == b"hi"


WHOLE = write_container(FULL)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_any_changed_byte_is_noticed(place: int, change: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[place] ^= change
    with pytest.raises(FormatError):
        read_container(bytes(damaged))


@pytest.mark.parametrize("data", [PLAIN, WHOLE], ids=["plain", "metadata"])
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
