"""Previews in metadata, which show the whole of a picture that has been cut: out with them.

EXIF keeps its layout byte for byte, because maker notes count from its beginning; what is taken out
becomes zeros, or the end. Tags are those of EXIF 2.32 and TIFF 6.0.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from aecodec.image.metadata import bare_exif, orientation

_JPEG = b"\xff\xd8\xff"  # how one begins
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""type of an entry -> bytes of one of its values"""
_EXIF_FOLDER, _SUB_FOLDERS, _MAKER_NOTE = 34665, 330, 37500
_PLACES = ((513, 514), (273, 279))
"""Tags of where a preview lies and how many bytes it has: of a JPEG, of strips."""
_MOST_FOLDERS, _MOST_VALUES = 16, 1024
"""Beyond these no camera goes; EXIF that does is left out."""
_THUMBNAILS = re.compile(rb"<([\w.-]+:)?Thumbnails[\s/>]")
_ENCODED = (b"/9j/", b"iVBORw0KGgo", b"UklGR")
"""How JPEG, PNG and WebP begin in base64, as XMP holds pictures."""


class OfAPart(NamedTuple):
    """The metadata of a part of a picture."""

    exif: bytes | None
    xmp: bytes | None
    left_out: tuple[str, ...]
    """the names of what may show the whole, and of which no preview can be taken out"""


def metadata_of_a_part(exif: bytes | None, xmp: bytes | None) -> OfAPart:
    """EXIF and XMP without previews. Of EXIF that is left out, the orientation stays."""
    kept_exif, kept_xmp = _exif_of_a_part(exif), _xmp_of_a_part(xmp)
    pairs = {"EXIF": (exif, kept_exif), "XMP": (xmp, kept_xmp)}
    left_out = tuple(name for name, (old, new) in pairs.items() if old and new is None)
    if "EXIF" in left_out:
        kept_exif = bare_exif(orientation(exif))
    return OfAPart(kept_exif, kept_xmp, left_out)


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
        self.blanked: list[tuple[int, int]] = []

    def number(self, start: int, form: str) -> int:
        return int(struct.unpack_from(self.order + form, self.data, start)[0])

    def chain(self, folder: int) -> list[int]:
        """A folder and those that follow it."""
        found: list[int] = []
        while folder:
            if folder in found or len(found) == _MOST_FOLDERS:
                raise ValueError
            found.append(folder)
            link = self.link(folder)
            folder = self.number(link, "I") if link + 4 <= len(self.data) else 0
        return found

    def link(self, folder: int) -> int:
        """Where a folder says where the next one lies."""
        return folder + 2 + 12 * self.number(folder, "H")

    def entries(self, folder: int) -> Iterator[_Entry]:
        for number in range(self.number(folder, "H")):
            at = folder + 2 + 12 * number
            tag, kind, count = struct.unpack_from(self.order + "HHI", self.data, at)
            size = _SIZES.get(kind, 1) * count
            start = at + 8 if size <= 4 else self.number(at + 8, "I")
            yield _Entry(tag, kind, start, start + size)

    def values(self, folder: int, tag: int) -> list[int]:
        """The numbers of 2 or 4 bytes of the entries with this tag."""
        found: list[int] = []
        for entry in self.entries(folder):
            form, size = {3: "H", 4: "I", 13: "I"}.get(entry.kind), _SIZES.get(entry.kind, 1)
            if entry.tag == tag and form:
                if len(found) + (entry.end - entry.start) // size > _MOST_VALUES:
                    raise ValueError
                found += [self.number(at, form) for at in range(entry.start, entry.end, size)]
        return found

    def blank(self, start: int, end: int) -> None:
        end = min(end, len(self.data))
        if start < end:
            self.data[start:end] = bytes(end - start)
            self.blanked.append((start, end))

    def finished(self) -> bytes:
        """Without what has been blanked at the end."""
        size = len(self.data)
        for start, end in sorted(self.blanked, key=lambda part: -part[1]):
            size = min(size, start) if end >= size else size
        return bytes(self.data[:size])


def _exif_of_a_part(exif: bytes | None) -> bytes | None:
    """EXIF without its previews; None where it cannot be told whether one is left."""
    if exif is None:
        return None
    try:
        stream = _Stream(exif)
        first, *others = stream.chain(stream.number(4, "I"))
        for folder in stream.values(first, _SUB_FOLDERS)[:_MOST_FOLDERS]:
            others += stream.chain(folder)
        for folder in stream.values(first, _EXIF_FOLDER)[:1]:
            _blank_maker_note(stream, folder)
        for folder in dict.fromkeys(others):
            _blank_previews(stream, folder)
        for folder in dict.fromkeys(others):
            stream.blank(folder, stream.link(folder) + 4)
        _cut_off(stream, first)
    except (struct.error, ValueError):
        return None
    return None if _JPEG in stream.data else stream.finished()


def _blank_previews(stream: _Stream, folder: int) -> None:
    """The previews that a folder tells of, and the values that it has elsewhere."""
    for start_tag, size_tag in _PLACES:
        starts, sizes = stream.values(folder, start_tag), stream.values(folder, size_tag)
        for start, size in zip(starts, sizes, strict=False):
            stream.blank(start, start + size)
    own = folder, stream.link(folder) + 4
    for entry in stream.entries(folder):
        if not own[0] <= entry.start < own[1]:
            stream.blank(entry.start, entry.end)


def _blank_maker_note(stream: _Stream, folder: int) -> None:
    """A camera maker's own data, where there is a picture in them."""
    for entry in stream.entries(folder):
        if entry.tag == _MAKER_NOTE and _JPEG in stream.data[entry.start : entry.end]:
            stream.blank(entry.start, entry.end)


def _cut_off(stream: _Stream, first: int) -> None:
    """Let the first folder be the last, without folders inside of it that have been blanked."""
    link = stream.link(first)
    stream.data[link : link + 4] = bytes(len(stream.data[link : link + 4]))
    for number, entry in enumerate(stream.entries(first)):
        if entry.tag == _SUB_FOLDERS:
            at = first + 2 + 12 * number
            stream.data[at + 4 : at + 12] = bytes(8)  # no values


def _xmp_of_a_part(xmp: bytes | None) -> bytes | None:
    """XMP without its thumbnails; None where another picture is left, or it is not of UTF-8."""
    if xmp is None or b"\0" in xmp:
        return None
    parts, at = [], 0
    while opening := _THUMBNAILS.search(xmp, at):
        closing = b"</" + (opening[1] or b"") + b"Thumbnails>"
        end = xmp.find(closing, opening.end())
        if end < 0:
            return None
        parts.append(xmp[at : opening.start()])
        at = end + len(closing)
    xmp = b"".join([*parts, xmp[at:]])
    return None if any(start in xmp for start in _ENCODED) else xmp
