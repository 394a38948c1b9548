"""JPEG XL: headers, pixels, metadata in atoms, and JPEG files that come back whole."""

import io
import sys
from typing import Any

import numpy as np
import pytest
from imagecodecs import brotli_encode, jpegxl_encode, jpegxl_encode_jpeg
from numpy.typing import NDArray
from PIL import ImageCms

from aecodec.errors import ImageError
from aecodec.image.jxl import _decoder, head_of
from aecodec.image.photo_file import read_picture
from aecodec.image.picture import Picture, without_metadata
from aecodec.image.psnr import psnr
from tests.image.beside import atom
from tests.image.samples import ALPHA, GRAY, PIXELS, RGB, exif, same
from tests.photos import photo, saved

PHOTO = photo(24, 40)


def jxl(samples: NDArray[Any], **more: Any) -> bytes:
    """A codestream, or a file of atoms where the codec needs one."""
    return bytes(jpegxl_encode(samples, **more))


LOSSY = jxl(PHOTO, level=99)
LOSSLESS = jxl(PIXELS, lossless=True)


def container(codestream: bytes, *more: bytes) -> bytes:
    """A file of atoms; the codestream comes in two parts."""
    head = atom(b"JXL ", b"\r\n\x87\n") + atom(b"ftyp", b"jxl \0\0\0\0jxl ")
    parts = atom(b"jxlp", bytes(4) + codestream[:20])
    parts += atom(b"jxlp", b"\x80\0\0\1" + codestream[20:])
    return head + b"".join(more) + parts


def turned(codestream: bytes, turn: int) -> bytes:
    """The same with an orientation. What is all by default in its header is spelled out for that.

    Its size takes 14 bits; then come one for the metadata and one for transforms, both by default.
    """
    value = int.from_bytes(codestream[2:4], "little")
    assert value >> 14 == 3
    fields = [(0, 1), (1, 1), (turn - 1, 3), (0, 3)]  # not default, extra: orientation
    fields += [(0, 1), (0, 2), (1, 1), (0, 2), (1, 1), (1, 1), (1, 1), (0, 2), (1, 1)]
    value, bits = value & 0x3FFF, 14
    for field, count in fields:
        value, bits = value | field << bits, bits + count
    return codestream[:2] + value.to_bytes(-(-bits // 8), "little") + codestream[4:]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_and_alpha_are_read(channels: int) -> None:
    samples = np.dstack([PIXELS, ALPHA])[..., :channels].squeeze().copy()
    picture = read_picture(jxl(samples, lossless=True))
    assert np.array_equal(picture.pixels, PIXELS if channels > 1 else GRAY)
    assert same(picture.alpha, ALPHA if channels == 4 else None)
    assert (picture.icc, picture.exif, picture.xmp, picture.notes) == (None, None, None, ())


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_picture_is_turned_once(turn: int) -> None:
    """By the codestream; EXIF, which says the same, then no longer does."""
    data = container(turned(LOSSY, turn), atom(b"Exif", bytes(4) + exif(turn)))
    picture = read_picture(data)
    upright = without_metadata(Picture(PHOTO, exif=exif(turn))).pixels
    assert picture.pixels.shape == upright.shape and psnr(picture.pixels, upright) > 30
    assert picture.exif == exif(1)


@pytest.mark.parametrize("offset", [bytes(4), b""], ids=["offset", "none, as pillow-jxl-plugin"])
@pytest.mark.parametrize("compressed", [False, True])
def test_exif_and_xmp_are_kept(compressed: bool, offset: bytes) -> None:
    kept = {b"Exif": offset + exif(), b"xml ": b"<x/>"}
    atoms = [
        atom(b"brob", kind + brotli_encode(body)) if compressed else atom(kind, body)
        for kind, body in kept.items()
    ]
    picture = read_picture(container(LOSSLESS, *atoms))
    assert (picture.exif, picture.xmp, picture.notes) == (exif(), b"<x/>", ())
    assert np.array_equal(picture.pixels, PIXELS)


@pytest.mark.parametrize("packed", [brotli_encode(bytes(2**25)), b"noise"])
def test_damage_and_bombs_beside_the_pixels_do_not_block(packed: bytes) -> None:
    picture = read_picture(container(LOSSLESS, atom(b"brob", b"xml " + packed)))
    assert picture.xmp is None and np.array_equal(picture.pixels, PIXELS)
    assert picture.notes == ("XMP is damaged or over 16 MiB and was left out",)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deep_samples_are_rounded_and_told(bits: int) -> None:
    samples = np.rint(GRAY * ((2**bits - 1) / 255)).astype(np.uint16)
    data = jxl(samples, lossless=True, bitspersample=bits)
    picture = read_picture(data)
    assert np.array_equal(picture.pixels, GRAY)
    assert picture.notes == (f"{bits}-bit samples were reduced to 8 bits",)


def test_colours_come_as_a_profile() -> None:
    """Deep samples are linear, as this writer has them."""
    picture = read_picture(jxl(PIXELS.astype(np.uint16) * 257, lossless=True))
    assert picture.icc is not None
    assert "Lin" in ImageCms.getProfileDescription(io.BytesIO(picture.icc))


def test_float_samples_are_read() -> None:
    picture = read_picture(jxl((GRAY / 255).astype(np.float32), lossless=True))
    assert np.array_equal(picture.pixels, GRAY)


def test_the_first_frame_of_an_animation() -> None:
    picture = read_picture(jxl(np.stack([PIXELS, PIXELS[::-1]]), lossless=True))
    assert np.array_equal(picture.pixels, PIXELS)
    assert picture.notes == ("further frames were left out",)
    head = head_of(jxl(np.stack([PIXELS, PIXELS]), lossless=True))
    assert head.animated and head.plain
    gray = read_picture(jxl(np.stack([GRAY, GRAY])[..., None], lossless=True))
    assert gray.notes[1:] == ("colours of an animation are read as sRGB",)


def test_what_makes_a_jpeg_file_is_damaged() -> None:
    with pytest.raises(ImageError, match="^cannot read this picture: damaged or cut$"):
        read_picture(container(LOSSY, atom(b"brob", b"jbrd" + b"no brotli")))


def test_more_channels_than_pictures_have() -> None:
    fields = (1, 1), (0, 5), (1, 3), (0, 5), (1, 1), (3, 2), (200, 12)  # 8x8, 8 bits, 1 + 200
    bits = "".join(f"{value:0{count}b}"[::-1] for value, count in fields)
    head = int(bits[::-1], 2).to_bytes(8, "little")
    with pytest.raises(ImageError, match="^JPEG XL with 201 channels beside its colours"):
        read_picture(b"\xff\x0a" + head + bytes(60))


def test_a_jpeg_file_comes_back_whole() -> None:
    jpeg = saved(RGB, "JPEG", exif=b"Exif\0\0" + exif(6), comment=b"words")
    found, wanted = read_picture(bytes(jpegxl_encode_jpeg(jpeg))), read_picture(jpeg)
    assert np.array_equal(found.pixels, wanted.pixels)
    assert (found.exif, found.notes) == (wanted.exif, wanted.notes) == (exif(6), wanted.notes)


@pytest.mark.parametrize(
    "width, height", [(8, 8), (256, 256), (300, 300), (400, 300), (7, 513), (9000, 1), (1, 200_000)]
)
def test_the_header_tells_the_size(width: int, height: int) -> None:
    data = jxl(np.zeros((height, width), np.uint8), effort=1)
    assert head_of(data)[:4] == (width, height, 8, False)


def test_no_more_pixels_than_allowed() -> None:
    huge = b"\xff\x0a" + (3 << 1 | 59_999 << 3 | 1 << 33).to_bytes(5, "little") + bytes(20)
    for data in (huge, container(huge)):
        with pytest.raises(ImageError, match="^60000x60000 is over the limit"):
            read_picture(data)


@pytest.mark.parametrize(
    "data", [LOSSY, LOSSLESS, container(LOSSY)], ids=["lossy", "lossless", "atoms"]
)
def test_every_cut_is_refused(data: bytes) -> None:
    for end in range(2, len(data) - 1, len(data) // 40):
        with pytest.raises(ImageError) as caught:
            read_picture(data[:end])
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "missing, data",
    [("pillow_jxl", LOSSY), ("imagecodecs", jxl(np.stack([PIXELS, PIXELS])))],
)
def test_without_the_libraries(missing: str, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    _decoder.cache_clear()
    with pytest.raises(ImageError) as caught:
        read_picture(data)
    assert str(caught.value) == (
        "is a JPEG XL file: reading it takes pip install 'aecodec[formats]'"
    )
    _decoder.cache_clear()
