"""Writing ONNX graphs node by node. Values are named by what made them; all are NCHW."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
"""The oldest with all that is used, so that as many runtimes as can be read it."""
IR_VERSION = 8
"""That of ONNX 1.10, for the same reason."""
TYPES = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
}

Value = str
"""The name of a tensor in a graph."""
Port = tuple[str, str, tuple[int | str, ...]]
"""Name, type and dimensions, those that vary by name, of an input or output."""


class Graph:
    """One graph: inputs and constants, then operators, each after what it takes, then outputs."""

    def __init__(self, name: str, inputs: Sequence[Port]) -> None:
        self.name, self.inputs = name, list(inputs)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.outputs: list[Port] = []

    def constant(self, array: NDArray[Any] | float, kind: str | None = None) -> Value:
        """A tensor that is stored; kind: its type, by default as it is."""
        name = f"c{len(self.constants)}"
        stored = np.ascontiguousarray(array, dtype=kind).reshape(np.shape(array))
        self.constants.append(numpy_helper.from_array(stored, name))
        return name

    def shape(self, *dimensions: int) -> Value:
        """A shape, as some operators take it."""
        return self.constant(np.array(dimensions, dtype=np.int64))

    def op(self, kind: str, *inputs: Value, **attributes: Any) -> Value:
        """An operator with one output."""
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, count: int, *inputs: Value, **attributes: Any) -> list[Value]:
        """An operator with several outputs."""
        number = len(self.nodes)
        names = [f"{kind.lower()}{number}" + f"_{n}" * (count > 1) for n in range(count)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names

    def cast(self, x: Value, kind: str) -> Value:
        """The same numbers in another type."""
        return self.op("Cast", x, to=TYPES[kind])

    def clip(self, x: Value, low: float, high: float, kind: str = "float32") -> Value:
        """Limited to low..high; kind: the type of x."""
        return self.op("Clip", x, self.constant(low, kind), self.constant(high, kind))

    def row(self, rows: NDArray[Any], q: Value, kind: str) -> Value:
        """The row of a table [64, C] at q, int64 [1] -> [1, C, 1, 1]."""
        found = self.op("Gather", self.constant(rows[:, :, None, None]), q, axis=0)
        return found if str(rows.dtype) == kind else self.cast(found, kind)

    def cut(self, x: Value, axis: int, start: int, end: int) -> Value:
        """What lies from start to end along an axis; counted from its end where negative."""
        ends = (self.shape(n) for n in (start, end, axis))
        return self.op("Slice", x, *ends)

    def every_second(self, x: Value, row: int, column: int) -> Value:
        """[1, C, H, W] -> one position of every 2x2 cell, [1, C, H / 2, W / 2]."""
        starts, ends = self.shape(row, column), self.shape(2**31 - 1, 2**31 - 1)
        return self.op("Slice", x, starts, ends, self.shape(2, 3), self.shape(2, 2))

    def shuffle(self, x: Value, size: int) -> Value:
        """[1, size^2 C, H, W] -> [1, C, size H, size W], as SPEC 4.2 has it."""
        return x if size == 1 else self.op("DepthToSpace", x, blocksize=size, mode="DCR")

    def output(self, x: Value, *port: Any) -> None:
        """Give a value out: under a name, as a type, with dimensions."""
        name, kind, dimensions = port
        self.nodes.append(helper.make_node("Identity", [x], [name]))
        self.outputs.append((name, kind, dimensions))

    def model(self) -> bytes:
        """-> the ONNX file. Raises onnx's own errors for a graph that is none: ours, never an
        input's."""
        inputs, outputs = (
            [helper.make_tensor_value_info(name, TYPES[kind], dims) for name, kind, dims in ports]
            for ports in (self.inputs, self.outputs)
        )
        graph = helper.make_graph(self.nodes, self.name, inputs, outputs, self.constants)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(
            graph, producer_name="aecodec", opset_imports=[opset], ir_version=IR_VERSION
        )
        return bytes(model.SerializeToString())
