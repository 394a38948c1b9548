"""The chunk `prvw`: a picture of thumbnail size, coded as a tile is (SPEC 3.8)."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import NamedTuple

from aecodec.errors import FormatError
from aecodec.format.constants import MAX_Q, PREVIEW_SIDE
from aecodec.format.header import Header

_HEAD = struct.Struct(">HB")  # reduction, q


class Preview(NamedTuple):
    """What the chunk holds: the picture at 1/reduction, coded at a q of its own."""

    reduction: int
    q: int
    payload: bytes

    def header(self, header: Header) -> Header:
        """That of a file of this picture alone, of one tile; header: the whole picture's."""
        width, height = (-(-side // self.reduction) for side in (header.width, header.height))
        return replace(header, width=width, height=height, q=self.q, tile_side=PREVIEW_SIDE)


def write_preview(preview: Preview) -> bytes:
    """-> the chunk's data."""
    return _HEAD.pack(preview.reduction, preview.q) + preview.payload


def read_preview(data: bytes, header: Header) -> Preview:
    """Inverse of `write_preview`, for the picture of that header. Raises FormatError."""
    if len(data) < _HEAD.size:
        raise FormatError(f"the chunk prvw has {len(data)} bytes, fewer than {_HEAD.size}")
    reduction, q = _HEAD.unpack_from(data)
    size = f"{header.width}x{header.height}"
    longer = max(header.width, header.height)
    if reduction < 2 or longer > PREVIEW_SIDE * reduction:
        raise FormatError(
            f"the chunk prvw is 1/{reduction} of {size} pixels, not at most {PREVIEW_SIDE} each way"
        )
    if q > MAX_Q:
        raise FormatError(f"the chunk prvw has q {q}, not 0 to {MAX_Q}")
    return Preview(reduction, q, data[_HEAD.size :])
