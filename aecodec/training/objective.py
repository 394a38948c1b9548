"""What training makes small: bits and distortion, by MSE alone or mixed with what the eye sees.

tune = "psnr":    w (bpp + lambda MSE)
tune = "visual":  w (bpp + (1 - share) lambda MSE + share nu s), s SSIMULACRA2's raw error
w = 1 / sqrt(lambda / 600), so that all q weigh alike; lambda, share and nu depend on q. A metric
is gamed by what trains on it alone, so the mix keeps MSE. (JPEG AI, too, ends with a mix.)
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from aecodec.format.constants import Q_COUNT
from aecodec.training.config import TrainConfig
from aecodec.training.loss import mean_squares
from aecodec.training.ssimulacra2 import RawError

LMBDA_UNIT = 600.0
"""A loss is divided by sqrt(lambda / 600), so that all q weigh alike."""


@dataclass(frozen=True)
class Judged:
    """Float [B] each."""

    loss: Tensor
    mse: Tensor
    raw_error: Tensor
    """of SSIMULACRA2; 0 where it is not trained for"""


class Objective:
    """The loss of every sample of a batch."""

    def __init__(self, config: TrainConfig, lmbda: Tensor, compiled: bool = False) -> None:
        """lmbda [64], on the device; compiled: SSIMULACRA2 by torch.compile, 1.6 times as fast."""
        self.lmbda, self.compiled = lmbda, compiled
        self.weight = (lmbda / LMBDA_UNIT).rsqrt()
        self.errors: dict[torch.Size, Callable[[Tensor, Tensor], Tensor]] = {}
        self.visual = config.visual
        if self.visual:
            position = torch.linspace(0, 1, Q_COUNT, device=lmbda.device)
            low, high = self.visual.share_low, self.visual.share_high
            self.share = low + (high - low) * position
            steps = self.visual.nu_max / self.visual.nu_min
            self.nu = self.visual.nu_min * steps**position

    def __call__(self, bpp: Tensor, x: Tensor, x_hat: Tensor, q: Tensor) -> Judged:
        """bpp [B], planes [B, 3, H, W], q int64 [B]."""
        mse = mean_squares(x, x_hat)
        error = torch.zeros_like(mse)
        distortion = self.lmbda[q] * mse
        if self.visual:
            error = self.raw_error(x, x_hat)
            distortion = distortion.lerp(self.nu[q] * error, self.share[q])
        return Judged(self.weight[q] * (bpp + distortion), mse, error)

    def raw_error(self, x: Tensor, x_hat: Tensor) -> Tensor:
        """-> s [B]; made ready once for every size."""
        if x.shape not in self.errors:
            height, width = x.shape[2:]
            error = RawError(height, width, x.device)
            self.errors[x.shape] = torch.compile(error, dynamic=False) if self.compiled else error
        return self.errors[x.shape](x, x_hat)


def can_compile() -> bool:
    """Whether there is what torch.compile needs: a C++ compiler, on GPUs for their drivers."""
    return shutil.which(os.environ.get("CXX", "g++")) is not None
