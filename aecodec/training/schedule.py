"""What the clock decides: phase, learning rate and crop, all as shares of the time budget."""

from __future__ import annotations

import re

import click

from aecodec.training.config import TrainConfig

LAST_RATE = 0.02
"""Learning rate at the end, as a share of the full one."""


class Budget(click.ParamType[float]):
    """'90s', '25m' or '1.5h' -> seconds."""

    name = "time"
    UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", str(value))
        if not match:
            self.fail(f"{value!r} is not a time such as 90s, 25m or 1.5h", param, ctx)
        return float(match[1]) * self.UNITS[match[2]]


def phase_at(config: TrainConfig, share: float) -> str:
    """share: elapsed part of the budget, 0 to 1."""
    if share < config.entropy_share:
        return "entropy"
    return "decoder" if share >= 1 - config.decoder_share else "joint"


def crop_at(config: TrainConfig, share: float) -> int:
    return config.last_crop if share >= 1 - config.last_crop_share else config.crop


def rate_at(config: TrainConfig, share: float, steps_in_phase: int) -> float:
    """Learning rate as a share of the full one: warm-up by steps, linear decay by the clock."""
    decay = min(1.0, max(0.0, (1 - share) / config.decay_share))
    warm = 1.0 if share >= 1 - config.decay_share else (steps_in_phase + 1) / config.warmup_steps
    return min(1.0, warm) * (LAST_RATE + (1 - LAST_RATE) * decay)
