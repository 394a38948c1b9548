"""Weights files, in both directions (SPEC 2.3).

A file holds 16-bit floats (transforms), integers (entropy side, points, tables) and a few 32-bit
floats (steps and the linear skip, which high rates need). Its metadata are name, size,
tune, configuration and model id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from aecodec.errors import ModelError
from aecodec.format.tables import Tables
from aecodec.model.config import ModelConfig
from aecodec.model.fixed_network import fixed_model
from aecodec.model.model import Model
from aecodec.model.tensors import model_id, read_weights

FULL_PRECISION = ("lmbda", "skip.", "log_gain.", "log_step.", "whiten.")
"""Tensors kept in 32 bits, by the start of their names."""


def save_weights(path: Path, name: str, model: Model, tables: Tables, tune: str) -> str:
    """Write a model whose entropy side is fixed-point; -> its id. The inverse of load_weights.

    tune: what it was trained for, as in store.py; the id does not depend on it.
    """
    tensors = halves(model.state_dict())
    tensors["tables.frequencies"] = torch.from_numpy(tables.frequencies)
    tensors["tables.sizes"] = torch.from_numpy(tables.sizes)
    config = model.config.to_dict()
    identity = model_id({name: tensor.numpy() for name, tensor in tensors.items()}, config)
    facts = {
        "name": name,
        "size": model.config.size,
        "tune": tune,
        "config": json.dumps(config, sort_keys=True),
        "model_id": identity,
    }
    write_tensors(path, tensors, facts)
    return identity


def halves(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A copy on the host in 16 bits, but for what weights files hold in 32."""
    return {
        name: (value.half() if value.is_floating_point() and halved(name) else value).cpu().clone()
        for name, value in state.items()
    }


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: dict[str, str]) -> None:
    """A safetensors file with `facts` as its metadata: under a temporary name, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    part.write_bytes(save(whole, metadata=facts))  # save_file would leave it to its owner alone
    part.replace(path)


def load_weights(path: Path) -> tuple[Model, Tables, str]:
    """-> model with a fixed-point entropy side, its tables and its id.

    Raises ModelError unless id, configuration, names, shapes, tables and bounds are all right.
    """
    weights = read_weights(path)
    tensors = {name: torch.from_numpy(array) for name, array in weights.tensors.items()}
    return _build(path, weights.config, tensors), weights.tables, weights.model_id


def _build(path: Path, config: ModelConfig, tensors: dict[str, Tensor]) -> Model:
    model = fixed_model(config)
    check_tensors(path, tensors, model.state_dict())
    model.load_state_dict(tensors)
    model.entropy.prepare()  # type: ignore[operator]
    return model.requires_grad_(False).eval()


def check_tensors(
    path: Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> None:
    """Raises ModelError unless names, shapes, kinds and finiteness are as the model has them."""
    if wrong := sorted(set(tensors) ^ set(expected)):
        raise ModelError(f"{path}: tensors missing or unknown: {', '.join(wrong[:3])}")
    for name, tensor in tensors.items():
        like = expected[name]
        if tensor.is_floating_point():
            right = like.is_floating_point() and bool(tensor.isfinite().all())
        else:
            right = tensor.dtype == like.dtype
        if not right or tensor.shape != like.shape:
            raise ModelError(f"{path}: {name} is not {like.dtype} {list(like.shape)}, finite")


def halved(name: str) -> bool:
    """Whether a weights file holds this tensor in 16 bits."""
    return not name.startswith(FULL_PRECISION)
