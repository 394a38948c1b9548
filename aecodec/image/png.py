"""PNG files without what Pillow stumbles over: large texts and profiles, damage beside the pixels.

Pillow gets the chunks that make the pixels. The others are read here, within limits of our own,
and what nobody keeps is named. Numbers are those of ISO/IEC 15948 (PNG, third edition).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from aecodec.format.constants import MAX_ANCILLARY_BYTES

SIGNATURE = b"\x89PNG\r\n\x1a\n"
IEND = bytes(4) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
_FOR_PILLOW = (b"tRNS", b"acTL", b"fcTL", b"fdAT")
"""Ancillary chunks that say what the pixels are, and how many pictures there are."""
_SAYS_NOTHING = (b"bKGD", b"hIST", b"oFFs", b"sBIT", b"sPLT", b"tIME", b"vpAg")
"""Hints for those who show or made the file, which are left out without a word."""
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_XMP = "XML:com.adobe.xmp"
_INCH = 0.0254  # metres


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
    info: dict[str, Any] = {}
    texts: list[str] = []
    notes: list[str] = []
    for chunk in chunks(data):
        name = chunk.kind.decode("latin-1")
        if chunk.kind == b"IEND":
            notes += [behind] if (behind := _behind(data, chunk)) else []
            break
        if not chunk.kind[:1].islower() or chunk.kind in _FOR_PILLOW:
            kept.append(chunk.whole)
        elif chunk.damaged:
            notes.append(f"a damaged chunk {name} was left out")
        elif chunk.kind in _TEXTS:
            key, value = read_text(chunk)
            if value is None:
                notes.append(f"the text {key!r} is damaged or over 16 MiB and was left out")
            elif key == _XMP:
                info["xmp"] = value
            elif key.startswith("Raw profile type "):
                info[key] = value.decode("latin-1")
            else:
                texts.append(key)
        elif chunk.kind in _READERS:
            found = _read(chunk)
            if found is None:
                notes.append(f"the chunk {name} is damaged or over 16 MiB and was left out")
            info |= found or {}
        elif chunk.kind not in _SAYS_NOTHING:
            notes.append(f"a chunk {name} was left out")
    return Reduced(b"".join([*kept, IEND]), info, tuple(texts), tuple(dict.fromkeys(notes)))


def _behind(data: bytes, end: Chunk) -> str | None:
    """A note on what follows the last chunk, or None where that is nothing."""
    count = len(data[end.end :].strip(b"\0"))
    return f"{count:,} bytes behind the picture were left out" if count else None


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


def read_text(chunk: Chunk) -> tuple[str, bytes | None]:
    """A text's name and its bytes: latin-1, or UTF-8 in iTXt. None: they cannot be had."""
    key, _, rest = bytes(chunk.body).partition(b"\0")
    name = key.decode("latin-1")
    if chunk.kind == b"tEXt":
        return name, rest
    if chunk.kind == b"zTXt":
        return name, inflated(rest[1:])
    compressed, rest = rest[:1] == b"\1", rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    return name, inflated(rest) if compressed else rest


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
    if unit == 1:
        return {"dpi": (across * _INCH, down * _INCH)}
    return {"aspect": (across, down)}


_READERS: dict[bytes, Any] = {
    b"iCCP": _icc,
    b"eXIf": lambda body: {"exif": body},
    b"pHYs": _density,
    b"sRGB": lambda body: {"srgb": body[0]},
    b"gAMA": lambda body: {"gamma": struct.unpack(">I", body)[0] / 1e5},
    b"cHRM": lambda body: {"chromaticity": tuple(v / 1e5 for v in struct.unpack(">8I", body))},
    b"cICP": lambda body: {"cicp": struct.unpack(">4B", body)},
    b"mDCV": lambda body: {},  # of how bright a display is: cICP says that it is HDR
    b"cLLI": lambda body: {},
}
