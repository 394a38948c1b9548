"""Damage by chance, to bytes, chunks, headers and PNG files: for fuzz.py and test_faults.py."""

from __future__ import annotations

import struct
import zlib
from random import Random

from tests.chunks import PNG_SIGNATURE, Chunks, chunks_of, joined


def flip_bits(random: Random, data: bytes, other: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        changed[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(changed)


def set_bytes(random: Random, data: bytes, other: bytes) -> bytes:
    place, count = random.randrange(len(data)), random.choice((1, 2, 4, 20))
    value = random.choice((b"\0", b"\xff", b"\x7f", b"\x80", b"\1", random.randbytes(1)))
    return data[:place] + (value * count)[: len(data) - place] + data[place + count :]


def cut(random: Random, data: bytes, other: bytes) -> bytes:
    return data[: random.randrange(len(data))]


def cut_out(random: Random, data: bytes, other: bytes) -> bytes:
    place = random.randrange(len(data))
    return data[:place] + data[place + random.choice((1, 2, 4, random.randrange(40))) :]


def insert(random: Random, data: bytes, other: bytes) -> bytes:
    place = random.randrange(len(data) + 1)
    return data[:place] + random.randbytes(random.choice((1, 2, 4, 40))) + data[place:]


def repeat(random: Random, data: bytes, other: bytes) -> bytes:
    place = random.randrange(len(data))
    run = data[place : place + random.randrange(1, 60)]
    return data[:place] + run * random.choice((2, 2, 50)) + data[place + len(run) :]


def splice(random: Random, data: bytes, other: bytes) -> bytes:
    return data[: random.randrange(len(data))] + other[random.randrange(len(other)) :]


BYTE_EDITS = (flip_bits, set_bytes, cut, cut_out, insert, repeat, splice)


def edit_bytes(random: Random, data: bytes, other: bytes) -> bytes:
    """One of the above; what is empty becomes random words."""
    if not data or not other:
        return random.randbytes(4 * random.randrange(1, 20))
    return random.choice(BYTE_EDITS)(random, data, other)


def edit_chunks(random: Random, chunks: Chunks, others: Chunks) -> None:
    """One edit, in place."""
    kind, data = chunks[place := random.randrange(len(chunks))] if chunks else random.choice(others)
    edit = random.randrange(10)
    if not chunks or edit == 0:
        chunks.insert(random.randrange(len(chunks) + 1), random.choice(others))
    elif edit == 1:
        chunks.insert(random.randrange(len(chunks) + 1), (kind, data))
    elif edit == 2:
        del chunks[place]
    elif edit == 3:
        chunks.append(chunks.pop(place))
    elif edit == 4:
        kinds = [other for other, _ in others] + [b"zzZz", b"ZZZZ", random.randbytes(4)]
        chunks[place] = random.choice(kinds), data
    else:
        chunks[place] = kind, edit_bytes(random, data, random.choice(others)[1])


def edit_png(random: Random, data: bytes, other: bytes) -> bytes:
    """A PNG file with some edits, right CRCs and, often, image data of the length it says."""
    start = len(PNG_SIGNATURE)
    chunks, others = chunks_of(data, start), chunks_of(other, start)
    for _ in range(random.randrange(1, 3)):
        edit_chunks(random, chunks, others)
    if random.random() < 0.3:
        pixels = zlib.compress(random.randbytes(random.choice((1, 99, 40_000))))
        chunks = [(k, pixels if k == b"IDAT" else d) for k, d in chunks]
    return PNG_SIGNATURE + joined(chunks)


HEADER_FIELDS = ((8, 1), (9, 8), (17, 4), (21, 4), (25, 1), (26, 1), (27, 1))
"""SPEC 2: where version, model, width, height, mode, q and tile are, and their bytes."""


def edit_header(random: Random, head: bytes) -> bytes:
    """Another value for one field, near the old one or anywhere."""
    start, size = random.choice(HEADER_FIELDS)
    value = int.from_bytes(head[start : start + size], "big")
    near = (value + 1, value - 1, value * 2, 64, 65, 256, 2**20 - 1, 2**20, 0, 1)
    value = random.choice((*near, random.getrandbits(8 * size)))
    return head[:start] + (value % 2 ** (8 * size)).to_bytes(size, "big") + head[start + size :]


def with_lengths(chunks: Chunks) -> Chunks:
    """The same with a TIDX that is right."""
    lengths = b"".join(struct.pack(">I", len(d)) for k, d in chunks if k == b"TILE")
    return [(k, lengths if k == b"TIDX" else d) for k, d in chunks]
