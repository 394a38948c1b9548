"""Photos in and out by Pillow, which is never trusted: whatever it raises becomes an ImageError.

What the codec does not take (gray, alpha, more than 8 bit, several frames) is refused by name and
never converted or dropped without a word.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from aecodec import files
from aecodec.container import size_trouble
from aecodec.errors import AecodecError, ImageError
from aecodec.metadata import EXIF_PREFIX, Metadata, metadata_of, save_options

_READABLE = ("PNG", "JPEG", "TIFF", "WEBP", "PPM", "BMP", "GIF")  # none that runs a program
_FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".ppm": "PPM",
    ".bmp": "BMP",
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "WEBP": {"lossless": True},
    "TIFF": {"compression": "raw"},  # with compression, Pillow leaves the EXIF sub-folders out
}
_TROUBLE = {  # what Pillow's modes mean to the one who has such a picture
    "1": "is black and white",
    "L": "is gray",
    "LA": "is gray with alpha",
    "I": "has samples of more than 8 bit",
    "F": "has float samples",
    "CMYK": "is CMYK",
    "YCbCr": "is YCbCr",
    "LAB": "is L*a*b*",
    "HSV": "is HSV",
}
_DEEP = "has samples of more than 8 bit"
_ALPHA = "has an alpha channel or a transparent colour"

_TIFF_BITS_PER_SAMPLE = 258
_TIFF_SAMPLES_PER_PIXEL = 277


@dataclass(frozen=True, eq=False)
class Picture:
    """A photo in memory. Raises ImageError where the pixels are not what the codec takes."""

    pixels: NDArray[np.uint8]  # [H, W, 3], sRGB unless icc says otherwise
    icc: bytes | None = None  # colour profile
    exif: bytes | None = None  # a TIFF stream, without the prefix that JPEG puts before it
    xmp: bytes | None = None

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3:
            raise _refused(f"is an array {list(shape)} of {self.pixels.dtype}")
        _check_size(shape[1], shape[0])


ImageLike: TypeAlias = Picture | Image.Image | NDArray[np.uint8]


def as_picture(image: ImageLike) -> Picture:
    """What a caller of the library has, as a Picture. Raises ImageError."""
    if isinstance(image, Picture):
        return image
    if isinstance(image, Image.Image):
        return from_pil(image)
    if isinstance(image, np.ndarray):
        return Picture(image)
    raise ImageError(f"not a Picture, PIL image or numpy array but {type(image).__name__}")


def read_picture(source: str | Path | BinaryIO | bytes) -> Picture:
    """Read a photo from a path, a binary stream or its bytes. Raises ImageError."""
    data = _read(source)
    with _pillow("read this picture"), Image.open(io.BytesIO(data), formats=_READABLE) as image:
        return from_pil(image)


def write_picture(picture: Picture, target: str | Path | BinaryIO, suffix: str) -> tuple[str, ...]:
    """Write a photo in the format that `suffix` names, such as ".png".

    Returns the names of the metadata that this format cannot hold and that were left out.
    Raises ImageError; a path then has no partial file.
    """
    form = output_format(suffix)
    buffer = io.BytesIO()
    with _pillow(f"write {form}"):
        metadata: Metadata = {"icc": picture.icc, "exif": picture.exif, "xmp": picture.xmp}
        options, left_out = save_options(form, metadata)
        Image.fromarray(picture.pixels).save(buffer, form, **_OPTIONS.get(form, {}), **options)
    _write(target, buffer.getvalue())
    return left_out


def output_format(suffix: str) -> str:
    """Pillow's name of the format that a suffix stands for. Raises ImageError if there is none."""
    try:
        return _FORMATS[suffix.lower()]
    except KeyError:
        known = " ".join(_FORMATS)
        raise ImageError(f"cannot write a picture as {suffix!r}; known are {known}") from None


def from_pil(image: Image.Image) -> Picture:
    """The pixels and metadata of a PIL image. Raises ImageError for all but opaque RGB of 8 bit."""
    _check_size(*image.size)
    with _pillow("read this picture"):
        if trouble := _trouble(image):
            raise _refused(trouble)
        pixels = np.array(image if image.mode == "RGB" else image.convert("RGB"))
        return Picture(pixels, **metadata_of(image))


def to_pil(picture: Picture) -> Image.Image:
    """A PIL image with the metadata in its `info`, under the keys that Pillow's readers use."""
    image = Image.fromarray(picture.pixels)
    if picture.icc is not None:
        image.info["icc_profile"] = picture.icc
    if picture.exif is not None:
        image.info["exif"] = EXIF_PREFIX + picture.exif
    if picture.xmp is not None:
        image.info["xmp"] = picture.xmp
    return image


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """PSNR in dB over all samples of two images [H, W, 3]; infinite where they are the same."""
    if a.shape != b.shape:
        raise ImageError(f"PSNR needs images of one size, not {a.shape} and {b.shape}")
    if np.array_equal(a, b):
        return float("inf")
    from skimage.metrics import peak_signal_noise_ratio

    return float(peak_signal_noise_ratio(a, b, data_range=255))


def _read(source: str | Path | BinaryIO | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        if isinstance(source, (str, Path)):
            return files.read_bytes(Path(source))
        return files.read_stream(source)
    except AecodecError as error:
        raise ImageError(str(error)) from error


def _write(target: str | Path | BinaryIO, data: bytes) -> None:
    if not isinstance(target, (str, Path)):
        target.write(data)
        return
    try:
        files.write_bytes(Path(target), data)
    except AecodecError as error:
        raise ImageError(str(error)) from error


@contextmanager
def _pillow(doing: str) -> Iterator[None]:
    """Turn whatever Pillow raises, of any type, into one ImageError of one line."""
    try:
        yield
    except AecodecError:
        raise
    except UnidentifiedImageError as error:
        known = ", ".join(_READABLE)
        raise ImageError(f"not a picture of a known format ({known})") from error
    except MemoryError as error:
        raise ImageError(f"cannot {doing}: not enough memory") from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"cannot {doing}: {reason}") from error


def _check_size(width: int, height: int) -> None:
    if trouble := size_trouble(width, height):
        raise ImageError(trouble)


def _refused(trouble: str) -> ImageError:
    return ImageError(f"this picture {trouble}; aecodec codes RGB 8-bit only: convert it first")


def _trouble(image: Image.Image) -> str | None:
    """Why this image is not opaque RGB of 8 bit, or None where it is."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        return f"has {frames} frames"
    if image.mode in _TROUBLE:
        return _TROUBLE[image.mode]
    if image.mode.startswith("I;") or _is_deep(image):
        return _DEEP
    if image.mode not in ("RGB", "P") or image.has_transparency_data or _has_extra(image):
        return _ALPHA
    return None


def _has_extra(image: Image.Image) -> bool:
    """Whether the file has a fourth channel of no stated meaning, which Pillow leaves out."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return bool(image.tag_v2.get(_TIFF_SAMPLES_PER_PIXEL, 1) > 3)
    return False


def _is_deep(image: Image.Image) -> bool:
    """Whether the file has more than 8 bit a sample, which Pillow cuts to 8 without a word."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return bool(max(image.tag_v2.get(_TIFF_BITS_PER_SAMPLE, (1,))) > 8)
    for tile in getattr(image, "tile", ()):  # what an opened file is about to decode
        if image.format == "PNG" and "16" in str(tile[3]):
            return True
        if image.format == "PPM" and isinstance(tile[3], tuple) and tile[3][1] > 255:
            return True
    return False
