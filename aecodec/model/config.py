"""Sizes of the model family: one class, four sizes that differ only in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from aecodec.errors import ModelError

STEPS = 4
"""Context steps of the quadtree: each codes a quarter of all latents, at every position."""


@dataclass(frozen=True)
class ModelConfig:
    """Widths (channels) and depths (blocks) of one model; saved with its weights."""

    size: str
    latent: int
    """M, channels of y."""
    hyper: int
    """N, channels of z."""
    analysis_width: int
    analysis_blocks: int
    synthesis_width: int
    synthesis_blocks: int
    hyper_width: int
    fusion_width: int
    fusion_blocks: int
    context_width: int
    context_blocks: int

    def __post_init__(self) -> None:
        numbers = [value for value in asdict(self).values() if not isinstance(value, str)]
        if not all(isinstance(value, int) and 0 < value <= 4096 for value in numbers):
            raise ModelError("model configuration: widths and depths must be integers in 1..4096")
        if self.latent % STEPS:
            raise ModelError(f"model configuration: latent must be a multiple of {STEPS}")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """Inverse of `to_dict`; raises ModelError for unknown or missing keys."""
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            wrong = ", ".join(sorted(set(values) ^ known))
            raise ModelError(f"model configuration: unknown or missing keys: {wrong}")
        return cls(**values)


# M caps the quality: with 16x16 block PCA, the mean PSNR of 160, 192, 256 and 320 components on
# the training tiles ends at 32.6, 34.1, 37.1 and 40.3 dB. Hence M well above the usual 192.
SIZES = {
    config.size: config
    for config in (
        ModelConfig("XS", 256, 64, 128, 5, 96, 5, 96, 160, 1, 160, 1),
        ModelConfig("S", 384, 64, 192, 6, 128, 6, 128, 224, 2, 192, 1),
        ModelConfig("M", 384, 96, 256, 6, 192, 8, 192, 320, 2, 256, 2),
        ModelConfig("L", 384, 128, 320, 8, 256, 10, 256, 384, 3, 320, 2),
    )
}
