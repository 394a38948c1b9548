"""What latents cost and become, in floating point: as training and refinement estimate it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from aecodec.model.quantize import rate_aware_round

PROBABILITY_FLOOR = 1e-9


def gaussian_bits(residual: Tensor, log2_scale: Tensor) -> Tensor:
    """Bits of a residual in steps under a Gaussian integrated over one step, elementwise."""
    inverse = math.sqrt(0.5) * torch.exp2(-log2_scale)
    distance = residual.abs()
    upper = torch.erfc((distance - 0.5) * inverse)
    lower = torch.erfc((distance + 0.5) * inverse)
    return -torch.log2((0.5 * (upper - lower)).clamp(min=PROBABILITY_FLOOR))


def rounded(value: Tensor, log2_scale: Tensor) -> Tensor:
    """-> symbols as the encoder chooses them."""
    with torch.no_grad():
        return rate_aware_round(value, log2_scale.exp2())
