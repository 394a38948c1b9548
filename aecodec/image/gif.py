"""GIF files (GIF 89a) beside their pixels: profile and XMP in application extensions, the end."""

from __future__ import annotations

from typing import Any

SIGNATURE = b"GIF8"
_IMAGE, _EXTENSION, _APPLICATION, _TRAILER = 0x2C, 0x21, 0xFF, 0x3B
_XMP, _ICC = b"XMP DataXMP", b"ICCRGBG1012"
_XMP_TAIL = 257
"""bytes behind XMP, which stands there as it is, not cut into blocks: they lead a reader of blocks
to its end (XMP specification, part 3, section 1.1.2)"""


def read_gif(data: bytes) -> tuple[dict[str, Any], int | None]:
    """-> what an image's `info` should say, and where the file ends, if it says so."""
    info: dict[str, Any] = {}
    try:
        at = 13 + _table(data[10])
        while data[at] != _TRAILER:
            if data[at] == _IMAGE:
                at = _behind_blocks(data, at + 11 + _table(data[at + 9]))
            elif data[at] == _EXTENSION:
                start, end = at + 2, _behind_blocks(data, at + 2)
                if data[at + 1] == _APPLICATION:
                    info = _application(data[start + 1 : start + 12], data, start + 12, end) | info
                at = end
            else:
                return info, None
    except IndexError:
        return info, None
    return info, at + 1


def _table(flags: int) -> int:
    """Bytes of a colour table."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _behind_blocks(data: bytes, at: int) -> int:
    while size := data[at]:
        at += 1 + size
    return at + 1


def _application(name: bytes, data: bytes, start: int, end: int) -> dict[str, Any]:
    if name == _XMP:
        return {"xmp": data[start : end - 1 - _XMP_TAIL]}
    if name != _ICC:
        return {}
    parts = []
    while size := data[start]:
        parts.append(data[start + 1 : start + 1 + size])
        start += 1 + size
    return {"icc_profile": b"".join(parts)}
