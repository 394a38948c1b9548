"""Previews in metadata, which show the whole of a picture that has been cut: out with them.

EXIF keeps its layout byte for byte, because maker notes count from its beginning; what is taken out
becomes zeros, or the end. Tags are those of EXIF 2.32.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

_JPEG = b"\xff\xd8\xff"  # how one begins
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""type of an entry -> bytes of one of its values"""
_EXIF_FOLDER, _MAKER_NOTE = 34665, 37500
_PLACES = ((513, 514), (273, 279))
"""Tags of where a preview lies and how many bytes it has: of a JPEG, of strips."""
_THUMBNAILS = re.compile(rb"<(\w+:Thumbnails)\b.*?</\1\s*>", re.DOTALL)
_PICTURES_IN_XMP = (b"xmpGImg:image", b"xapGImg:image", b"GImage:Data", b"GDepth:Data")


class _Entry(NamedTuple):
    tag: int
    kind: int
    start: int
    """where its values lie, within the entry or elsewhere"""
    end: int


class _Stream:
    """A TIFF stream that is written over. Raises struct.error or ValueError where it makes none."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        if data[:4] not in (b"II*\0", b"MM\0*"):
            raise ValueError
        self.order = "<" if data[:1] == b"I" else ">"
        self.first = self.number(4, "I")
        self.cut: list[tuple[int, int]] = []

    def number(self, start: int, form: str) -> int:
        return int(struct.unpack_from(self.order + form, self.data, start)[0])

    def next_folder(self, folder: int) -> int:
        """Where a folder says where the next one lies."""
        return folder + 2 + 12 * self.number(folder, "H")

    def entries(self, folder: int) -> Iterator[_Entry]:
        for number in range(self.number(folder, "H")):
            at = folder + 2 + 12 * number
            tag, kind, count = struct.unpack_from(self.order + "HHI", self.data, at)
            size = _SIZES.get(kind, 1) * count
            start = at + 8 if size <= 4 else self.number(at + 8, "I")
            yield _Entry(tag, kind, start, start + size)

    def values(self, entry: _Entry) -> list[int]:
        """Numbers of 2 or 4 bytes."""
        form = {3: "H", 4: "I"}.get(entry.kind)
        size = _SIZES.get(entry.kind, 1)
        places = range(entry.start, entry.end, size) if form else ()
        return [self.number(place, form or "B") for place in places]

    def blank(self, start: int, end: int) -> None:
        end = min(end, len(self.data))
        if start < end:
            self.data[start:end] = bytes(end - start)
            self.cut.append((start, end))

    def finished(self) -> bytes:
        """Without what has been blanked at the end."""
        size = len(self.data)
        for start, end in sorted(self.cut, key=lambda part: -part[1]):
            size = min(size, start) if end >= size else size
        return bytes(self.data[:size])


def exif_of_a_part(exif: bytes | None) -> bytes | None:
    """EXIF without its preview; None where it cannot be told whether one is left."""
    if exif is None:
        return None
    try:
        stream = _Stream(exif)
        link = stream.next_folder(stream.first)
        if second := stream.number(link, "I"):
            _blank_folder(stream, second)
            stream.data[link : link + 4] = bytes(4)
        _blank_maker_note(stream)
    except (struct.error, ValueError):
        return None
    return None if _JPEG in stream.data else stream.finished()


def _blank_folder(stream: _Stream, folder: int) -> None:
    """A folder, its values and the preview that they tell of."""
    entries = list(stream.entries(folder))
    found = {entry.tag: stream.values(entry) for entry in entries}
    for start_tag, size_tag in _PLACES:
        for start, size in zip(found.get(start_tag, ()), found.get(size_tag, ()), strict=False):
            stream.blank(start, start + size)
    for entry in entries:
        stream.blank(entry.start, entry.end)
    stream.blank(folder, stream.next_folder(folder) + 4)


def _blank_maker_note(stream: _Stream) -> None:
    """A camera maker's own data, where there is a picture in them."""
    for pointer in stream.entries(stream.first):
        if pointer.tag != _EXIF_FOLDER:
            continue
        for folder in stream.values(pointer):
            for entry in stream.entries(folder):
                if entry.tag == _MAKER_NOTE and _JPEG in stream.data[entry.start : entry.end]:
                    stream.blank(entry.start, entry.end)


def xmp_of_a_part(xmp: bytes | None) -> bytes | None:
    """XMP without its previews; None where another picture is left in it."""
    if xmp is None:
        return None
    xmp = _THUMBNAILS.sub(b"", xmp)
    return None if any(name in xmp for name in _PICTURES_IN_XMP) else xmp
