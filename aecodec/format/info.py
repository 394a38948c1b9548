"""What a file says about itself, without its model: `aecodec info`."""

from __future__ import annotations

from dataclasses import dataclass

from aecodec.files import Source, file_bytes
from aecodec.format.chunks import TILE, TYPES
from aecodec.format.constants import FORMAT_VERSION
from aecodec.format.container import read_chunks, read_payloads
from aecodec.format.header import MODES
from aecodec.format.quality import q_to_quality


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
    quality: int  # the lowest quality 1..100 of this q
    bpp: float  # bits of the whole file per pixel
    tile: int  # pixels, the side of a tile
    tiles: int
    chunks: tuple[ChunkInfo, ...]
    icc: int  # bytes, 0 where there is none
    exif: int
    xmp: int
    preview: int
    filter: int
    alpha: int


def info(data: Source) -> Info:
    """Check a whole file, CRCs included, and say what it holds.

    data: its bytes, its name, or a binary stream. Raises FormatError, and AecodecError where
    there is no file.
    """
    data = file_bytes(data)
    header, chunks, start = read_chunks(data)
    payloads = [ChunkInfo(TILE, len(p.data)) for p in read_payloads(data, header, chunks, start)]
    others = [ChunkInfo(chunk.type, len(chunk.data)) for chunk in chunks]
    sizes = {chunk.type: chunk.bytes for chunk in others}
    return Info(
        bytes=len(data),
        format_version=FORMAT_VERSION,
        model=header.model_id.hex(),
        width=header.width,
        height=header.height,
        mode=MODES[header.mode],
        q=header.q,
        quality=q_to_quality(header.q),
        bpp=8 * len(data) / header.pixel_count,
        tile=header.tile_side,
        tiles=len(payloads),
        chunks=(*others, *payloads),
        **{field: sizes.get(kind, 0) for kind, field in TYPES.items()},
    )
