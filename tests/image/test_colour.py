"""Colours described by numbers become a profile that says the same."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from aecodec.image.colour import PRIMARIES, SRGB, SRGB_CURVE, profile_of
from aecodec.image.photo_file import read_picture
from aecodec.image.picture import Picture, from_pil, without_metadata
from tests.chunks import chunks_of, png_file
from tests.image.beside import bmp, icc, with_chunks
from tests.image.samples import GRAY, PIXELS, RGB, L, written
from tests.image.samples import SRGB as SRGB_PROFILE
from tests.photos import saved

DISPLAY_P3 = (31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000)
P3 = (b"cHRM", struct.pack(">8I", *DISPLAY_P3))
LINEAR = (b"gAMA", struct.pack(">I", 100_000))
USUAL = (b"gAMA", struct.pack(">I", 45_455))
SRGB_XY = (b"cHRM", struct.pack(">8I", *(round(v * 1e5) for v in SRGB)))
IS_SRGB = (b"sRGB", b"\0")


def cicp(*points: int) -> tuple[bytes, bytes]:
    return b"cICP", bytes(points)


def in_srgb(picture: Picture) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """What a viewer shows of a picture with a profile."""
    assert picture.icc is not None
    profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.icc))
    target = ImageCms.createProfile("sRGB")
    shown = ImageCms.profileToProfile(
        Image.fromarray(picture.pixels), profile, target, outputMode="RGB"
    )
    return np.asarray(shown)


def test_the_profile_of_srgb_is_srgb() -> None:
    assert np.array_equal(in_srgb(Picture(PIXELS, icc=profile_of(SRGB, SRGB_CURVE, False))), PIXELS)


def test_linear_light_is_shown_as_such() -> None:
    """IEC 61966-2-1: 1.055 x^(1/2.4) - 0.055 of linear x."""
    for data in (with_chunks(LINEAR), with_chunks(cicp(1, 8, 0, 1))):
        picture = read_picture(data)
        assert np.array_equal(picture.pixels, PIXELS)
        linear = PIXELS / 255
        wanted = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        assert np.abs(in_srgb(picture) - 255 * wanted).max() <= 1.01
        assert picture.notes == ()


def test_linear_gray() -> None:
    head, *rest, _ = chunks_of(saved(L, "PNG"), 8)
    picture = read_picture(png_file([head, LINEAR, *rest]))
    assert np.array_equal(picture.pixels, GRAY)
    bright = (GRAY > 5) & (GRAY < 250)
    assert (in_srgb(picture)[bright, 0] > GRAY[bright]).all()
    assert written(picture, ".png")


def test_display_p3_is_wider_than_srgb() -> None:
    """CSS Color 4: the green of sRGB is 117, 251, 76 of Display P3."""
    green = Image.new("RGB", (1, 1), (117, 251, 76))
    head, *rest, _ = chunks_of(saved(green, "PNG"), 8)
    for chunks in ([USUAL, P3], [cicp(12, 13, 0, 1)]):
        shown = in_srgb(read_picture(png_file([head, *chunks, *rest])))
        assert (
            np.abs(shown.astype(int) - (0, 255, 0)).max() <= 12
        )  # a power of 2.2 is not quite its curve


USUAL_COLOURS = {
    "gamma": [USUAL],
    "gamma and primaries": [USUAL, SRGB_XY],
    "sRGB before gamma": [IS_SRGB, LINEAR],
    "sRGB before primaries": [IS_SRGB, USUAL, P3],
    "code points": [cicp(1, 13, 0, 1), LINEAR],
}


@pytest.mark.parametrize("chunks", USUAL_COLOURS.values(), ids=USUAL_COLOURS.keys())
def test_srgb_needs_no_profile(chunks: list[tuple[bytes, bytes]]) -> None:
    picture = read_picture(with_chunks(*chunks))
    assert (picture.icc, picture.notes) == (None, ())


def test_a_profile_comes_before_gamma() -> None:
    assert read_picture(with_chunks(icc(SRGB_PROFILE), LINEAR)).icc == SRGB_PROFILE


TAKEN_FOR_SRGB = {
    "PQ": ([cicp(9, 16, 0, 1)], "it is HDR, PQ (cICP 9/16/0/1), and was read as sRGB"),
    "HLG": ([cicp(9, 18, 0, 1)], "it is HDR, HLG (cICP 9/18/0/1), and was read as sRGB"),
    "unknown": ([cicp(1, 77, 0, 1)], "its colours, cICP 1/77/0/1, were read as sRGB"),
    "narrow range": ([cicp(1, 13, 0, 0)], "its colours, cICP 1/13/0/0, were read as sRGB"),
    "no gamma": (
        [(b"gAMA", bytes(4))],
        "its colours make no sense and were read as sRGB",
    ),
    "no white": (
        [(b"cHRM", bytes(32))],
        "its colours make no sense and were read as sRGB",
    ),
    "one line of primaries": (
        [(b"cHRM", struct.pack(">8I", *(31_270, 32_900) * 4))],
        "its colours make no sense and were read as sRGB",
    ),
}


@pytest.mark.parametrize("chunks, note", TAKEN_FOR_SRGB.values(), ids=TAKEN_FOR_SRGB.keys())
def test_what_no_profile_can_say_is_told(chunks: list[tuple[bytes, bytes]], note: str) -> None:
    picture = read_picture(with_chunks(*chunks))
    assert (picture.icc, picture.notes) == (None, (note,))


def test_every_code_point_makes_a_profile() -> None:
    for xy in PRIMARIES.values():
        ImageCms.ImageCmsProfile(io.BytesIO(profile_of(xy, SRGB_CURVE, False) or b""))


def test_an_image_in_memory_keeps_its_gamma() -> None:
    image = Image.open(io.BytesIO(with_chunks(LINEAR)))
    assert from_pil(image.convert("RGB")).icc == read_picture(with_chunks(LINEAR)).icc


@pytest.mark.parametrize("value", [None, "x", (1,), 5, ("a",) * 8, [float("nan")] * 8])
def test_whatever_stands_in_an_image_s_info(value: object) -> None:
    image = RGB.copy()
    for key in ("gamma", "chromaticity", "dpi", "aspect", "photoshop"):
        image.info[key] = value
    assert np.array_equal(from_pil(image).pixels, PIXELS)


def test_a_profile_in_a_bmp_is_kept() -> None:
    picture = read_picture(bmp(b"DEBM", profile=SRGB_PROFILE))
    assert np.array_equal(picture.pixels, PIXELS)
    assert (picture.icc, picture.notes) == (SRGB_PROFILE, ())


def ends(*points: float, gamma: float = 0) -> bytes:
    """End points of a BMP, and one gamma for all channels."""
    return struct.pack("<9i3I", *(round(v * 2**30) for v in points), *(round(gamma * 65_536),) * 3)


AS_XYZ = (0.4124, 0.2126, 0.0193, 0.3576, 0.7152, 0.1192, 0.1805, 0.0722, 0.9505)
AS_XY = (0.64, 0.33, 0.03, 0.30, 0.60, 0.10, 0.15, 0.06, 0.79)


@pytest.mark.parametrize("points", [AS_XYZ, AS_XY])
def test_a_calibrated_bmp(points: tuple[float, ...]) -> None:
    for gamma in (0, 2.2):
        picture = read_picture(bmp(bytes(4), ends(*points, gamma=gamma)))
        assert (picture.icc, picture.notes) == (None, ())
    linear = read_picture(bmp(bytes(4), ends(*points, gamma=1)))
    assert (
        np.abs(in_srgb(linear).astype(int) - in_srgb(read_picture(with_chunks(LINEAR)))).max() < 3
    )


def test_colours_of_a_bmp_that_are_not_kept_are_told() -> None:
    note = ("colours that its header describes were read as sRGB",)
    assert read_picture(bmp(b"KNIL")).notes == note
    senseless = read_picture(bmp(bytes(4), ends=b"\1"))
    assert senseless.notes == ("its colours make no sense and were read as sRGB",)
    assert read_picture(bmp(b"BGRs")).notes == read_picture(bmp(bytes(4))).notes == ()


def test_adobe_rgb_by_exif_alone_is_told_where_exif_goes() -> None:
    tags = Image.Exif()
    tags[34665] = {40965: {1: "R03"}}
    exif = tags.tobytes().removeprefix(b"Exif\0\0")
    note = "EXIF said that its colours are Adobe RGB: they will be read as sRGB"
    assert without_metadata(Picture(PIXELS, exif=exif)).notes == (note,)
