"""BMP files of versions 4 and 5: what their headers say of colours, and Pillow does not."""

from __future__ import annotations

import struct
from typing import Any

SIGNATURE = b"BM"
_HEADER, _V4, _V5 = 14, 108, 124  # bytes: where the second header begins, how long it is
_PLACE = 56  # of the colour space, within it; what follows are end points, 36 bytes, and gammas, 12
_CALIBRATED, _EMBEDDED, _LINKED = b"\0\0\0\0", b"DEBM", b"KNIL"
_ENDS = _PLACE + 4


def bmp_colours(data: bytes) -> tuple[dict[str, Any], tuple[str, ...]]:
    """-> a profile as an image's `info` has it, and notes on what cannot be kept."""
    (size,) = struct.unpack_from("<I", data, _HEADER) if len(data) >= _HEADER + 4 else (0,)
    header = data[_HEADER : _HEADER + size]
    if size not in (_V4, _V5) or len(header) < size:
        return {}, ()
    space = header[_PLACE : _PLACE + 4]
    if space == _EMBEDDED and size == _V5:
        offset, length = struct.unpack_from("<II", header, 112)
        profile = data[_HEADER + offset : _HEADER + offset + length]
        if length and len(profile) == length:
            return {"icc_profile": profile}, ()
    calibrated = space == _CALIBRATED and any(header[_ENDS : _ENDS + 48])
    if calibrated or space in (_EMBEDDED, _LINKED):
        return {}, ("colours that its header describes were read as sRGB",)
    return {}, ()
