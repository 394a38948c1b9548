"""JPEG 2000: depths that Pillow reads wrong, colours, and metadata in atoms that it overlooks."""

import struct
import sys
from typing import Any

import numpy as np
import pytest
from imagecodecs import jpeg2k_encode
from numpy.typing import NDArray
from PIL import Image

from aecodec.errors import ImageError
from aecodec.image.photo_file import read_picture
from tests.image.beside import atom
from tests.image.samples import ALPHA, GRAY, KINDS, PIXELS, RGB, SRGB, exif, same
from tests.photos import saved

JP2 = saved(RGB, "JPEG2000", irreversible=False)
EXIF = b"JpgTiffExif->JP2"
XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")


def j2k(samples: NDArray[Any], **more: Any) -> bytes:
    """A lossless file of samples [H, W, ...] of 8 or 16 bits."""
    return bytes(jpeg2k_encode(samples, level=0, reversible=True, **more))


def with_colr(body: bytes) -> bytes:
    """The file with other colours."""
    ihdr = JP2[JP2.index(b"ihdr") - 4 :][:22]
    start, end = JP2.index(b"jp2h") - 4, JP2.index(b"jp2c") - 4
    return JP2[:start] + atom(b"jp2h", ihdr + atom(b"colr", body)) + JP2[end:]


@pytest.mark.parametrize("mode", KINDS)
@pytest.mark.parametrize("no_jp2", [False, True])
def test_pixels_and_alpha_are_read(mode: str, no_jp2: bool) -> None:
    image = Image.fromarray(np.dstack([PIXELS, ALPHA])).convert(mode)
    picture = read_picture(saved(image, "JPEG2000", no_jp2=no_jp2))
    wanted = np.asarray(image)
    found = picture.pixels
    if picture.alpha is not None:
        found = np.dstack([found, picture.alpha])
    assert np.array_equal(found, wanted) and picture.notes == ()


@pytest.mark.parametrize("container", ["jp2", "j2k"])
@pytest.mark.parametrize("bits", [1, 4, 7, 9, 12, 16])
@pytest.mark.parametrize("pixels", [GRAY, PIXELS], ids=["gray", "RGB"])
def test_samples_of_any_depth(bits: int, pixels: NDArray[np.uint8], container: str) -> None:
    """White stays white, which Pillow turns to black."""
    pixels = pixels.copy()
    pixels[:4] = 255
    top = 2**bits - 1
    samples = np.rint(pixels * (top / 255)).astype(np.uint8 if bits < 9 else np.uint16)
    data = j2k(samples, bitspersample=bits, codecformat=container)
    picture = read_picture(data)
    assert np.array_equal(picture.pixels, np.rint(samples * (255 / top)))
    assert picture.notes == ((f"{bits}-bit samples were reduced to 8 bits",) if bits > 8 else ())


def test_samples_deeper_than_they_are_rounded_right() -> None:
    samples = PIXELS.astype(np.uint32)
    right = read_picture(j2k(samples << 16 | samples << 8 | samples, bitspersample=24))
    assert np.array_equal(right.pixels, PIXELS)
    with pytest.raises(ImageError, match="over 24 bits"):
        read_picture(j2k(samples << 17, bitspersample=25))


def test_profile_exif_and_xmp_are_kept() -> None:
    atoms = ((EXIF, exif(6)), (XMP, b"<x/>"), (IPTC, b"words"))
    more = b"".join(atom(b"uuid", name + body) for name, body in atoms) + atom(b"xml ", b"<y/>")
    picture = read_picture(with_colr(b"\2\0\0" + SRGB) + more)
    assert (picture.icc, picture.exif, picture.xmp) == (SRGB, exif(6), b"<x/>")
    assert np.array_equal(picture.pixels, PIXELS)
    assert picture.notes == ("IPTC was left out", "XML was left out")


@pytest.mark.parametrize("space, told", [(16, False), (21, True)])
def test_colours_by_number(space: int, told: bool) -> None:
    notes = read_picture(with_colr(b"\1\0\0" + struct.pack(">I", space))).notes
    assert notes == (("its colour space, number 21, was read as sRGB",) if told else ())


def test_palettes_are_looked_up() -> None:
    index = (GRAY % 3).astype(np.uint8)
    colours = bytes(range(9))
    data = saved(Image.fromarray(index), "JPEG2000", irreversible=False)
    palette = atom(b"pclr", b"\0\3\3\7\7\7" + colours)
    palette += atom(b"cmap", b"\0\0\1\0\0\0\1\1\0\0\1\2")
    place = data.index(b"jp2c") - 4
    start, header = data.index(b"jp2h") - 4, data[data.index(b"jp2h") + 4 : place]
    header = header.replace(b"colr\1\0\0\0\0\0\x11", b"colr\1\0\0\0\0\0\x10")
    data = data[:start] + atom(b"jp2h", header + palette) + data[place:]
    wanted = np.frombuffer(colours, np.uint8).reshape(3, 3)[index]
    assert np.array_equal(read_picture(data).pixels, wanted)


def test_ycc_becomes_rgb() -> None:
    gray = np.dstack([GRAY, np.full_like(PIXELS[..., 1:], 128)])
    samples = j2k(gray, mct=False, colorspace="SYCC")
    assert np.array_equal(read_picture(samples).pixels, np.dstack([GRAY] * 3))


def test_a_comment_of_the_photo_is_told() -> None:
    assert read_picture(saved(RGB, "JPEG2000", comment="a word")).notes == (
        "a comment was left out",
    )


def test_no_more_pixels_than_allowed() -> None:
    """By either of two places that tell the size."""
    for place in (JP2.index(b"ihdr") + 4, JP2.index(b"\xff\x4f\xff\x51") + 8):
        data = JP2[:place] + struct.pack(">II", 60_000, 60_000) + JP2[place + 8 :]
        with pytest.raises(ImageError, match="^60000x60000 is over the limit"):
            read_picture(data)


def test_every_cut_is_refused() -> None:
    for end in range(1, len(JP2) - 20, 7):
        with pytest.raises(ImageError):
            read_picture(JP2[:end])


def test_deep_colours_without_imagecodecs(monkeypatch: pytest.MonkeyPatch) -> None:
    data = j2k(PIXELS.astype(np.uint16) * 257)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(ImageError) as caught:
        read_picture(data)
    text = "is a JPEG 2000 file of 16-bit samples: reading it takes pip install 'aecodec[formats]'"
    assert str(caught.value) == text
    assert same(read_picture(JP2).pixels, PIXELS)
