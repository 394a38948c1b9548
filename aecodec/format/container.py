"""A file, version 1: header, chunks and the payloads of its tiles, in both directions (SPEC 3).

formats/SPEC.md leads and this package follows; the comments say which section. Like header and
chunks this module imports neither torch nor numpy, so that `aecodec info` answers at once.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from aecodec.errors import FormatError
from aecodec.files import Source, file_bytes
from aecodec.format.chunks import (
    CRC,
    HEAD,
    INDEX,
    TILE,
    TYPES,
    Chunk,
    check_chunk,
    check_head,
    read_chunk,
    write_chunk,
)
from aecodec.format.constants import MAX_CHUNKS
from aecodec.format.header import HEADER_BYTES, Header, read_header, write_header

_LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class Payload:
    """The coded symbols of a tile, or what there is of them.

    cut: the end of the file is missing, nothing vouches for what there is; damaged: without data.
    """

    data: bytes
    state: Literal["whole", "cut", "damaged"] = "whole"


@dataclass(frozen=True)
class Container:
    """A whole file, taken apart: what `read_container` gives and `write_container` takes."""

    header: Header
    payloads: tuple[Payload, ...]  # of every tile, row by row
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    preview: bytes | None = None  # SPEC 3.8
    filter: bytes | None = None  # SPEC 3.7
    alpha: bytes | None = None  # a PNG file


def write_container(container: Container) -> bytes:
    """The bytes of a file. Raises FormatError where a chunk is over its limit."""
    chunks = [
        Chunk(kind, data)
        for kind, field in TYPES.items()
        if (data := getattr(container, field)) is not None
    ]
    payloads = [payload.data for payload in container.payloads]
    if len(payloads) > 1:
        chunks.append(Chunk(INDEX, b"".join(_LENGTH.pack(len(payload)) for payload in payloads)))
    chunks += [Chunk(TILE, payload) for payload in payloads]
    return write_header(container.header) + b"".join(map(write_chunk, chunks))


def read_container(data: Source, keep_going: bool = False, partial: bool = False) -> Container:
    """Take a file apart after checking all of it. Raises FormatError naming the rule it breaks,
    AecodecError where there is no file.

    With `keep_going`, tiles that are damaged or cut off come as damaged payloads. With `partial`,
    a file may end behind the head of its first tile: tiles that it cuts or lacks come as cut ones.
    What is wrong before the tiles is an error all the same.
    """
    data = file_bytes(data)
    header, chunks, start = read_chunks(data)
    payloads = tuple(read_payloads(data, header, chunks, start, keep_going, partial))
    return Container(header, payloads, **_fields(chunks))


def read_head(data: bytes) -> Container:
    """All but the tiles, which may be damaged or missing. Raises FormatError."""
    header, chunks, _ = read_chunks(data)
    return Container(header, (), **_fields(chunks))


def _fields(chunks: list[Chunk]) -> dict[str, bytes | None]:
    found = {chunk.type: chunk.data for chunk in chunks}
    return {field: found.get(kind) for kind, field in TYPES.items()}


def read_chunks(data: bytes) -> tuple[Header, list[Chunk], int]:
    """Header, checked chunks up to the first tile, and at which byte that begins."""
    header = read_header(data)
    chunks: list[Chunk] = []
    start = HEADER_BYTES
    while not _tiles_begin(data, start, chunks):
        if len(chunks) == MAX_CHUNKS:
            raise FormatError(f"more than {MAX_CHUNKS} chunks before the tiles")
        chunk, start = read_chunk(data, start)
        check_chunk(chunk, header, chunks)
        chunks.append(chunk)
    return header, chunks, start


def _tiles_begin(data: bytes, start: int, before: list[Chunk]) -> bool:
    """Whether the first tile begins at byte `start`: after the index, damaged or not (SPEC 3.5)."""
    if before and before[-1].type == INDEX:
        return True
    head = data[start : start + HEAD.size]
    return len(head) == HEAD.size and head.endswith(TILE.encode("ascii"))


def read_payloads(
    data: bytes,
    header: Header,
    chunks: list[Chunk],
    start: int,
    keep_going: bool = False,
    partial: bool = False,
) -> Iterator[Payload]:
    """The payloads of all tiles, which together must end the file (SPEC 3.5). Raises FormatError.

    header, chunks, start: as `read_chunks` gives them.
    """
    for number, length in enumerate(_lengths(data, header, chunks, start)):
        body = start + HEAD.size
        if partial and _is_cut(data, start, length, first=number == 0):
            yield Payload(data[body : body + length], "cut")
        else:
            yield _payload(data, start, length, header.tile_name(number), keep_going)
        start = body + length + CRC.size
    if start < len(data):
        raise FormatError(f"{len(data) - start} bytes left over after the last tile")


def _lengths(data: bytes, header: Header, chunks: list[Chunk], start: int) -> list[int]:
    """Bytes of every payload: as the index says, or as the only tile says itself (SPEC 3.5)."""
    index = next((chunk.data for chunk in chunks if chunk.type == INDEX), None)
    count = header.tile_count
    if (index is None) != (count == 1):
        needs = "has no" if count == 1 else "needs a"
        raise FormatError(f"a picture of {count} tiles {needs} chunk {INDEX}")
    if index is not None and len(index) != count * _LENGTH.size:
        raise FormatError(f"{INDEX} has {len(index)} bytes, not {_LENGTH.size} for each tile")
    lengths = index if index is not None else data[start : start + _LENGTH.size]
    found = [length for (length,) in _LENGTH.iter_unpack(lengths)]
    check_head(TILE, max(found))
    return found


def _payload(data: bytes, start: int, length: int, name: str, keep_going: bool) -> Payload:
    """The payload of the tile of that name, whose chunk begins at byte `start`."""
    try:
        chunk, _ = read_chunk(data, start, length)
        if chunk.type != TILE:
            raise FormatError(f"the chunk {chunk.type} is not the tile of the index")
    except FormatError as error:
        if keep_going:
            return Payload(b"", "damaged")
        raise FormatError(f"{name}: {error}") from error
    return Payload(chunk.data)


def _is_cut(data: bytes, start: int, length: int, first: bool) -> bool:
    """Whether the end of the file cuts a tile whose head, if there, is right (SPEC 5.6).

    Of the first one, the head must be there.
    """
    head = data[start : start + HEAD.size]
    if len(head) < HEAD.size:
        return not first
    whole = HEAD.size + length + CRC.size
    return len(data) < start + whole and head == HEAD.pack(length, TILE.encode("ascii"))
