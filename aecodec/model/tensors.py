"""A weights file as NumPy arrays, read and checked without torch (SPEC 2.3)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from aecodec.errors import ModelError
from aecodec.format.constants import TABLE_COUNT
from aecodec.format.tables import Tables
from aecodec.model.config import ModelConfig
from aecodec.model.store import read_metadata

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Weights:
    """What a weights file holds: configuration, tensors by name, tables and the id of it all."""

    config: ModelConfig
    tensors: dict[str, Array]
    tables: Tables
    model_id: str


def read_weights(path: Path) -> Weights:
    """Raises ModelError unless configuration, id and tables are right; names, shapes and bounds of
    the tensors are for who uses them."""
    facts = read_metadata(path)
    try:
        tensors = load_file(path)
        config = ModelConfig.from_dict(json.loads(facts["config"]))
    except (OSError, SafetensorError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path}: not a weights file ({error})") from error
    if model_id(tensors, config.to_dict()) != facts["model_id"]:
        raise ModelError(f"{path}: damaged (its tensors do not have the id {facts['model_id']})")
    try:
        tables = Tables(*(tensors.pop(f"tables.{key}") for key in ("frequencies", "sizes")))
    except KeyError as error:
        raise ModelError(f"{path}: no {error} in it") from error
    if len(tables.sizes) != TABLE_COUNT:
        raise ModelError(f"{path}: {len(tables.sizes)} tables, not {TABLE_COUNT}")
    return Weights(config, tensors, tables, facts["model_id"])


@contextmanager
def tensor_errors(weights: Weights) -> Iterator[None]:
    """Tensors that are missing or of another shape: make them a ModelError."""
    try:
        yield
    except (KeyError, IndexError, ValueError) as error:
        told = f"model {weights.model_id}: its tensors are not a model's ({error})"
        raise ModelError(told) from error


def model_id(tensors: Mapping[str, Array], config: Mapping[str, Any]) -> str:
    """First 8 bytes of the SHA-256 of the canonical weights, as 16 hexadecimal digits (SPEC 2.3).

    Canonical: the configuration as JSON with sorted keys, then every tensor in order of name: its
    name, type and shape in text, and its little-endian bytes.
    """
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = np.ascontiguousarray(tensors[name])
        shape = list(tensors[name].shape)
        digest.update(f"\n{name} {tensor.dtype} {shape}\n".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()[:16]
