"""The valid vectors, and the pictures and parts of files that the others are made of."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms

from aecodec.codec import Codec
from aecodec.coding.encoder import encode_latents
from aecodec.format.constants import FILTER_LIMITS
from aecodec.format.container import read_container, write_container
from aecodec.format.filter import Filter, feature_count, write_filter
from aecodec.format.preview import Preview, write_preview
from aecodec.format.quality import q_to_quality
from aecodec.image.metadata import Metadata
from aecodec.image.picture import Picture, reduced
from aecodec.model.loaded import LoadedModel, load_model

MODEL = "s1"
"""codes all vectors: its points, unlike those of v1, are not all zero"""
SIGNATURE = b"\x89AEC\r\n\x1a\n"
Pixels = NDArray[np.uint8]
COLOURS = {"rgb": 3, "gray": 1}


@dataclass(frozen=True)
class Valid:
    """A file that every decoder reads."""

    name: str
    what: str
    data: bytes


@dataclass(frozen=True)
class File:
    """The parts of a file, each of which a vector may get wrong."""

    model_id: bytes
    chunks: tuple[bytes, ...] = ()
    width: int = 40
    height: int = 24
    version: int = 1
    mode: int = 0
    q: int = 20
    tile: int = 64
    """pixels"""

    def data(self) -> bytes:
        """The whole file."""
        numbers = (self.width, self.height, self.mode, self.q, self.tile // 64)
        head = SIGNATURE + struct.pack(">B8sIIBBB", self.version, self.model_id, *numbers)
        return head + struct.pack(">I", zlib.crc32(head)) + b"".join(self.chunks)


def valid_vectors(codec: Codec) -> Iterator[Valid]:
    """All of them, in groups."""
    yield from sizes_and_modes(codec)
    yield from tile_layouts(codec)
    yield from rates(codec)
    yield from chunk_lists(codec)
    yield from alphas(codec)
    yield Valid(
        "payload-empty",
        "a payload without words: the state stays 0, every symbol is the first entry",
        replace(rgb_file(codec), q=0, chunks=(chunk(b"TILE"),)).data(),
    )


def sizes_and_modes(codec: Codec) -> Iterator[Valid]:
    """Small and odd sizes, each gray and RGB, with and without alpha."""
    for width, height in ((1, 1), (1, 65), (65, 1), (33, 17)):
        for colours, planes in COLOURS.items():
            for alpha in (False, True):
                name = f"{colours}{'-alpha' if alpha else ''}-{width}x{height}"
                pixels = synthetic(width, height, planes, seed=width + 2 * height)
                picture = Picture(pixels, synthetic_alpha(width, height) if alpha else None)
                yield Valid(name, "size and mode", codec.encode(picture, q_to_quality(30)))


def tile_layouts(codec: Codec) -> Iterator[Valid]:
    """One tile and several, the last ones cut by the edges of the picture or not."""
    for columns, rows, tile, width, height, colours, alpha in (
        (1, 1, 64, 64, 64, "rgb", False),
        (2, 1, 64, 100, 50, "rgb", False),
        (1, 2, 64, 50, 100, "rgb", True),
        (2, 2, 64, 128, 128, "gray", False),
        (3, 2, 64, 150, 100, "rgb", False),
        (3, 2, 128, 290, 180, "rgb", False),
        (3, 2, 128, 257, 129, "gray", True),
    ):
        pixels = synthetic(width, height, COLOURS[colours], seed=tile + width)
        picture = Picture(pixels, synthetic_alpha(width, height) if alpha else None)
        name = f"tiles-{columns}x{rows}-of-{tile}-{colours}{'-alpha' if alpha else ''}"
        what = f"{width}x{height} pixels in {columns}x{rows} tiles of {tile}"
        yield Valid(name, what, codec.encode(picture, q_to_quality(24), tile))


def rates(codec: Codec) -> Iterator[Valid]:
    """The lowest, a middle and the highest q, and what overtaxes the tables."""
    for q in (0, 32, 63):
        data = codec.encode(synthetic(100, 75, 3, seed=9), q_to_quality(q))
        yield Valid(f"q-{q}", f"q {q}", data)
    data = codec.encode(extreme(64), q_to_quality(63))
    yield Valid("escapes-noise", "black and white noise, which no model expects", data)
    payload = wild_payload(load_model(MODEL), 63)
    wild = replace(rgb_file(codec), width=64, height=64, q=63, chunks=(chunk(b"TILE", payload),))
    yield Valid("escapes-wild", "symbols up to the largest, networks at their limits", wild.data())


def chunk_lists(codec: Codec) -> Iterator[Valid]:
    """Every type of chunk, their order, and as many as there may be."""
    picture = Picture(synthetic(90, 60, 3, seed=5), synthetic_alpha(90, 60), **metadata())
    coded = read_container(codec.encode(picture, q_to_quality(24), 64))
    preview = some_preview(codec, picture, 2, 20)
    data = write_container(replace(coded, filter=some_filter(1), preview=preview))
    yield Valid("chunks-all", "every type of chunk", data)
    *others, index, left, right = split_chunks(data)
    unknown = (chunk(b"teSt", b"once"), chunk(b"teSt"))
    chunks = (unknown[0], *reversed(others), unknown[1], index, left, right)
    what = "every type in another order, and unknown ancillary chunks"
    yield Valid("chunks-any-order", what, data[:32] + b"".join(chunks))
    plain = rgb_file(codec)
    many = replace(plain, chunks=(chunk(b"many"),) * 64 + plain.chunks)
    yield Valid("chunks-64", "64 unknown ancillary chunks", many.data())
    for count in range(len(FILTER_LIMITS)):
        data = chunk(b"FLTR", some_filter(count))
        filtered = replace(plain, chunks=(data, *plain.chunks))
        yield Valid(f"filter-{count}", f"a filter of {count} limits", filtered.data())
    yield from previews(codec)
    for name, what, data in (
        ("empty", "metadata chunks without data", b""),
        ("unread", "metadata chunks of what is no metadata", b"Exif\0\0\xff"),
    ):
        found = (chunk(kind, data) for kind in (b"iccp", b"exif", b"xmpx"))
        yield Valid(f"chunks-{name}", what, replace(plain, chunks=(*found, *plain.chunks)).data())


def previews(codec: Codec) -> Iterator[Valid]:
    """Of a colour and of a gray picture, one with alpha; and one that is no payload."""
    for colours, alpha, reduction, q in (("rgb", True, 3, 20), ("gray", False, 2, 63)):
        pixels = synthetic(100, 70, COLOURS[colours], seed=7)
        picture = Picture(pixels, synthetic_alpha(100, 70) if alpha else None)
        whole = read_container(codec.encode(picture, q_to_quality(24)))
        data = write_container(replace(whole, preview=some_preview(codec, picture, reduction, q)))
        yield Valid(f"preview-{colours}", f"a preview at 1/{reduction}", data)
    plain = rgb_file(codec)
    data = chunk(b"prvw", write_preview(Preview(65535, 0, b"no payload")))
    what = "a preview that cannot be decoded, beside a picture that can"
    yield Valid("preview-damaged", what, replace(plain, chunks=(data, *plain.chunks)).data())


def alphas(codec: Codec) -> Iterator[Valid]:
    """PNG files that our own encoder does not write."""
    plain = rgb_file(codec)
    noise = np.frombuffer(Random(3).randbytes(plain.width * 12), np.uint8)
    noise = np.tile(noise.reshape(12, plain.width), (2, 1))
    whole = zlib.compress(filtered(synthetic_alpha(plain.width, plain.height)))
    parts = (whole[:1], b"", whole[1:50], whole[50:-2], whole[-2:], b"")
    window = b"\x18\x19" + zlib.compress(filtered(noise, (0,)), 9)[2:]
    for name, what, data in (
        ("filters", "every filter, and IDAT cut anywhere", parts),
        ("window", "distances of 492 behind a zlib header of a window of 512", (window,)),
        ("stored", "a zlib stream that is not compressed", (zlib.compress(filtered(noise), 0),)),
        ("one-distance", "a code of distances of one code of one bit", (zeros_stream(1),)),
    ):
        alpha = chunk(b"ALPH", png_file(plain.width, plain.height, *data))
        yield Valid(f"alpha-{name}", what, replace(plain, chunks=(alpha, *plain.chunks)).data())


def png_file(width: int, height: int, *idat: bytes, interlaced: bool = False) -> bytes:
    """A PNG file of 8-bit gray; idat: the data of its chunks."""
    ihdr = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlaced)
    chunks = [(b"IHDR", ihdr), *((b"IDAT", data) for data in idat), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def filtered(samples: Pixels, filters: tuple[int, ...] = (0, 1, 2, 3, 4)) -> bytes:
    """uint8 [H, W] -> the lines of a PNG file, their filters in turn."""
    own = samples.astype(int)
    left, above = (np.pad(own, pad)[:-1, :-1] for pad in (((0, 1), (1, 0)), ((1, 0), (0, 1))))
    corner = np.pad(own, ((1, 0), (1, 0)))[:-1, :-1]
    paths = np.abs([above - corner, left - corner, left + above - 2 * corner])
    nearest = np.choose(paths.argmin(axis=0), (left, above, corner))
    guesses = (0 * own, left, above, (left + above) // 2, nearest)
    kinds = [filters[row % len(filters)] for row in range(len(own))]
    lines = [(own - guesses[kind])[row] % 256 for row, kind in enumerate(kinds)]
    return b"".join(bytes((kind, *line)) for kind, line in zip(kinds, lines, strict=True))


def zeros_stream(distance_bits: int) -> bytes:
    """A zlib stream of 984 zeros: a block whose only distance, 1, has a code of 1 or 2 bits."""

    def number(value: int, bits: int) -> str:
        return f"{value:0{bits}b}"[::-1]

    bits = {18: 1, 2: 2, 1: 2}  # of lengths of codes
    order = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1)
    head = number(1, 1) + number(2, 2) + number(286 - 257, 5) + number(0, 5) + number(18 - 4, 4)
    head += "".join(number(bits.get(symbol, 0), 3) for symbol in order)
    zeros = {count: "0" + number(count - 11, 7) for count in (138, 117, 28)}
    one, two = "10", "11"
    head += two + zeros[138] + zeros[117] + two + zeros[28] + one  # literals 0, 256 and 285
    head += (one, two)[distance_bits - 1]
    literal, end, copy = "10", "11", "0" + "0" * distance_bits
    block = head + literal + 3 * copy + 209 * literal + end
    block += "0" * (-len(block) % 8)
    body = bytes(int(block[at : at + 8][::-1], 2) for at in range(0, len(block), 8))
    return b"\x78\x9c" + body + struct.pack(">I", zlib.adler32(bytes(984)))


def some_preview(codec: Codec, picture: Picture, reduction: int, q: int) -> bytes:
    """The data of a chunk prvw."""
    data = codec.encode(reduced(picture, reduction).pixels, q_to_quality(q), effort=0)
    return write_preview(Preview(reduction, q, read_container(data).payloads[0].data))


def some_filter(count: int, first: int = 1000) -> bytes:
    """The data of a chunk FLTR of so many limits: a first number that escapes, others small."""
    roll, features = Random(count).random, feature_count(FILTER_LIMITS[count])
    numbers = [first, *(round(6 * roll() - 3) for _ in range(3 * features - 1))]
    shaped = np.array(numbers, np.int32).reshape(3, -1)
    return write_filter(load_model(MODEL).tables, Filter(shaped))


def rgb_file(codec: Codec) -> File:
    """A small file of one tile."""
    plain = File(bytes.fromhex(codec.model_id))
    pixels = synthetic(plain.width, plain.height, 3, seed=1)
    data = codec.encode(pixels, q_to_quality(plain.q), plain.tile)
    assert replace(plain, chunks=tuple(split_chunks(data))).data() == data
    return replace(plain, chunks=tuple(split_chunks(data)))


def synthetic(width: int, height: int, planes: int, seed: int) -> Pixels:
    """Gradients, blobs, stripes and a little noise, by +, *, / alone -> [H, W] or [H, W, planes].

    The same on every machine: each step is one correctly rounded operation.
    """
    roll = Random(seed).random
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    picture = np.empty((height, width, planes))
    for plane in range(planes):
        level = 60 + 130 * (roll() * columns / width + roll() * rows / height)
        for _ in range(4):
            row, column, reach = roll() * height, roll() * width, (0.1 + roll()) * (30 + width / 4)
            distance = (rows - row) * (rows - row) + (columns - column) * (columns - column)
            level += (160 * roll() - 80) / (1 + distance / (reach * reach))
        level += 4 * np.abs((columns * (1 + roll()) + rows * roll()) % 12 - 6)
        picture[..., plane] = level
    noise = np.frombuffer(Random(seed).randbytes(picture.size), np.uint8).reshape(picture.shape)
    pixels: Pixels = (picture + noise % 8).clip(0, 255).astype(np.uint8)
    return pixels[..., 0] if planes == 1 else pixels


def synthetic_alpha(width: int, height: int) -> Pixels:
    """A soft disc: transparent corners, an opaque middle."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    x, y = 2 * columns / max(1, width - 1) - 1, 2 * rows / max(1, height - 1) - 1
    alpha: Pixels = (400 * (1.2 - x * x - y * y)).clip(0, 255).astype(np.uint8)
    return alpha


def extreme(side: int) -> Pixels:
    """Black and white by chance: no model expects it."""
    bits = np.frombuffer(Random(63).randbytes(side * side * 3), np.uint8) & 1
    pixels: Pixels = (bits * 255).astype(np.uint8).reshape(side, side, 3)
    return pixels


@torch.inference_mode()
def wild_payload(loaded: LoadedModel, q: int) -> bytes:
    """A tile of 64x64 pixels with an eighth of its latents anywhere up to the largest symbol."""
    roll, config = Random(64).random, loaded.model.config

    def latent() -> float:
        size = (1 << int(16 * roll())) * (1 + roll()) if roll() < 0.125 else 0.0
        return -size if roll() < 0.5 else size

    def latents(count: int) -> torch.Tensor:
        return torch.tensor([latent() for _ in range(count)])

    y = latents(config.latent * 16).view(1, config.latent, 4, 4)
    z = latents(config.hyper).view(1, config.hyper, 1, 1)
    return encode_latents(loaded, y, z, q)[0]


def metadata() -> Metadata:
    """A colour profile, EXIF with an orientation, XMP."""
    icc = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    icc[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)  # ICC.1:2022 7.2.1: when it was made
    exif = Image.Exif()
    exif[274] = 6  # orientation: turned by 90 degrees
    xmp = '<x:xmpmeta xmlns:x="adobe:ns:meta/">\u00e9</x:xmpmeta>'.encode()
    return {"icc": bytes(icc), "exif": exif.tobytes().removeprefix(b"Exif\0\0"), "xmp": xmp}


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    """A chunk of any type, SPEC 3.1."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def split_chunks(data: bytes) -> list[bytes]:
    """The chunks of a good file, whole."""
    chunks, start = [], 32
    while start < len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4], "big")
        chunks.append(data[start:end])
        start = end
    return chunks
