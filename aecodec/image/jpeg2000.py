"""JPEG 2000 files: what Pillow reads wrong or overlooks, from depths of samples to metadata.

Numbers are those of ISO/IEC 15444-1 (JPEG 2000): the SIZ marker is A.5.1, atoms are annex I.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, Jpeg2KImagePlugin

from aecodec.errors import ImageError
from aecodec.format.header import size_error
from aecodec.image.atoms import atoms, first
from aecodec.image.formats import needs_extra
from aecodec.image.metadata import EXIF_PREFIX
from aecodec.image.modes import joined, split, to_8_bits

CODESTREAM = b"\xff\x4f\xff\x51"
SIGNATURES = (CODESTREAM, b"\0\0\0\x0cjP  \r\n\x87\n")
_SIZ = struct.Struct(">8xIIII16xH")  # and 3 bytes for each component
_EXIF = b"JpgTiffExif->JP2"
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_GROUPS = {
    bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"): "IPTC",
    bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03"): "GeoTIFF",
}
_ENUMERATED, _PROFILES = 1, (2, 3)  # how a colr atom tells colours
_CMYK, _SRGB, _YCC = 12, 16, 18
_READ_RIGHT = (0, 15, _CMYK, _SRGB, 17, _YCC)  # 0 and 15: bilevel; 17: gray
_BY_ENCODERS = (b"Created by OpenJPEG", b"Kakadu")
"""comments that say what has written the file, and nothing of the photo"""


class _Samples(NamedTuple):
    """What a codestream's SIZ marker says."""

    size: tuple[int, int]
    depths: tuple[int, ...]
    """bits a sample, of each component"""


def jpeg2000_image(data: bytes, max_pixels: int) -> tuple[Image.Image, tuple[str, ...]]:
    """The picture of a JPEG 2000 file, and notes on what is left out.

    Raises ImageError over the limit of pixels, and where Pillow reads it wrong and imagecodecs is
    not there; else what these two do.
    """
    image: Image.Image = Jpeg2KImagePlugin.Jpeg2KImageFile(io.BytesIO(data))
    info, notes, space = dict(image.info), [], _SRGB
    codestream = memoryview(data)
    if not data.startswith(CODESTREAM):
        codestream = first(data, b"jp2c")
        space = _colours(first(data, b"jp2h"), info)
        if space not in _READ_RIGHT:
            notes.append(f"its colour space, number {space}, was read as sRGB")
        notes += _beside(data, info)
    if bytes(info.get("comment", b"")).startswith(_BY_ENCODERS):
        del info["comment"]
    samples = _samples(codestream)
    for size in (image.size, samples.size):
        if error := size_error(*size, max_pixels):
            raise ImageError(error)
    image = _repaired(image, data, samples, space)
    image.info = info | {"bit_depth": max(samples.depths)}
    return image, tuple(notes)


def _samples(codestream: memoryview) -> _Samples:
    """Raises ImageError for a codestream that does not begin with SIZ, or ends there."""
    if bytes(codestream[:4]) != CODESTREAM or len(codestream) < _SIZ.size + 3:
        raise ImageError("cannot read this picture: damaged or cut")
    right, down, left, top, count = _SIZ.unpack_from(codestream)
    sizes = codestream[_SIZ.size : _SIZ.size + 3 * count : 3]
    return _Samples((right - left, down - top), tuple((size & 0x7F) + 1 for size in sizes) or (8,))


def _repaired(image: Image.Image, data: bytes, samples: _Samples, space: int) -> Image.Image:
    """The image with samples of 8 bits, where Pillow does not make them well."""
    deepest = max(samples.depths)
    if image.mode == "I;16":
        bits = min(deepest, 16)
        return Image.fromarray(to_8_bits(np.asarray(image) >> 16 - bits, bits))
    if deepest > 8:
        return _deep(data, samples.depths, space)
    if deepest < 8 and image.mode in ("L", "LA", "RGB", "RGBA"):
        return _stretched(image, samples.depths)
    return image


def _colours(header: memoryview, info: dict[Any, Any]) -> int:
    """The number of the colour space that the first colr atom names; a profile goes into `info`."""
    colr = first(header, b"colr")
    if len(colr) > 3 and colr[0] in _PROFILES:
        info["icc_profile"] = bytes(colr[3:])
    named = len(colr) >= 7 and colr[0] == _ENUMERATED
    return int.from_bytes(colr[3:7], "big") if named else _SRGB


def _beside(data: bytes, info: dict[Any, Any]) -> Iterator[str]:
    """Metadata into `info`, and notes on what else there is."""
    for kind, body in atoms(data):
        name = bytes(body[:16]) if kind == b"uuid" else b""
        if name == _EXIF:
            info["exif"] = bytes(body[16:]).removeprefix(EXIF_PREFIX)
        elif name == _XMP:
            info["xmp"] = bytes(body[16:])
        elif name in _GROUPS:
            yield f"{_GROUPS[name]} was left out"
        elif kind == b"xml ":
            yield "XML was left out"


def _deep(data: bytes, depths: tuple[int, ...], space: int) -> Image.Image:
    """Samples of more than 8 bits, rounded: Pillow's rounding turns white to black."""
    if len(set(depths)) > 1 or len(depths) > 4 or depths[0] > 24 or space in (_CMYK, _YCC):
        raise ImageError("samples of several depths, over 24 bits, in YCC or CMYK: export it anew")
    try:
        from imagecodecs import jpeg2k_decode
    except ImportError as error:
        raise needs_extra(f"a JPEG 2000 file of {depths[0]}-bit samples") from error
    return joined(*split(to_8_bits(jpeg2k_decode(data), depths[0])))


def _stretched(image: Image.Image, depths: tuple[int, ...]) -> Image.Image:
    """Samples of less than 8 bits, of which Pillow fills the lower ones of a byte with zeros."""
    samples = np.arange(256)
    return image.point([int(v) for bits in depths for v in to_8_bits(samples >> 8 - bits, bits)])
