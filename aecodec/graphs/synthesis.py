"""g_s, the network for small sizes and the filter as graphs, in binary32 (SPEC 5.1, 5.7, 3.7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from aecodec.format.constants import (
    BRANCH_WEIGHT,
    LATENT_STRIDE,
    LIMITED_OF_MEANS,
    NETWORK_STRIDE,
    PER_STEP,
    Q_COUNT,
    REDUCTIONS,
    SMALL_BLOCKS,
)
from aecodec.format.filter import (
    COLOURS,
    DIFFERENCES,
    NEIGHBOURS,
    UNITS,
    between_means,
    feature_count,
)
from aecodec.graphs.graph import Graph, Value
from aecodec.model.config import ModelConfig
from aecodec.model.tensors import Array

FOLD = 2
DELTA = np.eye(9)[4]
"""The 3x3 kernel that changes nothing."""


class SynthesisGraph(Graph):
    """A graph with the layers of SPEC 5.1, of one network of one weights file."""

    def __init__(self, name: str, network: str, tensors: Mapping[str, Array], latent: int) -> None:
        super().__init__(
            name,
            [("y_r", "int32", (1, latent, "rows", "columns")), ("q", "int64", (1,))],
        )
        self.network, self.tensors = network, tensors

    def tensor(self, name: str) -> Array:
        """Of the network."""
        return self.tensors[f"{self.network}.{name}"]

    def stored(self, array: Array) -> Value:
        """A tensor in the type of the weights file, as binary32."""
        value = self.constant(array)
        return value if array.dtype == np.float32 else self.cast(value, "float32")

    def pointwise(self, name: str, x: Value) -> Value:
        """1x1 convolution."""
        weight = self.stored(self.tensor(f"{name}.weight")[:, :, None, None])
        return self.op("Conv", x, weight, self.stored(self.tensor(f"{name}.bias")))

    def block(self, name: str, x: Value) -> Value:
        """Both branches, each added to what comes in."""
        seen = self.op("HardSwish", self.pointwise(f"{name}.spatial_in", x))
        weight = self.tensor(f"{name}.spatial.weight")
        bias = self.stored(self.tensor(f"{name}.spatial.bias"))
        groups, pads = len(weight), [1, 1, 1, 1]
        seen = self.op("Conv", seen, self.stored(weight), bias, group=groups, pads=pads)
        x = self.op("Add", x, self.pointwise(f"{name}.spatial_out", seen))
        wide = self.op("HardSwish", self.pointwise(f"{name}.channel_in", x))
        folded = self.op("Add", *self.ops("Split", FOLD, wide, axis=1))
        return self.op("Add", x, self.pointwise(f"{name}.channel_out", folded))

    def branch(self, y: Value, head: str, blocks: int, size: int) -> Value:
        """y in steps -> what the network adds to the linear part; size: of its last shuffle."""
        whitened = self.op("Mul", y, self.row(self.tensors["whiten.table"], "q", "float32"))
        x = self.shuffle(self.pointwise("stem", whitened), 2)
        for number in range(blocks):
            x = self.block(f"blocks.{number}", x)
        gain = at_every_q(self.tensor("gain.knots"))
        x = self.op("Mul", x, self.row(gain, "q", "float32"))
        weight = self.constant(BRANCH_WEIGHT, "float32")
        return self.op("Mul", self.shuffle(self.pointwise(head, x), size), weight)

    def linear(self, y: Value, reduction: int) -> Value:
        """y in steps -> the linear part, means of r x r samples."""
        step = np.exp(at_every_q(self.tensors["log_step.knots"]))
        u = self.op("Mul", y, self.row(step, "q", "float32"))
        basis = self.stored(self.tensors["skip.basis"].T[:, :, None, None])
        x = self.shuffle(self.op("Conv", u, basis), LATENT_STRIDE)
        for _ in range(2):  # along the columns, then with rows and columns exchanged
            x = self.op("Transpose", self.mixed(x, reduction), perm=[0, 1, 3, 2])
        return x

    def mixed(self, x: Value, reduction: int) -> Value:
        """The 16 samples around every edge of blocks mixed, along the last axis, and its means."""
        half, overlap = LATENT_STRIDE // 2, self.tensors["skip.overlap"]
        ends = means_of(np.eye(half, dtype=np.float32), reduction)

        def end(start: int, stop: int) -> Value:
            part = self.cut(x, 3, start, stop)
            return part if reduction == 1 else self.op("MatMul", part, self.constant(ends))

        edges = self.op("Reshape", self.cut(x, 3, half, -half), self.shape(0, 0, 0, -1, 16))
        edges = self.op("MatMul", edges, self.constant(means_of(overlap, reduction)))
        edges = self.op("Reshape", edges, self.shape(0, 0, 0, -1))
        return self.op("Concat", end(0, half), edges, end(-half, 2**31 - 1), axis=3)


def means_of(matrix: Array, count: int) -> Array:
    """The means of every `count` columns."""
    return matrix.reshape(len(matrix), -1, count).mean(axis=2)


def at_every_q(knots: Array) -> Array:
    """Rows [9, C] between which a table is linear -> float32 [64, C] (SPEC 5.1)."""
    places = np.linspace(0, len(knots) - 1, Q_COUNT)
    columns = [np.interp(places, np.arange(len(knots)), column) for column in knots.T]
    return np.stack(columns, axis=1).astype(np.float32)


def g_s(config: ModelConfig, tensors: Mapping[str, Array], reduction: int = 1) -> bytes:
    """y_r in 1/256 steps, q -> x_hat; at 1/4 or 1/8 by the network for small sizes."""
    name, network = (f"small{reduction}", "small") if reduction > 1 else ("g_s", "synthesis")
    head, blocks = "head", config.synthesis_blocks
    if reduction > 1:
        head, blocks = f"heads.{reduction}", SMALL_BLOCKS
    g = SynthesisGraph(name, network, tensors, config.latent)
    y = g.op("Mul", g.cast("y_r", "float32"), g.constant(1 / PER_STEP, "float32"))
    branch = g.branch(y, head, blocks, NETWORK_STRIDE // reduction)
    x_hat = g.op("Add", g.linear(y, reduction), branch)
    g.output(x_hat, "x_hat", "float32", (1, COLOURS, "height", "width"))
    return g.model()


def filter_graph(limits: tuple[float, ...]) -> bytes:
    """x_hat, a filter's coefficients, the reduction -> x_hat, filtered; edges count as repeated."""
    size, count = (1, COLOURS, "height", "width"), feature_count(limits)
    g = Graph(
        f"filter{len(limits)}",
        [
            ("x_hat", "float32", size),
            ("coefficients", "int32", (COLOURS, count)),
            ("reduction", "int64", (1,)),
        ],
    )
    parts = [DIFFERENCES, *([DIFFERENCES] * len(limits)), COLOURS, 1]
    places = np.cumsum([0, *parts])
    numbers = g.cast("coefficients", "float32")

    def coefficients(part: int, kind: int, *shape: int) -> Value:
        found = g.cut(numbers, 1, int(places[part]), int(places[part + 1]))
        scaled = g.op("Mul", found, g.constant(UNITS[kind], "float32"))
        return g.op("Reshape", scaled, g.shape(*shape))

    kernels = g.op("Gather", g.constant(difference_kernels(), "float32"), "reduction", axis=0)
    differences = coefficients(0, 0, COLOURS, COLOURS, len(NEIGHBOURS))
    samples = coefficients(len(parts) - 2, 2, COLOURS, COLOURS, 1)
    own = g.op("Add", samples, g.constant(np.eye(COLOURS)[:, :, None], "float32"))
    of_neighbours = g.op("MatMul", differences, g.op("Reshape", kernels, g.shape(-1, 9)))
    of_samples = g.op("Mul", own, g.constant(DELTA, "float32"))
    weight = g.op("Reshape", g.op("Add", of_neighbours, of_samples), g.shape(3, 3, 3, 3))
    padded = g.op("Pad", "x_hat", g.shape(0, 0, 1, 1, 0, 0, 1, 1), mode="edge")
    x = g.op("Conv", padded, weight, coefficients(len(parts) - 1, 3, COLOURS))
    seen = limited_differences(g, kernels, padded, limits)
    for number, (differences, worth) in enumerate(seen):
        weight = g.op("Mul", coefficients(1 + number, 1, COLOURS, DIFFERENCES, 1, 1), worth)
        x = g.op("Add", x, g.op("Conv", differences, weight))
    g.output(x, "filtered", "float32", size)
    return g.model()


def limited_differences(
    g: Graph, kernels: Value, padded: Value, limits: tuple[float, ...]
) -> Iterator[tuple[Value, Value]]:
    """For each limit, the differences [1, 24, H, W] limited to it, and what they count."""
    if not limits:
        return
    by_colour = g.op("Tile", kernels, g.shape(COLOURS, 1, 1))
    weight = g.op("Reshape", by_colour, g.shape(DIFFERENCES, 1, 3, 3))
    seen = g.op("Conv", padded, weight, group=COLOURS)
    counting = np.where(np.arange(max(REDUCTIONS) + 1) > 1, LIMITED_OF_MEANS, 1.0)
    worth = g.op("Gather", g.constant(counting, "float32"), "reduction", axis=0)
    for limit in limits:
        yield g.clip(seen, -limit, limit), worth


def difference_kernels() -> Array:
    """[9, 8, 9]: by reduction, 3x3 kernels that give what lies a step in every direction less what
    lies there; between means, by parabolas (SPEC 5.7)."""
    kernels = np.zeros((max(REDUCTIONS) + 1, len(NEIGHBOURS), 9))
    for reduction in REDUCTIONS:
        for n, (row, column) in enumerate(NEIGHBOURS):
            kernels[reduction, n] = between_means(row, column, reduction).ravel() - DELTA
    return kernels
