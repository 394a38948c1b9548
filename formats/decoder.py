"""The reference decoder of the image format `.aec`, version 1, in NumPy.

    python formats/decoder.py FILE.aec OUT.png --models weights [--preview]

It was written from SPEC.md alone and shares no code with aecodec: it shows that the text is enough,
and what it means. Read it beside that text, which leads and whose sections stand in brackets.
It decodes a whole picture, or its preview, and refuses every file that breaks a rule. Of metadata
it writes the colour profile only. It has none of the options of 5.6 and 5.7, does not check the
shapes of a model's tensors (4.2), and memory limits the size of its pictures, as it makes no pieces
(5.3).

Features have the axes row, column, channel; symbols and latents channel, row, column.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
import sys
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError, safe_open

Integers = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]
Bytes = NDArray[np.uint8]
Number = TypeVar("Number", bound=np.generic)

FLOAT = np.float64  # the type of section 5: binary32 or better
SIGNATURE = bytes.fromhex("89 41 45 43 0D 0A 1A 0A")  # 2.1
VERSION = 1  # 2.2
MAX_SIDE, MAX_PIXELS = 2**20 - 1, 2**28  # 2.4
MODE_RGB, MODE_GRAY = 0, 1  # 2.5
MAX_TILES = 2**16  # 2.7
KNOWN = ("iccp", "exif", "xmpx", "prvw", "FLTR", "ALPH", "TIDX")  # 3.3, beside `TILE`
MAX_ANCILLARY, MAX_CRITICAL, MAX_CHUNKS = 2**24, 2**28, 64  # 3.4
PNG_SIGNATURE = bytes.fromhex("89 50 4E 47 0D 0A 1A 0A")  # 3.6
MAX_COEFFICIENT = 1_000  # 3.7
PLACES = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))  # 3.7
FILTER_LIMITS = ((), (1 / 32,), (1 / 64, 1 / 16))  # 3.7, by L
MAX_PREVIEW_SIDE = 512  # 3.8
POSITIONS = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1]])  # 4.1
MAX_SYMBOL = 32_767  # 4.1
PRECISION = 24  # bits of frequencies, whose sum is 2^24 (4.4)


class AecError(Exception):
    """The file, or the model that it needs, is refused."""


def require(sound: object, fault: str) -> None:
    """Refuse the file or the model unless it keeps a rule."""
    if not sound:
        raise AecError(fault)


# ------------------------------------------------------------ sections 2 and 3: the container


@dataclass(frozen=True)
class Header:
    """The fields of the header (2)."""

    model_id: str
    width: int
    height: int
    mode: int
    q: int
    tile: int  # the side of a tile in pixels

    @property
    def grid(self) -> tuple[int, int]:
        """Return the number of rows and of columns of tiles (2.7)."""
        return -(-self.height // self.tile), -(-self.width // self.tile)


@dataclass(frozen=True)
class Container:
    """A file whose header and chunks keep the rules of sections 2 and 3."""

    header: Header
    chunks: dict[str, bytes]  # the data of the known chunks before the first `TILE`
    tiles: list[bytes]  # the payloads, in order of number


def read_header(data: bytes) -> Header:
    """Read and check the header: signature and version, then the CRC, then the rest (2)."""
    require(data[:8] == SIGNATURE, "the signature is not that of an .aec file, or is cut (2.1)")
    require(len(data) > 8, "the header is cut behind the signature (2)")
    older = "0 was a draft" if data[8] < VERSION else "a newer decoder is needed"
    known = f"this decoder reads version {VERSION}"
    require(data[8] == VERSION, f"version {data[8]} of the format: {older}, {known} (2.2)")
    require(len(data) >= 32, f"the header is cut: {len(data)} bytes of 32 (2)")
    crc = int.from_bytes(data[28:32], "big")
    require(zlib.crc32(data[:28]) == crc, "the header is damaged: its CRC does not match (2.8)")
    width, height, mode, q, tile = struct.unpack_from(">IIBBB", data, 17)
    sound = 1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE
    require(sound, f"{width}x{height} pixels: a side is not in 1 to {MAX_SIDE} (2.4)")
    require(mode in (MODE_RGB, MODE_GRAY), f"the colour mode {mode} is unknown (2.5)")
    require(q <= 63, f"q {q} is not in 0 to 63 (2.6)")
    require(1 <= tile <= 32, f"the side of a tile is {tile} x 64 pixels, not 1 to 32 x 64 (2.7)")
    header = Header(data[9:17].hex(), width, height, mode, q, 64 * tile)
    count = header.grid[0] * header.grid[1]
    require(count <= MAX_TILES, f"{count} tiles are over the limit of {MAX_TILES} (2.7)")
    return header


def read_chunk(data: bytes, start: int) -> tuple[str, bytes, int]:
    """Read the chunk at a place; return its type, its data and the place behind it (3.1)."""
    require(start + 8 <= len(data), "the file is cut where a chunk should begin (3.1)")
    length = int.from_bytes(data[start : start + 4], "big")
    kind = data[start + 4 : start + 8].decode("latin-1")
    require(kind.isascii() and kind.isalpha(), f"the chunk type {kind!r} is not 4 letters (3.1)")
    limit = MAX_CRITICAL if kind[0].isupper() else MAX_ANCILLARY
    require(length <= limit, f"{kind} announces {length} bytes, the limit is {limit} (3.4)")
    end = start + 8 + length
    require(end + 4 <= len(data), f"the file is cut inside the chunk {kind} (3.1)")
    crc = int.from_bytes(data[end : end + 4], "big")
    sound = zlib.crc32(data[start + 4 : end]) == crc
    require(sound, f"the chunk {kind} is damaged: its CRC does not match (3.1)")
    return kind, data[start + 8 : end], end + 4


def read_chunks(data: bytes) -> tuple[dict[str, bytes], int]:
    """Read the chunks before the first `TILE`; return the known ones and its place (3.2-3.5)."""
    chunks: dict[str, bytes] = {}
    place = 32
    for _ in range(MAX_CHUNKS + 1):
        if "TIDX" in chunks or data[place + 4 : place + 8] == b"TILE":
            return chunks, place
        require(place < len(data), "the file is cut: there is no chunk TILE (3.3)")
        kind, content, place = read_chunk(data, place)
        require(kind not in chunks, f"there is a second chunk {kind} (3.3)")
        sound = kind in KNOWN or kind[0].islower()
        require(sound, f"the critical chunk {kind} is unknown; a newer decoder may know it (3.2)")
        if kind in KNOWN:
            chunks[kind] = content
    raise AecError(f"there are more than {MAX_CHUNKS} chunks before the first TILE (3.4)")


def read_tiles(data: bytes, place: int, count: int, index: bytes | None) -> list[bytes]:
    """Read the chunks `TILE`, which end the file, and compare them with `TIDX` (3.5)."""
    require(index is not None or count == 1, f"a picture of {count} tiles needs TIDX (3.5)")
    require(index is None or count > 1, "a picture of one tile has no TIDX (3.5)")
    require(index is None or len(index) == 4 * count, "TIDX has not 4 bytes for each tile (3.5)")
    lengths = np.frombuffer(index or b"", ">u4")
    require(np.all(lengths <= MAX_CRITICAL), f"TIDX announces more than {MAX_CRITICAL} bytes (3.4)")
    tiles = []
    for number in range(count):
        require(place < len(data), f"tile {number} of {count} is missing (3.5)")
        kind, content, place = read_chunk(data, place)
        require(kind == "TILE", f"tile {number} is damaged: its place has a chunk {kind} (3.5)")
        announced = len(content) if index is None else lengths[number]
        sound = len(content) == announced
        require(sound, f"tile {number} is damaged: TIDX announces {announced} bytes (3.5)")
        tiles.append(content)
    require(place == len(data), f"{len(data) - place} bytes are left after the last tile (3.5)")
    return tiles


def read_container(data: bytes) -> Container:
    """Read a file as far as it takes neither weights nor a look into `ALPH` or a payload."""
    header = read_header(data)
    chunks, place = read_chunks(data)
    if "FLTR" in chunks:
        content = chunks["FLTR"]
        require(header.mode != MODE_GRAY, "there is a chunk FLTR in a gray picture (3.7)")
        sound = len(content) >= 5 and content[0] <= 2
        require(sound, "FLTR is not a filter of 0, 1 or 2 limits (3.7)")
        require(max(content[1:5]) <= 63, "FLTR names a table above 63 (3.7)")
    if "prvw" in chunks:
        read_preview(chunks["prvw"], header)
    tiles = read_tiles(data, place, header.grid[0] * header.grid[1], chunks.get("TIDX"))
    return Container(header, chunks, tiles)


def read_preview(data: bytes, whole: Header) -> tuple[int, Header]:
    """Read `prvw` before its payload; return r and a header of the picture that it is (3.8)."""
    require(len(data) >= 3, f"prvw has {len(data)} bytes, it takes 3 or more (3.8)")
    r, q = int.from_bytes(data[:2], "big"), data[2]
    require(r >= 2, f"prvw holds the picture at 1/{r}, which is not smaller (3.8)")
    width, height = -(-whole.width // r), -(-whole.height // r)
    sound = max(width, height) <= MAX_PREVIEW_SIDE
    require(sound, f"prvw has {width}x{height} pixels, a side above {MAX_PREVIEW_SIDE} (3.8)")
    require(q <= 63, f"prvw has q {q}, which is not in 0 to 63 (3.8)")
    return r, Header(whole.model_id, width, height, whole.mode, q, MAX_PREVIEW_SIDE)


# ------------------------------------------------------------ 3.6, 3.8: alpha


def read_alpha(data: bytes, header: Header) -> Bytes:
    """Decode the PNG file of `ALPH`, whose chunks are laid out as those of 3.1 (3.6)."""
    require(data[:8] == PNG_SIGNATURE, "ALPH is no PNG file (3.6)")
    kind, content, place = read_chunk(data, 8)
    width, height = header.width, header.height
    plain = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    sound = kind == "IHDR" and content == plain
    require(sound, f"ALPH is not plain 8-bit gray of {width}x{height} pixels (3.6)")
    stream = bytearray()
    kind, content, place = read_chunk(data, place)
    require(kind == "IDAT", f"ALPH has {kind} where IDAT should be (3.6)")
    while kind == "IDAT":
        stream += content
        kind, content, place = read_chunk(data, place)
    require(kind == "IEND" and not content, f"ALPH does not end with an empty IEND: {kind} (3.6)")
    require(place == len(data), "ALPH has bytes behind IEND (3.6)")
    lines = np.frombuffer(unpack(stream, height * (1 + width)), np.uint8)
    return unfilter(lines.reshape(height, 1 + width))


def unpack(stream: bytearray, size: int) -> bytes:
    """Unpack a zlib stream that must give a number of bytes, at most one more than that (3.6)."""
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(stream, size + 1)
    except zlib.error as error:
        raise AecError(f"the zlib stream of ALPH is damaged: {error} (3.6)") from error
    require(len(content) <= size, f"the zlib stream of ALPH has more than {size} bytes (3.6)")
    require(unpacker.eof, "the zlib stream of ALPH is cut (3.6)")
    require(len(content) == size, f"the zlib stream of ALPH has not {size} bytes (3.6)")
    require(not unpacker.unused_data, "ALPH has bytes behind its zlib stream (3.6)")
    return content


def unfilter(lines: Bytes) -> Bytes:
    """Undo the filters of the lines of a PNG file, each of which begins with its own (3.6)."""
    samples = np.zeros((len(lines) + 1, lines.shape[1] - 1), np.uint8)  # a row of 0 above
    for number, line in enumerate(lines):
        above, here = samples[number : number + 2]
        kind, coded = line[0], line[1:]
        require(kind <= 4, f"a line of ALPH has the filter {kind} (3.6)")
        if kind == 0:
            here[:] = coded
        elif kind == 1:
            np.cumsum(coded, dtype=np.uint8, out=here)
        elif kind == 2:
            np.add(coded, above, out=here)
        else:
            here[:] = predicted(kind == 4, coded.tolist(), above.tolist())
    return samples[1:]


def predicted(paeth: bool, coded: list[int], above: list[int]) -> list[int]:
    """Undo the filter 4, Paeth, or 3, Average, of a line."""
    line = []
    left = corner = 0
    for value, up in zip(coded, above, strict=True):
        guess = (left + up) // 2
        if paeth:
            slope = left + up - corner
            guess = min((left, up, corner), key=lambda near: abs(near - slope))
        left, corner = (value + guess) % 256, up
        line.append(left)
    return line


def reduce_alpha(alpha: Bytes, r: int) -> Bytes:
    """Take the means of r x r samples, fewer at the edges, rounded, halves up (3.8)."""
    sums, counts = alpha.astype(np.int64), np.ones(alpha.shape, np.int64)
    for axis in (0, 1):
        places = np.arange(0, alpha.shape[axis], r)
        sums, counts = (np.add.reduceat(x, places, axis=axis) for x in (sums, counts))
    return ((2 * sums + counts) // (2 * counts)).astype(np.uint8)


# ------------------------------------------------------------ 4.2: layers on integers


def limited(values: Integers) -> Integers:
    """Limit values to -2^18 to 2^18 (4.2)."""
    return np.clip(values, -(2**18), 2**18)


def shuffle(x: NDArray[Number], n: int = 2) -> NDArray[Number]:
    """Turn n n C channels into C at n times the size: channel (n i + j) C + c (4.2)."""
    rows, columns, channels = x.shape
    cells = x.reshape(rows, columns, n, n, channels // n**2)
    return cells.transpose(0, 2, 1, 3, 4).reshape(rows * n, columns * n, channels // n**2)


def product(x: Floats, weight: Floats) -> Floats:
    """Multiply the channels of x by a matrix [outputs, inputs]."""
    flat: Floats = x.reshape(-1, x.shape[2]) @ weight.T
    return flat.reshape(*x.shape[:2], -1)


def convolve(x: NDArray[Number], weight: NDArray[Number]) -> NDArray[Number]:
    """Sum weight[c, 3 i + j] times x at row + i - 1, column + j - 1, or 0 outside (4.2)."""
    rows, columns = x.shape[:2]
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    total = np.zeros_like(x)
    for i in range(3):
        for j in range(3):
            total += weight[:, 3 * i + j] * padded[i : i + rows, j : j + columns]
    return total


def activation(u: Integers, f: int) -> Integers:
    """Compute six times Hardswish of u in units of 2^-f, in units of 2^-2f (4.2)."""
    return u * np.clip(u + (3 << f), 0, 6 << f)


@dataclass(frozen=True)
class Layer:
    """A layer on integers, with the requantization before it (4.2)."""

    depthwise: bool
    weight: Integers  # [outputs, inputs], or [channels, 9] of a depthwise layer
    bias: Integers
    shift: Integers
    input_shift: Integers
    low: Integers
    high: Integers

    def __call__(self, x: Integers) -> Integers:
        """Apply the layer. A shift to the right rounds towards minus infinity, as floor does."""
        half = (1 << self.input_shift) >> 1
        a = np.clip((x + half) >> self.input_shift, self.low, self.high)
        if self.depthwise:
            total = convolve(a, self.weight)
        else:  # as all sums are below 2^24, the faster product of binary32 is exact
            total = product(a.astype(np.float32), self.weight.astype(np.float32)).astype(np.int64)
        return (total + self.bias) >> self.shift

    def reach(self) -> float:
        """Check what 4.2 asks of a layer by itself, and return its R."""
        for values in (self.weight, self.low, self.high):
            require(np.all(values == values.astype(np.int16)), "a model's value has over 16 bits")
        shifts = np.concatenate([self.shift, self.input_shift])
        require(shifts.min() >= 0 and shifts.max() <= 24, "a model's shift is not in 0 to 24")
        require(self.low.max() <= 0 <= self.high.min(), "a model's limits exclude 0")
        axis = 1 if self.depthwise else 0
        ends = np.stack([self.weight * np.expand_dims(v, axis) for v in (self.low, self.high)])
        above = ends.max(axis=0).sum(axis=1) + np.maximum(self.bias, 0)
        below = np.maximum(-self.bias, 0) - ends.min(axis=0).sum(axis=1)
        largest = np.maximum(above, below)
        require(largest.max() < 2**24, "a model's sum reaches 2^24")
        return float(np.max(largest / 2.0**self.shift)) + 1


# ------------------------------------------------------------ 2.3, 4.2, 4.3: the model


class Model:
    """The tensors of a weights file (2.3), and the integer network `entropy` (4.2, 4.3)."""

    def __init__(self, path: Path) -> None:
        """Read a weights file; refuse one of another id than it says, or beyond the bounds."""
        with safe_open(path, "np") as file:
            metadata = file.metadata()
            names = sorted(file.keys())
            self.tensors: dict[str, NDArray[Any]] = {n: file.get_tensor(n) for n in names}
        self.config: dict[str, Any] = json.loads(metadata["config"])
        self.latent: int = self.config["latent"]
        sound = self.identity() == metadata["model_id"]
        require(sound, f"the weights in {path} are not those of their id (2.3)")
        self.layers = {name: self.read_layer(name) for name in self.names(".input.shift")}
        self.tables = self.read_tables()
        reach = {name: layer.reach() for name, layer in self.layers.items()}
        self.check_activations(reach)
        self.check_sums(reach)

    def identity(self) -> str:
        """Return the id: 8 bytes of the SHA-256 of the canonical weights (2.3)."""
        digest = hashlib.sha256(json.dumps(self.config, sort_keys=True).encode())
        for name, tensor in self.tensors.items():
            digest.update(f"\n{name} {tensor.dtype.name} {list(tensor.shape)}\n".encode())
            digest.update(tensor.astype(tensor.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()[:16]

    def integers(self, name: str) -> Integers:
        """Return a tensor for section 4."""
        return self.tensors[name].astype(np.int64)

    def floats(self, name: str) -> Floats:
        """Return a tensor for section 5."""
        return self.tensors[name].astype(FLOAT)

    def names(self, suffix: str) -> list[str]:
        """Return what stands between `entropy.` and a suffix in the names that end with it."""
        names = [name.removesuffix(suffix) for name in self.tensors if name.endswith(suffix)]
        return [name.removeprefix("entropy.") for name in names]

    def read_layer(self, name: str) -> Layer:
        """Collect the tensors of a layer of `entropy`."""
        parts = ("weight", "bias", "shift", "input.shift", "input.low", "input.high")
        tensors = (self.integers(f"entropy.{name}.{part}") for part in parts)
        return Layer(name.endswith(".spatial"), *tensors)

    def read_tables(self) -> list[list[int]]:
        """Return for each table the sums of the frequencies before its entries, and 2^24 (4.4)."""
        sizes = self.integers("tables.sizes")
        tables = []
        for part in np.split(self.integers("tables.frequencies"), np.cumsum(sizes)[:-1]):
            sound = part.size >= 2 and part.size % 2 == 0 and part.min() > 0
            require(sound and part.sum() == 2**PRECISION, "a model's table is not as in 4.4")
            tables.append([0, *accumulate(part.tolist())])
        return tables

    def check_activations(self, r: dict[str, float]) -> None:
        """Refuse a model of which an activation could reach 2^24 before it is limited (4.2)."""
        for block in self.names(".fractions"):
            fractions = self.integers(f"entropy.{block}.fractions").tolist()
            for branch, f, n in zip(("spatial", "channel"), fractions, (1, 4), strict=True):
                behind = self.layers[f"{block}.{'spatial' if n == 1 else 'channel_out'}"]
                highest = int(np.max(behind.high << behind.input_shift))
                sound = 0 <= f <= 10 and r[f"{block}.{branch}_in"] + 3 * 2**f < 2**24
                sound = sound and highest + n * 9 / 4 * 4**f < 2**24
                require(sound, f"the model is refused: an activation of {block} (4.2)")

    def check_sums(self, r: dict[str, float]) -> None:
        """Refuse a model of which layers that add to one another could reach 2^22 (4.2)."""

        def blocks(*names: str) -> float:
            return sum(r[f"{name}.spatial_out"] + r[f"{name}.channel_out"] for name in names)

        sums = (
            r["up1"] + 2**18 + blocks("block1"),
            r["up2"] + blocks("block2"),
            r["fuse"] + blocks(*self.numbered("fusion")),
            max(r[f"steps.{n}.stem"] for n in range(3)) + 2**18 + blocks(*self.numbered("context")),
        )
        require(max(sums) < 2**22, "the model is refused: a sum of layers reaches 2^22 (4.2)")

    def numbered(self, name: str) -> list[str]:
        """Return the names of the blocks of a network, of which the configuration has a number."""
        return [f"{name}.{number}" for number in range(self.config[f"{name}_blocks"])]

    def block(self, name: str, x: Integers) -> Integers:
        """Add to x what the two branches of a block of `entropy` give (4.2)."""
        fractions: list[int] = self.tensors[f"entropy.{name}.fractions"].tolist()
        spatial_in, spatial, spatial_out, channel_in, channel_out = (
            self.layers[f"{name}.{part}"]
            for part in ("spatial_in", "spatial", "spatial_out", "channel_in", "channel_out")
        )
        x = x + spatial_out(spatial(activation(spatial_in(x), fractions[0])))
        g = activation(channel_in(x), fractions[1])
        return x + channel_out(g.reshape(*x.shape[:2], 4, x.shape[2]).sum(axis=2))

    def blocks(self, name: str, x: Integers) -> Integers:
        """Apply all blocks of a name, one after the other."""
        for block in self.numbered(name):
            x = self.block(block, x)
        return x

    def fuse(self, z_hat: Integers, q: int) -> Integers:
        """Compute the fused features from the values of the hyper-latent (4.3, item 1)."""
        x = shuffle(self.layers["up1"](limited(256 * z_hat)))
        x = self.block("block1", x + limited(self.integers("entropy.q_bias.rows")[q]))
        x = self.block("block2", shuffle(self.layers["up2"](x)))
        return self.blocks("fusion", self.layers["fuse"](x))

    def parameters(
        self, step: int, y_hat: Integers, fused: Integers, q: int
    ) -> tuple[Integers, Integers]:
        """Return mean and table index of the whole latent for a step (4.3, items 2 and 3)."""
        if step == 0:
            x = limited(self.layers["head"](fused))
        else:
            name = f"steps.{step - 1}"
            v = limited((y_hat * self.integers("entropy.whiten.rows")[q]) >> 12)
            x = self.layers[f"{name}.stem"](np.concatenate([v, np.abs(v), fused], axis=2))
            phase = limited(self.integers(f"entropy.{name}.phase.cell")).transpose(1, 2, 0)
            x = x + np.tile(phase, (x.shape[0] // 2, x.shape[1] // 2, 1))
            x = limited(self.layers[f"{name}.head"](self.blocks("context", x)))
        mean = x[..., : self.latent] * self.integers("entropy.mean.rows")[q]
        scale = 6 * x[..., self.latent :] + self.integers("entropy.scale.rows")[q]
        return np.clip((mean + 2**19) >> 20, -(2**20), 2**20), np.clip(scale >> 12, 0, 63)


@cache
def find_model(folder: Path, model_id: str) -> Model:
    """Load the model with an id, once, from the weights files in a folder, at any depth (2.3)."""
    names = []
    for path in sorted(folder.rglob("*.safetensors")):
        try:
            with safe_open(path, "np") as file:
                names.append((file.metadata() or {}).get("model_id", "none"))
            if names[-1] == model_id:
                return Model(path)
        except (SafetensorError, KeyError, ValueError) as error:
            names.append(f"{path.name}, which cannot be read: {error}")
    have = ", ".join(names) or "nothing"
    raise AecError(f"the file needs the model {model_id}, the folder has {have} (2.3)")


# ------------------------------------------------------------ 4.4: the entropy coder


def uniform(n: int) -> list[int]:
    """Return the table of a uniform distribution over 0 to n - 1, as Model.read_tables."""
    return [value * (2**PRECISION // n) for value in range(n)] + [2**PRECISION]


class Coder:
    """The stack of asymmetric numeral systems from which symbols are decoded (4.4)."""

    def __init__(self, payload: bytes) -> None:
        """Take the words of a payload and the first state."""
        require(len(payload) % 4 == 0, "a payload's length is not a multiple of 4 (4.4)")
        self.words: list[int] = np.frombuffer(payload, "<u4").tolist()
        require(not self.words or self.words[0], "the first word of a payload is 0 (4.4)")
        self.state = 0
        for word in self.words[:2]:
            self.state = (self.state << 32) | word
        self.place = 2
        self.escapes = 0  # how many symbols have escaped (7.2)

    def take(self, table: list[int], count: int) -> list[int]:
        """Decode the numbers of some entries of one table."""
        state, place, words = self.state, self.place, self.words
        entries = []
        for _ in range(count):
            low = state % 2**PRECISION
            entry = bisect_right(table, low) - 1
            entries.append(entry)
            c = table[entry]
            state = (state >> PRECISION) * (table[entry + 1] - c) + low - c
            if state < 2**32 and place < len(words):
                state = (state << 32) | words[place]
                place += 1
        self.state, self.place = state, place
        return entries

    def take_batch(self, tables: list[list[int]], index: Integers) -> Integers:
        """Decode the symbols of a batch, each of which has a table index."""
        order = np.argsort(-index, kind="stable")
        entries: list[int] = []
        for number in range(len(tables) - 1, -1, -1):
            entries += self.take(tables[number], int(np.count_nonzero(index == number)))
        largest = np.array([len(table) // 2 - 1 for table in tables])[index[order]]  # K
        coded = np.array(entries, np.int64) - largest
        escaped = coded > largest
        e = self.take_escapes(int(np.count_nonzero(escaped)))
        coded[escaped] = (largest[escaped] + (e + 1) // 2) * np.where(e % 2, 1, -1)
        require(np.all(np.abs(coded) <= MAX_SYMBOL), f"a symbol is beyond {MAX_SYMBOL} (4.1)")
        symbols = np.empty(coded.shape, np.int64)
        symbols[order] = coded
        return symbols

    def take_escapes(self, count: int) -> Integers:
        """Decode the numbers e of the symbols of a batch that escape."""
        self.escapes += count
        exponents = np.array(self.take(uniform(17), count), np.int64)
        e: Integers = 2**exponents
        for exponent in range(1, 17):
            chosen = exponents == exponent
            if chosen.any():
                mantissas = self.take(uniform(2**exponent), int(np.count_nonzero(chosen)))
                e[chosen] += np.array(mantissas, np.int64)
        return e

    def finish(self) -> None:
        """Refuse a payload of which something is left after the last symbol."""
        left = self.state != 0 or self.place < len(self.words)
        require(not left, "a state or words are left over at the end of a payload (4.4)")


# ------------------------------------------------------------ section 4: a tile


def decode_tile(
    model: Model, payload: bytes, height: int, width: int, q: int
) -> tuple[Integers, int]:
    """Decode a tile: y_r, as channel, row, column, and the number of escapes (4)."""
    coder = Coder(payload)
    rows, columns = -(-height // 64), -(-width // 64)
    mean = np.clip(model.integers("hyper_prior.mean.rows")[q], -(2**20), 2**20)
    index = np.clip(model.integers("hyper_prior.index.rows")[q], 0, 63)
    symbols = coder.take_batch(model.tables, np.repeat(index, rows * columns))
    z_hat = 16 * symbols.reshape(-1, rows, columns) + mean[:, None, None]
    fused = model.fuse(z_hat.transpose(1, 2, 0), q)

    points = model.integers("points.table")
    group = 4 * np.arange(model.latent) // model.latent
    position = 2 * (np.arange(4 * rows)[:, None] % 2) + np.arange(4 * columns) % 2
    y_hat = np.zeros((model.latent, 4 * rows, 4 * columns), np.int64)
    y_r = np.zeros_like(y_hat)
    for step in range(4):
        means, indices = model.parameters(step, y_hat.transpose(1, 2, 0), fused, q)
        coded = position == POSITIONS[step][group][:, None, None]
        m, i = means.transpose(2, 0, 1)[coded], indices.transpose(2, 0, 1)[coded]
        k = coder.take_batch(model.tables, i)
        e = np.sign(np.where(k == 0, m, k))  # 4.5, as is the rest
        y_hat[coded] = 16 * k + m
        moved = points[i, np.minimum(np.abs(k), 3), 4 + np.clip(e * m, -4, 4)]
        y_r[coded] = 16 * (16 * k + m) + e * moved
    coder.finish()
    return y_r, coder.escapes


# ------------------------------------------------------------ 5.1: the transform


def knots(model: Model, name: str, q: int) -> Floats:
    """Interpolate the row that a tensor `knots` has at q (5.1)."""
    rows = model.floats(f"{name}.knots")
    place = min(8 * q // 63, 7)
    part = 8 * q / 63 - place
    row: Floats = rows[place] * FLOAT(1 - part) + rows[place + 1] * FLOAT(part)
    return row


def linear_part(model: Model, y: Floats, q: int) -> Floats:
    """Compute the linear part: blocks of 16x16 pixels, and their overlap along both axes (5.1)."""
    u = y * np.exp(knots(model, "log_step", q))
    x = shuffle(product(u, model.floats("skip.basis").T), 16)
    overlap = model.floats("skip.overlap")
    for _ in range(2):
        runs = x[8:-8].reshape(-1, 16, x.shape[1] * 3)
        x[8:-8] = (overlap.T @ runs).reshape(x[8:-8].shape)
        x = np.ascontiguousarray(x.swapaxes(0, 1))
    return x


def hardswish(x: Floats) -> Floats:
    """Compute x clamp(x + 3, 0, 6) / 6 (5.1)."""
    g: Floats = x * np.clip(x + 3, 0, 6) / 6
    return g


def pointwise(model: Model, name: str, x: Floats) -> Floats:
    """Apply a pointwise layer of `synthesis` (5.1)."""
    weight, bias = (model.floats(f"synthesis.{name}.{part}") for part in ("weight", "bias"))
    return product(x, weight) + bias


def network_part(model: Model, y: Floats, q: int) -> Floats:
    """Compute the network `synthesis` (5.1)."""
    h = shuffle(pointwise(model, "stem", y * model.floats("whiten.table")[q]))
    for number in range(model.config["synthesis_blocks"]):
        name = f"blocks.{number}"
        weight = model.floats(f"synthesis.{name}.spatial.weight").reshape(-1, 9)
        g = convolve(hardswish(pointwise(model, f"{name}.spatial_in", h)), weight)
        g = g + model.floats(f"synthesis.{name}.spatial.bias")
        h = h + pointwise(model, f"{name}.spatial_out", g)
        halves = np.split(hardswish(pointwise(model, f"{name}.channel_in", h)), 2, axis=2)
        h = h + pointwise(model, f"{name}.channel_out", halves[0] + halves[1])
    h = h * knots(model, "synthesis.gain", q)
    return shuffle(pointwise(model, "head", h), 8)


# ------------------------------------------------------------ 3.7: the filter


def read_coefficients(model: Model, data: bytes) -> Integers:
    """Decode the coefficients of `FLTR`, a row for each colour (3.7)."""
    counts = (24, 24 * data[0], 3, 1)
    index = np.tile(np.repeat(np.array(list(data[1:5]), np.int64), counts), 3)
    coder = Coder(data[5:])
    coefficients = coder.take_batch(model.tables, index)
    coder.finish()
    sound = np.all(np.abs(coefficients) <= MAX_COEFFICIENT)
    require(sound, f"FLTR has a coefficient beyond {MAX_COEFFICIENT} (3.7)")
    return coefficients.reshape(3, -1)


def apply_filter(x_hat: Floats, coefficients: Integers) -> Floats:
    """Filter the three planes of x_hat (3.7)."""
    rows, columns = x_hat.shape[:2]
    near, samples, offset = np.split(coefficients.astype(FLOAT), [-4, -1], axis=1)
    weights = near.reshape(3, -1, 3, 8) / 64  # colour c, n and the m of each l, colour d, place p
    total = x_hat + offset[:, 0] / 8192 + product(x_hat, samples) / 4096
    padded = np.pad(x_hat, ((1, 1), (1, 1), (0, 0)), mode="edge")
    for p, (down, right) in enumerate(PLACES):
        there = padded[1 + down : 1 + down + rows, 1 + right : 1 + right + columns]
        difference = there - x_hat
        total += product(difference, weights[:, 0, :, p])
        for number, limit in enumerate(FILTER_LIMITS[weights.shape[1] - 1], start=1):
            total += product(np.clip(difference, -limit, limit), weights[:, number, :, p])
    return total


# ------------------------------------------------------------ pictures


@dataclass(frozen=True)
class Picture:
    """A decoded picture, and what 7.2 compares."""

    samples: Bytes  # row, column, and red, green and blue or gray
    alpha: Bytes | None
    symbols_sha256: str
    escapes: int

    def save(self, path: Path, profile: bytes | None) -> None:
        """Write a PNG file, which keeps the colour profile that the samples need."""
        planes = [self.samples] if self.alpha is None else [self.samples, self.alpha[:, :, None]]
        pixels = np.concatenate(planes, axis=2)
        image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        image.save(path, "PNG", icc_profile=profile or None)


def decode(container: Container, models: Path, preview: bool = False) -> Picture:
    """Decode the picture of a file, or its preview, a picture of one tile without filter (3.8)."""
    header, chunks, tiles = container.header, container.chunks, container.tiles
    sound = header.width * header.height <= MAX_PIXELS
    require(sound, f"{header.width}x{header.height} is over the limit, {MAX_PIXELS} pixels (2.4)")
    model = find_model(models, header.model_id)
    alpha = read_alpha(chunks["ALPH"], header) if "ALPH" in chunks else None
    coefficients = None
    if preview:
        require("prvw" in chunks, "the file has no preview")
        r, header = read_preview(chunks["prvw"], header)
        tiles = [chunks["prvw"][3:]]
        alpha = None if alpha is None else reduce_alpha(alpha, r)
    elif "FLTR" in chunks:
        coefficients = read_coefficients(model, chunks["FLTR"])
    y_r, digest, escapes = decode_tiles(model, header, tiles)
    return Picture(reconstruct(model, header, y_r, coefficients), alpha, digest, escapes)


def decode_tiles(model: Model, header: Header, tiles: Sequence[bytes]) -> tuple[Integers, str, int]:
    """Decode all tiles and put their y_r together; return also the digest of 7.2 and escapes."""
    rows, columns = header.grid
    digest, total = hashlib.sha256(), 0
    strips = []
    for row in range(rows):
        height = min(header.tile, header.height - row * header.tile)
        strip = []
        for column in range(columns):
            width = min(header.tile, header.width - column * header.tile)
            payload = tiles[row * columns + column]
            y_r, escapes = decode_tile(model, payload, height, width, header.q)
            digest.update(y_r.astype("<i4").tobytes())
            total += escapes
            strip.append(y_r)
        strips.append(np.concatenate(strip, axis=2))
    return np.concatenate(strips, axis=1), digest.hexdigest(), total


def reconstruct(
    model: Model, header: Header, y_r: Integers, coefficients: Integers | None
) -> Bytes:
    """Turn the y_r of all tiles into samples (5.1, 5.2)."""
    y: Floats = y_r.transpose(1, 2, 0).astype(FLOAT) / 256
    q = header.q
    x_hat: Floats = linear_part(model, y, q) + FLOAT(0.05) * network_part(model, y, q)
    if header.mode == MODE_GRAY:
        x_hat = x_hat.mean(axis=2, keepdims=True)
    if coefficients is not None:
        x_hat = apply_filter(x_hat, coefficients)
    x_hat = x_hat[: header.height, : header.width]
    return np.clip(np.rint(255 * (x_hat + FLOAT(0.5))), 0, 255).astype(np.uint8)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; a refused file gives one line of error and the exit code 1."""
    parser = argparse.ArgumentParser(description="Decode a picture of the format .aec.")
    parser.add_argument("file", type=Path, metavar="FILE.aec")
    parser.add_argument("out", type=Path, metavar="OUT.png")
    parser.add_argument("--models", type=Path, required=True, help="a folder of weights files")
    parser.add_argument("--preview", action="store_true", help="decode the preview instead")
    options = parser.parse_args(arguments)
    try:
        container = read_container(options.file.read_bytes())
        picture = decode(container, options.models, options.preview)
        picture.save(options.out, container.chunks.get("iccp"))
    except (AecError, OSError, MemoryError) as error:
        print(f"decoder: error: {options.file}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
