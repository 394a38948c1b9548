"""A model small enough to train in a test, and what it is trained by."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from aecodec.model.config import ModelConfig
from aecodec.training.config import TrainConfig
from aecodec.training.trainer import Trainer

TINY = ModelConfig("XS", 32, 8, 16, 1, 16, 1, 16, 16, 1, 16, 1)
WEIGHTS = Path("weights/s1/model.safetensors")
RECIPE = Path("weights/s1/train.toml")
Entries = list[dict[str, Any]]


def recipe(**changes: Any) -> TrainConfig:
    """That of s1 with small crops, and changes."""
    small = {"crop": 64, "last_crop": 64}
    return dataclasses.replace(TrainConfig.read(RECIPE), **(small | changes))


def entries_of(trainer: Trainer) -> Entries:
    """What a run logs, to its end."""
    entries: Entries = []
    trainer.run(entries.append)
    return entries


def trained(entries: Entries) -> Entries:
    """The entries of steps, not of validation."""
    return [entry for entry in entries if "train" in entry]
