"""Pictures in memory: from PIL images, arrays and back, and without their metadata."""

from typing import Any

import numpy as np
import pytest
from PIL import ImageOps

from aecodec.errors import ImageError
from aecodec.format.box import Box
from aecodec.image.picture import (
    Picture,
    as_picture,
    as_stored,
    from_pil,
    small,
    to_pil,
    without_metadata,
)
from tests.image.samples import ALPHA, KINDS, PIXELS, RGB, SRGB, exif, profile, same


def test_pil_and_back() -> None:
    before = Picture(PIXELS, icc=b"a profile", exif=exif(), xmp=b"<x/>")
    image = to_pil(before)
    assert image.info["exif"] == b"Exif\0\0" + exif()
    after = from_pil(image)
    assert np.array_equal(after.pixels, PIXELS)
    assert (after.icc, after.exif, after.xmp) == (before.icc, before.exif, before.xmp)


@pytest.mark.parametrize("mode", KINDS)
def test_every_mode_to_pil_and_back(mode: str) -> None:
    image = to_pil(KINDS[mode])
    assert image.mode == mode
    after = from_pil(image)
    assert np.array_equal(after.pixels, KINDS[mode].pixels)
    assert same(after.alpha, KINDS[mode].alpha)


def test_whatever_a_caller_has() -> None:
    picture = Picture(PIXELS)
    assert as_picture(picture) is picture
    assert np.array_equal(as_picture(RGB).pixels, PIXELS)
    assert np.array_equal(as_picture(PIXELS).pixels, PIXELS)


@pytest.mark.parametrize("mode", KINDS)
def test_arrays_of_one_to_four_channels(mode: str) -> None:
    after = as_picture(np.asarray(to_pil(KINDS[mode])))
    assert np.array_equal(after.pixels, KINDS[mode].pixels)
    assert same(after.alpha, KINDS[mode].alpha)


@pytest.mark.parametrize(
    "thing",
    [
        "photo.png",
        PIXELS[0, 0],
        PIXELS[:, :, :1],
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((4, 4, 4, 3), np.uint8),
        PIXELS.astype(np.float32),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((0, 4), np.uint8),
    ],
)
def test_whatever_else_is_refused(thing: Any) -> None:
    with pytest.raises(ImageError):
        as_picture(thing)


@pytest.mark.parametrize("alpha", [ALPHA[1:], PIXELS, ALPHA.astype(bool)])
def test_alpha_of_another_shape_or_type_is_refused(alpha: Any) -> None:
    with pytest.raises(ImageError, match="cannot be alpha of 17x13 pixels"):
        Picture(PIXELS, alpha)


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("mode", KINDS)
def test_without_metadata_is_upright(mode: str, tag: int) -> None:
    kind = KINDS[mode]
    before = Picture(kind.pixels, kind.alpha, exif=exif(tag), xmp=b"<x/>", notes=("a note",))
    after = without_metadata(before)
    upright = ImageOps.exif_transpose(to_pil(before))
    assert np.array_equal(np.asarray(to_pil(after)), np.asarray(upright))
    assert (after.icc, after.exif, after.xmp, after.notes) == (None, None, None, ("a note",))


@pytest.mark.parametrize(
    "damaged", [b"noise", exif(6)[:20], exif(9), exif(0), b"MM\0*\xff\xff\xff\xff", None]
)
def test_without_metadata_damaged_exif_is_upright(damaged: bytes | None) -> None:
    assert np.array_equal(without_metadata(Picture(PIXELS, exif=damaged)).pixels, PIXELS)


@pytest.mark.parametrize(
    "icc, told", [(None, False), (SRGB, False), (profile(b"RGB "), True), (b"a profile", True)]
)
def test_without_metadata_tells_of_a_profile(icc: bytes | None, told: bool) -> None:
    note = "the colour profile was dropped: colours will be read as sRGB"
    assert without_metadata(Picture(PIXELS, icc=icc)).notes == ((note,) if told else ())


@pytest.mark.parametrize("tag", range(1, 9))
def test_a_box_as_shown_is_one_as_stored(tag: int) -> None:
    picture = Picture(PIXELS, exif=exif(tag))
    shown = without_metadata(picture).pixels
    for box in (Box(2, 3, 7, 11), Box(0, 0, *shown.shape[:2]), Box(12, 12, 13, 13)):
        stored = as_stored(box, tag, PIXELS.shape[1], PIXELS.shape[0])
        part = Picture(PIXELS[stored.pixel_slices()].copy(), exif=exif(tag))
        assert np.array_equal(without_metadata(part).pixels, shown[box.pixel_slices()])


def test_a_thumbnail_mixes_no_hidden_colours() -> None:
    """Bright cells that are seen, dark ones that are not."""
    bright = (np.indices((64, 64)).sum(0) // 3 % 2).astype(np.uint8)
    for pixels in (bright * 255, np.dstack([bright * 255] * 3)):
        thumbnail = small(Picture(pixels, bright * 255), 20)
        assert thumbnail.alpha is not None
        assert thumbnail.pixels[thumbnail.alpha > 8].min() > 250
