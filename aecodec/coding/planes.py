"""Pixels <-> planes: RGB minus one half, padded to whole hyper-latent positions (SPEC 5.2)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from aecodec.format.box import padded_size
from aecodec.image.modes import Pixels as Pixels


def to_planes(pixels: Pixels) -> Tensor:
    """uint8 [H, W, 3] -> float [1, 3, H', W'] in [-0.5, 0.5], the last row and column repeated.

    Gray, uint8 [H, W], is three equal planes.
    """
    height, width = pixels.shape[:2]
    padded_width, padded_height = padded_size(width, height)
    samples = torch.from_numpy(pixels.astype(np.float32)).reshape(height, width, -1)
    x = samples.div_(255).sub_(0.5).permute(2, 0, 1).expand(3, -1, -1)[None]
    return F.pad(x, (0, padded_width - width, 0, padded_height - height), mode="replicate")


def from_planes(x_hat: Tensor, gray: bool = False) -> Pixels:
    """Float [1, 3, H, W] -> uint8 [H, W, 3]: clamped, rounded to 8 bits.

    Gray, uint8 [H, W], is the mean of the three planes.
    """
    planes = x_hat[0].mean(0) if gray else x_hat[0].permute(1, 2, 0)
    levels = (planes + 0.5).mul_(255).round_().clamp_(0, 255)
    return levels.to(torch.uint8).contiguous().cpu().numpy()
