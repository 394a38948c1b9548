"""The .aec container, version 0 (draft): every byte around the payload, in both directions.

formats/SPEC.md sections 1 to 3 lead and this module follows; the comments say which section.
It imports neither torch nor numpy, so that `aecodec info` answers at once.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from aecodec.errors import FormatError
from aecodec.quality import MAX_Q, q_to_quality

SIGNATURE = b"\x89AEC\r\n\x1a\n"  # SPEC 2.1: the line ends catch text-mode transfers, as in PNG
FORMAT_VERSION = 0
MODEL_ID_BYTES = 8
HEADER_BYTES = 31
MODES = {0: "RGB"}  # SPEC 2.5: three samples of 8 bit a pixel

# SPEC 2.4 and 3.4: checked before anything is allocated
MAX_SIDE = 65_535  # no camera or common photo format goes beyond
MAX_PIXELS = 2**26  # a picture is decoded in one piece, at about 100 bytes a pixel
MAX_ANCILLARY_BYTES = 2**24  # 16 MiB: ten times the largest colour profile or EXIF seen in photos
MAX_PAYLOAD_BYTES = 2**28  # 4 bytes a pixel of the largest picture: more than no coding at all
MAX_CHUNKS = 64  # version 0 names four; the rest is room for what others add

_HEADER = struct.Struct(">8sB8sIIBB")  # SPEC 2: all but its CRC
_CHUNK_HEAD = struct.Struct(">I4s")  # SPEC 3: length, type
_CRC = struct.Struct(">I")

_PAYLOAD = "DATA"
_METADATA = {"iccp": "icc", "exif": "exif", "xmpx": "xmp"}  # chunk type -> field of Container


def size_trouble(width: int, height: int) -> str | None:
    """Why no file can hold a picture of this size in pixels, or None where one can (SPEC 2.4)."""
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        return f"the sides of {width}x{height} are not in 1 to {MAX_SIDE}"
    if width * height > MAX_PIXELS:
        return f"{width}x{height} is over the limit of {MAX_PIXELS} pixels"
    return None


@dataclass(frozen=True)
class Header:
    """What is known before the payload (SPEC 2). Raises FormatError for a field out of range."""

    model_id: bytes  # first 8 bytes of the SHA-256 of the canonical weights
    width: int  # pixels, before padding
    height: int
    q: int  # the model's rate index, 0..63
    mode: int = 0  # a key of MODES

    def __post_init__(self) -> None:
        if len(self.model_id) != MODEL_ID_BYTES:
            raise FormatError(f"a model id has {MODEL_ID_BYTES} bytes, not {len(self.model_id)}")
        if trouble := size_trouble(self.width, self.height):
            raise FormatError(trouble)
        if self.mode not in MODES:
            raise FormatError(f"unknown colour mode {self.mode}")
        if not 0 <= self.q <= MAX_Q:
            raise FormatError(f"q {self.q} is not in 0 to {MAX_Q}")


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


@dataclass(frozen=True)
class Container:
    """A whole file, taken apart: what `read_container` gives and `write_container` takes."""

    header: Header
    payload: bytes
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None


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
    tiles: int
    chunks: tuple[ChunkInfo, ...]
    icc: int  # bytes, 0 where there is none
    exif: int
    xmp: int


def write_container(container: Container) -> bytes:
    """The bytes of a file. Raises FormatError where metadata or payload are over their limits."""
    chunks = [
        Chunk(kind, data)
        for kind, field in _METADATA.items()
        if (data := getattr(container, field)) is not None
    ]
    chunks.append(Chunk(_PAYLOAD, container.payload))
    return _write_header(container.header) + b"".join(map(_write_chunk, chunks))


def read_container(data: bytes) -> Container:
    """Take a file apart after checking all of it. Raises FormatError naming the rule it breaks."""
    header, chunks = _read(data)
    found = {chunk.type: chunk.data for chunk in chunks}
    metadata = {field: found.get(kind) for kind, field in _METADATA.items()}
    return Container(header, found[_PAYLOAD], **metadata)


def info(data: bytes) -> Info:
    """Check a whole file, CRCs included, and say what it holds. Raises FormatError."""
    header, chunks = _read(data)
    sizes = {chunk.type: len(chunk.data) for chunk in chunks}
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
        tiles=1,
        chunks=tuple(ChunkInfo(chunk.type, len(chunk.data)) for chunk in chunks),
        **{field: sizes.get(kind, 0) for kind, field in _METADATA.items()},
    )


def _read(data: bytes) -> tuple[Header, list[Chunk]]:
    return read_header(data), _read_chunks(data)


def _write_header(header: Header) -> bytes:
    fields = _HEADER.pack(
        SIGNATURE,
        FORMAT_VERSION,
        header.model_id,
        header.width,
        header.height,
        header.mode,
        header.q,
    )
    return fields + _CRC.pack(zlib.crc32(fields))


def read_header(data: bytes) -> Header:
    """The header alone, from the first HEADER_BYTES of a file. Raises FormatError."""
    _check_signature(data)
    if len(data) > len(SIGNATURE) and data[len(SIGNATURE)] != FORMAT_VERSION:
        version = data[len(SIGNATURE)]
        raise FormatError(f"format version {version}; this aecodec reads version {FORMAT_VERSION}")
    if len(data) < HEADER_BYTES:
        raise FormatError(f"cut inside the header: {len(data)} bytes of {HEADER_BYTES}")
    fields = data[: _HEADER.size]
    if _CRC.unpack_from(data, _HEADER.size) != (zlib.crc32(fields),):
        raise FormatError("damaged header: its CRC does not match")
    _, _, model_id, width, height, mode, q = _HEADER.unpack(fields)
    return Header(model_id=model_id, width=width, height=height, q=q, mode=mode)


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


def _read_chunks(data: bytes) -> list[Chunk]:
    """Every chunk up to the payload, which must end the file; none of it is trusted (SPEC 3)."""
    chunks: list[Chunk] = []
    start = HEADER_BYTES
    while not chunks or chunks[-1].type != _PAYLOAD:
        if len(chunks) == MAX_CHUNKS:
            raise FormatError(f"more than {MAX_CHUNKS} chunks")
        chunk, start = _read_chunk(data, start)
        _check_place(chunk, chunks)
        chunks.append(chunk)
    if start != len(data):
        raise FormatError(f"{len(data) - start} bytes left over after the chunk {_PAYLOAD}")
    return chunks


def _read_chunk(data: bytes, start: int) -> tuple[Chunk, int]:
    """The chunk that begins at byte `start`, and where it ends (SPEC 3.1)."""
    if start == len(data):
        raise FormatError(f"cut: no chunk {_PAYLOAD}")
    body = start + _CHUNK_HEAD.size
    if len(data) < body:
        raise FormatError("cut inside the head of a chunk")
    length, kind = _CHUNK_HEAD.unpack_from(data, start)
    name = kind.decode("latin-1")
    _check_chunk_head(name, length)
    end = body + length
    if len(data) < end + _CRC.size:
        raise FormatError(f"cut inside the chunk {name}")
    if _CRC.unpack_from(data, end) != (zlib.crc32(memoryview(data)[body - 4 : end]),):
        raise FormatError(f"damaged chunk {name}: its CRC does not match")
    return Chunk(name, data[body:end]), end + _CRC.size


def _check_chunk_head(kind: str, length: int) -> None:
    if len(kind) != 4 or not (kind.isascii() and kind.isalpha()):
        raise FormatError(f"a chunk type is 4 ASCII letters, not {kind!r}")
    limit = MAX_PAYLOAD_BYTES if kind[0].isupper() else MAX_ANCILLARY_BYTES
    if length > limit:
        raise FormatError(f"the chunk {kind} has {length} bytes; the limit is {limit}")


def _check_place(chunk: Chunk, before: list[Chunk]) -> None:
    """Refuse an unknown critical chunk and a second one of a known type (SPEC 3.2, 3.3)."""
    if chunk.critical and chunk.type != _PAYLOAD:
        raise FormatError(f"unknown critical chunk {chunk.type}: a newer aecodec may know it")
    if chunk.type in _METADATA and any(chunk.type == other.type for other in before):
        raise FormatError(f"a second chunk {chunk.type}")
