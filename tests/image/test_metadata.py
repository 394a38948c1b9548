"""Colour profile, EXIF and XMP: through every format, and told of where one cannot hold them."""

import pytest
from PIL import Image

from aecodec.image.photo_file import picture_file, read_picture
from aecodec.image.picture import Picture
from tests.image.samples import ALPHA, GRAY, PIXELS, SRGB, exif, profile, written

GRAY_PROFILE = profile(b"GRAY")
WITH_METADATA = (".png", ".webp", ".jpg", ".tiff")


def tags_of(picture: Picture) -> Image.Exif:
    """The EXIF of a picture, taken apart."""
    tags = Image.Exif()
    tags.load(picture.exif or b"")
    return tags


@pytest.mark.parametrize("suffix", WITH_METADATA)
def test_metadata_comes_back(suffix: str) -> None:
    before = Picture(PIXELS, icc=b"a profile", exif=exif(), xmp="<x>\u00e9</x>".encode())
    after = read_picture(written(before, suffix))
    assert (after.icc, after.xmp) == (before.icc, before.xmp)
    if suffix != ".tiff":
        assert after.exif == before.exif


def test_exif_in_tiff_keeps_its_tags() -> None:
    after = read_picture(written(Picture(PIXELS, exif=exif()), ".tiff"))
    tags = tags_of(after)
    assert tags[271] == "Maker"
    assert tags.get_ifd(34665)[33434] == (1, 100)
    assert tags.get_ifd(34853)[1] == "N"
    assert not {256, 273, 279} & set(tags)  # width, offsets: the old file's structure
    written(after, ".jpg")


@pytest.mark.parametrize("suffix", WITH_METADATA)
def test_no_metadata_stays_none(suffix: str) -> None:
    after = read_picture(written(Picture(PIXELS), suffix))
    assert (after.icc, after.exif, after.xmp) == (None, None, None)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg"])
def test_orientation_is_kept_and_not_applied(suffix: str, orientation: int) -> None:
    after = read_picture(written(Picture(PIXELS, exif=exif(orientation)), suffix))
    assert after.exif == exif(orientation)
    assert after.pixels.shape == PIXELS.shape


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_is_upright_and_says_so(orientation: int) -> None:
    after = read_picture(written(Picture(PIXELS, exif=exif(orientation)), ".tiff"))
    assert tags_of(after).get(274, 1) == 1
    assert after.pixels.shape == ((13, 17, 3) if orientation < 5 else (17, 13, 3))


LEFT_OUT = [
    (".bmp", Picture(PIXELS, ALPHA, icc=SRGB, exif=exif(), xmp=b"<x/>"), "alpha icc exif xmp"),
    (".bmp", Picture(PIXELS, icc=b"a profile", exif=exif()), "icc exif"),
    (".ppm", Picture(PIXELS, icc=b"a profile", exif=exif()), "icc exif"),
    (".PGM", Picture(GRAY, ALPHA), "alpha"),
    (".png", Picture(PIXELS, icc=b"a profile", xmp=b"\xff"), "xmp"),  # which is no text
    (".png", Picture(PIXELS, icc=GRAY_PROFILE), "icc"),
    (".webp", Picture(GRAY, icc=GRAY_PROFILE), "icc"),  # WebP holds gray as RGB
]


@pytest.mark.parametrize("suffix, picture, names", LEFT_OUT)
def test_what_a_format_cannot_hold_is_told(suffix: str, picture: Picture, names: str) -> None:
    assert picture_file(picture, suffix)[1] == tuple(names.split())


def test_what_another_format_can_hold_comes_back() -> None:
    assert read_picture(written(Picture(GRAY, icc=GRAY_PROFILE), ".png")).icc == GRAY_PROFILE
    no_text = Picture(PIXELS, icc=b"a profile", xmp=b"\xff")
    assert read_picture(written(no_text, ".webp")).xmp == b"\xff"


LONG = {
    "exif": Picture(PIXELS, icc=SRGB, exif=exif() + bytes(70_000)),
    "xmp": Picture(PIXELS, icc=SRGB, xmp=b"<x>" + b"a" * 70_000 + b"</x>"),
    "icc": Picture(PIXELS, icc=SRGB + bytes(2**24)),
}


@pytest.mark.parametrize("name", LONG)
def test_metadata_too_long_for_jpeg_are_left_out(name: str) -> None:
    parts, left_out = picture_file(LONG[name], ".jpg")
    assert left_out == (name,)
    assert read_picture(b"".join(parts)).icc == (None if name == "icc" else SRGB)
