"""BMP files of versions 4 and 5: what their headers say of colours, and Pillow does not."""

from __future__ import annotations

import struct
from typing import Any

from aecodec.image.colour import SRGB

SIGNATURE = b"BM"
_HEADER, _V4, _V5 = 14, 108, 124  # bytes: where the second header begins, how long it is
_PLACE = 56  # of the colour space, within it; what follows are end points, 36 bytes, and gammas, 12
_CALIBRATED, _EMBEDDED, _LINKED = b"\0\0\0\0", b"DEBM", b"KNIL"
_ENDS = _PLACE + 4
_ONE, _NEAR, _GAMMA_ONE = 2**30, 0.01, 2**16  # of end points, of their sums, of gammas


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
    if space == _CALIBRATED and any(header[_ENDS : _ENDS + 48]):
        return _calibrated(header), ()
    if space in (_EMBEDDED, _LINKED):
        return {}, ("colours that its header describes were read as sRGB",)
    return {}, ()


def _calibrated(header: bytes) -> dict[str, Any]:
    """End points of red, green and blue and gammas, as chromaticities and gamma of PNG.

    End points are XYZ, which sum up to white, or, as some write them, chromaticities, about D65.
    """
    xyz = [struct.unpack_from("<3i", header, _ENDS + 12 * channel) for channel in range(3)]
    sums = [sum(point) or 1 for point in xyz]
    xy = [value / whole for point, whole in zip(xyz, sums, strict=True) for value in point[:2]]
    white = [sum(column) for column in zip(*xyz, strict=True)]
    total = sum(white) or 1
    if all(abs(whole / _ONE - 1) < _NEAR for whole in sums):
        white, total = [*SRGB[:2], 0], 1
    gamma = sum(struct.unpack_from("<3I", header, _ENDS + 36)) / 3 / _GAMMA_ONE
    found = {"chromaticity": (white[0] / total, white[1] / total, *xy)}
    return found | ({"gamma": 1 / gamma} if gamma else {})
