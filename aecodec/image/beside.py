"""What lies beside pixels, profile, EXIF and XMP in a photo and is not kept: a note on each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from PIL import Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from aecodec.image.colour import numbers
from aecodec.image.jpeg import segments_left_out
from aecodec.image.metadata import (
    KEPT_PROFILES,
    XMP_IN_PNG,
    has_resolution,
    raw_profile_kind,
    read_raw_profile,
)
from aecodec.image.tiff import tags_left_out

_IPTC = 0x0404  # of Photoshop's image resources
_USUAL_DPI = (0, 1, 72, 96)  # what programs write that know nothing
_NAMES_SHOWN, _CHARACTERS_SHOWN = 5, 40


def notes_beside(image: Image.Image, exif: bytes | None) -> Iterator[str]:
    """Notes on an image whose pixels have been loaded; exif: what is kept of it."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        yield from segments_left_out(image.applist)
    if isinstance(image, PngImagePlugin.PngImageFile):
        yield from text_notes(image.text)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        yield from tags_left_out(image)
    if image.info.get("comment"):
        yield "a comment was left out"
    resources = image.info.get("photoshop")
    if isinstance(resources, dict) and _IPTC in resources:
        yield "IPTC was left out"
    yield from _profile_notes(image.info)
    if not has_resolution(exif):
        yield from _density_notes(image)


def text_notes(names: Iterable[str]) -> Iterator[str]:
    """A note that names the texts of a PNG file."""
    named = [n for n in names if n != XMP_IN_PNG and not raw_profile_kind(n)]
    shown = [name[:_CHARACTERS_SHOWN] for name in dict.fromkeys(named)]
    if more := len(shown[_NAMES_SHOWN:]):
        shown[_NAMES_SHOWN:] = [f"{more} more"]
    if shown:
        yield f"text was left out: {', '.join(shown)}"


def _profile_notes(info: dict[str | tuple[int, int], object]) -> Iterator[str]:
    """On profiles in texts of PNG that are damaged, or of kinds that nobody keeps, as IPTC."""
    for key, value in info.items():
        kind = raw_profile_kind(key) if isinstance(key, str) else None
        if kind and (kind not in KEPT_PROFILES or read_raw_profile(str(value)) is None):
            yield f"{kind.upper()} was left out"


def _density_notes(image: Image.Image) -> Iterator[str]:
    """On how large a picture is in print, and on pixels that are no squares."""
    dpi = numbers(image.info.get("dpi"), 2)
    density = image.info.get("aspect") or image.info.get("jfif_density")
    across, down = numbers(density, 2) or (1, 1)
    if dpi is not None:
        across, down = map(round, dpi)
        if not {across, down} <= set(_USUAL_DPI):
            what = f"{across}" if across == down else f"{across} by {down}"
            yield f"the resolution of {what} dpi was left out"
    elif across != down and across > 0 and down > 0:
        yield "its pixels are no squares and were taken for such"
