"""HEIC by pillow-heif, and what AVIF files say that Pillow keeps to itself.

Numbers are those of ISO/IEC 23008-12 (HEIF). Its properties turn the picture, not EXIF: pillow-heif
gives pixels that are upright already, Pillow those of AVIF as they are stored.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image

from aecodec.errors import ImageError
from aecodec.format.header import size_error
from aecodec.image.atoms import Code, Item, as_rgb, code_points, primary_item
from aecodec.image.formats import needs_extra
from aecodec.image.metadata import EXIF_PREFIX, UNFIT, upright_info, with_orientation
from aecodec.image.modes import GAIN_MAP, further_frames, to_8_bits

_AVIF, _HEIC = (b"avif", b"avis"), (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
_HEIF = (b"mif1", b"msf1")
"""brands of files that may hold anything, and name what they do hold among the others"""
_HIGH_DEPTH, _TWELVE_BITS = 0x40, 0x20  # of av1C's third byte
_NO_AVIF = "is an AVIF file: reading it takes Pillow 11.3 or newer, with AVIF"
_TONE_MAPPED = b"tmap"
"""the kind of item that a gain map makes of another"""


def kind_of_heif(data: bytes) -> str | None:
    """AVIF or HEIC, by a file's brands; None for other files."""
    if data[4:8] != b"ftyp" or data[8:12] not in _AVIF + _HEIC + _HEIF:
        return None
    end = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[8:12], *(data[place : place + 4] for place in range(16, end, 4))}
    return "AVIF" if brands & set(_AVIF) and data[8:12] not in _HEIC else "HEIC"


def heic_image(data: bytes, max_pixels: int) -> tuple[Image.Image, tuple[str, ...]]:
    """The primary picture of a HEIC file, upright and of 8 bits, and notes on what is left out.

    Raises ImageError without pillow-heif or over the limit of pixels; else what pillow-heif does.
    """
    try:
        from pillow_heif import open_heif
    except ImportError as error:
        raise needs_extra("a HEIC file") from error
    file = open_heif(data, convert_hdr_to_8bit=False, hdr_to_16bit=False)
    primary = file[file.primary_index]
    if error_of_size := size_error(*primary.size, max_pixels):
        raise ImageError(error_of_size)
    mode = primary.mode.partition(";")[0]
    info: dict[str, Any] = primary.info
    samples = np.asarray(primary)
    if samples.dtype != np.uint8:
        samples = to_8_bits(samples, info["bit_depth"])
    if mode == "RGBA" and "chroma" not in info:  # gray, of which libheif makes colours with alpha
        mode, samples = "LA", samples[..., ::3]
    mode = "L" if mode == "I" else mode
    height, width = samples.shape[:2]
    samples = np.ascontiguousarray(samples)
    image = Image.frombuffer(mode, (width, height), samples, "raw", mode, 0, 1)
    image.info.update(upright_info(info.get("icc_profile"), info["exif"], info.get("xmp")))
    image.info.update(_facts(info["bit_depth"], _code(info)))
    if "pixel_aspect_ratio" in info:
        image.info["aspect"] = info["pixel_aspect_ratio"]
    left_out = dict.fromkeys((*_left_out(info), *_gain_map(primary_item(data))))
    return image, (*further_frames(len(file) - 1), *left_out)


def _code(info: Mapping[str, Any]) -> Code | None:
    nclx = info.get("nclx_profile")
    if nclx is None or "icc_profile" in info:
        return None
    return as_rgb(int(nclx["color_primaries"]), int(nclx["transfer_characteristics"]))


def _facts(bits: int, code: Code | None) -> dict[str, Any]:
    return {"bit_depth": bits} | ({} if code is None else {"cicp": code})


def _left_out(info: Mapping[str, Any]) -> Iterator[str]:
    if info.get("depth_images"):
        yield "a depth image was left out"
    kinds = [str(kind).lower() for kind in info.get("aux", ())]
    if any("gainmap" in kind for kind in kinds):
        yield GAIN_MAP
    if not all("gainmap" in kind for kind in kinds):
        yield "auxiliary images were left out"


def _gain_map(item: Item) -> tuple[str, ...]:
    return (GAIN_MAP,) if _TONE_MAPPED in item.kinds else ()


def avif_image(data: bytes, max_pixels: int) -> tuple[Image.Image, tuple[str, ...]]:
    """The first picture of an AVIF file, not loaded yet, and notes on what is left out.

    Raises ImageError without a Pillow that reads them; else what Pillow does. EXIF is the file's
    own, where Pillow has put it together anew to say how the picture is turned.
    """
    try:
        from PIL import AvifImagePlugin
    except ImportError as error:
        raise ImageError(_NO_AVIF) from error
    if not AvifImagePlugin.SUPPORTED:
        raise ImageError(_NO_AVIF)
    notes: tuple[str, ...] = ()
    try:
        image = AvifImagePlugin.AvifImageFile(io.BytesIO(data))
    except Exception:  # of any type, as ever with Pillow: perhaps of damaged EXIF, so without it
        image = AvifImagePlugin.AvifImageFile(io.BytesIO(data.replace(b"Exif", b"none")))
        notes = (f"EXIF is {UNFIT}",)
    item = primary_item(data)
    depths = [_depth(atom.body) for atom in item.properties if atom.kind == b"av1C"]
    code = None if "icc_profile" in image.info else code_points(item.found(b"colr"))
    image.info.update(_facts(max(depths, default=8), code))
    with contextlib.suppress(AttributeError):  # of Pillow, which may rename its own
        exif, turn = image._decoder.get_info()[4:6]
        exif = with_orientation((exif or b"").removeprefix(EXIF_PREFIX), turn)
        image.info.update({} if exif is None else {"exif": exif})
    crop = () if item.found(b"clap") is None else ("its crop was not applied",)
    return image, (*notes, *crop, *_gain_map(item))


def _depth(configuration: memoryview) -> int:
    """Bits a sample, by AV1's codec configuration (av1-isobmff 2.3.3)."""
    flags = configuration[2] if len(configuration) > 2 else 0
    return 8 if not flags & _HIGH_DEPTH else 12 if flags & _TWELVE_BITS else 10
