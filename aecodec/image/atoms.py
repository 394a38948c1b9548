"""Atoms, which ISO calls boxes: what HEIC, AVIF, JPEG 2000 and JPEG XL files are put together of.

ISO/IEC 14496-12 section 4.2, and the properties of items of 23008-12 (HEIF). The pixels are other
libraries' to read; here is what these keep to themselves. Damage ends a walk, and is theirs to
refuse.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

Code = tuple[int, int, int, int]
"""Code points of H.273: primaries, transfer, matrix, full range."""
_UNSPECIFIED, _SRGB_PRIMARIES, _SRGB_TRANSFER = 2, 1, 13
_MOST_ATOMS = 10_000
"""of one walk; items and properties of a file are numbered by 16 bits, and files have hundreds"""


class Atom(NamedTuple):
    """An atom, without its length and type."""

    kind: bytes
    body: memoryview


def atoms(data: bytes | memoryview) -> Iterator[Atom]:
    """The atoms of a file, or in the body of one, as far as there are any; the last may be cut."""
    view, start = memoryview(data), 0
    for _ in range(_MOST_ATOMS):
        if start + 8 > len(view):
            return
        length, kind = struct.unpack_from(">I4s", view, start)
        head = 8
        if length == 1 and start + 16 <= len(view):
            head, length = 16, struct.unpack_from(">Q", view, start + 8)[0]
        if length == 0:  # to the end
            length = len(view) - start
        if length < head:
            return
        yield Atom(kind, view[start + head : start + length])
        start += length


def first(data: bytes | memoryview, *path: bytes) -> memoryview:
    """The body of the first atom of each kind in that of the one before; empty where none is."""
    body = memoryview(data)
    for kind in path:
        body = next((atom.body for atom in atoms(body) if atom.kind == kind), memoryview(b""))
        if kind == b"meta":
            body = body[4:]  # version and flags
    return body


class Item(NamedTuple):
    """What a HEIF file says of its primary item, and of the kinds of all."""

    properties: tuple[Atom, ...]
    """the primary item's first"""
    own: int
    """how many of them are the primary item's"""
    kinds: frozenset[bytes]

    def found(self, kind: bytes) -> memoryview | None:
        """The body of a property of the primary item."""
        return next((atom.body for atom in self.properties[: self.own] if atom.kind == kind), None)


def primary_item(data: bytes) -> Item:
    """Properties of the primary item of a HEIF file, and then of the others; none of damaged ones.

    Those of the tiles that a grid is made of are among the others.
    """
    meta = first(data, b"meta")
    properties = tuple(atoms(first(meta, b"iprp", b"ipco")))
    try:
        kinds = frozenset(_kinds(first(meta, b"iinf")))
        own = _associated(first(meta, b"iprp", b"ipma"), _number(first(meta, b"pitm")))
    except (struct.error, IndexError):
        return Item(properties, 0, frozenset())
    mine = tuple(properties[place] for place in own if 0 <= place < len(properties))
    others = tuple(atom for place, atom in enumerate(properties) if place not in own)
    return Item(mine + others, len(mine), kinds)


def _number(pitm: memoryview) -> int:
    return int(struct.unpack_from(">I" if pitm[0] else ">H", pitm, 4)[0])


def _kinds(iinf: memoryview) -> Iterator[bytes]:
    for atom in atoms(iinf[8 if iinf[0] else 6 :]):
        if atom.kind == b"infe" and atom.body[0] >= 2:
            yield bytes(atom.body[8:12] if atom.body[0] == 2 else atom.body[10:14])


def _associated(ipma: memoryview, item: int) -> tuple[int, ...]:
    """The places, from 0 on, of the properties of an item; -1 is none."""
    head = struct.Struct(">IB" if ipma[0] else ">HB")
    kind, mask = ("H", 0x7FFF) if ipma[3] & 1 else ("B", 0x7F)
    place = 8
    for _ in range(min(struct.unpack_from(">I", ipma, 4)[0], _MOST_ATOMS)):
        owner, count = head.unpack_from(ipma, place)
        found = struct.Struct(f">{count}{kind}")
        if owner == item:
            return tuple((one & mask) - 1 for one in found.unpack_from(ipma, place + head.size))
        place += head.size + found.size
    return ()


def code_points(colr: memoryview | None) -> Code | None:
    """The colours that a colr atom gives by numbers, as RGB has them; None where it has a profile.

    What is unspecified is as in sRGB.
    """
    if colr is None or bytes(colr[:4]) != b"nclx" or len(colr) < 11:
        return None
    primaries, transfer = struct.unpack_from(">HH", colr, 4)
    return as_rgb(primaries, transfer)


def as_rgb(primaries: int, transfer: int) -> Code:
    """Code points of RGB in full range, as decoders give it, whatever the file had."""
    return (
        _SRGB_PRIMARIES if primaries == _UNSPECIFIED else primaries,
        _SRGB_TRANSFER if transfer == _UNSPECIFIED else transfer,
        0,
        1,
    )
