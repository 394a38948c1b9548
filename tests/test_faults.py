"""Every fault ends well: damaged and forged files, small files that claim much, and whatever can
happen to a command. CONTRIBUTING has the table of faults and outcomes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from aecodec import files
from aecodec.errors import AecodecError, FormatError
from aecodec.format.container import Container, Payload, read_container, write_container
from aecodec.format.header import HEADER_BYTES, Header
from aecodec.format.info import info
from aecodec.image.photo_file import picture_file, read_picture
from aecodec.image.picture import Picture, to_pil, without_metadata
from tests import fuzz
from tests.chunks import aec_file, aec_head, chunks_of, ihdr, png_file
from tests.fuzz import aec_seeds, codec, edit_bytes, edit_chunks, edit_header, edit_png
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
    picture_or_refusal(aec_file(head, fuzz.with_lengths(chunks_of(data, HEADER_BYTES))))


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


# Commands

COMMAND = """
import io, os, resource, signal, sys
from types import ModuleType
from aecodec import files
from tests.cli.stand_in import StandIn
stand_in = ModuleType("aecodec.codec")
stand_in.Codec = StandIn
sys.modules["aecodec.codec"] = stand_in
{before}
from aecodec.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
COMPRESS = ("compress", "-f", "photo.png", "-o", "photo.aec")
OLD = b"what was there before"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Every test here runs in a folder with a photo, which stays as it is."""
    path = tmp_path / "photo.png"
    Image.fromarray(photo(32, 24)).save(path)
    before = hashlib.sha256(path.read_bytes()).digest()
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert hashlib.sha256(path.read_bytes()).digest() == before


def command(
    *arguments: str, before: str = "", program: str = COMMAND, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run `aecodec` around a stand-in for the codec, after the statements `before`."""
    return run_python(program.replace("{before}", before), *arguments, **options)


def temporaries() -> list[str]:
    return [name for name in os.listdir() if name.startswith(".")]


def assert_one_line(done: subprocess.CompletedProcess[str], line: str) -> None:
    """Exit code 1 and one line of error."""
    assert (done.returncode, done.stderr) == (1, f"aecodec: error: {line}\n")


KILLED = {
    "coding": """
encode = StandIn.encode
def killed(*arguments, **options):
    os.kill(os.getpid(), {signal})
    return encode(*arguments, **options)
StandIn.encode = killed
""",
    "writing": """
class Slow(io.FileIO):
    def write(self, data):
        super().write(data[:9])
        os.kill(os.getpid(), {signal})
        return 9 + super().write(data[9:])
files.open = Slow
""",
    "renaming": """
replace = os.replace
def killed(*arguments):
    os.kill(os.getpid(), {signal})
    replace(*arguments)
os.replace = killed
""",
}
REAL = """
import os, signal, sys
from aecodec.coding import encoder
from aecodec.cli.main import main
encode_latents = encoder.encode_latents
def killed(*arguments):
    encode_latents(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
encoder.encode_latents = killed
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("moment", KILLED)
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_killed(kill: signal.Signals, moment: str) -> None:
    """The old output is still whole. Only SIGKILL can leave something: a hidden temporary."""
    Path("photo.aec").write_bytes(OLD)
    done = command(*COMPRESS, before=KILLED[moment].replace("{signal}", str(int(kill))))
    codes = {signal.SIGINT: (130,), signal.SIGTERM: (143, -15), signal.SIGKILL: (-9,)}
    assert done.returncode in codes[kill], done.stderr
    assert "Traceback" not in done.stderr
    assert Path("photo.aec").read_bytes() == OLD
    left = 1 if kill == signal.SIGKILL and moment != "coding" else 0
    assert len(temporaries()) == left
    assert command(*COMPRESS).returncode == 0
    assert info(Path("photo.aec").read_bytes()).width == 32


def test_killed_between_two_tiles_of_the_real_codec() -> None:
    Image.fromarray(photo(100, 40)).save("large.png")
    done = command("compress", "--tile", "64", "large.png", program=REAL)
    assert done.returncode == -signal.SIGKILL
    assert sorted(os.listdir()) == ["large.png", "photo.png"]


def test_the_largest_file_allowed_is_too_small() -> None:
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))"
    Path("photo.aec").write_bytes(OLD)
    assert_one_line(command(*COMPRESS, before=limit), "photo.aec: file too large")
    assert Path("photo.aec").read_bytes() == OLD and not temporaries()


def test_a_full_disk() -> None:
    done = command("compress", "photo.png", "-o", "/dev/full")
    assert_one_line(done, "/dev/full: no space left on device")
    assert os.listdir() == ["photo.png"]


@pytest.mark.parametrize(
    "arguments", [("compress", "photo.png", "-o", "-"), ("info", "photo.aec"), ("models",)]
)
def test_a_full_disk_behind_standard_output(arguments: tuple[str, ...]) -> None:
    assert command(*COMPRESS).returncode == 0
    with open("/dev/full", "w") as full:
        done = command(*arguments, stdout=full)
    assert_one_line(done, "standard input or output: no space left on device")


@pytest.mark.parametrize(("arguments", "closed"), [(("info", "-"), "<"), (("models",), ">")])
def test_a_closed_standard_stream(arguments: tuple[str, ...], closed: str) -> None:
    program = COMMAND.replace("{before}", "")
    line = ["sh", "-c", f'exec "$@" {closed}&-', "sh", sys.executable, "-c", program, *arguments]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr


def test_an_input_that_cannot_be_read() -> None:
    """Not even by root: the first page of a process is mapped to nothing."""
    done = command("compress", "/proc/self/mem", "-o", "photo.aec")
    assert_one_line(done, "/proc/self/mem: input/output error")
    assert os.listdir() == ["photo.png"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_permissions() -> None:
    Path("mine").mkdir(mode=0o500)
    done = command("compress", "photo.png", "-o", "mine/photo.aec")
    assert_one_line(done, "mine/photo.aec: permission denied")
    Path("secret.png").touch(mode=0)
    done = command("compress", "secret.png")
    assert_one_line(done, "secret.png: permission denied")


WRITE = """
import sys
from aecodec import files
for _ in range(300):
    files.write_bytes("output", sys.argv[1].encode() * 2**18)
"""


def test_two_processes_write_the_same_output() -> None:
    """Whoever reads meanwhile sees one whole file or the other."""
    files.write_bytes("output", b"c" * 2**18)
    both = [subprocess.Popen([sys.executable, "-c", WRITE, letter]) for letter in "ab"]
    seen = set()
    while any(process.poll() is None for process in both):
        data = Path("output").read_bytes()
        assert len(data) == 2**18 and data == data[:1] * 2**18
        seen.add(data[:1])
    assert [process.wait() for process in both] == [0, 0]
    assert {b"a", b"b"} <= seen
    assert not temporaries()
