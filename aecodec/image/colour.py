"""Colours that a file describes by numbers, as PNG may: a colour profile that says the same.

A profile is ICC.1:2022's kind of three primaries and a curve (section 8.3.3), or of gray (8.4.2).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Chromaticities = tuple[float, ...]
"""CIE xy of white, red, green and blue, eight numbers, as in PNG's cHRM."""
_D65 = (0.3127, 0.3290)
SRGB: Chromaticities = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
PRIMARIES: dict[int, Chromaticities] = {  # ITU-T H.273 table 2
    1: SRGB,
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
Curve = tuple[float, ...]
"""g, or g, a, b, c, d of (a x + b)^g where x >= d, else c x: ICC's parametric curves 0 and 3."""
SRGB_CURVE: Curve = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_BT709_CURVE: Curve = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
CURVES: dict[int, Curve] = {  # H.273 table 3, inverted
    **dict.fromkeys((1, 6, 14, 15), _BT709_CURVE),
    4: (2.2,),
    5: (2.8,),
    8: (1.0,),
    13: SRGB_CURVE,
}
_HDR = {16: "PQ", 18: "HLG"}
_FULL_RANGE = 1
_GAMMA, _NEAR = 1 / 2.2, 0.05
"""of sRGB, as PNG has it, and how far from it, as a share, is taken for the same: as libpng does"""
_CLOSE = 0.002
"""of chromaticities: they are mostly rounded to three digits"""

_D50 = np.array([0.9642, 1.0, 0.8249])  # ICC.1:2022 section 7.2.16
_BRADFORD = np.array(  # annex E
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_FIXED = 65_536  # of s15Fixed16Number, section 4.6


class Found(NamedTuple):
    """What numbers about colours come to: a profile, a note, or neither where that is sRGB."""

    icc: bytes | None = None
    note: str | None = None


def numbers(value: object, count: int) -> tuple[float, ...] | None:
    """So many finite numbers of an image's `info`, where anybody may have written; else None."""
    try:
        found = tuple(float(number) for number in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return None
    return found if len(found) == count and all(map(math.isfinite, found)) else None


def described_colours(info: Mapping[Any, Any], gray: bool) -> Found | None:
    """The colours that a file's numbers describe, by the keys of `Reduced.info`.

    None where a profile or nothing says it. cICP comes before the profile, which comes before sRGB,
    before gAMA and cHRM (PNG 13.1).
    """
    if "cicp" in info:
        return _by_code_points(info["cicp"], gray)
    gamma, xy = numbers((info.get("gamma"),), 1), numbers(info.get("chromaticity"), 8)
    if info.get("icc_profile") or "srgb" in info or not (gamma or xy):
        return None
    usual = gamma is None or abs(gamma[0] / _GAMMA - 1) < _NEAR
    near = xy is None or max(abs(a - b) for a, b in zip(xy, SRGB, strict=True)) < _CLOSE
    if usual and (gray or near):
        return Found()
    curve = SRGB_CURVE if gamma is None else (1 / max(gamma[0], 1e-5),)
    icc = profile_of(xy or SRGB, curve, gray)
    return Found(icc) if icc else Found(note="its colours make no sense and were read as sRGB")


def _by_code_points(points: tuple[int, int, int, int], gray: bool) -> Found:
    """Code points of H.273: full range and no matrix are all that RGB of PNG may have."""
    primaries, transfer, matrix, range_ = points
    code = "/".join(map(str, points))
    if transfer in _HDR:
        return Found(note=f"it is HDR, {_HDR[transfer]} (cICP {code}), and was read as sRGB")
    if primaries == 1 and transfer == 13 and range_ == _FULL_RANGE:
        return Found()
    xy, curve = PRIMARIES.get(primaries), CURVES.get(transfer)
    if xy is None or curve is None or matrix or range_ != _FULL_RANGE:
        return Found(note=f"its colours, cICP {code}, were read as sRGB")
    return Found(profile_of(xy, curve, gray))


def profile_of(xy: Chromaticities, curve: Curve, gray: bool) -> bytes | None:
    """A colour profile of these primaries and this curve; None where they make no sense."""
    trc = _curve(curve)
    if trc is None:
        return None
    if gray:
        return _profile(b"GRAY", {b"kTRC": trc})
    try:
        columns = to_d50(xy)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(columns).all() or np.abs(columns).max() > 4:
        return None
    tags = {b"%cXYZ" % c: _xyz(columns[:, k]) for k, c in enumerate(b"rgb")}
    return _profile(b"RGB ", tags | {b"%cTRC" % c: trc for c in b"rgb"})


def to_d50(xy: Chromaticities) -> NDArray[np.float64]:
    """The matrix from linear RGB to XYZ of the profile connection space, [3, 3] (annex E)."""
    x, y = np.array(xy[0::2]), np.array(xy[1::2])
    if (y <= 0).any():
        raise np.linalg.LinAlgError
    xyz = np.stack([x / y, np.ones(4), (1 - x - y) / y])  # of white, red, green, blue
    white, primaries = xyz[:, 0], xyz[:, 1:]
    columns = primaries * np.linalg.solve(primaries, white)
    scale = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return np.linalg.inv(_BRADFORD) @ np.diag(scale) @ _BRADFORD @ columns


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Header, table and data of a display profile of version 4.4 (7.2 and 7.3)."""
    tags = {b"desc": _text("as the file said"), b"cprt": _text("CC0"), b"wtpt": _xyz(_D50)} | tags
    start = 128 + 4 + 12 * len(tags)
    table, data, places = struct.pack(">I", len(tags)), b"", {}
    for name, body in tags.items():
        if body not in places:  # tags may share their data
            places[body] = start + len(data)
            data += body + bytes(-len(body) % 4)
        table += struct.pack(">4sII", name, places[body], len(body))
    head = struct.pack(
        ">I4xI4s4s4s6H4s28x12s48x",
        start + len(data),
        0x04400000,
        b"mntr",
        space,
        b"XYZ ",
        *(2026, 1, 1, 0, 0, 0),
        b"acsp",
        _xyz(_D50)[8:],
    )
    return head + table + data


def _fixed(values: Sequence[float] | NDArray[np.float64]) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(float(v) * _FIXED) for v in values))


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _curve(curve: Curve) -> bytes | None:
    """A parametric curve (10.18); None for an exponent beyond reason."""
    if not 0.1 <= curve[0] <= 10:
        return None
    return b"para\0\0\0\0" + struct.pack(">HH", 0 if len(curve) == 1 else 3, 0) + _fixed(curve)


def _text(text: str) -> bytes:
    """A text in English (10.15)."""
    data = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(data), 28) + data
