"""PNG files without what Pillow stumbles over: large texts and profiles, damage beside the pixels.

Pillow gets the chunks that make the pixels. The others are read here, within limits of our own,
and what nobody keeps is named. Numbers are those of ISO/IEC 15948 (PNG, third edition).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aecodec.format.constants import MAX_ANCILLARY_BYTES
from aecodec.image.jpeg import bytes_behind
from aecodec.image.metadata import (
    KEPT_PROFILES,
    RAW_PROFILE,
    UNFIT,
    XMP_IN_PNG,
    raw_profile_kind,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
IEND = bytes(4) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
_FOR_PILLOW = (b"tRNS", b"acTL", b"fcTL", b"fdAT")
"""Ancillary chunks that say what the pixels are, and how many pictures there are."""
_SAYS_NOTHING = {*b"bKGD cLLI hIST iDOT mDCV oFFs sBIT sPLT tIME vpAg".split()}
"""Hints for those who show or made the file, which are left out without a word."""
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_INCH = 0.0254  # metres
_MOST_NOTES = 8


class Chunk(NamedTuple):
    """A chunk of a PNG file."""

    kind: bytes
    body: memoryview
    whole: memoryview
    """with length, type and CRC"""
    end: int
    """where the next one begins"""
    damaged: bool
    """whether it is cut, or its CRC is not that of type and body"""


class Reduced(NamedTuple):
    """A file for Pillow, and what was taken out of it."""

    data: bytes
    info: dict[str, Any]
    """by the keys that Pillow's own readers use, and `cicp`"""
    texts: tuple[str, ...]
    """the names of texts that are neither EXIF nor XMP"""
    notes: tuple[str, ...]
    """on what else was left out"""


def reduced_png(data: bytes) -> Reduced:
    """Take a PNG file apart. Damage in what makes the pixels is left for Pillow to refuse."""
    kept: list[bytes | memoryview] = [SIGNATURE]
    beside = _Beside({}, [], [])
    for chunk in chunks(data):
        if chunk.kind == b"IEND":
            beside.notes += bytes_behind(data, chunk.end)
            break
        if not chunk.kind[:1].islower() or chunk.kind in _FOR_PILLOW:
            kept.append(chunk.whole)
        else:
            beside.add(chunk)
    notes = [note for note, _ in zip(dict.fromkeys(beside.notes), range(_MOST_NOTES), strict=False)]
    return Reduced(b"".join([*kept, IEND]), beside.info, tuple(beside.texts), tuple(notes))


@dataclass
class _Beside:
    """What is found beside the pixels."""

    info: dict[str, Any]
    texts: list[str]
    notes: list[str]
    seen: set[bytes] = field(default_factory=set)

    def add(self, chunk: Chunk) -> None:
        """Of chunks and texts of one kind, the first one counts."""
        name = chunk.kind.decode("latin-1")
        if chunk.damaged:
            self.notes.append(f"a damaged chunk {name} was left out")
        elif chunk.kind in _TEXTS:
            self.add_text(chunk)
        elif chunk.kind in _READERS:
            if chunk.kind not in self.seen:
                self.seen.add(chunk.kind)
                found = _read(chunk)
                self.info |= found or {}
                self.notes += [f"the chunk {name} is {UNFIT}"] if found is None else []
        elif chunk.kind not in _SAYS_NOTHING:
            self.notes.append(f"a chunk {name} was left out")

    def add_text(self, chunk: Chunk) -> None:
        """Only texts that are kept are inflated."""
        name = bytes(chunk.body[:80]).partition(b"\0")[0].decode("latin-1")
        kind = raw_profile_kind(name)
        key = "xmp" if name == XMP_IN_PNG else RAW_PROFILE + (kind or "")
        if key != "xmp" and kind not in KEPT_PROFILES:
            if kind:
                self.info[key] = ""  # so that its kind is told
            else:
                self.texts.append(name)
        elif key not in self.info and (value := read_text(chunk)) is not None:
            self.info[key] = value if key == "xmp" else value.decode("latin-1")
        elif key not in self.info:
            self.notes.append(f"the text {name!r} is {UNFIT}")


def chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks of a PNG file, as far as there are any; the last one may be cut."""
    view, start = memoryview(data), len(SIGNATURE)
    while start + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 12 + length
        body, whole = view[start + 8 : end - 4], view[start:end]
        damaged = kind[:1].islower() and (
            len(whole) < 12 + length
            or whole[-4:] != struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
        )
        yield Chunk(kind, body, whole, end, damaged)
        start = end


def read_text(chunk: Chunk) -> bytes | None:
    """The bytes of a text: latin-1, or UTF-8 in iTXt. None: they cannot be had."""
    rest = bytes(chunk.body).partition(b"\0")[2]
    if chunk.kind == b"tEXt":
        return rest
    if chunk.kind == b"zTXt":
        return inflated(rest[1:])
    compressed, rest = rest[:1] == b"\1", rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    return inflated(rest) if compressed else rest


def inflated(data: bytes) -> bytes | None:
    """zlib's inverse; None for damage, or for more than the limit of a chunk of ours."""
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(data, MAX_ANCILLARY_BYTES)
    except zlib.error:
        return None
    return found if stream.eof else None


def _read(chunk: Chunk) -> dict[str, Any] | None:
    try:
        return _READERS[chunk.kind](bytes(chunk.body))
    except (struct.error, IndexError):
        return None


def _icc(body: bytes) -> dict[str, Any] | None:
    profile = inflated(body.partition(b"\0")[2][1:])
    return None if profile is None else {"icc_profile": profile}


def _density(body: bytes) -> dict[str, Any]:
    across, down, unit = struct.unpack(">IIB", body)
    return {"dpi": (across * _INCH, down * _INCH)} if unit == 1 else {"aspect": (across, down)}


def _chromaticity(body: bytes) -> dict[str, Any]:
    return {"chromaticity": tuple(value / 1e5 for value in struct.unpack(">8I", body))}


_READERS: dict[bytes, Callable[[bytes], dict[str, Any] | None]] = {
    b"iCCP": _icc,
    b"eXIf": lambda body: {"exif": body},
    b"sRGB": lambda body: {"srgb": body[0]},
    b"gAMA": lambda body: {"gamma": struct.unpack(">I", body)[0] / 1e5},
    b"cHRM": _chromaticity,
    b"cICP": lambda body: {"cicp": struct.unpack(">4B", body)},
    b"pHYs": _density,
}
