"""What training starts from: weights files and checkpoints, as floating-point models."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aecodec.errors import AecodecError, ModelError
from aecodec.model.config import ModelConfig
from aecodec.model.fixed_network import float_twin
from aecodec.model.model import Model
from aecodec.model.store import read_metadata
from aecodec.model.weights import check_tensors, halves, load_weights, write_tensors

PLACES = ("step", "phase", "warm_from", "entropy_done")
COUNTS = ("norm", "skipped")
"""Attributes of a learner that a checkpoint holds; COUNTS are on its device."""
CHECKPOINT = {
    *("config", "model_config", "share", "elapsed", "reserve"),
    *("model", "ema", "full_rate", "optimizers"),
    *PLACES,
    *COUNTS,
}
"""Keys of a checkpoint: of the run, of the weights, of the learner."""
UNTRAINED = "small."
"""The network that `aecodec.training.small` is for: carry.pt has it once."""
FULL_RATE = "floating point, before the anneal"
"""`state` in the metadata of a weights file that is for training alone."""


def load_for_training(path: Path) -> Model:
    """A weights file or a checkpoint -> a floating-point model to train on.

    Of a run that has annealed, the weights from before the anneal, where it kept them: they learn
    on at full rates, which annealed ones do not without losing what the anneal gained. Raises
    AecodecError for a file that is neither.
    """
    if is_checkpoint(path):
        return model_of(read_checkpoint(path))
    if read_metadata(path).get("state") == FULL_RATE:
        return load_full_rate(path)
    model = float_twin(load_weights(path)[0])
    model.points.table.zero_()
    return model


def is_checkpoint(path: Path) -> bool:
    """Whether a file, whatever its name, is what torch.save writes: a ZIP archive."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04" or path.suffix == ".pt"
    except OSError as error:
        raise AecodecError(f"{path}: {error.strerror}") from error


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Under a temporary name, then renamed. The inverse of `read_checkpoint`."""
    assert set(state) == CHECKPOINT
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Raises AecodecError for a file that is not a checkpoint."""
    try:
        with path.open("rb") as file:  # by its name alone, PyTorch might take it for another
            state = torch.load(file, map_location=device, weights_only=True)
        missing = CHECKPOINT - set(state)
    except (
        OSError,
        RuntimeError,
        ValueError,
        TypeError,
        EOFError,
        pickle.UnpicklingError,
    ) as error:
        raise AecodecError(f"{path}: not a checkpoint ({error})") from error
    if missing:
        raise AecodecError(f"{path}: not a checkpoint (no {', '.join(sorted(missing))} in it)")
    return state


def model_of(state: dict[str, Any]) -> Model:
    """The model of a checkpoint, from before the anneal where there was one."""
    model = Model(ModelConfig.from_dict(state["model_config"]))
    model.load_state_dict(full_rate_of(state))
    return model


def full_rate_of(state: dict[str, Any]) -> dict[str, Tensor]:
    """The weights of a checkpoint, from before the anneal where there was one."""
    return state["ema"] | (state["full_rate"] or state["model"])


def save_full_rate(path: Path, name: str, state: dict[str, Tensor], config: ModelConfig) -> None:
    """Write the weights of a floating-point model, which `load_for_training` reads, in 16 bits."""
    facts = {"name": name, "size": config.size, "state": FULL_RATE, "model_id": "none"}
    facts["config"] = json.dumps(config.to_dict(), sort_keys=True)
    write_tensors(path, halves(state), facts)


def load_full_rate(path: Path) -> Model:
    """Inverse of `save_full_rate`. Raises ModelError for a file that is not what it says."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        model = Model(ModelConfig.from_dict(json.loads(read_metadata(path)["config"])))
        tensors = load_file(path)
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: not a weights file ({error})") from error
    check_tensors(path, tensors, model.state_dict())
    model.load_state_dict(tensors)
    return model
