"""Colour profile, EXIF and XMP: from a PIL image, and back into what Pillow's writers take.

Byte for byte, but for EXIF in TIFF: there its tags are part of the file's own structure, so they
are copied one by one, and Pillow turns the pixels of a TIFF upright as it reads them. From every
other format the pixels come as they are stored, and the orientation tag with them.
"""

from __future__ import annotations

import io
from typing import Any, TypedDict

from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin


class Metadata(TypedDict):
    """Each item is None where the photo has none; the names are Picture's fields."""

    icc: bytes | None  # colour profile
    exif: bytes | None  # a TIFF stream, without the prefix that JPEG puts before it
    xmp: bytes | None


NAMES = ("icc", "exif", "xmp")
EXIF_PREFIX = b"Exif\x00\x00"  # before the EXIF in JPEG and in Pillow's `info`

_WITHOUT = ("PPM", "BMP")  # formats that hold none, at least not as Pillow writes them
_XMP_IN_PNG = "XML:com.adobe.xmp"
_XMP_IN_TIFF = 700
# EXIF 2.32 table 4: the tags of a TIFF's first folder that describe the photo rather than the file.
_EXIF_IN_TIFF = {270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 33432, 34665, 34853}
_ORIENTATION = 274
_PROFILE_HEADER_BYTES = 128  # ICC.1:2022 section 7.2: the colour space is at byte 16
_SPACES = {b"RGB ": "RGB", b"GRAY": "gray", b"CMYK": "CMYK"}


def metadata_of(image: Image.Image) -> Metadata:
    """The metadata of an image whose pixels have been loaded."""
    return {
        "icc": _bytes_or_none(image.info.get("icc_profile")),
        "exif": _exif(image),
        "xmp": _bytes_or_none(image.info.get("xmp")),
    }


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
    tags = Image.Exif()
    try:
        tags.load(exif or b"")
        value = tags.get(_ORIENTATION, 1)
    except Exception:  # of any type, as ever with Pillow
        return 1
    return int(value) if value in range(1, 9) else 1


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
    if "exif" in kept:
        options["exif"] = EXIF_PREFIX + (metadata["exif"] or b"")
    if "xmp" in kept:
        _add_xmp(form, metadata["xmp"] or b"", options)
    return options, tuple(name for name in NAMES if name in left_out)


def _unfit(form: str, metadata: Metadata, gray: bool) -> set[str]:
    if form in _WITHOUT:
        return set(NAMES)
    unfit = set()
    if profile_error(metadata["icc"], gray):
        unfit.add("icc")
    if form == "PNG" and not _is_utf8(metadata["xmp"] or b""):
        unfit.add("xmp")
    return unfit


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _add_xmp(form: str, xmp: bytes, options: dict[str, Any]) -> None:
    if form == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt(_XMP_IN_PNG, xmp.decode("utf-8"))
    elif form == "TIFF":
        tags = Image.Exif()
        tags.load(options.get("exif", b""))
        tags[_XMP_IN_TIFF] = xmp
        options["exif"] = tags
    else:
        options["xmp"] = xmp


def _exif(image: Image.Image) -> bytes | None:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _exif_of_tiff(image)
    exif = _bytes_or_none(image.info.get("exif"))
    return exif.removeprefix(EXIF_PREFIX) or None if exif else None


def _exif_of_tiff(image: TiffImagePlugin.TiffImageFile) -> bytes | None:
    tags = image.getexif()
    for tag in set(tags) - _EXIF_IN_TIFF:
        del tags[tag]
    return tags.tobytes().removeprefix(EXIF_PREFIX) if len(tags) else None


def _bytes_or_none(value: Any) -> bytes | None:
    """Pillow's `info` holds bytes or text; nothing and emptiness are the same."""
    return (value.encode("utf-8") if isinstance(value, str) else bytes(value or b"")) or None
