"""Files put together by hand, with right CRCs. Chunks of .aec and of PNG are laid out alike."""

from __future__ import annotations

import struct
import zlib

from aecodec.format.header import SIGNATURE

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
Chunks = list[tuple[bytes, bytes]]
"""type and data of each"""


def chunks_of(data: bytes, start: int) -> Chunks:
    """The chunks of a valid file from byte `start` on."""
    chunks = []
    while start < len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        chunks.append((kind, data[start + 8 : start + 8 + length]))
        start += 12 + length
    return chunks


def joined(chunks: Chunks) -> bytes:
    """Inverse of `chunks_of`, with right lengths and CRCs."""
    return b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def aec_head(
    width: int,
    height: int,
    tile: int,
    model_id: bytes,
    mode: int = 0,
    q: int = 30,
    version: int = 1,
) -> bytes:
    """A header without its CRC, which may break the rules; tile: side in pixels."""
    fields = (version, model_id, width, height, mode, q, tile // 64)
    return SIGNATURE + struct.pack(">B8sIIBBB", *fields)


def aec_file(head: bytes, chunks: Chunks) -> bytes:
    """The file of a header without its CRC, and chunks."""
    return head + struct.pack(">I", zlib.crc32(head)) + joined(chunks)


def png_file(chunks: Chunks) -> bytes:
    """The file of chunks, without the last one, which is always the same."""
    return PNG_SIGNATURE + joined([*chunks, (b"IEND", b"")])


def ihdr(width: int, height: int, bits: int = 8, kind: int = 0) -> tuple[bytes, bytes]:
    """PNG's header; kind: colour type."""
    return b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
