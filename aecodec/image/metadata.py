"""Colour profile, EXIF and XMP: from a PIL image, and back into what Pillow's writers take.

Byte for byte, but for EXIF in TIFF: there its tags are part of the file's own structure, so they
are copied one by one, and Pillow turns the pixels of a TIFF upright as it reads them, as other
libraries do those of HEIC and JPEG XL, where one tag says so. From every other format the pixels
come as they are stored, and the orientation tag with them.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from aecodec.format.constants import MAX_ANCILLARY_BYTES
from aecodec.image.jpeg import without_promise
from aecodec.image.tiff import OF_THE_PHOTO, XMP


class Metadata(TypedDict):
    """Each item is None where the photo has none; the names are Picture's fields."""

    icc: bytes | None  # colour profile
    exif: bytes | None  # a TIFF stream, without the prefix that JPEG puts before it
    xmp: bytes | None


NAMES: tuple[Literal["icc", "exif", "xmp"], ...] = ("icc", "exif", "xmp")
NAMED = {"icc": "a colour profile", "exif": "EXIF", "xmp": "XMP"}
UNFIT = "damaged or over 16 MiB and was left out"  # in notes
EXIF_PREFIX = b"Exif\x00\x00"  # before the EXIF in JPEG and in Pillow's `info`

_WITHOUT = ("PPM", "BMP")  # formats that hold none, at least not as Pillow writes them
XMP_IN_PNG = "XML:com.adobe.xmp"
_ORIENTATION, _RESOLUTION = 274, 282
_INTEROPERABILITY, _INTEROPERABILITY_INDEX, _ADOBE_RGB = 40965, 1, "R03"  # DCF 2.0
RAW_PROFILE = "Raw profile type "  # ImageMagick's, of PNG files before PNG had eXIf
_INTEGERS = {1: "B", 3: "H", 4: "I"}  # TIFF's types of numbers that an orientation may have
_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation(?:=["']|>))[2-8]""")
_RAW_LAYOUT = re.compile(r"\s*[^\n]*\n\s*(\d{1,10})\n([0-9A-Fa-f\s]*)")
KEPT_PROFILES = ("icc", "icm", "exif", "app1", "xmp")
_XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\x00"  # as JPEG has it, and a raw profile "APP1"
_SEGMENT = 65_533  # bytes of a segment of JPEG, but for its length
_LIMITS = {
    "JPEG": {
        "icc": 255 * (_SEGMENT - 14),
        "exif": _SEGMENT - len(EXIF_PREFIX),
        "xmp": _SEGMENT - len(_XMP_PREFIX),
    }
}
"""Bytes that a format can hold, where that is less than any photo may have."""
_PROFILE_HEADER_BYTES = 128  # ICC.1:2022 section 7.2: the colour space is at byte 16
_SPACES = {b"RGB ": "RGB", b"GRAY": "gray", b"CMYK": "CMYK"}


def metadata_of(image: Image.Image) -> Metadata:
    """The metadata of an image whose pixels have been loaded."""
    raw = _raw_profiles(image.info)
    return {
        "icc": _bytes_or_none(image.info.get("icc_profile")) or raw["icc"],
        "exif": _exif(image) or raw["exif"],
        "xmp": _bytes_or_none(image.info.get("xmp")) or raw["xmp"],
    }


def settle(metadata: Metadata) -> list[str]:
    """Take out what no .aec file can hold, and promises of what is not kept; notes on it."""
    notes, xmp = [], metadata["xmp"] or b""
    if xmp != (kept := without_promise(xmp)):
        metadata["xmp"] = kept
        notes.append("XMP no longer says that a video follows")
    for name in NAMES:
        if len(metadata[name] or b"") > MAX_ANCILLARY_BYTES:
            metadata[name] = None
            notes.append(f"{NAMED[name]} of more than 16 MiB was left out")
    return notes


def profile_error(icc: bytes | None, gray: bool) -> str | None:
    """Why a colour profile says nothing about RGB or gray pixels, or None where it may."""
    if icc is None or len(icc) < _PROFILE_HEADER_BYTES:
        return None
    space, wanted = _SPACES.get(icc[16:20], "other colours"), "gray" if gray else "RGB"
    return None if space == wanted else f"is for {space} and the picture is {wanted}"


def is_srgb(icc: bytes) -> bool:
    """Whether a colour profile calls itself sRGB; a damaged one does not."""
    try:
        return "sRGB" in ImageCms.getProfileDescription(io.BytesIO(icc))
    except Exception:  # of any type, as ever with Pillow
        return False


def orientation(exif: bytes | None) -> int:
    """EXIF 2.32 tag 274: 1 to 8, where 1 is upright; missing or damaged is 1."""
    value = _tag(exif, _ORIENTATION)
    return int(value) if value in range(1, 9) else 1


def with_orientation(exif: bytes, turn: int) -> bytes | None:
    """EXIF that says so instead, byte for byte else; None where it says nothing of it."""
    order, found = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4]), bytearray(exif)
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", exif, place)
            if tag == _ORIENTATION and kind in _INTEGERS:
                struct.pack_into(f"{order}{_INTEGERS[kind]}", found, place + 8, turn)
    except struct.error:
        return None
    return bytes(found) if _tag(bytes(found), _ORIENTATION) == turn else None


def upright_info(icc: bytes | None, exif: bytes | None, xmp: bytes | None) -> dict[str, bytes]:
    """The `info` of an image whose pixels were turned as it was read, so that nobody does again."""
    exif = (exif or b"").removeprefix(EXIF_PREFIX)
    xmp = _XMP_ORIENTATION.sub(rb"\g<1>1", xmp or b"")
    found = {"icc_profile": icc, "exif": with_orientation(exif, 1) or exif, "xmp": xmp}
    return {name: value for name, value in found.items() if value}


def bare_exif(turn: int) -> bytes | None:
    """EXIF that holds an orientation and nothing else; None where that is upright."""
    tags = Image.Exif()
    tags[_ORIENTATION] = turn
    return None if turn == 1 else tags.tobytes().removeprefix(EXIF_PREFIX)


def has_resolution(exif: bytes | None) -> bool:
    """Whether EXIF says how many pixels an inch has."""
    return _tag(exif, _RESOLUTION) is not None


def is_adobe_rgb(exif: bytes | None) -> bool:
    """Whether EXIF says so, as cameras do that write no profile (DCF 2.0)."""
    try:
        return _loaded(exif).get_ifd(_INTEROPERABILITY).get(_INTEROPERABILITY_INDEX) == _ADOBE_RGB
    except Exception:  # of any type, as ever with Pillow
        return False


def _tag(exif: bytes | None, tag: int) -> Any:
    try:
        return _loaded(exif).get(tag)
    except Exception:  # of any type, as ever with Pillow
        return None


def _loaded(exif: bytes | None) -> Image.Exif:
    """EXIF, taken apart. Raises whatever Pillow does."""
    tags = Image.Exif()
    tags.load(exif or b"")
    return tags


def save_options(
    form: str, metadata: Metadata, gray: bool
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What `Image.save` takes to write this metadata in Pillow's format `form`.

    The second item names the metadata that this format cannot hold with RGB or gray pixels.
    """
    present = {name for name, value in metadata.items() if value}
    left_out = _unfit(form, metadata, gray) & present
    kept = present - left_out
    options: dict[str, Any] = {}
    if "icc" in kept:
        options["icc_profile"] = metadata["icc"]
    if form == "TIFF":
        exif = metadata["exif"] if "exif" in kept else None
        options["exif"] = _folder(exif, metadata["xmp"])
        return options, tuple(name for name in NAMES if name in left_out)
    if "exif" in kept:
        options["exif"] = EXIF_PREFIX + (metadata["exif"] or b"")
    if "xmp" in kept:
        _add_xmp(form, metadata["xmp"] or b"", options)
    return options, tuple(name for name in NAMES if name in left_out)


def _unfit(form: str, metadata: Metadata, gray: bool) -> set[str]:
    if form in _WITHOUT:
        return set(NAMES)
    limits = _LIMITS.get(form, {})
    unfit: set[str] = {n for n in NAMES if n in limits and len(metadata[n] or b"") > limits[n]}
    if profile_error(metadata["icc"], gray):
        unfit.add("icc")
    if form == "PNG" and not _is_utf8(metadata["xmp"] or b""):
        unfit.add("xmp")
    if form == "TIFF" and metadata["exif"] and not _is_readable(metadata["exif"]):
        unfit.add("exif")
    return unfit


def _is_readable(exif: bytes) -> bool:
    """Whether Pillow can take EXIF apart and put it together, as TIFF needs it."""
    try:
        _folder(exif, None).tobytes()
    except Exception:  # of any type, as ever with Pillow
        return False
    return True


def _folder(exif: bytes | None, xmp: bytes | None) -> Image.Exif:
    """The tags of a new TIFF file: those of EXIF that describe the photo, not the file it had."""
    tags = _loaded(exif)
    for tag in set(tags) - OF_THE_PHOTO:
        del tags[tag]
    if xmp:
        tags[XMP] = xmp
    return tags


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _add_xmp(form: str, xmp: bytes, options: dict[str, Any]) -> None:
    if form == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt(XMP_IN_PNG, xmp.decode("utf-8"))
    else:
        options["xmp"] = xmp


def _raw_profiles(info: Mapping[Any, Any]) -> Metadata:
    """What ImageMagick keeps in texts of PNG: a name, a length, and hexadecimal digits."""
    found: Metadata = {"icc": None, "exif": None, "xmp": None}
    for key, value in info.items():
        kind = raw_profile_kind(key) if isinstance(key, str) and isinstance(value, str) else None
        data = read_raw_profile(value) if kind else None
        if data is None:
            continue
        if kind in ("icc", "icm"):
            found["icc"] = data
        elif kind == "xmp" or data.startswith(_XMP_PREFIX):
            found["xmp"] = data.removeprefix(_XMP_PREFIX)
        elif kind in ("exif", "app1"):
            found["exif"] = data.removeprefix(EXIF_PREFIX) or None
    return found


def raw_profile_kind(key: str) -> str | None:
    """Of a text that holds a profile, by its name: icc, exif, iptc; None for other texts."""
    if not key.startswith(RAW_PROFILE):
        return None
    return key.removeprefix(RAW_PROFILE).lower().removesuffix(" profile").replace("generic", "app1")


def read_raw_profile(value: str) -> bytes | None:
    """The bytes of such a text; None where it is damaged."""
    found = _RAW_LAYOUT.fullmatch(value)
    try:
        data = bytes.fromhex(found[2]) if found else b""
    except ValueError:
        return None
    return data if found and len(data) == int(found[1]) else None


def _exif(image: Image.Image) -> bytes | None:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _exif_of_tiff(image)
    exif = _bytes_or_none(image.info.get("exif"))
    return exif.removeprefix(EXIF_PREFIX) or None if exif else None


def _exif_of_tiff(image: TiffImagePlugin.TiffImageFile) -> bytes | None:
    tags = image.getexif()
    for tag in set(tags) - OF_THE_PHOTO:
        del tags[tag]
    return tags.tobytes().removeprefix(EXIF_PREFIX) if len(tags) else None


def _bytes_or_none(value: Any) -> bytes | None:
    """Pillow's `info` holds bytes or text; nothing and emptiness are the same."""
    return (value.encode("utf-8") if isinstance(value, str) else bytes(value or b"")) or None
