"""picture.py and metadata.py: photos in and out, what is refused, and no error but ImageError."""

import contextlib
import io
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from aecodec.errors import ImageError
from aecodec.picture import (
    Picture,
    as_picture,
    from_pil,
    output_format,
    psnr,
    read_picture,
    to_pil,
    write_picture,
)

PIXELS = np.random.default_rng(0).integers(0, 256, (13, 17, 3), dtype=np.uint8)
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


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_pixels_come_back(suffix: str) -> None:
    assert np.array_equal(read_picture(written(Picture(PIXELS), suffix)).pixels, PIXELS)


def test_jpeg_comes_back_nearly() -> None:
    smooth = np.full((16, 16, 3), 90, np.uint8)
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


def test_an_opaque_palette_becomes_rgb_exactly() -> None:
    few = PIXELS // 100 * 100
    image = Image.fromarray(few).quantize(64)
    assert image.mode == "P"
    plain = np.asarray(image.convert("RGB"))
    for form in ("PNG", "GIF", "TIFF"):
        assert np.array_equal(read_picture(saved(image, form)).pixels, plain)


def test_paths_streams_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    write_picture(Picture(PIXELS), path, ".png")
    assert list(tmp_path.iterdir()) == [path]
    with path.open("rb") as stream:
        for source in (path, str(path), stream, path.read_bytes()):
            assert np.array_equal(read_picture(source).pixels, PIXELS)


def png_16_bit() -> bytes:
    """A 1x1 RGB PNG of 16 bit, which Pillow can read but not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"\0abcdef"))
        + chunk(b"IEND", b"")
    )


def tiff_16_bit() -> bytes:
    """A 1x1 RGB TIFF of 16 bit."""
    tags = [
        (256, 3, 1, 1),
        (257, 3, 1, 1),
        (258, 3, 3, 122),  # bits per sample: three shorts after the tags
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 128),
        (277, 3, 1, 3),
        (278, 3, 1, 1),
        (279, 4, 1, 6),
    ]
    table = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + table + bytes(4)
    return head + struct.pack("<3H", 16, 16, 16) + b"abcdef"


RGB = Image.fromarray(PIXELS)
FRAMES = {"save_all": True, "append_images": [Image.fromarray(PIXELS[::-1].copy())]}
REFUSED = {
    "black and white": (saved(RGB.convert("1"), "PNG"), "is black and white"),
    "gray": (saved(RGB.convert("L"), "PNG"), "is gray"),
    "gray jpeg": (saved(RGB.convert("L"), "JPEG"), "is gray"),
    "gray with alpha": (saved(RGB.convert("LA"), "PNG"), "is gray with alpha"),
    "alpha": (saved(RGB.convert("RGBA"), "PNG"), "has an alpha channel"),
    "alpha webp": (
        saved(Image.merge("RGBA", [*RGB.split(), RGB.getchannel(0)]), "WEBP", lossless=True),
        "has an alpha channel",
    ),
    "fourth channel": (saved(RGB.convert("RGBX"), "TIFF"), "has an alpha channel"),
    "transparent colour": (saved(RGB, "PNG", transparency=(1, 2, 3)), "or a transparent colour"),
    "transparent palette": (
        saved(RGB.quantize(16), "PNG", transparency=3),
        "or a transparent colour",
    ),
    "cmyk": (saved(RGB.convert("CMYK"), "JPEG"), "is CMYK"),
    "16-bit gray": (saved(Image.new("I;16", (2, 2)), "PNG"), "samples of more than 8 bit"),
    "float": (saved(Image.new("F", (2, 2)), "TIFF"), "has float samples"),
    "16-bit png": (png_16_bit(), "samples of more than 8 bit"),
    "16-bit tiff": (tiff_16_bit(), "samples of more than 8 bit"),
    "16-bit ppm": (b"P6 1 1 65535\nabcdef", "samples of more than 8 bit"),
    "10-bit plain ppm": (b"P3 1 1 1023\n1 2 1000\n", "samples of more than 8 bit"),
    "animated gif": (saved(RGB.quantize(8), "GIF", **FRAMES), "has 2 frames"),
    "animated png": (saved(RGB, "PNG", **FRAMES), "has 2 frames"),
    "animated webp": (saved(RGB, "WEBP", **FRAMES), "has 2 frames"),
    "pages": (saved(RGB, "TIFF", **FRAMES), "has 2 frames"),
    "stereo jpeg": (saved(RGB, "MPO", **FRAMES), "has 2 frames"),
}


@pytest.mark.parametrize("data, trouble", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_rgb_of_8_bit_is_refused(data: bytes, trouble: str) -> None:
    with pytest.raises(ImageError, match=f"^this picture .*{trouble}.*: convert it first$"):
        read_picture(data)


BROKEN = {
    "empty": (b"", "not a picture of a known format"),
    "noise": (b"noise" * 20, "not a picture of a known format"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a picture of a known format"),
    "cut png": (saved(RGB, "PNG")[:-300], "cannot read this picture: "),
    "cut jpeg": (saved(RGB, "JPEG")[:-100], "cannot read this picture: "),
    "cut tiff": (saved(RGB, "TIFF")[:-100], "cannot read this picture: "),
    "cut webp": (saved(RGB, "WEBP")[:-100], "cannot read this picture: "),
    "bomb": (b"P6 16384 16385 255\n", "cannot read this picture: "),  # Pillow's own limit
    "too wide": (b"P6 65536 1 255\n", "sides of 65536x1 are not in 1 to 65535"),
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


def test_whatever_a_caller_has() -> None:
    picture = Picture(PIXELS)
    assert as_picture(picture) is picture
    assert np.array_equal(as_picture(RGB).pixels, PIXELS)
    assert np.array_equal(as_picture(PIXELS).pixels, PIXELS)


@pytest.mark.parametrize(
    "thing",
    [
        "photo.png",
        PIXELS[:, :, 0],
        PIXELS[:, :, :1],
        PIXELS.astype(np.float32),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((1, 65_536, 3), np.uint8),
        RGB.convert("L"),
    ],
)
def test_whatever_else_is_refused(thing: Any) -> None:
    with pytest.raises(ImageError):
        as_picture(thing)


def test_psnr() -> None:
    black: NDArray[np.uint8] = np.zeros((4, 5, 3), np.uint8)
    assert psnr(black, black) == math.inf
    assert psnr(black, black + np.uint8(255)) == 0
    assert psnr(black, black + np.uint8(1)) == pytest.approx(20 * math.log10(255))
    with pytest.raises(ImageError):
        psnr(black, black[:2])
