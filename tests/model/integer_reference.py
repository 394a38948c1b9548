"""A tile's payload to its symbols in plain integers, by the book: SPEC 4.1 to 4.5, and slow.

It reads the integer tensors of a weights file and shares no code with the product; numbers are
written here as the specification has them. Tests compare the product with it bit for bit.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

Integers = NDArray[np.int64]

ORDER = ((0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2), (2, 3, 0, 1))
"""SPEC 4.1: the position in its 2x2 cell that step s codes in group g."""
TOTAL = 2**24


@dataclass(frozen=True)
class Batch:
    """The hyper-latent or one step: all of its predictions, and the symbols that it codes.

    Every field is [channels, rows, columns]; symbols that another step codes are 0.
    """

    symbols: Integers
    mean: Integers  # 1/16 steps
    index: Integers  # of tables


class Reference:
    """The entropy networks and tables of one weights file."""

    def __init__(self, path: Path) -> None:
        with safe_open(path, "numpy") as file:
            config = json.loads(file.metadata()["config"])
            self.tensors: dict[str, Integers] = {
                name: file.get_tensor(name).astype(np.int64)
                for name in file.keys()  # noqa: SIM118 (the file itself is no mapping)
                if name.startswith(("entropy.", "hyper_prior.", "points.", "tables."))
            }
        self.latent, self.hyper = config["latent"], config["hyper"]
        self.depths = {part: config[f"{part}_blocks"] for part in ("fusion", "context")}
        ends = np.cumsum(self.tensors["tables.sizes"])[:-1]
        self.tables = np.split(self.tensors["tables.frequencies"], ends)

    def decode(
        self, payload: bytes, width: int, height: int, q: int
    ) -> tuple[list[Batch], Integers]:
        """The payload of a tile of so many pixels -> hyper-latent and steps 0 to 3; y_r."""
        coder = Coder(payload, self.tables)
        rows, columns = -(-height // 64), -(-width // 64)
        shape = (self.hyper, rows, columns)
        mean = np.clip(self.tensors["hyper_prior.mean.rows"][q], -(2**20), 2**20)
        index = np.clip(self.tensors["hyper_prior.index.rows"][q], 0, 63)
        everywhere = np.ones(shape, bool)
        mean, index = (np.broadcast_to(a[:, None, None], shape) for a in (mean, index))
        batches = [coder.batch(mean, index, everywhere)]
        fused = self.fused(values(batches[0]), q)
        y_hat = np.zeros((self.latent, 4 * rows, 4 * columns), np.int64)
        beside = np.zeros_like(y_hat)
        for step in range(4):
            mean, index = self.predict(step, y_hat, fused, q)
            coded = step_positions(step, y_hat.shape)
            batches.append(coder.batch(mean, index, coded))
            y_hat = np.where(coded, values(batches[-1]), y_hat)
            beside = np.where(coded, self.points(batches[-1]), beside)
        coder.finish()
        return batches, 16 * y_hat + beside

    def points(self, batch: Batch) -> Integers:
        """SPEC 4.5"""
        k, m = batch.symbols, batch.mean
        e = np.where(k == 0, np.sign(m), np.sign(k))
        table = self.tensors["points.table"]
        return e * table[batch.index, np.minimum(np.abs(k), 3), 4 + np.clip(e * m, -4, 4)]

    def fused(self, z_hat: Integers, q: int) -> Integers:
        """SPEC 4.3, item 1."""
        h = shuffle(self.pointwise("up1", limited(256 * z_hat)))
        h = h + limited(self.tensors["entropy.q_bias.rows"][q])[:, None, None]
        h = shuffle(self.pointwise("up2", self.block("block1", h)))
        h = self.pointwise("fuse", self.block("block2", h))
        return self.blocks("fusion", h)

    def predict(
        self, step: int, y_hat: Integers, fused: Integers, q: int
    ) -> tuple[Integers, Integers]:
        """SPEC 4.3, items 2 and 3 -> mean and table index of every latent."""
        if step == 0:
            return self.outputs("head", fused, q)
        part = f"steps.{step - 1}"
        rows = self.tensors["entropy.whiten.rows"][q][:, None, None]
        v = limited(y_hat * rows >> 12)
        h = self.pointwise(f"{part}.stem", np.concatenate([v, np.abs(v), fused]))
        cell = limited(self.tensors[f"entropy.{part}.phase.cell"])
        r, k = np.indices(h.shape[1:])
        h = self.blocks("context", h + cell[:, r % 2, k % 2])
        return self.outputs(f"{part}.head", h, q)

    def outputs(self, head: str, h: Integers, q: int) -> tuple[Integers, Integers]:
        """The mean output and the scale output of SPEC 4.2."""
        x = limited(self.pointwise(head, h))
        mean_rows, scale_rows = (
            self.tensors[f"entropy.{name}.rows"][q][:, None, None] for name in ("mean", "scale")
        )
        mean = np.clip((x[: self.latent] * mean_rows + 2**19) >> 20, -(2**20), 2**20)
        return mean, np.clip((6 * x[self.latent :] + scale_rows) >> 12, 0, 63)

    def blocks(self, name: str, x: Integers) -> Integers:
        for number in range(self.depths[name]):
            x = self.block(f"{name}.{number}", x)
        return x

    def block(self, name: str, x: Integers) -> Integers:
        first, second = self.layer(name, "fractions").tolist()
        h = activation(self.pointwise(f"{name}.spatial_in", x), first)
        x = x + self.pointwise(f"{name}.spatial_out", self.depthwise(f"{name}.spatial", h))
        quarters = np.split(activation(self.pointwise(f"{name}.channel_in", x), second), 4)
        total: Integers = np.sum(quarters, axis=0)
        return x + self.pointwise(f"{name}.channel_out", total)

    def pointwise(self, name: str, x: Integers) -> Integers:
        a = self.requantized(name, x)
        return self.rescaled(name, np.tensordot(self.layer(name, "weight"), a, axes=1))

    def depthwise(self, name: str, x: Integers) -> Integers:
        weight, (rows, columns) = self.layer(name, "weight"), x.shape[1:]
        padded = np.pad(self.requantized(name, x), ((0, 0), (1, 1), (1, 1)))
        total = np.zeros_like(x)
        for i, j in np.ndindex(3, 3):
            total += weight[:, 3 * i + j, None, None] * padded[:, i : i + rows, j : j + columns]
        return self.rescaled(name, total)

    def requantized(self, name: str, x: Integers) -> Integers:
        """floor(x / 2^t + 1/2), limited to l..h; in integers, (2 x + 2^t) / 2^(t + 1)."""
        t, low, high = (
            self.layer(f"{name}.input", key)[:, None, None] for key in ("shift", "low", "high")
        )
        return np.clip((2 * x + (1 << t)) >> (t + 1), low, high)

    def rescaled(self, name: str, total: Integers) -> Integers:
        """floor((total + b) / 2^s)"""
        s, b = (self.layer(name, key)[:, None, None] for key in ("shift", "bias"))
        return (total + b) >> s

    def layer(self, name: str, tensor: str) -> Integers:
        return self.tensors[f"entropy.{name}.{tensor}"]


def limited(v: Integers) -> Integers:
    return np.clip(v, -(2**18), 2**18)


def activation(u: Integers, f: int) -> Integers:
    return u * np.clip(u + 3 * 2**f, 0, 6 * 2**f)


def shuffle(x: Integers) -> Integers:
    """[4 C, H, W] -> [C, 2 H, 2 W]"""
    quarter, (rows, columns) = len(x) // 4, x.shape[1:]
    out = np.empty((quarter, 2 * rows, 2 * columns), np.int64)
    for i, j in np.ndindex(2, 2):
        start = (2 * i + j) * quarter
        out[:, i::2, j::2] = x[start : start + quarter]
    return out


def step_positions(step: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Whether a step codes the latent at channel, row, column."""
    c, r, k = np.indices(shape)
    group = 4 * c // shape[0]
    coded: NDArray[np.bool_] = np.array(ORDER[step])[group] == 2 * (r % 2) + k % 2
    return coded


def values(batch: Batch) -> Integers:
    """What symbols stand for, in 1/16 steps (SPEC 4.1)."""
    return 16 * batch.symbols + batch.mean


class Coder:
    """The decoder of SPEC 4.4, one symbol at a time."""

    def __init__(self, payload: bytes, tables: list[Integers]) -> None:
        self.words = np.frombuffer(payload, "<u4")[::-1].tolist()
        self.state = 0
        for _ in range(min(2, len(self.words))):
            self.state = self.state << 32 | self.words.pop()
        self.reaches = [(len(table) - 2) // 2 for table in tables]
        self.starts = [[0, *np.cumsum(table).tolist()] for table in tables]

    def batch(self, mean: Integers, index: Integers, coded: NDArray[np.bool_]) -> Batch:
        symbols = np.zeros(index.shape, np.int64)
        symbols[coded] = self.symbols(index[coded])
        return Batch(symbols, mean, index)

    def symbols(self, indexes: Integers) -> Integers:
        """Tables descending, then the escapes in the same order."""
        symbols, escaped = np.zeros(len(indexes), np.int64), []
        for place in np.argsort(-indexes, kind="stable"):
            reach, starts = self.reaches[indexes[place]], self.starts[indexes[place]]
            entry = self.entry(starts)
            symbols[place] = entry - reach
            if entry == 2 * reach + 1:
                escaped.append((place, reach))
        for (place, reach), e in zip(escaped, self.escapes(len(escaped)), strict=True):
            symbols[place] = reach + (e + 1) // 2 if e % 2 else -(reach + e // 2)
        return symbols

    def escapes(self, count: int) -> list[int]:
        exponents = [self.entry(uniform(17)) for _ in range(count)]
        found = [1 << exponent for exponent in exponents]
        for exponent in sorted(set(exponents) - {0}):
            starts = uniform(1 << exponent)
            for place in range(count):
                if exponents[place] == exponent:
                    found[place] += self.entry(starts)
        return found

    def entry(self, starts: list[int]) -> int:
        """The entry that the state holds; takes it off."""
        low = self.state % TOTAL
        entry = bisect_right(starts, low) - 1
        start, end = starts[entry : entry + 2]
        self.state = self.state // TOTAL * (end - start) + low - start
        if self.state < 2**32 and self.words:
            self.state = self.state << 32 | self.words.pop()
        return entry

    def finish(self) -> None:
        if self.state or self.words:
            raise ValueError("something is left after the last symbol")


def uniform(n: int) -> list[int]:
    """Where the entries of a uniform distribution begin, and the end."""
    return [*range(0, n * (TOTAL // n), TOTAL // n), TOTAL]
