"""JPEG XL by pillow-jxl-plugin's decoder, and what must be known of a file before that.

Numbers are those of ISO/IEC 18181-1 annex D (headers) and 18181-2 (atoms). The decoder gives pixels
that are upright, colours as a profile, JPEG files where the file holds one, and of an animation the
last frame: the first one comes from imagecodecs, which does without the others.
"""

from __future__ import annotations

import importlib.util
import io
import re
import sys
from functools import cache
from importlib.machinery import PathFinder
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageCms

from aecodec.errors import ImageError
from aecodec.format.constants import MAX_ANCILLARY_BYTES
from aecodec.format.header import size_error
from aecodec.image.atoms import atoms
from aecodec.image.formats import needs_extra
from aecodec.image.metadata import UNFIT, upright_info
from aecodec.image.modes import Samples, joined, split, to_8_bits
from aecodec.process import cores

CODESTREAM = b"\xff\x0a"
SIGNATURES = (CODESTREAM, b"\0\0\0\x0cJXL \r\n\x87\n")
_KIND = "a JPEG XL file"
_KEPT = {b"Exif": "EXIF", b"xml ": "XMP"}
_JPEG = b"jbrd"  # beside which the decoder must see metadata, too: it is the JPEG file's
_TYPES = {"I;16": np.uint16, "F": np.float32, "F;16": np.float16}  # by mode; else bytes
_OWN_PROFILES = b"jxl "
_USUAL = re.compile(r"sRGB|(RGB_D65_SRG|Gra_D65)_\w{3}_SRG")
_PART_NUMBER = 4  # bytes before a part of a codestream
_HEAD_BYTES = 64  # more than the fields that are read here take
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_OF_SIZES = ((9, 1), (13, 1), (18, 1), (30, 1))
_OF_PREVIEWS = ((6, 1), (8, 65), (10, 321), (12, 1345))
_OF_EIGHTHS = ((0, 16), (0, 32), (5, 1), (9, 33))
_OF_TICKS = (((0, 100), (0, 1000), (10, 1), (30, 1)), ((0, 1), (0, 1001), (8, 1), (10, 1)))
_OF_LOOPS = ((0, 0), (3, 0), (16, 0), (32, 0))
_OF_BITS = (((0, 8), (0, 10), (0, 12), (6, 1)), ((0, 32), (0, 16), (0, 24), (6, 1)))
"""integers, then floats"""
_OF_EXTRA_CHANNELS = ((0, 0), (0, 1), (4, 2), (12, 1))
MAX_EXTRA_CHANNELS = 8
"""which the decoder makes room for, each as large as a float gray picture"""
_OF_ANIMATIONS = ("further frames were left out", "colours of an animation are read as sRGB")


class Head(NamedTuple):
    """What a codestream says first."""

    width: int
    height: int
    bits: int
    """a sample, of integers or floats"""
    animated: bool
    plain: bool
    """whether its colours are surely sRGB"""


class _Bits:
    """Bits of a codestream, from the lowest of a byte on."""

    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        """The next bits, as a number. Raises ImageError at the end."""
        if count > self.left:
            raise ImageError("cannot read this picture: it is cut in its header")
        found = self.value & (1 << count) - 1
        self.value, self.left = self.value >> count, self.left - count
        return found

    def choose(self, kinds: tuple[tuple[int, int], ...]) -> int:
        """One of four kinds of numbers: so many bits and what is added to them (D.2.2, U32)."""
        bits, offset = kinds[self.take(2)]
        return self.take(bits) + offset


def head_of(codestream: bytes) -> Head:
    """Read what comes before colours (D.3). Raises ImageError."""
    bits = _Bits(codestream[len(CODESTREAM) : _HEAD_BYTES])
    width, height = _size(bits)
    if bits.take(1):  # all by default
        return Head(width, height, 8, False, True)
    animated = False
    if bits.take(1):  # extra fields
        bits.take(3)  # orientation
        if bits.take(1):
            _size(bits)  # as it should be shown
        if bits.take(1):
            _preview(bits)
        if animated := bool(bits.take(1)):
            for kinds in _OF_TICKS:
                bits.choose(kinds)
            bits.choose(_OF_LOOPS)
            bits.take(1)
    is_float = bits.take(1)
    depth = bits.choose(_OF_BITS[is_float])
    bits.take(5 if is_float else 1)  # the first is about buffers, the others about exponents
    more = bits.choose(_OF_EXTRA_CHANNELS)
    if more > MAX_EXTRA_CHANNELS:
        raise ImageError(f"JPEG XL with {more} channels beside its colours: export it anew")
    usual = all(bits.take(1) for _ in range(more))  # 8 bits of alpha
    bits.take(usual)  # whether it is lossy
    return Head(width, height, depth, animated, usual and bits.take(1) == 1)


def _size(bits: _Bits) -> tuple[int, int]:
    """Width and height (D.3.2)."""
    small = bits.take(1)
    height = 8 * (bits.take(5) + 1) if small else bits.choose(_OF_SIZES)
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return (8 * (bits.take(5) + 1) if small else bits.choose(_OF_SIZES)), height


def _preview(bits: _Bits) -> None:
    kinds = _OF_EIGHTHS if bits.take(1) else _OF_PREVIEWS
    bits.choose(kinds)
    if not bits.take(3):
        bits.choose(kinds)


def decoded_jxl(data: bytes, max_pixels: int) -> tuple[Image.Image, tuple[str, ...]] | bytes:
    """The picture of a JPEG XL file, upright and of 8 bits, and notes on what is left out.

    Or the JPEG file, byte for byte, that it was made of. Raises ImageError over the limit of
    pixels, without the libraries, for damaged files and CMYK.
    """
    codestream, more = (data, {}) if data.startswith(CODESTREAM) else _taken_apart(data)
    head = head_of(codestream)
    if error := size_error(head.width, head.height, max_pixels):
        raise ImageError(error)
    notes: tuple[str, ...] = ()
    if head.animated:
        image, icc, notes = _first_frame(codestream), b"", _OF_ANIMATIONS[: 2 - head.plain]
    else:
        is_jpeg, found, samples, icc = _decoded(data if _JPEG in more else codestream)[:4]
        if is_jpeg:
            return bytes(samples)
        if icc[16:20] == b"CMYK":
            raise ImageError("JPEG XL in CMYK, which is not known: export it anew")
        image = _image(found, samples)
    exif, xmp = _without_offset(more.get(b"Exif") or b""), more.get(b"xml ")
    image.info.update(upright_info(None if not icc or _is_usual(icc) else icc, exif, xmp))
    image.info["bit_depth"] = head.bits
    unfit = (_KEPT[kind] for kind, body in more.items() if body is None)
    return image, (*notes, *(f"{name} is {UNFIT}" for name in unfit))


def _taken_apart(data: bytes) -> tuple[bytes, dict[bytes, bytes | None]]:
    """The codestream, and what is kept by the kinds of its atoms, of each the first.

    None are metadata that are unfit, which the decoder never sees.
    """
    parts: list[memoryview] = []
    more: dict[bytes, bytes | None] = {}
    for kind, body in atoms(data):
        if kind in (b"jxlc", b"jxlp"):
            parts.append(body[_PART_NUMBER if kind == b"jxlp" else 0 :])
        packed = kind == b"brob"
        kind, plain = (bytes(body[:4]), body[4:]) if packed else (kind, body)
        if kind in (*_KEPT, _JPEG) and kind not in more:
            more[kind] = _inflated(bytes(plain)) if packed else bytes(plain)
            if kind == _JPEG and more[kind] is None:
                raise ImageError("cannot read this picture: damaged or cut")
    return b"".join(parts), more


def _decoded(data: bytes) -> Any:
    """-> whether it is a JPEG file, its mode and size, samples or that file, profile; and more."""
    try:
        return _decoder()(num_threads=cores())(data)
    except RuntimeError as error:  # whose text tells how to build the library
        raise ImageError("cannot read this picture: damaged or cut") from error


@cache
def _decoder() -> Any:
    """The class of decoders. The plugin around it would register itself in everybody's Pillow."""
    package, name = importlib.util.find_spec("pillow_jxl"), "pillow_jxl.pillow_jxl"
    spec = package and PathFinder.find_spec(name, package.submodule_search_locations)
    if not spec or not spec.loader:
        raise needs_extra(_KIND)
    module = sys.modules.get(name)
    if module is None:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module.Decoder


def _image(found: Any, samples: bytes) -> Image.Image:
    """Samples of 8 bits, of 16 and floats where they are gray, as an image."""
    shape = (found.height, found.width, -1)
    array = np.frombuffer(samples, _TYPES.get(found.mode, np.uint8)).reshape(shape)
    if array.shape[2] == 1:
        array = array[..., 0]
    if array.dtype.kind == "f":
        return Image.fromarray(array.astype(np.float32))
    return _of_integers(array)


def _of_integers(array: Samples) -> Image.Image:
    return joined(*split(array if array.dtype == np.uint8 else to_8_bits(array, 16)))


def _first_frame(data: bytes) -> Image.Image:
    try:
        from imagecodecs import jpegxl_decode
    except ImportError as error:
        raise needs_extra(_KIND) from error
    frame = jpegxl_decode(data, index=0)
    if frame.dtype not in (np.uint8, np.uint16):
        raise ImageError("an animation of float samples, which is not known: export it anew")
    return _of_integers(frame)


def _without_offset(exif: bytes) -> bytes:
    """A TIFF stream, without the bytes that tell where it begins, which not every writer has."""
    return exif if exif.startswith((b"II*\0", b"MM\0*")) else exif[4:]


def _inflated(data: bytes) -> bytes | None:
    """Brotli's inverse; None for damage, or for more than the limit of a chunk of ours."""
    try:
        from imagecodecs import brotli_decode
    except ImportError as error:
        raise needs_extra(_KIND) from error
    try:
        return bytes(brotli_decode(data, out=MAX_ANCILLARY_BYTES))
    except RuntimeError:
        return None


def _is_usual(icc: bytes) -> bool:
    """Whether a profile is the decoder's own, for sRGB or gray like that."""
    try:
        name = ImageCms.getProfileDescription(io.BytesIO(icc))
    except ImageCms.PyCMSError:
        return False
    return icc[4:8] == _OWN_PROFILES and _USUAL.fullmatch(name.strip()) is not None
