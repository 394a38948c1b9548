"""What the clock decides: phase, learning rate and crop, all as shares of the time budget."""

from __future__ import annotations

from aecodec.training.config import TrainConfig

LAST_RATE = 0.02
"""Learning rate at the end, as a share of the full one."""


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


def lr_at(config: TrainConfig, share: float, steps: int) -> float:
    """Learning rate as a share of the full one: warm-up by steps, linear decay by the clock."""
    decay = max(0.0, (1 - share) / config.decay_share) if annealing(config, share) else 1.0
    warm = min(1.0, (steps + 1) / config.warmup_steps)
    return warm * (LAST_RATE + (1 - LAST_RATE) * decay)
