"""JPEG files beside their pixels: where the picture ends, and what lies in segments and behind it.

Sections are those of ITU-T T.81 (JPEG), unless another is named.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from PIL import JpegImagePlugin

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
_SOF2, _SOS, _DHT = 0xC2, 0xDA, 0xC4
_FRAMES = range(0xC0, 0xD0)  # of which some are tables
_ALONE = (0x01, *range(0xD0, 0xD8))  # markers without a segment (B.1.1.3)
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_TAILS = (b"", b"\x55" * 64, b"\xaa" * 64)
"""What may follow a scan: it makes no difference where all of it is there."""
_VIDEO = re.compile(rb"\0\0\0.ftyp", re.DOTALL)  # ISO/IEC 14496-12: how an MP4 begins
_PROMISE = re.compile(rb"((?:MotionPhoto|MicroVideo)\s*(?:=\s*[\"']|>\s*))1")
_FURTHER_PICTURES = b"MPF\0"  # CIPA DC-007, as a segment begins; Pillow counts them
_XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_KNOWN = {  # segments that are kept, make the pixels, or are told of elsewhere
    "APP0": (b"JFIF\0", b"JFXX\0"),
    "APP1": (b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0"),
    "APP2": (b"ICC_PROFILE\0", b"MPF\0", b"urn:iso:std:iso:ts:21496:-1\0"),
    "APP13": (b"Photoshop 3.0\0",),
    "APP12": (b"Ducky",),  # how Photoshop has saved it
    "APP14": (b"Adobe",),
}


class Outline(NamedTuple):
    """What a walk over the markers of a JPEG file finds."""

    end: int | None
    """of the picture, behind its EOI; None where that is missing"""
    complete: bool
    """whether its scans bring every coefficient to full precision"""


def outline(data: bytes) -> Outline:
    """Walk over the markers. Stops where they make no sense."""
    precision: dict[tuple[int, int], int] = {}  # component, coefficient -> bits still missing
    components: bytes = b""
    progressive, at = False, len(SOI)
    while 0 <= (at := data.find(b"\xff", at)) < len(data) - 1:
        marker = data[at + 1]
        if marker == EOI[1]:
            return Outline(at + 2, _is_complete(progressive, components, precision))
        if marker in (0x00, 0xFF, *_ALONE):
            at += 1
            continue
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        segment = data[at + 4 : at + 2 + size]
        at += 2 + max(2, size)
        if marker in _FRAMES and marker not in (_DHT, 0xC8, 0xCC):
            progressive, components = marker == _SOF2, segment[6::3]
        if marker == _SOS and segment:
            count, tail = segment[0], segment[-3:]
            for component in segment[1 : 1 + 2 * count : 2]:
                for k in range(tail[0], tail[1] + 1) if len(tail) == 3 else ():
                    precision[component, k] = tail[2] & 15
            found = _END_OF_SCAN.search(data, at)
            at = found.start() if found else len(data)
    return Outline(None, _is_complete(progressive, components, precision))


def _is_complete(
    progressive: bool, components: Iterable[int], precision: dict[tuple[int, int], int]
) -> bool:
    """Sequential files have one scan a component; progressive ones many (G.1.1)."""
    wanted = range(64) if progressive else range(1)
    return all(precision.get((c, k), 1) == 0 for c in components for k in wanted)


def with_end(data: bytes) -> bytes | None:
    """A JPEG file that lacks nothing but its EOI, with one; None where pixels are missing, too."""
    data = data.removesuffix(b"\xff")
    ends = [data + tail + EOI for tail in _TAILS]
    first = _decoded(ends[0])
    same = all(np.array_equal(first, _decoded(end)) for end in ends[1:])
    return ends[0] if same else None


def _decoded(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with JpegImagePlugin.JpegImageFile(io.BytesIO(data)) as image:
        return np.asarray(image)


def segments_left_out(applist: Iterable[tuple[str, bytes]]) -> Iterator[str]:
    """Notes on application segments, as Pillow lists them, that nobody keeps."""
    others: dict[str, None] = {}
    for name, body in applist:
        if name == "APP1" and body.startswith(_XMP_EXTENSION):
            others["extended XMP was left out"] = None
        elif name != "COM" and not body.startswith(_KNOWN.get(name, ())):
            label = re.sub(rb"[^ -~].*", b"", body[:32], flags=re.DOTALL).decode()
            others[f"a segment {name}{f' ({label})' if label else ''} was left out"] = None
    yield from others


def behind(data: bytes, end: int) -> str | None:
    """A note on what follows a picture that ends there; None for nothing, or further pictures."""
    if found := _VIDEO.search(data, end):
        return f"a video of {len(data) - found.start():,} bytes behind the picture was left out"
    count = len(data[end:].strip(b"\0"))
    if not count or data.find(_FURTHER_PICTURES, 0, end) >= 0:
        return None
    return f"{count:,} bytes behind the picture were left out"


def without_promise(xmp: bytes) -> bytes:
    """XMP that no longer says that a video follows, as Android's motion photos do."""
    return _PROMISE.sub(rb"\g<1>0", xmp)
