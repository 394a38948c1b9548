"""JPEG files beside their pixels: where the picture ends, and what lies in segments and behind it.

Sections are those of ITU-T T.81 (JPEG), unless another is named.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from PIL import JpegImagePlugin

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
_SOF2, _SOS = 0xC2, 0xDA
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # the others are tables
_MOST_COMPONENTS = 4  # of a scan (B.2.3), and of any picture that Pillow reads
_ALONE = (0x01, *range(0xD0, 0xD8))  # markers without a segment (B.1.1.3)
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_TAILS = (b"", b"\x55" * 64, b"\xaa" * 64)
"""What may follow a scan: it makes no difference where all of it is there."""
_VIDEO = re.compile(rb"\0\0\0.ftyp", re.DOTALL)  # ISO/IEC 14496-12: how an MP4 begins
_PROMISE = re.compile(rb"((?:MotionPhoto|MicroVideo)\s*(?:=\s*[\"']|>\s*))1")
_FILLING = b"\0\xff\r\n\t "
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
    size: tuple[int, int]
    """width and height, 0 where nothing says them"""
    restart: int
    """the number of the restart marker that would come next, 0 to 7 (E.1.4)"""


def outline(data: bytes) -> Outline:
    """Walk over the markers. Stops where they make no sense."""
    frame = _Frame()
    at = len(SOI)
    while 0 <= (at := data.find(b"\xff", at)) < len(data) - 1:
        marker = data[at + 1]
        if marker == EOI[1]:
            return frame.outline(at + 2)
        if marker in (0x00, 0xFF, *_ALONE):
            at += 1
            continue
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        segment = data[at + 4 : at + 2 + size]
        at += 2 + max(2, size)
        if marker in _FRAMES:
            frame.begin(marker, segment)
        if marker == _SOS:
            if not frame.scan(segment):
                break
            found = _END_OF_SCAN.search(data, at)
            end = found.start() if found else len(data)
            frame.restarts = len(_RESTART.findall(data, at, end))
            at = end
    return frame.outline(None)


class _Frame:
    """What scans have brought of a picture: sequential files have one a component, progressive ones
    many (G.1.1)."""

    def __init__(self) -> None:
        self.progressive, self.size, self.restarts = False, (0, 0), 0
        self.missing: dict[int, dict[int, int]] = {}
        """component, coefficient -> bits that are still missing"""

    def begin(self, marker: int, segment: bytes) -> None:
        """SOF (B.2.2)."""
        self.progressive = marker == _SOF2
        self.size = int.from_bytes(segment[3:5], "big"), int.from_bytes(segment[1:3], "big")
        wanted = range(64 if self.progressive else 1)
        components = segment[6 : 6 + 3 * _MOST_COMPONENTS : 3]
        self.missing = {component: dict.fromkeys(wanted, 1) for component in components}

    def scan(self, segment: bytes) -> bool:
        """SOS (B.2.3); whether it makes sense."""
        count = segment[0] if segment else 0
        if not 1 <= count <= _MOST_COMPONENTS or len(segment) != 4 + 2 * count:
            return False
        first, last, bits = segment[-3:]
        for component in segment[1 : 1 + 2 * count : 2]:
            missing = self.missing.get(component, {})
            missing.update(dict.fromkeys(range(first, min(last, 63) + 1), bits & 15))
        return True

    def outline(self, end: int | None) -> Outline:
        missing = [bits for each in self.missing.values() for bits in each.values()]
        return Outline(end, bool(missing) and not any(missing), self.size, self.restarts % 8)


def with_end(data: bytes, restart: int) -> bytes | None:
    """A JPEG file that lacks nothing but its EOI, with one; None where pixels are missing, too.

    Where all of its last scan is there, it makes no difference what follows: neither zeros nor ones
    nor another interval behind the next restart marker.
    """
    data = data.removesuffix(b"\xff")
    another = bytes((0xFF, 0xD0 + restart)) + _TAILS[-1]
    ends = [data + tail + EOI for tail in (*_TAILS, another)]
    found = _digest(ends[0])
    return ends[0] if all(_digest(end) == found for end in ends[1:]) else None


def _digest(data: bytes) -> bytes:
    """Of the pixels."""
    with JpegImagePlugin.JpegImageFile(io.BytesIO(data)) as image:
        return hashlib.sha256(np.asarray(image).tobytes()).digest()


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


def behind(data: bytes, end: int) -> tuple[str, ...]:
    """A note on what follows a picture that ends there, if that is no further picture."""
    if found := _VIDEO.search(data, end):
        size = len(data) - found.start()
        return (f"a video of {size:,} bytes behind the picture was left out",)
    end += len(EOI) * data.startswith(EOI, end)
    return () if data.find(_FURTHER_PICTURES, 0, end) >= 0 else bytes_behind(data, end)


def bytes_behind(data: bytes, end: int) -> tuple[str, ...]:
    """A note on what follows the end of any file's picture, but for what fills it up."""
    count = len(data[end:].strip(_FILLING))
    return (f"{count:,} bytes behind the picture were left out",) if count else ()


def without_promise(xmp: bytes) -> bytes:
    """XMP that no longer says that a video follows, as Android's motion photos do."""
    return _PROMISE.sub(rb"\g<1>0", xmp)
