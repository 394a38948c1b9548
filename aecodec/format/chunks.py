"""One chunk, in both directions (SPEC 3.1 to 3.4). A new type is entered in `TYPES`."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from aecodec.errors import FormatError
from aecodec.format.constants import (
    FILTER_LIMITS,
    MAX_ANCILLARY_BYTES,
    MAX_CRITICAL_BYTES,
    TABLE_COUNT,
)
from aecodec.format.header import MODES, Header
from aecodec.format.preview import read_preview

INDEX, TILE, FILTER, PREVIEW = "TIDX", "TILE", "FLTR", "prvw"
TYPES = {
    "iccp": "icc",
    "exif": "exif",
    "xmpx": "xmp",
    PREVIEW: "preview",
    FILTER: "filter",
    "ALPH": "alpha",
}
"""Chunks before the index and the tiles, in the order of writing -> their fields in Container."""

HEAD = struct.Struct(">I4s")  # SPEC 3.1: length, type
CRC = struct.Struct(">I")
CHUNK_BYTES = HEAD.size + CRC.size  # of a chunk without data


@dataclass(frozen=True)
class Chunk:
    """One chunk. Raises FormatError for a bad type or too much data."""

    type: str  # 4 ASCII letters
    data: bytes

    def __post_init__(self) -> None:
        check_head(self.type, len(self.data))

    @property
    def critical(self) -> bool:
        """Whether a decoder that does not know the type must refuse the file (SPEC 3.2)."""
        return self.type[0].isupper()


def write_chunk(chunk: Chunk) -> bytes:
    """-> its bytes, head and CRC included."""
    kind = chunk.type.encode("ascii")
    crc = zlib.crc32(chunk.data, zlib.crc32(kind))
    return HEAD.pack(len(chunk.data), kind) + chunk.data + CRC.pack(crc)


def read_chunk(data: bytes, start: int, expected: int | None = None) -> tuple[Chunk, int]:
    """The chunk at byte `start`, of `expected` bytes where that is known, and where it ends.

    Inverse of `write_chunk`. Raises FormatError.
    """
    if start >= len(data):
        raise FormatError(f"cut: no chunk {TILE}")
    body = start + HEAD.size
    if len(data) < body:
        raise FormatError("cut inside the head of a chunk")
    length, kind = HEAD.unpack_from(data, start)
    name = kind.decode("latin-1")
    check_head(name, length)
    if expected not in (None, length):  # before its bytes are read: chunks may not overlap
        raise FormatError(f"the chunk {name} is not the tile of the index")
    end = body + length
    if len(data) < end + CRC.size:
        raise FormatError(f"cut inside the chunk {name}")
    if CRC.unpack_from(data, end) != (zlib.crc32(memoryview(data)[body - 4 : end]),):
        raise FormatError(f"damaged chunk {name}: its CRC does not match")
    return Chunk(name, data[body:end]), end + CRC.size


def check_head(kind: str, length: int) -> None:
    """Raises FormatError for a type that is none, or more data than it may have."""
    if len(kind) != 4 or not (kind.isascii() and kind.isalpha()):
        raise FormatError(f"a chunk type is 4 ASCII letters, not {kind!r}")
    limit = MAX_CRITICAL_BYTES if kind[0].isupper() else MAX_ANCILLARY_BYTES
    if length > limit:
        raise FormatError(f"the chunk {kind} has {length} bytes; the limit is {limit}")


def check_chunk(chunk: Chunk, header: Header, before: Sequence[Chunk]) -> None:
    """Raises FormatError for a chunk that may not be there, or a filter or preview that is none.

    That is an unknown critical one, or a second one of a known type (SPEC 3.2, 3.3, 3.7, 3.8).
    """
    known = chunk.type in TYPES or chunk.type == INDEX
    if chunk.critical and not known:
        raise FormatError(f"unknown critical chunk {chunk.type}: a newer aecodec may know it")
    if known and any(chunk.type == other.type for other in before):
        raise FormatError(f"a second chunk {chunk.type}")
    if chunk.type == FILTER:
        _check_filter(chunk.data, header)
    if chunk.type == PREVIEW:
        read_preview(chunk.data, header)


def _check_filter(data: bytes, header: Header) -> None:
    """What can be told without the tables of the model (SPEC 3.7)."""
    if header.gray:
        raise FormatError(f"a chunk {FILTER} in a picture of mode {MODES[header.mode]}")
    if len(data) < 5 or data[0] >= len(FILTER_LIMITS):
        raise FormatError(f"the chunk {FILTER} is not a filter of 0, 1 or 2 limits")
    if max(data[1:5]) >= TABLE_COUNT:
        raise FormatError(f"the chunk {FILTER} names a table above {TABLE_COUNT - 1}")
