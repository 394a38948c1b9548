"""HEIC and AVIF: turned by properties, not by EXIF; deep samples, colours, and what is left out."""

import io
import struct
import sys
from typing import Any

import numpy as np
import pillow_heif
import pytest
from imagecodecs import avif_encode
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image

from aecodec.errors import ImageError
from aecodec.image.metadata import orientation
from aecodec.image.modes import GAIN_MAP
from aecodec.image.photo_file import read_picture
from aecodec.image.picture import Picture, without_metadata
from aecodec.image.psnr import psnr
from tests.image.samples import SRGB, exif, same
from tests.photos import photo, saved

PIXELS = photo(80, 64)
IMAGE = Image.fromarray(PIXELS)
SUB = {"quality": 95, "subsampling": "4:4:4"}


def heic(samples: NDArray[Any], mode: str = "RGB", **more: Any) -> bytes:
    """A lossless HEIC file of samples [H, W, ...] of 8 or 16 bits."""
    buffer = io.BytesIO()
    size = samples.shape[1], samples.shape[0]
    pillow_heif.encode(mode, size, samples.tobytes(), buffer, quality=-1, chroma=444, **more)
    return buffer.getvalue()


def avif(**more: Any) -> bytes:
    """An AVIF file that hardly loses anything."""
    return saved(IMAGE, "AVIF", **SUB, **more)


HEIC, AVIF = heic(PIXELS), avif()
BOTH = pytest.mark.parametrize("data", [HEIC, AVIF], ids=["HEIC", "AVIF"])


def near(found: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> bool:
    """Whether these are the same pixels, but for what a conversion of colours costs."""
    return found.shape == wanted.shape and psnr(found, wanted) > 35


@BOTH
def test_pixels_are_read(data: bytes) -> None:
    picture = read_picture(data)
    assert near(picture.pixels, PIXELS)
    assert (picture.icc, picture.exif, picture.xmp, picture.notes) == (None, None, None, ())


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_picture_is_turned_once(turn: int) -> None:
    """The writers make a property of the tag: pillow-heif keeps the tag, Pillow takes it out."""
    upright = without_metadata(Picture(PIXELS, exif=exif(turn))).pixels
    by_heif = read_picture(heic(PIXELS, exif=exif(turn), xmp=b'<x tiff:Orientation="%d"/>' % turn))
    assert near(by_heif.pixels, upright)
    assert by_heif.exif == exif(1) and by_heif.xmp == b'<x tiff:Orientation="1"/>'
    by_pillow = read_picture(avif(exif=b"Exif\0\0" + exif(turn)))
    assert orientation(by_pillow.exif) == turn
    assert near(without_metadata(by_pillow).pixels, upright)


def test_a_tag_without_a_property_turns_nothing() -> None:
    """All of EXIF but that stays byte for byte."""
    before, data = exif(6), heic(PIXELS, exif=exif(6))
    angle = data.index(b"irot") + 4
    by_heif = read_picture(data[:angle] + b"\0" + data[angle + 1 :])
    assert by_heif.exif == exif(1) and near(by_heif.pixels, PIXELS)
    tag, other = b"\x01\x12\0\3", b"\x01\x11\0\3"  # which Pillow writes as it is
    data = avif(exif=b"Exif\0\0" + before.replace(tag, other) + b"more")
    by_pillow = read_picture(data.replace(other, tag))
    assert by_pillow.exif == exif(1) + b"more" and near(by_pillow.pixels, PIXELS)


def test_damaged_exif_does_not_block() -> None:
    data = avif(exif=b"Exif\0\0" + exif(1)).replace(b"MM\0*", b"XX\0*")
    picture = read_picture(data)
    assert picture.exif is None and near(picture.pixels, PIXELS)
    assert picture.notes == ("EXIF is damaged or over 16 MiB and was left out",)
    assert near(read_picture(heic(PIXELS, exif=exif(6)[:20])).pixels, PIXELS)


@pytest.mark.parametrize("make", [avif, lambda **more: heic(PIXELS, **more)], ids=["AVIF", "HEIC"])
def test_profile_and_xmp_are_kept(make: Any) -> None:
    picture = read_picture(make(icc_profile=SRGB, xmp=b"<x/>"))
    assert (picture.icc, picture.xmp, picture.notes) == (SRGB, b"<x/>", ())


def test_gray_and_alpha_are_read() -> None:
    gray, alpha = PIXELS[..., 0].copy(), PIXELS[::-1, :, 1].copy()
    for mode, samples in {"L": gray, "LA": np.dstack([gray, alpha])}.items():
        picture = read_picture(heic(samples, mode))
        assert np.array_equal(picture.pixels, gray)
        assert same(picture.alpha, alpha if mode == "LA" else None)
    assert read_picture(saved(IMAGE.convert("L"), "AVIF")).gray
    image = IMAGE.copy()
    image.putalpha(Image.fromarray(alpha))
    for data in (heic(np.asarray(image), "RGBA"), saved(image, "AVIF", **SUB)):
        found = read_picture(data)
        assert found.alpha is not None and near(found.alpha, alpha)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_deep_samples_are_rounded_and_told(mode: str) -> None:
    samples = np.asarray(IMAGE.convert(mode))
    picture = read_picture(heic(samples.astype(np.uint16) * 257, mode + ";16"))
    assert near(picture.pixels, samples[..., :3] if samples.ndim == 3 else samples)
    assert picture.notes == ("10-bit samples were reduced to 8 bits",)


@pytest.mark.parametrize("bits", [10, 12])
def test_deep_samples_of_avif_are_told(bits: int) -> None:
    samples = np.rint(PIXELS * ((2**bits - 1) / 255)).astype(np.uint16)
    picture = read_picture(bytes(avif_encode(samples, bitspersample=bits, level=95)))
    assert near(picture.pixels, PIXELS)
    assert picture.notes == (f"{bits}-bit samples were reduced to 8 bits",)


P3: dict[str, Any] = {
    "color_primaries": 12,
    "transfer_characteristics": 13,
    "matrix_coefficients": 6,
}
PQ: dict[str, Any] = {
    "color_primaries": 9,
    "transfer_characteristics": 16,
    "matrix_coefficients": 9,
}


def renumbered(primaries: int, transfer: int) -> bytes:
    """AVIF of other colours."""
    place = AVIF.index(b"nclx") + 4
    return AVIF[:place] + struct.pack(">HH", primaries, transfer) + AVIF[place + 4 :]


@pytest.mark.parametrize(
    "data, note",
    [
        (heic(PIXELS, **P3, full_range_flag=1), None),
        (renumbered(12, 13), None),
        (heic(PIXELS, **PQ, full_range_flag=1), "it is HDR, PQ (cICP 9/16/0/1)"),
        (renumbered(9, 18), "it is HDR, HLG (cICP 9/18/0/1)"),
    ],
)
def test_colours_by_number(data: bytes, note: str | None) -> None:
    picture = read_picture(data)
    assert (picture.icc is None) == bool(note)
    assert picture.notes == ((f"{note}, and was read as sRGB",) if note else ())


def test_unspecified_colours_are_srgb() -> None:
    assert read_picture(renumbered(2, 2)).icc is None


def test_further_pictures_are_told() -> None:
    file = pillow_heif.from_pillow(IMAGE.rotate(180))
    file.add_from_pillow(IMAGE)
    buffer = io.BytesIO()
    file.save(buffer, quality=-1, chroma=444, primary_index=1)
    frames = {"save_all": True, "append_images": [IMAGE.rotate(180)]}
    for data in (buffer.getvalue(), saved(IMAGE, "AVIF", **SUB, **frames)):
        picture = read_picture(data)
        assert near(picture.pixels, PIXELS)
        assert picture.notes == ("1 further frame was left out",)


@pytest.mark.parametrize("make", [avif, lambda **more: heic(PIXELS, **more)], ids=["AVIF", "HEIC"])
def test_gain_maps_are_told(make: Any) -> None:
    """By the kind of an item, which here had another one."""
    picture = read_picture(make(exif=b"Exif\0\0" + exif(1)).replace(b"Exif", b"tmap", 1))
    assert near(picture.pixels, PIXELS) and picture.notes == (GAIN_MAP,)


def test_auxiliary_images_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {"urn:com:apple:photo:2020:aux:hdrgainmap": [2], "urn:x:matte": [3]}
    real = pillow_heif.open_heif

    def with_more(*given: Any, **options: Any) -> Any:
        file = real(*given, **options)
        file.info.update(aux=kinds, depth_images=[None])
        return file

    monkeypatch.setattr(pillow_heif, "open_heif", with_more)
    notes = ("a depth image was left out", GAIN_MAP, "auxiliary images were left out")
    assert read_picture(HEIC).notes == notes


@BOTH
def test_no_more_pixels_than_allowed(data: bytes) -> None:
    with pytest.raises(ImageError, match="^80x64 is over the limit of 5000 pixels$"):
        read_picture(data, max_pixels=5000)


@BOTH
def test_every_cut_is_refused(data: bytes) -> None:
    for end in range(20, len(data) - 1, len(data) // 40):
        with pytest.raises(ImageError):
            read_picture(data[:end])


def test_without_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError) as caught:
        read_picture(HEIC)
    assert str(caught.value) == ("is a HEIC file: reading it takes pip install 'aecodec[formats]'")
    monkeypatch.setattr(AvifImagePlugin, "SUPPORTED", False)
    with pytest.raises(ImageError, match="^is an AVIF file: reading it takes Pillow 11.3 or newer"):
        read_picture(AVIF)
