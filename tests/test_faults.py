"""Damaged and forged files, and small files that claim much, are refused or read, never worse.

What can happen to a command: cli/test_faults.py. CONTRIBUTING has the table of faults and outcomes.
"""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aecodec.errors import AecodecError, FormatError
from aecodec.format.container import Container, Payload, read_container, write_container
from aecodec.format.header import HEADER_BYTES, Header
from aecodec.format.info import info
from aecodec.image.photo_file import picture_file, read_picture
from aecodec.image.picture import Picture, to_pil, without_metadata
from tests import fuzz
from tests.chunks import aec_file, aec_head, chunks_of, ihdr, png_file
from tests.damage import edit_bytes, edit_chunks, edit_header, edit_png, with_lengths
from tests.fuzz import aec_seeds, codec
from tests.photos import photo
from tests.processes import run_python

SEEDS = st.sampled_from(["RGB", "gray", "alpha", "tiles", "everything", "1x1"])
RANDOM = st.integers(0, 2**32).map(Random)


def picture_or_refusal(data: bytes, keep_going: bool = False) -> Picture | None:
    """Whatever else escapes fails the test."""
    try:
        picture = codec().decode_picture(data, keep_going=keep_going)
    except AecodecError:
        return None
    header = read_container(data, keep_going=True).header
    assert picture.pixels.shape[:2] == (header.height, header.width)
    return picture


def assert_refused(data: bytes) -> None:
    """By every reader; with `keep_going` it may be decoded if its notes tell the damage."""
    for read in (info, read_container, codec().decode):
        with pytest.raises(FormatError):
            read(data)
    picture = picture_or_refusal(data, keep_going=True)
    assert picture is None or picture.notes


# Files


@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    channels=st.integers(1, 4),
    quality=st.integers(1, 100),
    kind=st.sampled_from(["noise", "flat", "photo"]),
    number=st.integers(0, 2**32),
)
@settings(max_examples=40)
def test_small_pictures_come_back(
    width: int, height: int, channels: int, quality: int, kind: str, number: int
) -> None:
    random = np.random.default_rng(number)
    samples = {
        "noise": random.integers(0, 256, (height, width, channels), dtype=np.uint8),
        "flat": np.full((height, width, channels), random.integers(256), np.uint8),
        "photo": np.dstack([photo(width, height)] * 2)[..., :channels].copy(),
    }[kind]
    data = codec().encode(samples if channels > 1 else samples[..., 0], quality, tile=64)
    decoded = codec().decode_picture(data)
    assert decoded.pixels.shape == ((height, width) if channels < 3 else (height, width, 3))
    if channels in (2, 4):
        assert decoded.alpha is not None and np.array_equal(decoded.alpha, samples[..., -1])
    else:
        assert decoded.alpha is None
    assert to_pil(decoded).mode == ["L", "LA", "RGB", "RGBA"][channels - 1]


@given(SEEDS, st.data())
@settings(max_examples=60)
def test_any_changed_byte(name: str, draw: st.DataObject) -> None:
    data = bytearray(aec_seeds()[name])
    data[draw.draw(st.integers(0, len(data) - 1))] ^= draw.draw(st.integers(1, 255))
    assert_refused(bytes(data))


@given(SEEDS, st.data())
@settings(max_examples=60)
def test_any_truncation(name: str, draw: st.DataObject) -> None:
    data = aec_seeds()[name]
    assert_refused(data[: draw.draw(st.integers(0, len(data) - 1))])


@given(SEEDS, st.binary(max_size=200))
@settings(max_examples=60)
def test_random_bytes_after_a_valid_header(name: str, noise: bytes) -> None:
    assert_refused(aec_seeds()[name][:HEADER_BYTES] + noise)


@given(SEEDS, SEEDS, RANDOM)
@settings(max_examples=100)
def test_chunks_inserted_repeated_moved_and_lost(name: str, other: str, random: Random) -> None:
    """Their CRCs are right. What is still decoded is the picture that it was."""
    data = aec_seeds()[name]
    chunks, others = (chunks_of(aec_seeds()[n], HEADER_BYTES) for n in (name, other))
    payloads = [body for kind, body in chunks if kind == b"TILE"]
    edit_chunks(random, chunks, [*others, (b"teSt", b"unknown"), (b"TeSt", b"unknown")])
    picture = picture_or_refusal(aec_file(data[: HEADER_BYTES - 4], chunks))
    if picture and payloads == [body for kind, body in chunks if kind == b"TILE"]:
        assert np.array_equal(picture.pixels, codec().decode_picture(data).pixels)


@given(SEEDS, RANDOM, st.booleans())
@settings(max_examples=60)
def test_forged_payloads(name: str, random: Random, keep_going: bool) -> None:
    """Their CRCs are right: refused, or decoded to some picture of the right size."""
    container = read_container(aec_seeds()[name])
    payloads = list(container.payloads)
    place, noise = random.randrange(len(payloads)), random.randbytes(random.randrange(60))
    edited = edit_bytes(random, payloads[place].data, noise)
    payloads[place] = Payload(edited if random.random() < 0.7 else noise)
    picture_or_refusal(write_container(replace(container, payloads=tuple(payloads))), keep_going)


@given(SEEDS, RANDOM)
@settings(max_examples=60)
def test_forged_headers(name: str, random: Random) -> None:
    data = aec_seeds()[name]
    head = edit_header(random, data[: HEADER_BYTES - 4])
    picture_or_refusal(aec_file(head, with_lengths(chunks_of(data, HEADER_BYTES))))


@given(RANDOM)
@settings(max_examples=60)
def test_forged_alpha(random: Random) -> None:
    container = read_container(aec_seeds()["alpha"])
    assert container.alpha is not None
    alpha = edit_png(random, container.alpha, container.alpha)
    picture_or_refusal(write_container(replace(container, alpha=alpha)))


@given(st.binary(max_size=40), RANDOM)
@settings(max_examples=40)
def test_forged_metadata(noise: bytes, random: Random) -> None:
    """The container does not look into it; what does, on the way to a photo, refuses or copes."""
    container = read_container(aec_seeds()["everything"])
    icc, exif, xmp = (
        edit_bytes(random, item or b"", noise)
        for item in (container.icc, container.exif, container.xmp)
    )
    forged = replace(container, icc=icc, exif=exif, xmp=xmp)
    picture = codec().decode_picture(write_container(forged))
    assert (picture.icc, picture.exif, picture.xmp) == (icc, exif, xmp)
    without_metadata(picture)
    for suffix in fuzz.SUFFIXES:
        try:
            picture_file(picture, suffix)
        except AecodecError:
            continue


@given(st.binary(max_size=100))
def test_bytes_that_are_no_picture_at_all(noise: bytes) -> None:
    for read in (read_picture, info, codec().decode):
        with pytest.raises(AecodecError):
            read(noise)


def test_the_fuzz_target_for_a_moment(tmp_path: Path) -> None:
    """`python tests/fuzz.py --minutes 10` is the real thing."""
    fuzzer = fuzz.Fuzzer(seed=int(time.time()), folder=tmp_path)
    fuzzer.run(seconds=3)
    assert fuzzer.counts.total() > 20 and set(fuzzer.counts) == {"read", "refused"}


# Small files that claim much


def head(width: int, height: int, tile: int = 64) -> bytes:
    """A header that may break the rules, with the installed model's id, without its CRC."""
    return aec_head(width, height, tile, bytes.fromhex(codec().model_id))


def claims(kind: bytes, length: int) -> bytes:
    """A file of one chunk that says it has so many bytes."""
    return aec_file(head(64, 64), []) + struct.pack(">I", length) + kind + bytes(20)


def with_alpha(*chunks: tuple[bytes, bytes]) -> bytes:
    """A gray file of 64x64 pixels whose alpha is a PNG of these chunks."""
    header = Header(bytes.fromhex(codec().model_id), 64, 64, 30, 1)
    return write_container(Container(header, (Payload(b""),), alpha=png_file(list(chunks))))


def idat(width: int, height: int) -> tuple[bytes, bytes]:
    """Black pixels of 8-bit gray, as PNG has them."""
    return b"IDAT", zlib.compress(bytes((width + 1) * height))


ONE_TILE = (b"TILE", b"")
MODEST: dict[str, Callable[[], bytes]] = {
    "sides": lambda: aec_file(head(2**32 - 1, 2**32 - 1, 2048), [ONE_TILE]),
    "pixels": lambda: aec_file(head(2**20 - 1, 2**20 - 1, 2048), [ONE_TILE]),
    "most tiles": lambda: aec_file(head(2**14, 2**14), [ONE_TILE]),
    "too many tiles": lambda: aec_file(head(2**14 + 1, 2**14), [ONE_TILE]),
    "short index": lambda: aec_file(head(2**14, 2**14), [(b"TIDX", bytes(20)), ONE_TILE]),
    "index": lambda: claims(b"TIDX", 2**18),
    "long index": lambda: claims(b"TIDX", 2**32 - 1),
    "tile": lambda: claims(b"TILE", 2**28),
    "long tile": lambda: claims(b"TILE", 2**32 - 1),
    "profile": lambda: claims(b"iccp", 2**24),
    "long profile": lambda: claims(b"iccp", 2**32 - 1),
    "alpha": lambda: with_alpha(ihdr(2**31 - 1, 2**31 - 1)),
    "alpha, again": lambda: with_alpha(ihdr(64, 64), ihdr(10_000, 10_000)),
    "alpha of another size": lambda: with_alpha(ihdr(64, 64), ihdr(200, 100), idat(200, 100)),
}
READ_CONTAINER = """
import json, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (2**27, 2**27))
from aecodec.format.container import read_container
from aecodec.format.info import info
from aecodec.errors import AecodecError
from pathlib import Path
for path in sys.argv[1:]:
    data, start = Path(path).read_bytes(), time.monotonic()
    for read in (info, read_container, lambda data: read_container(data, keep_going=True)):
        try:
            read(data)
        except AecodecError:
            pass
    print(json.dumps(time.monotonic() - start))
"""
DECODE = """
import json, resource, sys, time
from aecodec.codec import Codec
from aecodec.errors import AecodecError
from pathlib import Path
from tests.fuzz import peak_memory
codec = Codec()
codec.decode(Path(sys.argv[1]).read_bytes())
for path in sys.argv[2:]:
    data, start, before = Path(path).read_bytes(), time.monotonic(), peak_memory()
    try:
        codec.decode(data)
        refused = False
    except AecodecError:
        refused = True
    print(json.dumps([refused, time.monotonic() - start, peak_memory() - before]))
"""


@pytest.fixture
def modest(tmp_path: Path) -> list[str]:
    """The files above, on disk."""
    paths = []
    for name, make in MODEST.items():
        data = make()
        assert len(data) < 200
        (tmp_path / f"{name}.aec").write_bytes(data)
        paths.append(str(tmp_path / f"{name}.aec"))
    return paths


def lines_of(script: str, arguments: list[str]) -> list[Any]:
    """What a script prints, one JSON value a line."""
    done = run_python(script, *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_small_files_that_claim_much_are_taken_apart_in_little_memory(modest: list[str]) -> None:
    """The interpreter and all has 128 MiB of address space."""
    seconds = lines_of(READ_CONTAINER, modest)
    assert len(seconds) == len(modest) and max(seconds) < 5


def test_small_files_that_claim_much_are_refused_at_once(modest: list[str], tmp_path: Path) -> None:
    good = tmp_path / "good.aec"
    good.write_bytes(with_alpha(ihdr(64, 64), idat(64, 64)))
    found = lines_of(DECODE, [str(good), *modest])
    for path, (refused, seconds, kibibytes) in zip(modest, found, strict=True):
        assert refused and seconds < 5 and kibibytes < 2**14, path


def test_many_tiles_that_each_claim_the_rest_of_the_file() -> None:
    """No byte is read once for every tile."""
    count = 4096
    start, rest = aec_file(head(64 * count, 64), [(b"TIDX", bytes(4 * count))]), bytes(10**7)
    sizes = range(12 * (count - 1) + len(rest), -1, -12)
    tiles = b"".join(struct.pack(">I4sI", size, b"TILE", 0) for size in sizes[:count])
    began = time.monotonic()
    with pytest.raises(FormatError):
        read_container(start + tiles + rest, keep_going=True)
    assert time.monotonic() - began < 5
