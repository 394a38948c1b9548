"""What the clock decides: phase, learning rate and crop, all as shares of the time budget."""

from __future__ import annotations

import re

import click

from aecodec.training.config import TrainConfig

LAST_RATE = 0.02
"""Learning rate at the end, as a share of the full one."""


UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def read_budget(context: click.Context, option: click.Parameter, value: str | None) -> float | None:
    """'90s', '25m' or '1.5h' -> seconds; a click callback."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", value)
    if not match:
        raise click.BadParameter(f"{value!r} is not a time such as 90s, 25m or 1.5h")
    return float(match[1]) * UNITS[match[2]]


def phase_at(config: TrainConfig, share: float) -> str:
    """share: elapsed part of the budget, 0 to 1."""
    if share < config.entropy_share:
        return "entropy"
    if share >= 1 - config.refined_share:
        return "refined"
    return "decoder" if share >= 1 - config.decoder_share else "joint"


def crop_at(config: TrainConfig, share: float) -> int:
    return config.last_crop if share >= 1 - config.last_crop_share else config.crop


def annealing(config: TrainConfig, share: float) -> bool:
    """Whether learning rates fall; never with decay_share = 0."""
    return share > 1 - config.decay_share


def rate_at(config: TrainConfig, share: float, steps: int) -> float:
    """Learning rate as a share of the full one: warm-up by steps, linear decay by the clock."""
    decay = max(0.0, (1 - share) / config.decay_share) if annealing(config, share) else 1.0
    warm = min(1.0, (steps + 1) / config.warmup_steps)
    return warm * (LAST_RATE + (1 - LAST_RATE) * decay)
