"""TIFF: raw files are refused, tags that nobody keeps are told, samples of 16 bits are rounded."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

import aecodec
from aecodec.errors import ImageError
from aecodec.image.photo_file import picture_file, read_picture
from aecodec.image.picture import Picture, from_pil
from tests.image.beside import with_folder
from tests.image.samples import PIXELS, RGB, png, tiff
from tests.photos import saved

RAW = {
    "a preview by its type": with_folder(96, 64, {254: 1}),
    "a preview by its old type": with_folder(2, 2, {255: 2}),
    "a preview by its size": with_folder(96, 64, {}),
    "DNG": with_folder(2, 2, {50706: 1}),
    "CR2": with_folder(2, 2, {}, start=b"CR\2\0"),
}


@pytest.mark.parametrize("data", RAW.values(), ids=RAW.keys())
def test_raw_files_are_refused(data: bytes) -> None:
    for read in (read_picture, lambda data: aecodec.encode(Image.open(io.BytesIO(data)))):
        with pytest.raises(ImageError, match="^a raw file, or another TIFF whose first image is"):
            read(data)


def test_smaller_copies_are_no_previews_of_another() -> None:
    assert read_picture(with_folder(2, 2, {})).pixels.shape == (3, 4)


def test_a_page_that_the_caller_has_chosen_is_taken() -> None:
    folder = TiffImagePlugin.ImageFileDirectory_v2()
    folder[254] = 1
    small = Image.new("RGB", (4, 3))
    small.encoderinfo = {"tiffinfo": folder}
    data = saved(RGB, "TIFF", save_all=True, append_images=[small])
    image = Image.open(io.BytesIO(data))
    image.seek(1)
    assert from_pil(image).pixels.shape == (3, 4, 3)


def test_tags_that_are_not_kept_are_told() -> None:
    folder = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, kind, value in (
        (270, 2, "kept"),
        (33550, 12, (1.0, 1.0, 0.0)),
        (33922, 12, (0.0,) * 6),
        (33723, 1, b"caption"),
        (65000, 2, "somebody's"),
    ):
        folder[tag] = value
        folder.tagtype[tag] = kind
    picture = read_picture(saved(RGB, "TIFF", tiffinfo=folder))
    assert picture.notes == ("tags were left out: GeoTIFF, IPTC, 65000",)
    assert b"kept" in (picture.exif or b"")
    assert read_picture(saved(RGB, "TIFF", dpi=(300, 300))).notes == ()  # which EXIF keeps


def test_deep_planes_are_refused() -> None:
    """Pillow takes them for planes of 8 bits."""
    data = tiff(2, bytes(12), {258: (16,) * 3, 262: (2,), 277: (3,), 284: (2,)})
    with pytest.raises(ImageError, match="^deep samples in planes of their own"):
        read_picture(data)


STRUCTURE = {254: 1, 256: 5, 257: 5, 258: 1, 259: 6, 262: 0, 266: 2, 273: 9, 277: 4, 278: 1, 279: 9}
STRUCTURE |= {284: 2, 317: 2, 320: 3, 322: 16, 323: 16, 324: 1, 325: 1, 330: 8, 338: 1, 339: 3}


@pytest.mark.parametrize("suffix", [".tiff", ".png", ".jpg", ".webp"])
def test_exif_of_the_old_file_does_not_steer_the_new_one(suffix: str) -> None:
    tags = Image.Exif()
    for tag, value in STRUCTURE.items():
        tags[tag] = value
    tags[271] = "Maker"
    exif = tags.tobytes().removeprefix(b"Exif\0\0")
    parts, left_out = picture_file(Picture(PIXELS, exif=exif, xmp=b"<x/>"), suffix)
    after = read_picture(b"".join(parts))
    assert after.pixels.shape == PIXELS.shape
    if suffix != ".jpg":
        assert np.array_equal(after.pixels, PIXELS)
    assert left_out == ()
    assert b"Maker" in (after.exif or b"")
    assert after.xmp == b"<x/>"


def test_damaged_exif_does_not_block_a_tiff() -> None:
    parts, left_out = picture_file(Picture(PIXELS, exif=b"noise", xmp=b"<x/>"), ".tiff")
    assert left_out == ("exif",)
    assert read_picture(b"".join(parts)).xmp == b"<x/>"


DEEP = np.random.default_rng(1).integers(0, 2**16, (6, 4, 4), dtype=np.uint16)
DEEP[0] = (127, 128, 129, 65_535), (384, 385, 386, 0), (32_767, 32_768, 255, 256), (1, 2, 3, 4)


def big(channels: slice) -> bytes:
    return DEEP[..., channels].astype(">u2").tobytes()


def little(channels: int) -> bytes:
    return DEEP[..., :channels].reshape(1, -1, channels).astype("<u2").tobytes()


def rows(data: bytes) -> list[bytes]:
    size = len(data) // len(DEEP)
    return [data[at : at + size] for at in range(0, len(data), size)]


RGB16 = {258: (16,) * 3, 262: (2,), 277: (3,)}
RGBA16 = {258: (16,) * 4, 262: (2,), 277: (4,), 338: (2,)}
DEEP_FILES = {
    "png": (png(16, 2, rows(big(slice(3))), 4), slice(3)),
    "png with alpha": (png(16, 6, rows(big(slice(4))), 4), slice(4)),
    "gray png with alpha": (png(16, 4, rows(big(slice(2))), 4), slice(2)),
    "tiff": (tiff(24, little(3), RGB16), slice(3)),
    "tiff with alpha": (tiff(24, little(4), RGBA16), slice(4)),
    "compressed tiff": (tiff(24, zlib.compress(little(3)), RGB16 | {259: (8,)}), slice(3)),
    "ppm": (b"P6 4 6 65535\n" + big(slice(3)), slice(3)),
}


@pytest.mark.parametrize("data, channels", DEEP_FILES.values(), ids=DEEP_FILES.keys())
def test_16_bits_are_rounded(data: bytes, channels: slice) -> None:
    for picture in (read_picture(data), from_pil(Image.open(io.BytesIO(data)))):
        wanted = np.rint(DEEP[..., channels] / 257).astype(np.uint8)
        samples = [picture.pixels.reshape(*DEEP.shape[:2], -1)]
        if picture.alpha is not None:
            samples.append(picture.alpha.reshape(*DEEP.shape[:2], 1))
        assert np.array_equal(np.concatenate(samples, 2), wanted)
        assert picture.notes == ("16-bit samples were reduced to 8 bits",)
