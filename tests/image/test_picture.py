"""picture.py and metadata.py: photos of every kind in and out, none changed without a note."""

import contextlib
import io
import math
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from aecodec.errors import ImageError
from aecodec.format.constants import MAX_SIDE
from aecodec.image.picture import (
    Picture,
    as_picture,
    from_pil,
    jpeg_psnr,
    output_format,
    psnr,
    read_picture,
    to_pil,
    without_metadata,
    write_picture,
)

PIXELS = np.random.default_rng(0).integers(0, 256, (13, 17, 3), dtype=np.uint8)
GRAY = PIXELS[:, :, 0].copy()
ALPHA = PIXELS[::-1, :, 1].copy()
ALPHA[:2] = 0
KINDS = {
    "L": Picture(GRAY),
    "LA": Picture(GRAY, ALPHA),
    "RGB": Picture(PIXELS),
    "RGBA": Picture(PIXELS, ALPHA),
}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LOSSLESS = (".png", ".webp", ".tiff", ".tif", ".ppm", ".bmp")
WITH_METADATA = (".png", ".webp", ".jpg", ".tiff")


def exif(orientation: int = 1) -> bytes:
    """An EXIF stream with a sub-folder, as cameras write it."""
    tags = Image.Exif()
    tags[271] = "Maker"
    tags[274] = orientation
    tags[34665] = {33434: (1, 100)}  # exposure time
    tags[34853] = {1: "N"}  # latitude
    return tags.tobytes().removeprefix(b"Exif\0\0")


def tags_of(picture: Picture) -> Image.Exif:
    """The EXIF of a picture, taken apart."""
    tags = Image.Exif()
    tags.load(picture.exif or b"")
    return tags


def profile(space: bytes) -> bytes:
    """The head of a colour profile for "RGB ", "GRAY" or "CMYK", with nothing behind it."""
    return SRGB[:16] + space + SRGB[20:128]


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    """The bytes of a PIL image in a format."""
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def written(picture: Picture, suffix: str) -> bytes:
    """The bytes that write_picture writes."""
    stream = io.BytesIO()
    assert write_picture(picture, stream, suffix) == ()
    return stream.getvalue()


def same(a: NDArray[np.uint8] | None, b: NDArray[np.uint8] | None) -> bool:
    """Whether two arrays, or two absences, are the same."""
    return a is b if a is None or b is None else np.array_equal(a, b)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_pixels_come_back(suffix: str) -> None:
    assert np.array_equal(read_picture(written(Picture(PIXELS), suffix)).pixels, PIXELS)


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp"])
@pytest.mark.parametrize("mode", KINDS)
def test_gray_and_alpha_come_back(mode: str, suffix: str) -> None:
    before = KINDS[mode]
    after = read_picture(written(before, suffix))
    if suffix == ".webp" and before.gray:  # which WebP holds as RGB
        assert after.pixels.ndim == 3
        assert np.array_equal(after.pixels, np.dstack([before.pixels] * 3))
    else:
        assert np.array_equal(after.pixels, before.pixels)
    assert same(after.alpha, before.alpha)
    assert after.notes == ()


@pytest.mark.parametrize("suffix", [".jpg", ".ppm", ".bmp"])
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_left_out_is_told(mode: str, suffix: str) -> None:
    stream = io.BytesIO()
    assert write_picture(KINDS[mode], stream, suffix) == ("alpha",)
    after = read_picture(stream.getvalue())
    assert after.alpha is None
    assert after.gray == (mode == "LA" and suffix != ".ppm")


def test_all_that_is_left_out_is_told() -> None:
    picture = Picture(PIXELS, ALPHA, icc=SRGB, exif=exif(), xmp=b"<x/>")
    assert write_picture(picture, io.BytesIO(), ".bmp") == ("alpha", "icc", "exif", "xmp")


def test_pgm_is_gray_and_ppm_is_rgb() -> None:
    assert np.array_equal(read_picture(written(Picture(GRAY), ".pgm")).pixels, GRAY)
    assert write_picture(Picture(GRAY, ALPHA), io.BytesIO(), ".PGM") == ("alpha",)
    assert written(Picture(GRAY), ".pgm").startswith(b"P5")
    ppm = written(Picture(GRAY), ".ppm")
    assert ppm.startswith(b"P6")
    assert np.array_equal(read_picture(ppm).pixels, np.dstack([GRAY] * 3))
    with pytest.raises(ImageError, match="is RGB and .pgm holds gray only"):
        write_picture(Picture(PIXELS), io.BytesIO(), ".pgm")


def test_a_gray_profile_does_not_go_with_rgb() -> None:
    gray = Picture(GRAY, icc=profile(b"GRAY"))
    assert read_picture(written(gray, ".png")).icc == profile(b"GRAY")
    assert write_picture(gray, io.BytesIO(), ".webp") == ("icc",)
    assert write_picture(Picture(PIXELS, icc=profile(b"GRAY")), io.BytesIO(), ".png") == ("icc",)


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 3)])
def test_jpeg_comes_back_nearly(shape: tuple[int, ...]) -> None:
    smooth = np.full(shape, 90, np.uint8)
    assert psnr(read_picture(written(Picture(smooth), ".JPG")).pixels, smooth) > 40


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


@pytest.mark.parametrize("suffix", [".ppm", ".bmp"])
def test_what_a_format_cannot_hold_is_told(suffix: str) -> None:
    picture = Picture(PIXELS, icc=b"a profile", exif=exif())
    assert write_picture(picture, io.BytesIO(), suffix) == ("icc", "exif")


def test_xmp_that_is_no_text_is_told_for_png() -> None:
    picture = Picture(PIXELS, icc=b"a profile", xmp=b"\xff")
    assert write_picture(picture, io.BytesIO(), ".png") == ("xmp",)
    assert read_picture(written(picture, ".webp")).xmp == b"\xff"


def test_metadata_too_long_for_jpeg_is_an_error() -> None:
    with pytest.raises(ImageError, match="^cannot write JPEG: "):
        write_picture(Picture(PIXELS, exif=bytes(70_000)), io.BytesIO(), ".jpg")


def test_paths_streams_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    write_picture(Picture(PIXELS), path, ".png")
    assert list(tmp_path.iterdir()) == [path]
    with path.open("rb") as stream:
        for source in (path, str(path), stream, path.read_bytes()):
            assert np.array_equal(read_picture(source).pixels, PIXELS)


def png(bits: int, kind: int, rows: list[bytes], width: int, key: tuple[int, ...] = ()) -> bytes:
    """A PNG of any bits and colour type, with a transparent colour, as Pillow cannot write it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + crc

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(rows), bits, kind, 0, 0, 0))
        + (chunk(b"tRNS", struct.pack(f">{len(key)}H", *key)) if key else b"")
        + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
        + chunk(b"IEND", b"")
    )


def tiff(width: int, data: bytes, more: dict[int, tuple[int, ...]]) -> bytes:
    """A TIFF of one row, whose tags are all shorts, as Pillow cannot write it."""
    tags = {256: (width,), 257: (1,), 259: (1,), 273: (8,), 278: (1,), 279: (len(data),)} | more
    data += bytes(len(data) % 2)
    end = 8 + len(data) + 2 + 12 * len(tags) + 4
    table = long_values = b""
    for tag, values in sorted(tags.items()):
        value = struct.pack(f"<{len(values)}H", *values)
        if len(value) > 4:
            value, long_values = struct.pack("<I", end + len(long_values)), long_values + value
        table += struct.pack("<HHI", tag, 3, len(values)) + value.ljust(4, b"\0")
    head = b"II*\0" + struct.pack("<I", 8 + len(data)) + data
    return head + struct.pack("<H", len(tags)) + table + bytes(4) + long_values


def cmyk_profile() -> bytes:
    """The least that LittleCMS takes: each of the four inks alone makes a gray of L* = 75."""
    grid = b"".join(bytes((255 * (4 - n.bit_count()) // 4, 128, 128)) for n in range(16))
    identity = struct.pack(">9I", *(0x10000 * (i % 4 == 0) for i in range(9)))
    ramp = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + ramp * 4 + grid + ramp * 3
    head = SRGB[4:8] + b"\x02\x40\0\0" + b"prtrCMYKLab " + SRGB[24:128]
    tags = struct.pack(">I4sII", 1, b"A2B0", 144, len(table))
    return struct.pack(">I", 144 + len(table)) + head + tags + table


def keyed(image: Image.Image, key: Any) -> NDArray[np.uint8]:
    """Alpha 0 where an image has this colour."""
    same_colour = np.atleast_3d(np.asarray(image)) == np.asarray(key)
    return np.where(same_colour.all(-1), 0, 255).astype(np.uint8)


RGB = Image.fromarray(PIXELS)
L = Image.fromarray(GRAY)
FEW = RGB.quantize(16)
FEW_GRAY = Image.fromarray(GRAY // 64 * 64).convert("P")
CLEAR = Image.fromarray(np.dstack([PIXELS, ALPHA // 128 * 255])).quantize(16, 2)
PREMULTIPLIED = Image.fromarray(np.dstack([PIXELS, ALPHA])).convert("RGBa")
FEW_RGB = np.asarray(FEW.convert("RGB"))
KEY = (int(GRAY[0, 0]), tuple(int(v) for v in PIXELS[0, 0]))

# name -> a file, and the pixels and alpha that come of it exactly
EXACT: dict[str, tuple[bytes, NDArray[np.uint8], NDArray[np.uint8] | None]] = {
    "gray png": (saved(L, "PNG"), GRAY, None),
    "gray tiff": (saved(L, "TIFF"), GRAY, None),
    "gray gif": (saved(L, "GIF"), GRAY, None),
    "gray bmp": (saved(L, "BMP"), GRAY, None),
    "gray pgm": (saved(L, "PPM"), GRAY, None),
    "2-bit gray png": (png(2, 0, [b"\x1b"], 4), np.array([[0, 85, 170, 255]], np.uint8), None),
    "palette png": (saved(FEW, "PNG"), FEW_RGB, None),
    "palette gif": (saved(FEW, "GIF"), FEW_RGB, None),
    "palette tiff": (saved(FEW, "TIFF"), FEW_RGB, None),
    "gray palette": (saved(FEW_GRAY, "PNG"), GRAY // 64 * 64, None),
    "transparent palette": (saved(FEW, "PNG", transparency=3), FEW_RGB, keyed(FEW, 3)),
    "transparent gif": (saved(FEW, "GIF", transparency=3), FEW_RGB, keyed(FEW, 3)),
    "translucent palette": (
        saved(FEW, "PNG", transparency=bytes(range(100, 116))),
        FEW_RGB,
        np.asarray(FEW) + np.uint8(100),
    ),
    "palette and alpha": (
        saved(Image.merge("PA", [FEW, Image.fromarray(ALPHA)]), "TIFF"),
        FEW_RGB,
        ALPHA,
    ),
    "transparent gray": (saved(L, "PNG", transparency=KEY[0]), GRAY, keyed(L, KEY[0])),
    "transparent rgb": (saved(RGB, "PNG", transparency=KEY[1]), PIXELS, keyed(RGB, KEY[1])),
    "transparent 2-bit gray": (
        png(2, 0, [b"\x1b"], 4, key=(2,)),
        np.array([[0, 85, 170, 255]], np.uint8),
        np.array([[255, 255, 0, 255]], np.uint8),
    ),
    "opaque alpha": (
        written(Picture(PIXELS, np.full_like(ALPHA, 255)), ".png"),
        PIXELS,
        np.full_like(ALPHA, 255),
    ),
}


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


MORE_FRAMES = [Image.fromarray(PIXELS[::-1].copy()), Image.fromarray(255 - PIXELS)]
FRAMES = {"save_all": True, "append_images": MORE_FRAMES[:1]}
DEEP = "16-bit samples were reduced to 8 bits"
ONE_LEFT = "1 further frame was left out"
UNIT = Image.fromarray(GRAY.astype(np.float32) / 255)

# name -> a file, and the notes on what reading it changes or loses
NOTED: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "1-bit png": (saved(L.convert("1"), "PNG"), ("1-bit samples are kept as 8-bit gray",)),
    "1-bit tiff": (saved(L.convert("1"), "TIFF"), ("1-bit samples are kept as 8-bit gray",)),
    "16-bit gray png": (saved(Image.new("I;16", (2, 2)), "PNG"), (DEEP,)),
    "16-bit gray tiff": (saved(Image.new("I;16", (2, 2)), "TIFF"), (DEEP,)),
    "16-bit pgm": (b"P5 1 1 65535\nab", (DEEP,)),
    "10-bit pgm": (b"P5 1 1 1023\n\1\2", ("10-bit samples were reduced to 8 bits",)),
    "32-bit gray tiff": (
        saved(Image.new("I", (2, 2)), "TIFF"),
        ("32-bit samples were reduced to 8 bits",),
    ),
    "16-bit png": (png(16, 2, [b"abcdef"], 1), (DEEP,)),
    "16-bit png with alpha": (png(16, 6, [b"abcdefgh"], 1), (DEEP,)),
    "16-bit gray png with alpha": (png(16, 4, [b"abcd"], 1), (DEEP,)),
    "16-bit gray png with a key": (png(16, 0, [b"ab"], 1, key=(1,)), (DEEP,)),
    "16-bit png with a key": (
        png(16, 2, [b"abcdef"], 1, key=(1, 2, 3)),
        (DEEP, "the transparent colour was left out: it has more than 8 bits"),
    ),
    "16-bit tiff": (tiff(1, b"abcdef", {258: (16, 16, 16), 262: (2,), 277: (3,)}), (DEEP,)),
    "16-bit palette": (
        tiff(1, b"\1", {258: (8,), 262: (3,), 320: tuple(range(768))}),
        (DEEP,),
    ),
    "16-bit ppm": (b"P6 1 1 65535\nabcdef", (DEEP,)),
    "10-bit plain ppm": (
        b"P3 1 1 1023\n1 2 1000\n",
        ("10-bit samples were reduced to 8 bits",),
    ),
    "float": (saved(UNIT, "TIFF"), ("float samples from 0 to 1 became 8 bits",)),
    "pfm": (saved(UNIT, "PPM"), ("float samples from 0 to 1 became 8 bits",)),
    "float levels": (
        saved(L.convert("F"), "TIFF"),
        ("float samples from 0 to 255 were rounded to 8 bits",),
    ),
    "cmyk jpeg": (saved(RGB.convert("CMYK"), "JPEG"), ("CMYK was converted to RGB",)),
    "cmyk tiff": (saved(RGB.convert("CMYK"), "TIFF"), ("CMYK was converted to RGB",)),
    "16-bit cmyk": (
        tiff(1, b"abcdefgh", {258: (16,) * 4, 262: (5,), 277: (4,)}),
        (DEEP, "CMYK was converted to RGB"),
    ),
    "cmyk with a profile": (
        saved(RGB.convert("CMYK"), "JPEG", icc_profile=cmyk_profile()),
        ("CMYK was converted to RGB by its colour profile, which was dropped",),
    ),
    "cmyk with a damaged profile": (
        saved(RGB.convert("CMYK"), "JPEG", icc_profile=cmyk_profile()[:200]),
        ("CMYK was converted to RGB without its colour profile, which could not be used",),
    ),
    "cmyk with another's profile": (
        saved(RGB.convert("CMYK"), "JPEG", icc_profile=SRGB),
        ("CMYK was converted to RGB without its colour profile, which could not be used",),
    ),
    "lab": (saved(Image.new("LAB", (2, 2)), "TIFF"), ("L*a*b* was converted to RGB",)),
    "lab with a profile": (
        saved(Image.new("LAB", (2, 2)), "TIFF", icc_profile=SRGB),
        ("L*a*b* was converted to RGB, and its colour profile was dropped",),
    ),
    "ycbcr": (saved(RGB.convert("YCbCr"), "TIFF"), ("YCbCr was converted to RGB",)),
    "fourth channel": (
        saved(RGB.convert("RGBX"), "TIFF"),
        ("a fourth channel of no stated meaning was left out",),
    ),
    "gray with a second channel": (
        tiff(1, b"ab", {258: (8, 8), 262: (1,), 277: (2,), 338: (0,)}),
        ("a second channel of no stated meaning was left out",),
    ),
    "five channels": (
        tiff(1, b"abcde", {258: (8,) * 5, 262: (2,), 277: (5,), 338: (0, 0)}),
        ("2 channels of no stated meaning were left out",),
    ),
    "premultiplied tiff": (
        tiff(1, b"abcd", {258: (8,) * 4, 262: (2,), 277: (4,), 338: (1,)}),
        ("colours multiplied by alpha were divided by it and rounded",),
    ),
    "gray profile of rgb": (
        saved(RGB, "PNG", icc_profile=profile(b"GRAY")),
        ("the colour profile was dropped: it is for gray and the picture is RGB",),
    ),
    "rgb profile of gray": (
        saved(L, "JPEG", icc_profile=profile(b"RGB ")),
        ("the colour profile was dropped: it is for RGB and the picture is gray",),
    ),
    "cmyk profile of rgb": (
        saved(RGB, "TIFF", icc_profile=profile(b"CMYK")),
        ("the colour profile was dropped: it is for CMYK and the picture is RGB",),
    ),
    "noise for a profile": (
        saved(RGB, "WEBP", icc_profile=bytes(200)),
        ("the colour profile was dropped: it is for other colours and the picture is RGB",),
    ),
    "animated gif": (saved(FEW, "GIF", **FRAMES), (ONE_LEFT,)),
    "animated png": (saved(RGB, "PNG", **FRAMES), (ONE_LEFT,)),
    "animated webp": (saved(RGB, "WEBP", lossless=True, **FRAMES), (ONE_LEFT,)),
    "pages": (saved(RGB, "TIFF", **FRAMES), (ONE_LEFT,)),
    "three pages": (
        saved(RGB, "TIFF", save_all=True, append_images=MORE_FRAMES),
        ("2 further frames were left out",),
    ),
    "stereo jpeg": (saved(RGB, "MPO", **FRAMES), (ONE_LEFT,)),
    "ultra hdr jpeg": (
        saved(RGB, "MPO", xmp=b'<x hdrgm:Version="1.0"/>', **FRAMES),
        ("the gain map that would make it HDR was left out",),
    ),
}
NOTED_IN_MEMORY: dict[str, tuple[Image.Image, str]] = {
    "hsv": (RGB.convert("HSV"), "HSV was converted to RGB"),
    "rgbx": (RGB.convert("RGBX"), "a fourth channel of no stated meaning was left out"),
    "rgba": (PREMULTIPLIED, "colours multiplied by alpha were divided by it and rounded"),
    "i": (L.convert("I"), DEEP),
    "i;16b": (Image.new("I;16B", (2, 2)), DEEP),
}


@pytest.mark.parametrize("data, notes", NOTED.values(), ids=NOTED.keys())
def test_what_is_changed_or_lost_is_noted(data: bytes, notes: tuple[str, ...]) -> None:
    assert read_picture(data).notes == notes


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
DEEP_GRAY: dict[str, Callable[[], Picture]] = {
    "png": lambda: read_picture(saved(Image.fromarray(EVERY_LEVEL), "PNG")),
    "tiff": lambda: read_picture(saved(Image.fromarray(EVERY_LEVEL), "TIFF")),
    "lzw tiff": lambda: read_picture(
        saved(Image.fromarray(EVERY_LEVEL), "TIFF", compression="tiff_lzw")
    ),
    "pgm": lambda: read_picture(b"P5 256 256 65535\n" + EVERY_LEVEL.astype(">u2").tobytes()),
    "I": lambda: from_pil(Image.fromarray(EVERY_LEVEL.astype(np.int32))),
    "I;16B": lambda: from_pil(Image.fromarray(EVERY_LEVEL).convert("I").convert("I;16B")),
}


@pytest.mark.parametrize("read", DEEP_GRAY.values(), ids=DEEP_GRAY.keys())
def test_16_bit_gray_is_rounded(read: Callable[[], Picture]) -> None:
    assert np.array_equal(read().pixels, np.rint(EVERY_LEVEL / 257))


def test_12_bit_gray_fills_the_range() -> None:
    picture = read_picture(tiff(2, b"\xff\xf8\x00", {258: (12,), 262: (1,)}))
    assert picture.pixels.tolist() == [[255, 128]]
    assert picture.notes == ("12-bit samples were reduced to 8 bits",)


def test_16_bit_gray_where_white_is_zero() -> None:
    picture = read_picture(tiff(3, struct.pack("<3H", 0, 257, 65_535), {258: (16,), 262: (0,)}))
    assert picture.pixels.tolist() == [[255, 254, 0]]


def test_16_bit_gray_with_a_key_compares_16_bits() -> None:
    data = struct.pack(">3H", 1000, 1001, 1000)
    picture = read_picture(png(16, 0, [data], 3, key=(1001,)))
    assert picture.pixels.tolist() == [[4, 4, 4]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[255, 0, 255]]


def test_16_bit_gray_with_alpha_stays_gray() -> None:
    picture = read_picture(NOTED["16-bit gray png with alpha"][0])
    assert picture.pixels.tolist() == [[ord("a")]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[ord("c")]]


def test_floats_are_rounded() -> None:
    assert np.array_equal(read_picture(NOTED["float"][0]).pixels, GRAY)
    assert np.array_equal(read_picture(NOTED["float levels"][0]).pixels, GRAY)
    assert from_pil(Image.fromarray(np.array([[0, 0.499, 1]], np.float32))).pixels.tolist() == [
        [0, 127, 255]
    ]
    assert from_pil(Image.fromarray(np.array([[0, 7.6, 255]], np.float32))).pixels.tolist() == [
        [0, 8, 255]
    ]


@pytest.mark.parametrize(
    "samples, trouble",
    [
        (np.array([[0, np.nan]], np.float32), "infinite or not a number"),
        (np.array([[0, np.inf]], np.float32), "infinite or not a number"),
        (np.array([[-0.5, 1]], np.float32), "float samples go from -0.5 to 1"),
        (np.array([[0, 1000]], np.float32), "float samples go from 0 to 1000"),
        (
            np.array([[0, 65_536]], np.int32),
            "samples go from 0 to 65536; only 0 to 65535 is understood",
        ),
        (np.array([[-1, 5]], np.int32), "samples go from -1 to 5"),
    ],
)
def test_samples_out_of_range_are_refused(samples: NDArray[Any], trouble: str) -> None:
    image = Image.fromarray(samples)
    with pytest.raises(ImageError, match=trouble):
        from_pil(image)
    with pytest.raises(ImageError, match=trouble):
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


BROKEN = {
    "empty": (b"", "not a picture of a known format"),
    "noise": (b"noise" * 20, "not a picture of a known format"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a picture of a known format"),
    "cut png": (saved(RGB, "PNG")[:-300], "cannot read this picture: "),
    "cut jpeg": (saved(RGB, "JPEG")[:-100], "cannot read this picture: "),
    "cut tiff": (saved(RGB, "TIFF")[:-100], "cannot read this picture: "),
    "cut webp": (saved(RGB, "WEBP")[:-100], "cannot read this picture: "),
    "bomb": (b"P6 16384 16385 255\n", "cannot read this picture: "),  # Pillow's own limit
    "too wide": (b"P6 %d 1 255\n" % (MAX_SIDE + 1), f"are not in 1 to {MAX_SIDE}"),
    "no pixels": (b"P6 0 5 255\n", "(not in 1 to|cannot read|not a picture)"),
}


@pytest.mark.parametrize("data, trouble", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_an_image_error_of_one_line(data: bytes, trouble: str) -> None:
    with pytest.raises(ImageError, match=trouble) as caught:
        read_picture(data)
    assert "\n" not in str(caught.value)
    assert "0x" not in str(caught.value)


PHOTOS = [saved(RGB, form) for form in ("PNG", "JPEG", "TIFF", "WEBP", "PPM", "BMP")]
PHOTOS += [saved(RGB.quantize(9), "GIF"), written(Picture(PIXELS, exif=exif()), ".tiff")]
PHOTOS += [written(KINDS[mode], suffix) for mode in ("LA", "RGBA") for suffix in (".png", ".tiff")]
PHOTOS += [data for data, _ in NOTED.values()] + [case[0] for case in EXACT.values()]


@settings(max_examples=300)
@given(st.sampled_from(PHOTOS), st.integers(0, 2000), st.binary(min_size=1, max_size=6))
def test_damage_gives_a_picture_or_an_image_error(photo: bytes, place: int, noise: bytes) -> None:
    place %= len(photo)
    damaged = photo[:place] + noise + photo[place + len(noise) :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Image, "MAX_IMAGE_PIXELS", 2**20)  # damage that asks for more is refused
        with contextlib.suppress(ImageError):
            assert read_picture(damaged).pixels.dtype == np.uint8


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="^no such file or directory$"):
        read_picture(tmp_path / "none.png")
    with pytest.raises(ImageError, match="^is a directory$"):
        read_picture(tmp_path)
    with pytest.raises(ImageError, match="^no such file or directory$"):
        write_picture(Picture(PIXELS), tmp_path / "none" / "x.png", ".png")


@pytest.mark.parametrize("suffix", ["", ".aec", ".gif", "png"])
def test_an_unknown_suffix_is_refused(suffix: str) -> None:
    with pytest.raises(ImageError, match="cannot write a picture as"):
        output_format(suffix)


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
    "icc, told",
    [(None, False), (SRGB, False), (profile(b"RGB "), True), (b"a profile", True)],
)
def test_without_metadata_tells_of_a_profile(icc: bytes | None, told: bool) -> None:
    note = "the colour profile was dropped: colours will be read as sRGB"
    assert without_metadata(Picture(PIXELS, icc=icc)).notes == ((note,) if told else ())


@pytest.mark.parametrize("shape", [(4, 5, 3), (4, 5)])
def test_psnr(shape: tuple[int, ...]) -> None:
    black: NDArray[np.uint8] = np.zeros(shape, np.uint8)
    assert psnr(black, black) == math.inf
    assert psnr(black, black + np.uint8(255)) == 0
    assert psnr(black, black + np.uint8(1)) == pytest.approx(20 * math.log10(255))
    with pytest.raises(ImageError):
        psnr(black, black[:2])


def test_the_best_jpeg_of_a_size() -> None:
    """Noise too, which takes JPEG more bytes than pixels."""
    noise = np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    for pixels in (noise, np.zeros_like(noise), noise[..., 0].copy()):
        found = [jpeg_psnr(Picture(pixels), size) for size in (10, 5_000, 30_000, 200_000)]
        assert found[0] is None and found[-1] is not None
        known = [value for value in found if value is not None]
        assert known == sorted(known)
