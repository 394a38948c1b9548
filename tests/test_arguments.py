"""What callers pass: of many kinds it works, everything else is an AecodecError of one line."""

from __future__ import annotations

import array
import copy
import io
import mmap
import os
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import aecodec
from aecodec.codec import Codec
from aecodec.errors import AecodecError, FormatError
from aecodec.format.box import Box
from aecodec.format.container import read_container
from aecodec.image.photo_file import read_picture
from aecodec.image.picture import Picture
from tests.payloads import codec
from tests.photos import photo

PIXELS = photo(40, 30)


@cache
def file() -> bytes:
    return codec().encode(PIXELS, effort=0)


@cache
def decoded() -> bytes:
    return codec().decode_picture(file()).pixels.tobytes()


def refused(use: Callable[[], Any], words: str = ".") -> None:
    with pytest.raises(AecodecError, match=words) as caught:
        use()
    assert str(caught.value) and "\n" not in str(caught.value)


def mapped(data: bytes) -> mmap.mmap:
    memory = mmap.mmap(-1, len(data))
    memory[:] = data
    return memory


def spread(data: bytes) -> memoryview:
    """Every second byte of twice as many."""
    return memoryview(np.repeat(np.frombuffer(data, np.uint8), 2).tobytes())[::2]


BUFFERS: dict[str, Callable[[bytes], Any]] = {
    "bytearray": bytearray,
    "memoryview": memoryview,
    "of characters": lambda data: memoryview(data).cast("c"),
    "spread": spread,
    "mmap": mapped,
    "array": lambda data: array.array("B", data),
    "numpy": lambda data: np.frombuffer(data, np.uint8),
    "numpy, every second": lambda data: np.repeat(np.frombuffer(data, np.uint8), 2)[::2],
}


@pytest.mark.parametrize("kind", BUFFERS)
def test_bytes_of_every_kind(kind: str) -> None:
    data = BUFFERS[kind](file())
    assert aecodec.info(data) == aecodec.info(file())
    assert aecodec.decode(data).tobytes() == decoded()
    assert codec().decode_picture(data, keep_going=True, partial=True).pixels.tobytes() == decoded()
    head = BUFFERS[kind](file()[:40])
    for read in (aecodec.info, aecodec.decode, read_container):
        with pytest.raises(FormatError):
            read(head)


def released() -> memoryview:
    view = memoryview(file())
    view.release()
    return view


def closed() -> mmap.mmap:
    memory = mapped(file())
    memory.close()
    return memory


class Entry:
    """A path of a class of its own, with a name in bytes."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __fspath__(self) -> bytes:
        return os.fsencode(self.path)


class Nameless:
    """A path whose class is at fault."""

    def __fspath__(self) -> str:
        raise OSError("no name")


class Arriving:
    """A stream that is read a little at a time, and not sought in."""

    def __init__(self, path: str) -> None:
        self.rest = Path(path).read_bytes()

    def read(self, size: int) -> bytes:
        """Less than was asked for."""
        part, self.rest = self.rest[:99], self.rest[99:]
        return part


def behind_a_start(path: str) -> io.BytesIO:
    """A stream that stands where the file begins, behind other bytes."""
    stream = io.BytesIO(b"other" + Path(path).read_bytes())
    stream.seek(5)
    return stream


SOURCES: dict[str, Callable[[str], Any]] = {
    "str": str,
    "Path": Path,
    "bytes path": Entry,
    "file": lambda path: io.BufferedReader(io.FileIO(path)),
    "unbuffered": io.FileIO,
    "BytesIO": behind_a_start,
    "pieces": Arriving,
    "bytearray": lambda path: bytearray(Path(path).read_bytes()),
    "memoryview": lambda path: memoryview(Path(path).read_bytes()),
}


@pytest.fixture
def names(tmp_path: Path) -> tuple[str, str]:
    """A photo's file and one of ours, whose names are no UTF-8."""
    photo_file, ours = (str(tmp_path / os.fsdecode(b"\xff." + kind)) for kind in (b"png", b"aec"))
    Image.fromarray(PIXELS).save(photo_file, "PNG")
    Path(ours).write_bytes(file())
    return photo_file, ours


@pytest.mark.parametrize("kind", SOURCES)
def test_files_of_every_kind(kind: str, names: tuple[str, str]) -> None:
    """Streams are read from where they stand, and left open."""
    used = []

    def source(path: str) -> Any:
        used.append(SOURCES[kind](path))
        return used[-1]

    photo_file, ours = names
    assert aecodec.info(source(ours)) == aecodec.info(file())
    assert codec().encode(source(photo_file), effort=0) == file()
    target = aecodec.Target(size=900)
    small = codec().encode_to(source(photo_file), target, effort=0)
    assert small == codec().encode_to(PIXELS, target, effort=0)
    for read in (aecodec.decode, codec().decode):
        assert read(source(ours)).tobytes() == decoded()
    assert codec().decode_picture(source(ours), partial=True).pixels.tobytes() == decoded()
    assert np.array_equal(read_picture(source(photo_file)).pixels, PIXELS)
    for stream in used:
        if hasattr(stream, "close"):
            assert not stream.closed and not stream.read(1)
            stream.close()


def test_a_name_is_never_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused(lambda: aecodec.info("-"), "^-: no such file")
    Path("-").write_bytes(file())
    assert aecodec.info("-") == aecodec.info(file())


class Broken:
    """A stream of somebody who raises what he likes."""

    def read(self, size: int) -> bytes:
        """Two lines."""
        raise LookupError("went\naway")


def closed_file() -> io.BytesIO:
    stream = io.BytesIO(file())
    stream.close()
    return stream


NO_FILES: list[tuple[Callable[[], Any], str]] = [
    (lambda: "none\n.aec", "^none .aec: no such file or directory$"),
    (lambda: Path("none"), "^none: no such file or directory$"),
    (lambda: "", "^: no such file or directory$"),
    (lambda: "a\0b", r"^a\\x00b: embedded null byte$"),
    (lambda: Path(), "^.: is a directory$"),
    (lambda: io.StringIO("text"), "^not a binary stream$"),
    (lambda: io.StringIO(), "^not a binary stream$"),
    (Nameless, "^not the name of a file but Nameless$"),
    (Broken, "^the stream cannot be read: went away$"),
    (closed_file, "^the stream cannot be read: I/O operation on closed file"),
]


@pytest.mark.parametrize(("make", "words"), NO_FILES)
def test_what_cannot_be_read(make: Callable[[], Any], words: str) -> None:
    for read in (aecodec.info, aecodec.decode, codec().decode_picture):
        refused(lambda read=read: read(make()), words)  # type: ignore[misc]
    for read_photo in (codec().encode, read_picture):
        with pytest.raises(aecodec.ImageError, match=words):
            read_photo(make())


def test_a_photo_s_file_over_the_limit(names: tuple[str, str]) -> None:
    refused(lambda: Codec(max_pixels=1199).encode(names[0]), "40x30 is over the limit of 1199")


NO_BYTES: dict[str, Callable[[], Any]] = {
    "NoneType": lambda: None,
    "int": lambda: 7,
    "list": lambda: [137, 65],
    "Image": lambda: Image.new("L", (1, 1)),
    "memoryview": released,
    "mmap": closed,
}


@pytest.mark.parametrize("kind", NO_BYTES)
def test_what_is_no_bytes_is_named(kind: str) -> None:
    for read in (aecodec.info, aecodec.decode, codec().decode, codec().decode_picture):
        refused(lambda read=read: read(NO_BYTES[kind]()), f"not the bytes of a file but {kind}$")  # type: ignore[misc]


@pytest.mark.parametrize("wrong", [None, True, 60.0, "60", [60], np.array([60, 61]), np.nan, 1j])
def test_settings_of_wrong_types(wrong: Any) -> None:
    for name in ("quality", "effort", "tile"):
        refused(lambda name=name: codec().encode(PIXELS, **{name: wrong}), f"{name} is an integer")  # type: ignore[misc]
    refused(lambda: Codec(max_pixels=wrong), "max_pixels is an integer")
    if wrong is not True:
        refused(lambda: codec().decode(file(), scale=wrong), "a picture is decoded at 1, 1/2")
    if wrong is not None:
        refused(lambda: codec().encode(PIXELS, tune=wrong), "tune .* unknown")
        refused(lambda: Codec(model=wrong), "a model has a name|is not installed")
        refused(lambda: codec().encode(PIXELS, on_progress=wrong), "on_progress is a function")
        refused(lambda: codec().decode(file(), region=wrong), "a region is a Box")
    refused(lambda: Codec(device=wrong), "unknown device")
    refused(lambda: codec().encode_to(PIXELS, wrong), "a target is a Target")


def test_integers_of_numpy_are_integers() -> None:
    same = codec().encode(PIXELS, np.int64(60), np.int16(1024), effort=np.uint8(0))  # type: ignore[arg-type]
    assert same == file()
    region = Box(*map(np.uint8, (2, 4, 10, 12)))  # type: ignore[arg-type]
    small = codec().decode_picture(file(), region, np.int32(2)).pixels  # type: ignore[arg-type]
    assert np.array_equal(small, codec().decode_picture(file(), Box(2, 4, 10, 12), 2).pixels)
    assert Codec(max_pixels=np.int64(1200)).decode(file()).size == (40, 30)  # type: ignore[arg-type]
    size = aecodec.Target(size=np.int64(900))  # type: ignore[arg-type]
    assert len(codec().encode_to(PIXELS, size, effort=0)) <= 900


@pytest.mark.parametrize("region", [(0, 0, 8, 8), Box(0, 0, 8.0, 8), Box(0, 0, "8", 8)])  # type: ignore[arg-type]
def test_regions_of_wrong_types(region: Any) -> None:
    refused(lambda: codec().decode(file(), region), "region")


@pytest.mark.parametrize("wrong", ["900", True, [900], 1j, np.array([900]), float("nan"), None])
def test_targets_of_wrong_types(wrong: Any) -> None:
    for name in ("size", "bpp", "psnr", "ssimulacra2"):
        refused(lambda name=name: aecodec.Target(**{name: wrong}), "target")  # type: ignore[misc]


ARRAYS: dict[str, Callable[[Any], Any]] = {
    "Fortran's order": np.asfortranarray,
    "every second": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "turned around": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
    "masked": np.ma.masked_array,
}


def test_arrays_in_memory_of_every_order() -> None:
    alpha = np.dstack([PIXELS, PIXELS[..., :1]])
    for pixels in (PIXELS, PIXELS[..., 0], alpha):
        expected = codec().encode(pixels, effort=1)
        for arranged in ARRAYS.values():
            assert codec().encode(arranged(pixels), effort=1) == expected
        fixed = pixels.copy()
        fixed.flags.writeable = False
        assert codec().encode(fixed, effort=1) == expected


def closed_image() -> Image.Image:
    image = Image.fromarray(PIXELS)
    image.close()
    return image


NO_PICTURES: list[Callable[[], Any]] = [
    lambda: None,
    lambda: PIXELS.tolist(),
    lambda: b"no photo",
    lambda: torch.zeros(8, 8, 3, dtype=torch.uint8),
    lambda: PIXELS.astype(np.float32),
    lambda: PIXELS.astype(np.uint16),
    lambda: PIXELS > 9,
    lambda: PIXELS.astype(object),
    lambda: PIXELS[:0],
    lambda: PIXELS[..., :0],
    lambda: PIXELS.ravel(),
    lambda: PIXELS[None],
    lambda: np.uint8(7),
    lambda: np.array(7, np.uint8),
    lambda: np.zeros((8, 8, 5), np.uint8),
    closed_image,
    lambda: Image.new("RGB", (0, 4)),
    lambda: Picture(PIXELS.tolist()),
    lambda: Picture(None),  # type: ignore[arg-type]
    lambda: Picture(PIXELS, alpha=[255]),  # type: ignore[arg-type]
    lambda: Picture(PIXELS, alpha=PIXELS),
    lambda: Picture(PIXELS, icc="sRGB"),  # type: ignore[arg-type]
    lambda: Picture(PIXELS, exif=Image.Exif()),  # type: ignore[arg-type]
    lambda: Picture(PIXELS, xmp=7),  # type: ignore[arg-type]
    lambda: Picture(PIXELS, notes="note"),  # type: ignore[arg-type]
    lambda: Picture(PIXELS, notes=(7,)),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("make", NO_PICTURES)
def test_what_is_no_picture(make: Callable[[], Any]) -> None:
    refused(lambda: codec().encode(make(), effort=0))


def test_metadata_as_other_bytes() -> None:
    picture = Picture(PIXELS, icc=bytearray(b"profile"), xmp=memoryview(b"<x/>"))  # type: ignore[arg-type]
    assert (picture.icc, picture.xmp) == (b"profile", b"<x/>")


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
)
def test_copies_of_a_codec_are_its_equal(again: Callable[[Codec], Codec]) -> None:
    own = Codec("s1", max_pixels=1200, exact_pixels=True)
    data = own.encode(PIXELS, effort=0)
    copied = again(own)
    assert copied.model_id == own.model_id and copied.encode(PIXELS, effort=0) == data
    refused(lambda: copied.encode(photo(41, 30)), "over the limit of 1200 pixels")


@pytest.mark.parametrize(
    "kind", [AecodecError, FormatError, aecodec.ImageError, aecodec.ModelError]
)
def test_errors_travel_between_processes(kind: type[AecodecError]) -> None:
    back = pickle.loads(pickle.dumps(kind("what went wrong")))
    assert type(back) is kind and str(back) == "what went wrong"
