"""The entropy network in integers as graphs: the walk of FixedNetwork in parts (SPEC 4.2, 4.3).

Integers are carried in binary32, whose sums below 2^24 are exact in any order; outputs that need up
to 2^53 are in binary64.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from aecodec.format.constants import (
    FRACTION_BITS,
    LIMIT,
    MEAN_BITS,
    MEAN_LIMIT,
    QUADTREE,
    SCALES_PER_OCTAVE,
    SIXTEENTHS,
    TABLE_COUNT,
    WHITEN_BITS,
)
from aecodec.graphs.graph import Graph, Port, Value
from aecodec.model.config import ModelConfig
from aecodec.model.tensors import Array

FOLD = 4
GROUPS = len(QUADTREE)


class EntropyGraph(Graph):
    """A graph with the layers of SPEC 4.2, of the tensors of one weights file."""

    def __init__(
        self, name: str, inputs: list[Port], config: ModelConfig, tensors: Mapping[str, Array]
    ) -> None:
        super().__init__(name, inputs)
        self.config, self.tensors = config, tensors

    def tensor(self, name: str) -> Array:
        """Of the entropy network."""
        return self.tensors[f"entropy.{name}"]

    def requantized(self, name: str, x: Value) -> Value:
        """The inputs of a layer: each channel rounded to a unit and limited to a range."""
        shift, low, high = (
            self.tensor(f"{name}.input.{part}").astype(np.float32)[:, None, None]
            for part in ("shift", "low", "high")
        )
        x = self.op("Mul", x, self.constant(np.exp2(-shift)))
        x = self.op("Floor", self.op("Add", x, self.constant(0.5, "float32")))
        return self.op("Min", self.op("Max", x, self.constant(low)), self.constant(high))

    def pointwise(self, name: str, x: Value, rows: Array | None = None) -> Value:
        """Of inputs that are requantized; rows: which outputs, by default all."""
        chosen = np.arange(len(self.tensor(f"{name}.bias"))) if rows is None else rows
        return self._affine(name, chosen, x, (-1, 1, 1), 1)

    def depthwise(self, name: str, x: Value) -> Value:
        """3x3, of inputs that are requantized."""
        channels = np.arange(len(self.tensor(f"{name}.bias")))
        return self._affine(name, channels, x, (1, 3, 3), len(channels))

    def _affine(
        self, name: str, rows: Array, x: Value, kernel: tuple[int, int, int], groups: int
    ) -> Value:
        """floor((sum of weight a + bias) / 2^shift), divided beforehand, which is as exact."""
        weight, bias, shift = (
            self.tensor(f"{name}.{part}")[rows] for part in ("weight", "bias", "shift")
        )
        scale = np.exp2(-shift.astype(np.float32))
        integers = self.cast(self.constant(weight.reshape(len(rows), *kernel)), "float32")
        scaled = self.op("Mul", integers, self.constant(scale[:, None, None, None]))
        sums = self.op(
            "Conv",
            x,
            scaled,
            self.constant(bias * scale, "float32"),
            group=groups,
            kernel_shape=list(kernel[1:]),
            pads=[kernel[1] // 2] * 4,
        )
        return self.op("Floor", sums)

    def activated(self, u: Value, fraction: int) -> Value:
        """Six times Hardswish of u in units of 2^-fraction, in those of its square."""
        three = 3 * 2.0**fraction
        above = self.op("Add", u, self.constant(three, "float32"))
        return self.op("Mul", u, self.clip(above, 0, 2 * three))

    def block(self, name: str, x: Value) -> Value:
        """Both branches, each added to what comes in."""

        def layer(kind: str, x: Value) -> Value:
            full = f"{name}.{kind}"
            apply = self.depthwise if kind == "spatial" else self.pointwise
            return apply(full, self.requantized(full, x))

        spatial, channel = (int(n) for n in self.tensor(f"{name}.fractions"))
        seen = layer("spatial", self.activated(layer("spatial_in", x), spatial))
        x = self.op("Add", x, layer("spatial_out", seen))
        wide = self.activated(layer("channel_in", x), channel)
        parts = self.ops("Split", FOLD, wide, axis=1)
        return self.op("Add", x, layer("channel_out", self.op("Sum", *parts)))

    def blocks(self, name: str, count: int, x: Value) -> Value:
        """One after the other."""
        for number in range(count):
            x = self.block(f"{name}.{number}", x)
        return x

    def layer(self, name: str, x: Value) -> Value:
        """A pointwise layer with its requantization."""
        return self.pointwise(name, self.requantized(name, x))

    def whitened(self, y_hat: Value, q: Value) -> Value:
        """y_hat in 1/16 steps -> a stream."""
        rows = self.row(self.tensor("whiten.rows"), q, "float64")
        product = self.op("Mul", self.cast(y_hat, "float64"), rows)
        return self.limited(self.floored(product, WHITEN_BITS))

    def floored(self, x: Value, bits: int) -> Value:
        """floor(x / 2^bits), in binary64 -> binary32."""
        scaled = self.op("Mul", x, self.constant(2.0**-bits, "float64"))
        return self.cast(self.op("Floor", scaled), "float32")

    def limited(self, x: Value) -> Value:
        """What SPEC 4.2 calls limited(x)."""
        return self.clip(x, -LIMIT, LIMIT)

    def predicted(self, name: str, step: int, features: Value, q: Value) -> None:
        """A head's outputs: mean and index of the latents of a step."""
        a, latent = self.requantized(name, features), self.config.latent
        means, scales = [], []
        for group, place in enumerate(QUADTREE[step]):
            own = np.arange(latent // GROUPS) + group * (latent // GROUPS)
            part = self.every_second(a, place // 2, place % 2)
            sums = self.pointwise(name, part, np.concatenate([own, latent + own]))
            mean, scale = self.ops("Split", 2, sums, axis=1)
            means.append(mean)
            scales.append(scale)
        outputs = (
            self.cast(self.limited(self.op("Concat", *parts, axis=1)), "float64")
            for parts in (means, scales)
        )
        shape = (1, latent, "h", "w")
        self.output(self.mean(next(outputs), q), "mean", "float32", shape)
        self.output(self.index(next(outputs), q), "index", "uint8", shape)

    def mean(self, x: Value, q: Value) -> Value:
        """A head's output -> mean in 1/16 steps."""
        product = self.op("Mul", x, self.row(self.tensor("mean.rows"), q, "float64"))
        half = self.constant(2.0 ** (MEAN_BITS - 1), "float64")
        whole = self.floored(self.op("Add", product, half), MEAN_BITS)
        return self.clip(whole, -MEAN_LIMIT, MEAN_LIMIT)

    def index(self, x: Value, q: Value) -> Value:
        """A head's output -> table index."""
        octaves = self.op("Mul", x, self.constant(SCALES_PER_OCTAVE, "float64"))
        sums = self.op("Add", octaves, self.row(self.tensor("scale.rows"), q, "float64"))
        whole = self.clip(self.floored(sums, FRACTION_BITS), 0, TABLE_COUNT - 1)
        return self.cast(whole, "uint8")


def hyper_prior(tensors: Mapping[str, Array]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Mean in 1/16 steps and table index of every channel of the hyper-latent, [64, N] each."""
    mean, index = (tensors[f"hyper_prior.{name}.rows"] for name in ("mean", "index"))
    limited = mean.clip(-MEAN_LIMIT, MEAN_LIMIT).astype(np.int32)
    return limited, index.clip(0, TABLE_COUNT - 1).astype(np.uint8)


def hyper(config: ModelConfig, tensors: Mapping[str, Array]) -> bytes:
    """z_hat in 1/16 steps, q -> fused features, and mean and index of step 0."""
    g = EntropyGraph(
        "hyper",
        [("z_hat", "float32", (1, config.hyper, "zh", "zw")), ("q", "int64", (1,))],
        config,
        tensors,
    )
    z = g.op("Mul", "z_hat", g.constant(2.0**FRACTION_BITS / SIXTEENTHS, "float32"))
    x = g.shuffle(g.layer("up1", g.limited(z)), 2)
    bias = g.tensor("q_bias.rows").clip(-LIMIT, LIMIT)
    x = g.block("block1", g.op("Add", x, g.row(bias, "q", "float32")))
    x = g.block("block2", g.shuffle(g.layer("up2", x), 2))
    fused = g.blocks("fusion", config.fusion_blocks, g.layer("fuse", x))
    g.output(fused, "fused", "float32", (1, config.fusion_width, "rows", "columns"))
    g.predicted("head", 0, fused, "q")
    return g.model()


def step(config: ModelConfig, tensors: Mapping[str, Array], number: int) -> bytes:
    """y_hat so far in 1/16 steps, fused features, q -> mean and index of step 1, 2 or 3."""
    size = ("rows", "columns")
    inputs: list[Port] = [
        ("y_hat", "float32", (1, config.latent, *size)),
        ("fused", "float32", (1, config.fusion_width, *size)),
        ("q", "int64", (1,)),
    ]
    g, name = EntropyGraph(f"step{number}", inputs, config, tensors), f"steps.{number - 1}"
    v = g.whitened("y_hat", "q")
    x = g.layer(f"{name}.stem", g.op("Concat", v, g.op("Abs", v), "fused", axis=1))
    x = g.op("Add", x, phase_bias(g, f"{name}.phase.cell", x))
    g.predicted(f"{name}.head", number, g.blocks("context", config.context_blocks, x), "q")
    return g.model()


def phase_bias(g: EntropyGraph, name: str, like: Value) -> Value:
    """A vector for each position of a 2x2 cell [C, 2, 2], over the positions of `like`."""
    cell = g.constant(g.tensor(name).clip(-LIMIT, LIMIT)[None].astype(np.float32))
    size = g.op("Div", g.op("Shape", like, start=2), g.shape(2))
    return g.op("Tile", cell, g.op("Concat", g.shape(1, 1), size, axis=0))


def points(tensors: Mapping[str, Array]) -> bytes:
    """symbols, means in 1/16 steps and indexes of some latents -> y_hat in 1/16 and y_r in 1/256
    steps (SPEC 4.1, 4.5)."""
    size = ("channels", "h", "w")
    g = Graph(
        "points",
        [
            ("symbols", "int32", (1, *size)),
            ("mean", "float32", (1, *size)),
            ("index", "uint8", (1, *size)),
        ],
    )
    table = tensors["points.table"].astype(np.int32)
    _, kinds, means = table.shape
    mean, none = g.cast("mean", "int32"), g.constant(0, "int32")
    y_hat = g.op("Add", g.op("Mul", "symbols", g.constant(SIXTEENTHS, "int32")), mean)
    of_mean = g.op("Equal", "symbols", none)
    side = g.op("Sign", g.op("Where", of_mean, mean, "symbols"))
    kind = g.op("Min", g.op("Abs", "symbols"), g.constant(kinds - 1, "int32"))
    most = means // 2
    beside = g.clip(g.op("Mul", mean, side), -most, most, "int32")
    place = g.op("Mul", g.cast("index", "int32"), g.constant(kinds, "int32"))
    place = g.op("Mul", g.op("Add", place, kind), g.constant(means, "int32"))
    place = g.op("Add", g.op("Add", place, beside), g.constant(most, "int32"))
    change = g.op("Mul", g.op("Gather", g.constant(table.reshape(-1)), place), side)
    y_r = g.op("Add", g.op("Mul", y_hat, g.constant(SIXTEENTHS, "int32")), change)
    g.output(g.cast(y_hat, "float32"), "y_hat", "float32", (1, *size))
    g.output(y_r, "y_r", "int32", (1, *size))
    return g.model()
