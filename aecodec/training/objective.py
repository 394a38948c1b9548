"""What training makes small: bits and distortion, by MSE alone or mixed with what the eye sees.

tune = "psnr":    w (bpp + lambda MSE)
tune = "visual":  w (bpp + (1 - share) lambda E + share nu ((1 - contrast) s + contrast 400 c))
w = 1 / sqrt(lambda / 600), so that all q weigh alike; all of the mix depends on q. Of what the
eye sees (eye.py) s is SSIMULACRA2's raw error, c lost contrast, and E squared errors of RGB, X, Y
and B. A metric is gamed by what trains on it alone, so this is a mix. (JPEG AI, too, ends with
one.)
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
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
            mix = {name: at_every_q(curve) for name, curve in asdict(self.visual).items()}
            mix["nu"] = at_every_q([math.log(nu) for nu in self.visual.nu]).exp()
            mix = {name: values.to(lmbda.device) for name, values in mix.items()}
            self.share, self.nu, self.contrast = mix["share"], mix["nu"], mix["contrast"]
            colours = [mix[f"weight_{name}"] for name in ("rgb", "x", "y", "b")]
            self.weights = torch.stack(colours, dim=1)

    def __call__(self, bpp: Tensor, x: Tensor, x_hat: Tensor, q: Tensor) -> Judged:
        """bpp [B], planes [B, 3, H, W], q int64 [B]."""
        mse = mean_squares(x, x_hat)
        error = torch.zeros_like(mse)
        distortion = self.lmbda[q] * mse
        if self.visual:
            error, contrast, squares = self.seen(x, x_hat)
            structure = error.lerp(CONTRAST_UNIT * contrast, self.contrast[q])
            colour = (torch.cat([mse[:, None], squares], dim=1) * self.weights[q]).sum(dim=1)
            distortion = (self.lmbda[q] * colour).lerp(self.nu[q] * structure, self.share[q])
        return Judged(self.weight[q] * (bpp + distortion), mse, error)

    def seen(self, x: Tensor, x_hat: Tensor) -> EyeErrors:
        """What the eye sees; made ready once for every size."""
        if x.shape not in self.errors:
            height, width = x.shape[2:]
            error = EyeError(height, width, x.device)
            self.errors[x.shape] = torch.compile(error, dynamic=False) if self.compiled else error
        return self.errors[x.shape](x, x_hat)


def at_every_q(curve: Sequence[float]) -> Tensor:
    """Evenly spaced from q = 0 to q = 63, linear between -> float32 [64]."""
    places = np.linspace(0, len(curve) - 1, Q_COUNT)
    return torch.from_numpy(np.interp(places, np.arange(len(curve)), curve)).float()


def can_compile() -> bool:
    """Whether there is what torch.compile needs: a C++ compiler, on GPUs for their drivers."""
    return shutil.which(os.environ.get("CXX", "g++")) is not None
