"""GIF and WebP files: what lies beside and behind their pixels."""

import numpy as np
import pytest

from aecodec.image.gif import read_gif
from aecodec.image.photo_file import read_picture
from tests.image.samples import FEW, FEW_RGB, PIXELS, RGB, SRGB
from tests.photos import saved

GIF = saved(FEW, "GIF")
XMP = b"<x:xmpmeta>" + b"words " * 99 + b"</x:xmpmeta>"


def with_application(name: bytes, body: bytes) -> bytes:
    table = 13 + 3 * 2 ** ((GIF[10] & 7) + 1)
    return GIF[:table] + b"\x21\xff\x0b" + name + body + GIF[table:]


def blocks(data: bytes) -> bytes:
    parts = [data[at : at + 255] for at in range(0, len(data), 255)]
    return b"".join(bytes((len(part),)) + part for part in parts) + b"\0"


def test_xmp_and_profile_of_a_gif_are_kept() -> None:
    tail = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    picture = read_picture(with_application(b"XMP DataXMP", XMP + tail))
    assert picture.xmp == XMP
    picture = read_picture(with_application(b"ICCRGBG1012", blocks(SRGB)))
    assert picture.icc == SRGB and picture.notes == ()
    assert np.array_equal(picture.pixels, FEW_RGB)


def test_the_end_of_a_gif() -> None:
    assert read_gif(GIF) == ({}, len(GIF))
    for cut in range(len(GIF)):
        assert read_gif(GIF[:cut])[1] is None


@pytest.mark.parametrize("data", [GIF, saved(RGB, "WEBP", lossless=True)])
def test_what_is_behind_is_told(data: bytes) -> None:
    assert read_picture(data + b"any").notes == ("3 bytes behind the picture were left out",)
    assert read_picture(data + bytes(3)).notes == ()
    assert read_picture(data).pixels.shape == PIXELS.shape
