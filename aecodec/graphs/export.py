"""A model's decoder as files: ONNX graphs, and a JSON with all that they do not hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import onnx

from aecodec.format.constants import QUADTREE, SMALL_BLOCKS
from aecodec.graphs.entropy import hyper_prior
from aecodec.graphs.graph import OPSET, TYPES
from aecodec.graphs.parts import make_part, part_makers
from aecodec.model.bounds import check_weights
from aecodec.model.store import InstalledModel
from aecodec.model.tensors import Weights, read_weights

MANIFEST = "model.json"
TYPE_NAMES = {number: name for name, number in TYPES.items()}


def exported(installed: InstalledModel) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every file, the manifest last, when all others are there.

    Raises ModelError for weights that are not what they say.
    """
    weights = read_weights(installed.path)
    check_weights(weights)
    parts: dict[str, Any] = {}
    for name in part_makers(weights):
        data = make_part(weights, name)
        parts[name] = described(f"{name}.onnx", data)
        yield f"{name}.onnx", data
    facts = {"name": installed.name, "model_id": weights.model_id, "tune": installed.tune}
    manifest = {**facts, "size": installed.size, **_numbers(weights), "parts": parts}
    yield MANIFEST, (json.dumps(manifest) + "\n").encode()


def described(file: str, data: bytes) -> dict[str, Any]:
    """What a manifest says of an ONNX file: its bytes, and type and dimensions of what goes in and
    comes out; dimensions that vary have a name."""
    graph = onnx.load_from_string(data).graph
    return {
        "file": file,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "inputs": {port.name: _port(port) for port in graph.input},
        "outputs": {port.name: _port(port) for port in graph.output},
    }


def _port(port: Any) -> tuple[str, list[int | str]]:
    tensor = port.type.tensor_type
    dimensions = [each.dim_param or each.dim_value for each in tensor.shape.dim]
    return TYPE_NAMES[tensor.elem_type], dimensions


def _numbers(weights: Weights) -> dict[str, Any]:
    """What a decoder does beside the graphs: the coder's tables, the hyper-latent's, the layout."""
    config, tables = weights.config, weights.tables
    mean, index = hyper_prior(weights.tensors)
    return {
        "opset": OPSET,
        "latent": config.latent,
        "hyper": config.hyper,
        "synthesis_blocks": config.synthesis_blocks,
        "small_blocks": SMALL_BLOCKS,
        "quadtree": QUADTREE,
        "hyper_prior": {"mean": mean.tolist(), "index": index.tolist()},
        "tables": {"sizes": tables.sizes.tolist(), "frequencies": tables.frequencies.tolist()},
    }
