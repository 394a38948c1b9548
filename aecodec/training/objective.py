"""What training makes small: bits and distortion, by MSE alone or mixed with what the eye sees.

tune = "psnr":    w (bpp + lambda MSE)
tune = "visual":  w (bpp + (1 - share) lambda E + share nu ((1 - contrast) s + contrast 400 c))
w = 1 / sqrt(lambda / 600), so that all q weigh alike; lambda, share and nu depend on q. Of what the
eye sees (eye.py) s is SSIMULACRA2's raw error, c lost contrast, and E squared errors of RGB, X, Y
and B. A metric is gamed by what trains on it alone, so this is a mix. (JPEG AI, too, ends with
one.)
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
from aecodec.training.eye import EyeError, EyeErrors
from aecodec.training.loss import mean_squares

CONTRAST_UNIT = 400.0
"""of lost contrast beside the raw error: about what both have to one another at every q"""
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
        """lmbda [64], on the device; compiled: by torch.compile, 1.6 times as fast."""
        self.lmbda, self.compiled = lmbda, compiled
        self.weight = (lmbda / LMBDA_UNIT).rsqrt()
        self.errors: dict[torch.Size, Callable[[Tensor, Tensor], EyeErrors]] = {}
        self.visual, self.tune = config.visual, config.tune
        if self.visual:
            weights = (self.visual.weight_x, self.visual.weight_y, self.visual.weight_b)
            self.weights = torch.tensor(weights, device=lmbda.device)
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
            error, contrast, squares = self.seen(x, x_hat)
            structure = error.lerp(CONTRAST_UNIT * contrast, self.visual.contrast)
            distortion = (
                self.lmbda[q] * (self.visual.weight_rgb * mse + squares @ self.weights)
            ).lerp(self.nu[q] * structure, self.share[q])
        return Judged(self.weight[q] * (bpp + distortion), mse, error)

    def seen(self, x: Tensor, x_hat: Tensor) -> EyeErrors:
        """What the eye sees; made ready once for every size."""
        if x.shape not in self.errors:
            height, width = x.shape[2:]
            error = EyeError(height, width, x.device)
            self.errors[x.shape] = torch.compile(error, dynamic=False) if self.compiled else error
        return self.errors[x.shape](x, x_hat)


def can_compile() -> bool:
    """Whether there is what torch.compile needs: a C++ compiler, on GPUs for their drivers."""
    return shutil.which(os.environ.get("CXX", "g++")) is not None
