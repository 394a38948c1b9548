"""Pictures of other modes: exact, or converted with a note."""

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from aecodec.errors import ImageError
from aecodec.image.photo_file import read_picture
from aecodec.image.picture import Picture, from_pil, to_pil
from tests.image.samples import (
    CLEAR,
    EXACT,
    FEW_GRAY,
    FEW_RGB,
    GRAY,
    NOTED,
    NOTED_IN_MEMORY,
    PIXELS,
    RGB,
    SRGB,
    L,
    cmyk_profile,
    png,
    same,
    tiff,
)
from tests.photos import saved


@pytest.mark.parametrize("data, pixels, alpha", EXACT.values(), ids=EXACT.keys())
def test_what_is_exact_has_no_note(
    data: bytes, pixels: NDArray[np.uint8], alpha: NDArray[np.uint8] | None
) -> None:
    picture = read_picture(data)
    assert np.array_equal(picture.pixels, pixels)
    assert same(picture.alpha, alpha)
    assert picture.notes == ()


def test_a_palette_with_alpha_in_memory_is_exact() -> None:
    picture = from_pil(CLEAR)
    assert np.array_equal(np.asarray(to_pil(picture)), np.asarray(CLEAR.convert("RGBA")))
    assert picture.notes == ()


def test_a_gray_palette_with_a_profile_stays_rgb() -> None:
    picture = read_picture(saved(FEW_GRAY, "PNG", icc_profile=SRGB))
    assert picture.icc == SRGB
    assert np.array_equal(picture.pixels, np.dstack([GRAY // 64 * 64] * 3))


@pytest.mark.parametrize("data, notes", NOTED.values(), ids=NOTED.keys())
def test_what_is_changed_or_lost_is_noted(data: bytes, notes: str) -> None:
    assert "; ".join(read_picture(data).notes) == notes


@pytest.mark.parametrize("image, note", NOTED_IN_MEMORY.values(), ids=NOTED_IN_MEMORY.keys())
def test_what_is_changed_of_a_pil_image_is_noted(image: Image.Image, note: str) -> None:
    assert from_pil(image).notes == (note,)


@pytest.mark.parametrize("name", ["animated gif", "animated png", "animated webp", "pages"])
def test_the_first_frame_is_taken(name: str) -> None:
    first = FEW_RGB if name == "animated gif" else PIXELS
    assert np.array_equal(read_picture(NOTED[name][0]).pixels, first)


def test_the_first_frame_of_a_stereo_jpeg_is_taken() -> None:
    first = read_picture(saved(RGB, "JPEG")).pixels
    assert np.array_equal(read_picture(NOTED["stereo jpeg"][0]).pixels, first)


def test_1_bit_is_black_and_white() -> None:
    image = L.convert("1")
    white = np.asarray(image)
    picture = read_picture(saved(image, "PNG", transparency=0))
    assert np.array_equal(picture.pixels, white * np.uint8(255))
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, picture.pixels)


EVERY_LEVEL = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
EVERY_LEVEL_IMAGE = Image.fromarray(EVERY_LEVEL)
DEEP_GRAY: dict[str, Callable[[], Picture]] = {
    "png": lambda: read_picture(saved(EVERY_LEVEL_IMAGE, "PNG")),
    "tiff": lambda: read_picture(saved(EVERY_LEVEL_IMAGE, "TIFF")),
    "lzw tiff": lambda: read_picture(saved(EVERY_LEVEL_IMAGE, "TIFF", compression="tiff_lzw")),
    "pgm": lambda: read_picture(b"P5 256 256 65535\n" + EVERY_LEVEL.astype(">u2").tobytes()),
    "I": lambda: from_pil(Image.fromarray(EVERY_LEVEL.astype(np.int32))),
    "I;16B": lambda: from_pil(EVERY_LEVEL_IMAGE.convert("I").convert("I;16B")),
}


@pytest.mark.parametrize("read", DEEP_GRAY.values(), ids=DEEP_GRAY.keys())
def test_16_bit_gray_is_rounded(read: Callable[[], Picture]) -> None:
    assert np.array_equal(read().pixels, np.rint(EVERY_LEVEL / 257))


def test_12_bit_gray_fills_the_range() -> None:
    picture = read_picture(tiff(2, b"\xff\xf8\x00", {258: (12,), 262: (1,)}))
    assert picture.pixels.tolist() == [[255, 128]]
    assert picture.notes == ("12-bit samples were reduced to 8 bits",)


WHITE_IS_ZERO = tiff(3, struct.pack("<3H", 0, 257, 65_535), {258: (16,), 262: (0,)})
WITH_KEY = png(16, 0, [struct.pack(">3H", 1000, 1001, 1000)], 3, key=(1001,))
DEEP_SAMPLES: dict[str, tuple[bytes, list[int], list[int] | None]] = {
    "white is zero": (WHITE_IS_ZERO, [255, 254, 0], None),
    "a key of 16 bits": (WITH_KEY, [4, 4, 4], [255, 0, 255]),
    "alpha": (NOTED["16-bit gray png with alpha"][0], [ord("a")], [ord("c")]),
}


@pytest.mark.parametrize("data, gray, alpha", DEEP_SAMPLES.values(), ids=DEEP_SAMPLES.keys())
def test_16_bit_gray_of_other_kinds(data: bytes, gray: list[int], alpha: list[int] | None) -> None:
    picture = read_picture(data)
    assert picture.pixels.tolist() == [gray]
    assert alpha == (None if picture.alpha is None else picture.alpha[0].tolist())


def test_floats_are_rounded() -> None:
    assert np.array_equal(read_picture(NOTED["float"][0]).pixels, GRAY)
    assert np.array_equal(read_picture(NOTED["float levels"][0]).pixels, GRAY)
    for floats, levels in (([0, 0.499, 1], [0, 127, 255]), ([0, 7.6, 255], [0, 8, 255])):
        image = Image.fromarray(np.array([floats], np.float32))
        assert from_pil(image).pixels.tolist() == [levels]


@pytest.mark.parametrize(
    "samples, error",
    [
        (np.array([[0, np.nan]], np.float32), "infinite or not a number"),
        (np.array([[0, np.inf]], np.float32), "infinite or not a number"),
        (np.array([[-0.5, 1]], np.float32), "float samples go from -0.5 to 1"),
        (np.array([[0, 1000]], np.float32), "float samples go from 0 to 1000"),
        (np.array([[0, 65_536]], np.int32), "go from 0 to 65536; only 0 to 65535 is understood"),
        (np.array([[-1, 5]], np.int32), "samples go from -1 to 5"),
    ],
)
def test_samples_out_of_range_are_refused(samples: NDArray[Any], error: str) -> None:
    image = Image.fromarray(samples)
    with pytest.raises(ImageError, match=error):
        from_pil(image)
    with pytest.raises(ImageError, match=error):
        read_picture(saved(image, "TIFF"))


def test_cmyk_by_its_profile() -> None:
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    plain, by_profile = (
        read_picture(saved(cyan, "TIFF", **options))
        for options in ({}, {"icc_profile": cmyk_profile()})
    )
    assert plain.pixels[0, 0].tolist() == [0, 255, 255]
    red, green, blue = by_profile.pixels[0, 0].astype(int)
    assert abs(red - 185) < 3  # L* 75
    assert max(abs(red - green), abs(green - blue)) < 2
    assert by_profile.icc is None


def test_adobe_cmyk_jpeg_is_not_inverted() -> None:
    paper = saved(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG")
    assert b"Adobe" in paper
    assert read_picture(paper).pixels.min() > 250


def test_lab_is_converted() -> None:
    lab = tiff(3, bytes((255, 0, 0, 0, 0, 0, 138, 80, 67)), {258: (8,) * 3, 262: (8,), 277: (3,)})
    white, black, red = read_picture(lab).pixels[0].astype(int)
    assert white.min() > 252
    assert black.max() < 3
    assert np.abs(red - [255, 0, 0]).max() < 15
