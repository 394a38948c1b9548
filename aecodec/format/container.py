"""The .aec container, version 1: every byte around the tiles' payloads, in both directions.

formats/SPEC.md sections 1 to 3 lead and this module follows; the comments say which section.
It imports neither torch nor numpy, so that `aecodec info` answers at once.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from aecodec.errors import FormatError
from aecodec.format.quality import MAX_Q, q_to_quality

SIGNATURE = b"\x89AEC\r\n\x1a\n"  # SPEC 2.1: the line ends catch text-mode transfers, as in PNG
FORMAT_VERSION = 1
MODEL_ID_BYTES = 8
HEADER_BYTES = 32
MODES = {0: "RGB", 1: "gray"}  # SPEC 2.5
TILE_UNIT = 64  # pixels: tiles are made of whole hyper-latent positions

# SPEC 2.4, 2.7 and 3.4: checked before anything is allocated
MAX_SIDE = 2**20 - 1
MAX_PIXELS = 2**28  # of a picture, unless the caller raises it
MAX_TILE = 2048  # a tile's symbols are decoded in one piece, at about 250 bytes a pixel
DEFAULT_TILE = 1024  # half the memory and 2/3 of the time of 2048, for 0.1 % of the bytes
MAX_TILES = 2**16
MAX_ANCILLARY_BYTES = 2**24  # 16 MiB: ten times the largest colour profile or EXIF seen in photos
MAX_CRITICAL_BYTES = 2**28
MAX_CHUNKS = 64  # before the tiles: version 1 names six; the rest is room for what others add

_HEADER = struct.Struct(">8sB8sIIBBB")  # SPEC 2: all but its CRC
_CHUNK_HEAD = struct.Struct(">I4s")  # SPEC 3: length, type
_CRC = struct.Struct(">I")
_LENGTH = struct.Struct(">I")
CHUNK_BYTES = _CHUNK_HEAD.size + _CRC.size  # of a chunk without data
FILTER_CLIPS = (0, 1, 2)  # SPEC 3.7: how many times differences count limited
TABLES = 64  # of a model

_INDEX = "TIDX"
_TILE = "TILE"
_FILTER = "FLTR"
_FIELDS = {
    "iccp": "icc",
    "exif": "exif",
    "xmpx": "xmp",
    "FLTR": "filter",
    "ALPH": "alpha",
}  # chunk -> of Container


def size_trouble(width: int, height: int, max_pixels: int = MAX_PIXELS) -> str | None:
    """Why a picture of this size in pixels is not coded, or None where it is (SPEC 2.4)."""
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        return f"the sides of {width}x{height} are not in 1 to {MAX_SIDE}"
    if width * height > max_pixels:
        return f"{width}x{height} is over the limit of {max_pixels} pixels"
    return None


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: rows top to bottom, columns left to right, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


@dataclass(frozen=True)
class Header:
    """What is known before the tiles (SPEC 2). Raises FormatError for a field out of range."""

    model_id: bytes  # first 8 bytes of the SHA-256 of the canonical weights
    width: int  # pixels, before padding
    height: int
    q: int  # the model's rate index, 0..63
    mode: int = 0  # a key of MODES
    tile: int = DEFAULT_TILE  # pixels, the side of a tile

    def __post_init__(self) -> None:
        if len(self.model_id) != MODEL_ID_BYTES:
            raise FormatError(f"a model id has {MODEL_ID_BYTES} bytes, not {len(self.model_id)}")
        if trouble := size_trouble(self.width, self.height, MAX_SIDE**2):
            raise FormatError(trouble)
        if self.mode not in MODES:
            raise FormatError(f"unknown colour mode {self.mode}")
        if not 0 <= self.q <= MAX_Q:
            raise FormatError(f"q {self.q} is not in 0 to {MAX_Q}")
        if self.tile % TILE_UNIT or not TILE_UNIT <= self.tile <= MAX_TILE:
            raise FormatError(
                f"the side of a tile is a multiple of {TILE_UNIT} up to {MAX_TILE}, not {self.tile}"
            )
        if self.rows * self.columns > MAX_TILES:
            raise FormatError(f"{self.rows * self.columns} tiles are over the limit of {MAX_TILES}")

    @property
    def rows(self) -> int:
        """Of tiles."""
        return -(-self.height // self.tile)

    @property
    def columns(self) -> int:
        """Of tiles."""
        return -(-self.width // self.tile)

    def tiles(self) -> list[Box]:
        """The pixels of every tile, row by row (SPEC 2.7)."""
        rows, columns = range(self.rows), range(self.columns)
        return [self._tile(row, column) for row in rows for column in columns]

    def tile_name(self, number: int) -> str:
        """For messages."""
        row, column = divmod(number, self.columns)
        return f"tile {number} (column {column}, row {row})"

    def _tile(self, row: int, column: int) -> Box:
        top, left = row * self.tile, column * self.tile
        bottom, right = min(self.height, top + self.tile), min(self.width, left + self.tile)
        return Box(top, left, bottom, right)


@dataclass(frozen=True)
class Chunk:
    """One chunk (SPEC 3). Raises FormatError for a bad type or too much data."""

    type: str  # 4 ASCII letters
    data: bytes

    def __post_init__(self) -> None:
        _check_chunk_head(self.type, len(self.data))

    @property
    def critical(self) -> bool:
        """Whether a decoder that does not know the type must refuse the file (SPEC 3.2)."""
        return self.type[0].isupper()


class CutPayload(bytes):
    """The beginning of a payload whose end is missing, or nothing of it; not checked by a CRC."""


@dataclass(frozen=True)
class Container:
    """A whole file, taken apart: what `read_container` gives and `write_container` takes."""

    header: Header
    payloads: tuple[bytes | None, ...]  # of every tile, row by row; None: damaged
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    filter: bytes | None = None  # SPEC 3.7
    alpha: bytes | None = None  # a PNG file


@dataclass(frozen=True)
class ChunkInfo:
    """One row of `Info.chunks`: the type and the length of the data in bytes."""

    type: str
    bytes: int


@dataclass(frozen=True)
class Info:
    """What a file says about itself; the fields are the keys of `aecodec info --json`."""

    bytes: int  # of the whole file
    format_version: int
    model: str  # model id, hexadecimal
    width: int  # pixels
    height: int
    mode: str
    q: int
    quality: int  # the quality 1..100 nearest to q
    bpp: float  # bits of the whole file per pixel
    tile: int  # pixels, the side of a tile
    tiles: int
    chunks: tuple[ChunkInfo, ...]
    icc: int  # bytes, 0 where there is none
    exif: int
    xmp: int
    filter: int
    alpha: int


def write_container(container: Container) -> bytes:
    """The bytes of a file. Raises FormatError where a chunk is over its limit."""
    chunks = [
        Chunk(kind, data)
        for kind, field in _FIELDS.items()
        if (data := getattr(container, field)) is not None
    ]
    payloads = [payload or b"" for payload in container.payloads]
    if len(payloads) > 1:
        chunks.append(Chunk(_INDEX, b"".join(_LENGTH.pack(len(payload)) for payload in payloads)))
    chunks += [Chunk(_TILE, payload) for payload in payloads]
    return _write_header(container.header) + b"".join(map(_write_chunk, chunks))


def read_container(data: bytes, keep_going: bool = False, partial: bool = False) -> Container:
    """Take a file apart after checking all of it. Raises FormatError naming the rule it breaks.

    With `keep_going`, tiles that are damaged or cut off come as None. With `partial`, a file may
    end within its tiles: those that it cuts or lacks come as a CutPayload.
    What is wrong before the tiles is an error all the same.
    """
    header, chunks, start = _read_head(data)
    found = {chunk.type: chunk.data for chunk in chunks}
    slots = _tile_slots(data, start, header, found.get(_INDEX))
    payloads = tuple(_read_tile(data, slot, keep_going, partial) for slot in slots)
    return Container(header, payloads, **_fields(found))


def read_head(data: bytes) -> Container:
    """All but the tiles, which may be damaged or missing. Raises FormatError."""
    header, chunks, _ = _read_head(data)
    return Container(header, (), **_fields({chunk.type: chunk.data for chunk in chunks}))


def _fields(found: dict[str, bytes]) -> dict[str, bytes | None]:
    return {field: found.get(kind) for kind, field in _FIELDS.items()}


def info(data: bytes) -> Info:
    """Check a whole file, CRCs included, and say what it holds. Raises FormatError."""
    header, chunks, start = _read_head(data)
    sizes = {chunk.type: len(chunk.data) for chunk in chunks}
    index = next((chunk.data for chunk in chunks if chunk.type == _INDEX), None)
    slots = _tile_slots(data, start, header, index)
    tiles = [Chunk(_TILE, _read_tile(data, slot) or b"") for slot in slots]
    return Info(
        bytes=len(data),
        format_version=FORMAT_VERSION,
        model=header.model_id.hex(),
        width=header.width,
        height=header.height,
        mode=MODES[header.mode],
        q=header.q,
        quality=q_to_quality(header.q),
        bpp=8 * len(data) / (header.width * header.height),
        tile=header.tile,
        tiles=len(tiles),
        chunks=tuple(ChunkInfo(chunk.type, len(chunk.data)) for chunk in chunks + tiles),
        **{field: sizes.get(kind, 0) for kind, field in _FIELDS.items()},
    )


def _write_header(header: Header) -> bytes:
    fields = _HEADER.pack(
        SIGNATURE,
        FORMAT_VERSION,
        header.model_id,
        header.width,
        header.height,
        header.mode,
        header.q,
        header.tile // TILE_UNIT,
    )
    return fields + _CRC.pack(zlib.crc32(fields))


def read_header(data: bytes) -> Header:
    """The header alone, from the first HEADER_BYTES of a file. Raises FormatError."""
    _check_signature(data)
    if len(data) > len(SIGNATURE) and data[len(SIGNATURE)] != FORMAT_VERSION:
        raise FormatError(_version_trouble(data[len(SIGNATURE)]))
    if len(data) < HEADER_BYTES:
        raise FormatError(f"cut inside the header: {len(data)} bytes of {HEADER_BYTES}")
    fields = data[: _HEADER.size]
    if _CRC.unpack_from(data, _HEADER.size) != (zlib.crc32(fields),):
        raise FormatError("damaged header: its CRC does not match")
    _, _, model_id, width, height, mode, q, tile = _HEADER.unpack(fields)
    return Header(model_id, width, height, q, mode, tile * TILE_UNIT)


def _version_trouble(version: int) -> str:
    """SPEC 6.2: what an older program says of a newer file."""
    if version > FORMAT_VERSION:
        return (
            f"format version {version}; this aecodec reads version {FORMAT_VERSION}: "
            "a newer aecodec is needed"
        )
    return f"format version {version} was a draft that no aecodec reads any more"


def _check_signature(data: bytes) -> None:
    start = data[: len(SIGNATURE)]
    if start == SIGNATURE:
        return
    if start and SIGNATURE.startswith(start):
        raise FormatError(f"cut inside the signature: {len(data)} bytes")
    if start[1:4] == SIGNATURE[1:4]:
        raise FormatError("damaged signature: was this file transferred as text?")
    raise FormatError("not an .aec file: the signature is missing")


def _write_chunk(chunk: Chunk) -> bytes:
    kind = chunk.type.encode("ascii")
    crc = zlib.crc32(chunk.data, zlib.crc32(kind))
    return _CHUNK_HEAD.pack(len(chunk.data), kind) + chunk.data + _CRC.pack(crc)


def _read_head(data: bytes) -> tuple[Header, list[Chunk], int]:
    """Header, chunks up to the first tile, none of it trusted, and where that begins (SPEC 3)."""
    header = read_header(data)
    chunks: list[Chunk] = []
    start = HEADER_BYTES
    while not _tiles_begin(data, start, chunks):
        if len(chunks) == MAX_CHUNKS:
            raise FormatError(f"more than {MAX_CHUNKS} chunks before the tiles")
        chunk, start = _read_chunk(data, start)
        _check_place(chunk, chunks)
        if chunk.type == _FILTER:
            _check_filter(header, chunk.data)
        chunks.append(chunk)
    return header, chunks, start


@dataclass(frozen=True)
class _Slot:
    """Where the chunk of a tile lies in a file."""

    name: str
    start: int
    length: int  # of the payload

    @property
    def end(self) -> int:
        return self.start + _CHUNK_HEAD.size + self.length + _CRC.size


def _tile_slots(data: bytes, start: int, header: Header, index: bytes | None) -> Iterator[_Slot]:
    """The slots of all tiles, which together must end the file (SPEC 3.5)."""
    for number, length in enumerate(_lengths(data, start, index, header.rows * header.columns)):
        slot = _Slot(header.tile_name(number), start, length)
        start = slot.end
        yield slot
    if start < len(data):
        raise FormatError(f"{len(data) - start} bytes left over after the last tile")


def _read_tile(
    data: bytes, slot: _Slot, keep_going: bool = False, partial: bool = False
) -> bytes | None:
    """The payload in a slot."""
    if partial and len(data) < slot.end:
        return _begun(data, slot)
    try:
        chunk, _ = _read_chunk(data, slot.start, slot.length)
        if chunk.type != _TILE:
            raise FormatError(f"the chunk {chunk.type} is not the tile of the index")
    except FormatError as error:
        if keep_going:
            return None
        raise FormatError(f"{slot.name}: {error}") from error
    return chunk.data


def _begun(data: bytes, slot: _Slot) -> CutPayload:
    """What there is of a tile that the end of the file cuts."""
    body = slot.start + _CHUNK_HEAD.size
    head = _CHUNK_HEAD.pack(slot.length, _TILE.encode("ascii"))
    whole_head = data[slot.start : body] == head
    return CutPayload(data[body : body + slot.length] if whole_head else b"")


def _lengths(data: bytes, start: int, index: bytes | None, count: int) -> list[int]:
    """Bytes of every payload: as the index says, or as the only tile says itself (SPEC 3.5)."""
    if (index is None) != (count == 1):
        needs = "has no" if count == 1 else "needs a"
        raise FormatError(f"a picture of {count} tiles {needs} chunk {_INDEX}")
    if index is None:
        return [_CHUNK_HEAD.unpack_from(data, start)[0]]
    if len(index) != count * _LENGTH.size:
        raise FormatError(f"{_INDEX} has {len(index)} bytes, not {_LENGTH.size} for each tile")
    return [length for (length,) in _LENGTH.iter_unpack(index)]


def _tiles_begin(data: bytes, start: int, before: list[Chunk]) -> bool:
    """Whether the first tile begins at byte `start`: after the index, damaged or not (SPEC 3.5)."""
    if before and before[-1].type == _INDEX:
        return True
    head = data[start : start + _CHUNK_HEAD.size]
    return len(head) == _CHUNK_HEAD.size and head.endswith(_TILE.encode("ascii"))


def _read_chunk(data: bytes, start: int, expected: int | None = None) -> tuple[Chunk, int]:
    """The chunk that begins at byte `start`, of as many bytes, and where it ends (SPEC 3.1)."""
    if start >= len(data):
        raise FormatError(f"cut: no chunk {_TILE}")
    body = start + _CHUNK_HEAD.size
    if len(data) < body:
        raise FormatError("cut inside the head of a chunk")
    length, kind = _CHUNK_HEAD.unpack_from(data, start)
    name = kind.decode("latin-1")
    _check_chunk_head(name, length)
    if expected not in (None, length):  # before its bytes are read: chunks may not overlap
        raise FormatError(f"the chunk {name} is not the tile of the index")
    end = body + length
    if len(data) < end + _CRC.size:
        raise FormatError(f"cut inside the chunk {name}")
    if _CRC.unpack_from(data, end) != (zlib.crc32(memoryview(data)[body - 4 : end]),):
        raise FormatError(f"damaged chunk {name}: its CRC does not match")
    return Chunk(name, data[body:end]), end + _CRC.size


def _check_chunk_head(kind: str, length: int) -> None:
    if len(kind) != 4 or not (kind.isascii() and kind.isalpha()):
        raise FormatError(f"a chunk type is 4 ASCII letters, not {kind!r}")
    limit = MAX_CRITICAL_BYTES if kind[0].isupper() else MAX_ANCILLARY_BYTES
    if length > limit:
        raise FormatError(f"the chunk {kind} has {length} bytes; the limit is {limit}")


def _check_filter(header: Header, data: bytes) -> None:
    """SPEC 3.7."""
    if MODES[header.mode] != "RGB":
        raise FormatError(f"a chunk {_FILTER} in a picture of mode {MODES[header.mode]}")
    if len(data) < 5 or data[0] not in FILTER_CLIPS:
        raise FormatError(f"the chunk {_FILTER} is not a filter of 0, 1 or 2 limits")
    if max(data[1:5]) >= TABLES:
        raise FormatError(f"the chunk {_FILTER} names a table above {TABLES - 1}")


def _check_place(chunk: Chunk, before: list[Chunk]) -> None:
    """Refuse an unknown critical chunk and a second one of a known type (SPEC 3.2, 3.3)."""
    known = chunk.type in _FIELDS or chunk.type == _INDEX
    if chunk.critical and not known:
        raise FormatError(f"unknown critical chunk {chunk.type}: a newer aecodec may know it")
    if known and any(chunk.type == other.type for other in before):
        raise FormatError(f"a second chunk {chunk.type}")
