"""Alpha, kept losslessly: a chunk that holds a PNG file of 8-bit gray (SPEC 3.6)."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aecodec.errors import FormatError
from aecodec.format.chunks import read_chunk

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_START = struct.Struct(">8sI4sIIBBBBB")
"""Signature; length and type of the first chunk, and its data: width, height, bits, colour type,
compression, filtering, interlacing."""
_FILTERS = 5
"""What may stand in front of a line: 0 to 4."""
_STRIP_ROWS = 64
"""Rows of means that are summed at a time."""


def write_alpha(alpha: NDArray[np.uint8]) -> bytes:
    """uint8 [H, W] -> a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(alpha).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def read_alpha(data: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """Inverse of `write_alpha`.

    Raises FormatError, before anything is allocated where it can.
    """
    if len(data) < _START.size:
        raise FormatError("the chunk ALPH is cut")
    signature, length, kind, *numbers = _START.unpack_from(data)
    if (signature, length, kind) != (_SIGNATURE, 13, b"IHDR"):
        raise FormatError("the chunk ALPH is not a PNG file")
    if numbers != [width, height, 8, 0, 0, 0, 0]:
        raise FormatError(
            f"the chunk ALPH is not 8-bit gray of {width}x{height} pixels without interlacing"
        )
    try:
        stream = _zlib_stream(data)
        _check_lines(stream, width, height)
    except FormatError as error:
        raise FormatError(f"the chunk ALPH cannot be decoded: {error}") from error
    return np.array(Image.frombytes("L", (width, height), stream, "zip", "L", 0))


def _zlib_stream(data: bytes) -> bytes:
    """The data of all IDAT of a PNG file, which has IHDR in front, IEND behind, and no more.

    Its chunks are laid out as ours. Raises FormatError.
    """
    _, start = read_chunk(data, len(_SIGNATURE))
    parts: list[bytes] = []
    while start < len(data):
        chunk, start = read_chunk(data, start)
        if chunk.type == "IEND" and not chunk.data and start == len(data):
            return b"".join(parts)
        if chunk.type != "IDAT":
            raise FormatError(f"the chunk {chunk.type} of the PNG file is not allowed there")
        parts.append(chunk.data)
    raise FormatError("its chunk IEND is missing")


def _check_lines(stream: bytes, width: int, height: int) -> None:
    """Raises FormatError where a zlib stream does not hold the lines of an image, and no more."""
    inflater, size = zlib.decompressobj(), height * (1 + width)
    try:
        lines = inflater.decompress(stream, size + 1)
    except zlib.error as error:
        raise FormatError("its zlib stream is damaged") from error
    if len(lines) > size:
        raise FormatError(f"more than {size} bytes of samples")
    if not inflater.eof:
        raise FormatError("its zlib stream is cut")
    if inflater.unused_data:
        raise FormatError("bytes follow its zlib stream")
    if len(lines) < size:
        raise FormatError(f"{len(lines)} bytes of samples, not {size}")
    if (highest := max(lines[:: 1 + width])) >= _FILTERS:
        raise FormatError(f"a line has the filter {highest}")


def reduced_alpha(alpha: NDArray[np.uint8], reduction: int) -> NDArray[np.uint8]:
    """Means of r x r samples, fewer at the edges, r the reduction, as SPEC 3.8 rounds them."""
    if reduction == 1:
        return alpha
    heights, widths = (
        np.minimum(reduction, side - np.arange(0, side, reduction)) for side in alpha.shape
    )
    reduced = np.empty((len(heights), len(widths)), np.uint8)
    for row in range(0, len(heights), _STRIP_ROWS):
        strip = slice(row, row + _STRIP_ROWS)
        counts = heights[strip, None] * widths
        sums = _sums(alpha[row * reduction : (row + _STRIP_ROWS) * reduction], reduction)
        reduced[strip] = (sums + counts // 2) // counts
    return reduced


def _sums(alpha: NDArray[np.uint8], reduction: int) -> NDArray[np.uint32 | np.uint64]:
    """Of r x r samples, r the reduction."""
    height, width = alpha.shape
    rows = np.zeros((-(-height // reduction), width), np.uint32)
    sums = np.zeros((len(rows), -(-width // reduction)), np.uint64)
    for n in range(min(reduction, height)):
        part = alpha[n::reduction]
        rows[: len(part)] += part
    for n in range(min(reduction, width)):
        part = rows[:, n::reduction]
        sums[:, : part.shape[1]] += part
    return sums
