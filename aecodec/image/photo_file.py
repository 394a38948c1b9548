"""Photo files in and out: a file <-> a Picture. By Pillow, but for HEIC and JPEG XL."""

from __future__ import annotations

import contextlib
import io
import os
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from aecodec import files, outputs
from aecodec.errors import AecodecError, ImageError
from aecodec.format.constants import MAX_PIXELS
from aecodec.format.header import SIGNATURE, size_error
from aecodec.image.beside import text_notes
from aecodec.image.bmp import SIGNATURE as BMP
from aecodec.image.bmp import bmp_colours
from aecodec.image.formats import FORMATS, READABLE, WRITABLE
from aecodec.image.gif import SIGNATURE as GIF
from aecodec.image.gif import read_gif
from aecodec.image.heif import avif_image, heic_image, kind_of_heif
from aecodec.image.jpeg import SOI, behind, bytes_behind, outline, with_end
from aecodec.image.jpeg2000 import SIGNATURES as JPEG2000
from aecodec.image.jpeg2000 import jpeg2000_image
from aecodec.image.jxl import SIGNATURES as JPEG_XL
from aecodec.image.jxl import decoded_jxl
from aecodec.image.metadata import Metadata, save_options
from aecodec.image.modes import joined
from aecodec.image.picture import ImageLike, Picture, as_picture, from_pil, pillow_errors, upright
from aecodec.image.png import SIGNATURE as PNG
from aecodec.image.png import reduced_png

_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "WEBP": {"lossless": True, "exact": True},  # exact: colours under alpha 0 survive
    "TIFF": {"compression": "raw"},  # with compression, Pillow leaves the EXIF sub-folders out
}
RIFF = b"RIFF"  # WebP's container
_WITHOUT_ALPHA = ("JPEG", "PPM", "BMP")
_WITHOUT_GRAY = (".ppm", ".webp")
_WITHOUT_RGB = (".pgm",)


def read_picture(source: files.Source, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a photo: its bytes, its name, or a binary stream, which stays open.

    Raises ImageError for a file that cannot be read, is no photo of a format in READABLE or
    OTHERS, is damaged, or has more than `max_pixels`.
    """
    data = _read(source)
    if data.startswith(SIGNATURE):
        raise ImageError("is an .aec file already")
    with pillow_errors("read this picture"):
        reader = _READERS.get(_other_format(data), _simple_image)
        image, notes = reader(data, max_pixels)
        with image:
            picture = from_pil(image, max_pixels)
        return replace(picture, notes=picture.notes + notes)


def _other_format(data: bytes) -> str | None:
    """A key of OTHERS, or None."""
    if data.startswith(JPEG2000):
        return "JPEG 2000"
    return "JPEG XL" if data.startswith(JPEG_XL) else kind_of_heif(data)


def _jxl_image(data: bytes, max_pixels: int) -> tuple[Image.Image, tuple[str, ...]]:
    found = decoded_jxl(data, max_pixels)
    return _simple_image(found, max_pixels) if isinstance(found, bytes) else found


def _simple_image(data: bytes, max_pixels: int) -> tuple[Image.Image, tuple[str, ...]]:
    file = _prepared(data, max_pixels)
    image = opened(file.data)
    image.info.update(file.info)
    return image, file.notes


_Reader: TypeAlias = Callable[[bytes, int], tuple[Image.Image, tuple[str, ...]]]
"""A file and the limit of pixels -> an image for `from_pil`, and notes on what else it had"""
_READERS: dict[str | None, _Reader] = {
    "AVIF": avif_image,
    "HEIC": heic_image,
    "JPEG 2000": jpeg2000_image,
    "JPEG XL": _jxl_image,
}


def picture_of(image: ImageLike | files.Source, max_pixels: int = MAX_PIXELS) -> Picture:
    """As `as_picture`, or a photo file as `read_picture` reads it. Raises ImageError."""
    is_file = isinstance(image, str | os.PathLike | bytes | bytearray | memoryview)
    if is_file or hasattr(image, "read"):
        return read_picture(cast(files.Source, image), max_pixels)
    return as_picture(cast(ImageLike, image))


class _Prepared(NamedTuple):
    """A file for Pillow, what to add to its `info`, and notes on what that leaves out."""

    data: bytes
    info: dict[str, Any]
    notes: tuple[str, ...]


def _prepared(data: bytes, max_pixels: int) -> _Prepared:
    """A file without what Pillow would refuse, and with what it would overlook."""
    if data.startswith(PNG):
        file = reduced_png(data)
        return _Prepared(file.data, file.info, (*text_notes(file.texts), *file.notes))
    if data.startswith(SOI):
        return _prepared_jpeg(data, max_pixels)
    if data.startswith(GIF):
        info, end = read_gif(data)
        return _Prepared(data, info, () if end is None else bytes_behind(data, end))
    if data.startswith(RIFF):
        end = 8 + int.from_bytes(data[4:8], "little")
        return _Prepared(data, {}, bytes_behind(data, end))
    if data.startswith(BMP):
        return _Prepared(data, *bmp_colours(data))
    return _Prepared(data, {}, ())


def _prepared_jpeg(data: bytes, max_pixels: int) -> _Prepared:
    found = outline(data)
    if found.end is None:
        may_be_read = found.complete and not size_error(*found.size, max_pixels)
        ended = with_end(data, found.restart) if may_be_read else None
        return _Prepared(ended or data, {}, ("the end of the file was missing",) if ended else ())
    return _Prepared(data, {}, behind(data, found.end))


def opened(data: bytes) -> ImageFile.ImageFile:
    """An image file, not loaded yet: Image.open without its limit of pixels, as we have our own.

    Raises UnidentifiedImageError, or whatever Pillow does.
    """
    Image.preinit()
    for form in READABLE:
        if form not in Image.OPEN:
            Image.init()
        factory, accept = Image.OPEN[form]
        with contextlib.suppress(SyntaxError, IndexError, TypeError, struct.error):
            if accept is None or accept(data[:16]) is True:
                return factory(io.BytesIO(data), "")
    raise UnidentifiedImageError


def photo_format(data: bytes) -> str | None:
    """The name of a photo file's format, by its first bytes; None: it is none."""
    if other := _other_format(data):
        return other
    try:
        with opened(data) as image:
            return image.format
    except Exception:  # whatever a reader says of what it has not been told to read
        return None


def _read(source: files.Source) -> bytes:
    try:
        return files.file_bytes(source)
    except AecodecError as error:
        raise ImageError(str(error)) from error


def picture_file(picture: Picture, suffix: str) -> tuple[outputs.Parts, tuple[str, ...]]:
    """The photo file of a picture in the format that `suffix` names, such as ".png".

    Returns the file's bytes, part after part, and the names of what this format cannot hold and
    was left out: alpha, icc, exif, xmp. Without EXIF, pixels are turned upright. Raises ImageError
    for an unknown suffix, colours where the format has only gray, and what Pillow refuses to write.
    """
    form, suffix = output_format(suffix), suffix.lower()
    metadata: Metadata = {"icc": picture.icc, "exif": picture.exif, "xmp": picture.xmp}
    gray = picture.gray and suffix not in _WITHOUT_GRAY
    options, left_out = save_options(form, metadata, gray)
    if "exif" in left_out:
        picture = upright(picture)
    if form == "PPM" and picture.gray == (suffix in _WITHOUT_RGB):
        return _netpbm(picture)
    buffer = io.BytesIO()
    with pillow_errors(f"write {form}"):
        image, alpha_left_out = _writable(picture, suffix)
        image.save(buffer, form, **_OPTIONS.get(form, {}), **options)
    return (buffer.getbuffer(),), alpha_left_out + left_out


def output_format(suffix: str) -> str:
    """Pillow's name of the format that a suffix stands for. Raises ImageError if there is none."""
    if suffix.lower() in WRITABLE:
        return FORMATS[suffix.lower()]
    raise ImageError(f"cannot write a picture as {suffix!r}; known are {' '.join(WRITABLE)}")


def _netpbm(picture: Picture) -> tuple[outputs.Parts, tuple[str, ...]]:
    """A PGM or PPM file, without Pillow's copies: the largest pictures are written so."""
    height, width = picture.pixels.shape[:2]
    start = f"P{5 if picture.gray else 6}\n{width} {height}\n255\n".encode()
    samples = np.ascontiguousarray(picture.pixels).data.cast("B")
    names = ("alpha", "icc", "exif", "xmp")
    return (start, samples), tuple(name for name in names if getattr(picture, name) is not None)


def _writable(picture: Picture, suffix: str) -> tuple[Image.Image, tuple[str, ...]]:
    """The image as the format of this suffix holds it, and "alpha" if it cannot hold that."""
    if suffix in _WITHOUT_RGB and not picture.gray:
        raise ImageError(f"this picture is RGB and {suffix} holds gray only: write it as .ppm")
    left_out = picture.alpha is not None and FORMATS[suffix] in _WITHOUT_ALPHA
    image = joined(picture.pixels, None if left_out else picture.alpha)
    if suffix in _WITHOUT_GRAY:
        image = image.convert("RGBA" if image.mode in ("LA", "RGBA") else "RGB")
    return image, ("alpha",) if left_out else ()
