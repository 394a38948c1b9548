"""Photos in and out by Pillow, which is never trusted: whatever it raises becomes an ImageError.

A picture is gray or RGB of 8 bit, with or without alpha. What is none of these is converted, and
`Picture.notes` says what that changed or lost; nothing is converted or left out without a word.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from aecodec import files
from aecodec.errors import AecodecError, ImageError
from aecodec.format.constants import MAX_PIXELS
from aecodec.format.header import size_error
from aecodec.image.metadata import (
    EXIF_PREFIX,
    Metadata,
    is_srgb,
    metadata_of,
    orientation,
    profile_trouble,
    save_options,
)
from aecodec.image.modes import (
    PROFILE_ENDS,
    Pixels,
    bits_of,
    converter,
    joined,
    lost_in_loading,
    mode_of,
    split,
)

# None that runs a program. Pillow's reader of JPEG opens MPO too, the phones' several frames.
_READABLE = ("PNG", "JPEG", "TIFF", "WEBP", "PPM", "BMP", "GIF")
_FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".bmp": "BMP",
}
_PSNR_ROWS = 64
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "WEBP": {"lossless": True, "exact": True},  # exact: colours under alpha 0 survive
    "TIFF": {"compression": "raw"},  # with compression, Pillow leaves the EXIF sub-folders out
}
_WITHOUT_ALPHA = ("JPEG", "PPM", "BMP")
_WITHOUT_GRAY = (".ppm", ".webp")
_WITHOUT_RGB = (".pgm",)


@dataclass(frozen=True, eq=False)
class Picture:
    """A photo in memory. Raises ImageError where the samples are not what the codec takes."""

    pixels: Pixels  # sRGB unless icc says otherwise
    alpha: NDArray[np.uint8] | None = None  # [H, W], 255 is opaque; colours are not multiplied
    icc: bytes | None = None  # colour profile
    exif: bytes | None = None  # a TIFF stream, without the prefix that JPEG puts before it
    xmp: bytes | None = None
    notes: tuple[str, ...] = ()  # what reading changed or lost, a short phrase each

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        fits = len(shape) >= 2 and shape[2:] in ((), (3,)) and 0 not in shape
        if self.pixels.dtype != np.uint8 or not fits:
            raise _not_a_picture(self.pixels, "pixels")
        alpha = self.alpha
        if alpha is not None and (alpha.dtype != np.uint8 or alpha.shape != shape[:2]):
            raise _not_a_picture(alpha, f"alpha of {shape[1]}x{shape[0]} pixels")

    @property
    def gray(self) -> bool:
        """Whether the pixels are [H, W]."""
        return self.pixels.ndim == 2


ImageLike: TypeAlias = Picture | Image.Image | NDArray[np.uint8]


def as_picture(image: ImageLike) -> Picture:
    """What a caller of the library has, as a Picture. Raises ImageError.

    An array is uint8 [H, W] (gray), [H, W, 2] (gray, alpha), [H, W, 3] (RGB) or [H, W, 4] (RGBA).
    """
    if isinstance(image, Picture):
        return image
    if isinstance(image, Image.Image):
        return from_pil(image)
    if isinstance(image, np.ndarray):
        return Picture(*split(image))
    raise ImageError(f"not a Picture, PIL image or numpy array but {type(image).__name__}")


def read_picture(source: str | Path | BinaryIO | bytes, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a photo from a path, a binary stream or its bytes. Raises ImageError."""
    data = _read(source)
    with _pillow("read this picture"), Image.open(io.BytesIO(data), formats=_READABLE) as image:
        return from_pil(image, max_pixels)


def write_picture(picture: Picture, target: str | Path | BinaryIO, suffix: str) -> tuple[str, ...]:
    """Write a photo in the format that `suffix` names, such as ".png".

    Returns the names of what this format cannot hold and was left out: alpha, icc, exif, xmp.
    Raises ImageError; a path then has no partial file.
    """
    parts, left_out = picture_file(picture, suffix)
    _write(target, parts)
    return left_out


def picture_file(picture: Picture, suffix: str) -> tuple[files.Parts, tuple[str, ...]]:
    """What `write_picture` writes, part after part, and what it returns. Raises ImageError."""
    form = output_format(suffix)
    if form == "PPM" and picture.gray == (suffix.lower() in _WITHOUT_RGB):
        return _netpbm(picture)
    buffer = io.BytesIO()
    with _pillow(f"write {form}"):
        image, alpha_left_out = _writable(picture, suffix.lower())
        metadata: Metadata = {"icc": picture.icc, "exif": picture.exif, "xmp": picture.xmp}
        options, left_out = save_options(form, metadata, gray=image.mode in ("L", "LA"))
        image.save(buffer, form, **_OPTIONS.get(form, {}), **options)
    return (buffer.getbuffer(),), alpha_left_out + left_out


def _netpbm(picture: Picture) -> tuple[files.Parts, tuple[str, ...]]:
    """A PGM or PPM file, without Pillow's copies: the largest pictures are written so."""
    height, width = picture.pixels.shape[:2]
    start = f"P{5 if picture.gray else 6}\n{width} {height}\n255\n".encode()
    samples = np.ascontiguousarray(picture.pixels).data.cast("B")
    names = ("alpha", "icc", "exif", "xmp")
    return (start, samples), tuple(name for name in names if getattr(picture, name) is not None)


def output_format(suffix: str) -> str:
    """Pillow's name of the format that a suffix stands for. Raises ImageError if there is none."""
    try:
        return _FORMATS[suffix.lower()]
    except KeyError:
        known = " ".join(_FORMATS)
        raise ImageError(f"cannot write a picture as {suffix!r}; known are {known}") from None


def from_pil(image: Image.Image, max_pixels: int = MAX_PIXELS) -> Picture:
    """A PIL image of any mode: its current frame, its metadata, and what was lost as notes.

    That Pillow cut 16 bit to 8 shows only before it has loaded the pixels. Raises ImageError.
    """
    if trouble := size_error(*image.size, max_pixels):
        raise ImageError(trouble)
    with _pillow("read this picture"):
        bits, mode = bits_of(image), mode_of(image)
        notes = list(lost_in_loading(image, bits))
        image.load()
        converted, note = converter(mode)(image, bits)
        notes += [note] if note else []
        pixels, alpha = split(np.array(converted))
        metadata = metadata_of(image)
        if mode in PROFILE_ENDS:
            metadata["icc"] = None
        elif trouble := profile_trouble(metadata["icc"], gray=pixels.ndim == 2):
            metadata["icc"] = None
            notes.append(f"the colour profile was dropped: it {trouble}")
        return Picture(pixels, alpha, **metadata, notes=tuple(notes))


def to_pil(picture: Picture) -> Image.Image:
    """A PIL image of mode L, LA, RGB or RGBA, with the metadata in its `info`.

    The keys are those that Pillow's readers use.
    """
    image = joined(picture.pixels, picture.alpha)
    image.info.update(metadata_info(picture.icc, picture.exif, picture.xmp))
    return image


def metadata_info(icc: bytes | None, exif: bytes | None, xmp: bytes | None) -> dict[str, bytes]:
    """Metadata as an image's `info` has it."""
    exif = None if exif is None else EXIF_PREFIX + exif
    values = {"icc_profile": icc, "exif": exif, "xmp": xmp}
    return {key: value for key, value in values.items() if value is not None}


def without_metadata(picture: Picture) -> Picture:
    """The picture alone, upright, because the tag that told to turn it goes with the rest."""
    turn = _UPRIGHT[orientation(picture.exif)]
    notes = picture.notes
    if picture.icc is not None and not is_srgb(picture.icc):
        notes += ("the colour profile was dropped: colours will be read as sRGB",)
    return Picture(
        np.ascontiguousarray(turn(picture.pixels)),
        None if picture.alpha is None else np.ascontiguousarray(turn(picture.alpha)),
        notes=notes,
    )


def small(picture: Picture, size: int) -> Picture:
    """A thumbnail that fits into size by size pixels, upright, in its own colour profile."""
    upright = without_metadata(picture)
    image = joined(upright.pixels, upright.alpha)
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    return Picture(*split(np.array(image)), icc=picture.icc)


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """PSNR in dB over all samples of two images of one shape; infinite where they are the same."""
    if a.shape != b.shape:
        raise ImageError(f"PSNR needs images of one size, not {a.shape} and {b.shape}")
    from skimage.metrics import mean_squared_error

    squares = 0.0
    for top in range(0, len(a), _PSNR_ROWS):  # in float64: large pictures row by row
        rows = slice(top, top + _PSNR_ROWS)
        squares += mean_squared_error(a[rows], b[rows]) * a[rows].size
    return 10 * math.log10(255**2 * a.size / squares) if squares else math.inf


def _read(source: str | Path | BinaryIO | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        if isinstance(source, (str, Path)):
            return files.read_bytes(Path(source))
        return files.read_stream(source)
    except AecodecError as error:
        raise ImageError(str(error)) from error


def _write(target: str | Path | BinaryIO, parts: files.Parts) -> None:
    if not isinstance(target, (str, Path)):
        target.writelines(parts)
        return
    try:
        files.write_bytes(Path(target), *parts)
    except AecodecError as error:
        raise ImageError(str(error)) from error


def jpeg_psnr(picture: Picture, size: int) -> float | None:
    """PSNR in dB of the best JPEG of at most `size` bytes; None where none is as small.

    Colours at full resolution or half; baseline, the fastest to make, so a little in our favour.
    """
    best = None
    for subsampling in ("4:2:0", "4:4:4"):
        low, high = 0, 100  # the best quality that fits lies in low..high, if any does
        while low < high:
            middle = (low + high + 1) // 2
            data = _jpeg(picture, middle, subsampling)
            low, high = (middle, high) if len(data) <= size else (low, middle - 1)
        data = _jpeg(picture, max(1, low), subsampling)
        if len(data) <= size:
            decoded = np.asarray(Image.open(io.BytesIO(data)))
            best = max(best or 0.0, psnr(picture.pixels, decoded))
    return best


def _jpeg(picture: Picture, quality: int, subsampling: str) -> bytes:
    buffer = io.BytesIO()
    options = {"quality": quality, "subsampling": subsampling}
    Image.fromarray(picture.pixels).save(buffer, "JPEG", **options)
    return buffer.getvalue()


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


def _not_a_picture(array: NDArray[Any], what: str) -> ImageError:
    shape = list(array.shape)
    return ImageError(f"an array {shape} of {array.dtype} cannot be {what}: see Picture")


# EXIF orientation -> what turns rows and columns upright
_UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


def _writable(picture: Picture, suffix: str) -> tuple[Image.Image, tuple[str, ...]]:
    """The image as the format of this suffix holds it, and "alpha" if it cannot hold that."""
    if suffix in _WITHOUT_RGB and not picture.gray:
        raise ImageError(f"this picture is RGB and {suffix} holds gray only: write it as .ppm")
    left_out = picture.alpha is not None and _FORMATS[suffix] in _WITHOUT_ALPHA
    image = joined(picture.pixels, None if left_out else picture.alpha)
    if suffix in _WITHOUT_GRAY:
        image = image.convert("RGBA" if image.mode in ("LA", "RGBA") else "RGB")
    return image, ("alpha",) if left_out else ()
