"""Photo files in and out: every format, and files that are none."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from aecodec.errors import ImageError
from aecodec.format.constants import MAX_SIDE
from aecodec.image.formats import FORMATS
from aecodec.image.photo_file import output_format, picture_file, read_picture
from aecodec.image.picture import Picture, without_metadata
from aecodec.image.psnr import psnr
from tests.image.samples import EXACT, GRAY, KINDS, NOTED, PIXELS, RGB, exif, same, written
from tests.photos import saved
from tests.processes import run_python

LOSSLESS = (".png", ".webp", ".tiff", ".tif", ".ppm", ".bmp")


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
    parts, left_out = picture_file(KINDS[mode], suffix)
    assert left_out == ("alpha",)
    after = read_picture(b"".join(parts))
    assert after.alpha is None
    assert after.gray == (mode == "LA" and suffix != ".ppm")


@pytest.mark.parametrize("suffix", [".ppm", ".bmp", ".jpg"])
def test_a_file_without_exif_is_upright(suffix: str) -> None:
    before = Picture(PIXELS, exif=exif(6) + bytes(70_000 if suffix == ".jpg" else 0))
    parts, left_out = picture_file(before, suffix)
    after = read_picture(b"".join(parts)).pixels
    assert left_out == ("exif",) and after.shape == (17, 13, 3)
    assert psnr(after, without_metadata(before).pixels) > (20 if suffix == ".jpg" else 99)


def test_pgm_is_gray_and_ppm_is_rgb() -> None:
    assert np.array_equal(read_picture(written(Picture(GRAY), ".pgm")).pixels, GRAY)
    assert written(Picture(GRAY), ".pgm").startswith(b"P5")
    ppm = written(Picture(GRAY), ".ppm")
    assert ppm.startswith(b"P6")
    assert np.array_equal(read_picture(ppm).pixels, np.dstack([GRAY] * 3))
    with pytest.raises(ImageError, match="is RGB and .pgm holds gray only"):
        picture_file(Picture(PIXELS), ".pgm")


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 3)])
def test_jpeg_comes_back_nearly(shape: tuple[int, ...]) -> None:
    smooth = np.full(shape, 90, np.uint8)
    assert psnr(read_picture(written(Picture(smooth), ".JPG")).pixels, smooth) > 40


def test_paths_streams_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(written(Picture(PIXELS), ".png"))
    with path.open("rb") as stream:
        for source in (path, str(path), stream, path.read_bytes()):
            assert np.array_equal(read_picture(source).pixels, PIXELS)


BROKEN = {
    "empty": (b"", "not a picture of a known format"),
    "noise": (b"noise" * 20, "not a picture of a known format"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a picture of a known format"),
    "cut png": (saved(RGB, "PNG")[:-300], "cannot read this picture: "),
    "cut jpeg": (saved(RGB, "JPEG")[:-100], "cannot read this picture: "),
    "cut tiff": (saved(RGB, "TIFF")[:-100], "cannot read this picture: "),
    "cut webp": (saved(RGB, "WEBP")[:-100], "cannot read this picture: "),
    "bomb": (b"P6 16384 16385 255\n", "is over the limit of 268435456 pixels"),
    "too wide": (b"P6 %d 1 255\n" % (MAX_SIDE + 1), f"are not in 1 to {MAX_SIDE}"),
    "no pixels": (b"P6 0 5 255\n", "(not in 1 to|cannot read|not a picture)"),
}


@pytest.mark.parametrize("data, error", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_an_image_error_of_one_line(data: bytes, error: str) -> None:
    with pytest.raises(ImageError, match=error) as caught:
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
    with contextlib.suppress(ImageError):
        assert read_picture(damaged, max_pixels=2**20).pixels.dtype == np.uint8


def test_the_table_of_formats_is_pillow_s() -> None:
    Image.init()
    assert {suffix: Image.EXTENSION[suffix] for suffix in FORMATS} == FORMATS


@pytest.mark.parametrize("suffix", ["", ".aec", ".gif", "png"])
def test_an_unknown_suffix_is_refused(suffix: str) -> None:
    with pytest.raises(ImageError, match="cannot write a picture as"):
        output_format(suffix)


WITH_PLUGINS = """
import io, sys
import numpy, pillow_heif
from imagecodecs import jpegxl_encode
from PIL import Image
from aecodec.image.photo_file import read_picture
pixels, heic = numpy.zeros((64, 64, 3), numpy.uint8), io.BytesIO()
pillow_heif.encode("RGB", (64, 64), pixels.tobytes(), heic)
files = heic.getvalue(), jpegxl_encode(pixels)
found = [read_picture(file).pixels.shape for file in files]
print(len(found), *{"HEIF", "JXL"} & set(Image.OPEN))
import pillow_jxl
print(*{"HEIF", "JXL"} & set(Image.OPEN))
read_picture(files[1])
"""


def test_readers_of_other_libraries_are_not_given_to_pillow() -> None:
    """What `Image.open` reads is the caller's affair, who may still import a plugin for it."""
    done = run_python(WITH_PLUGINS)
    assert done.stdout.split() == ["2", "JXL"], done.stderr
