"""What a picture's errors are worth in bits, to the encoder: for PSNR, or for the eye.

Training for the eye has SSIMULACRA2 in its mix, too (training/objective.py). Its slopes say little
of what lies a step of quantization away, so refinement does without: on validation pictures
SSIMULACRA2 and metrics that nothing is trained for are the better for it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aecodec.coding.eye import linear, lost_contrast, squares
from aecodec.model.model import Model

WEIGHTS_XYB = (0.51, 0.39, 0.6)
"""of squared errors of X, Y and B beside those of RGB for PSNR: what is left of them in the mix"""
WEIGHT_CONTRAST = 0.015
"""of lost contrast"""


def distortion(model: Model, x: Tensor, x_hat: Tensor, q: Tensor, tune: str) -> Tensor:
    """Planes [B, 3, H, W], q int64 [B], "psnr" or "visual" -> bits [B].

    For PSNR lambda SE, SE the sum over pixels of the mean squared error of the three samples.
    """
    if tune == "psnr":
        return model.lmbda[q] * (x - x_hat).square().mean(dim=1).sum(dim=(1, 2))
    # In binary64: powers in binary32 differ with the number of threads.
    x, x_hat = linear(x.double()), linear(x_hat.double())
    errors = squares(x, x_hat).unbind(dim=1)
    seen = sum(w * error for w, error in zip(WEIGHTS_XYB, errors, strict=True))
    seen = seen + WEIGHT_CONTRAST * lost_contrast(x, x_hat)
    return (model.lmbda[q] * seen * (x.shape[2] * x.shape[3])).float()


def distortion_slope(
    model: Model, x: Tensor, q: Tensor, tune: str, network_dtype: torch.dtype | None, y_hat: Tensor
) -> Tensor:
    """Gradient of the distortion of a whole picture at y_hat, for `descend`."""
    y_hat = y_hat.detach().requires_grad_()
    with torch.enable_grad():
        bits = distortion(model, x, model.g_s(y_hat, q, network_dtype), q, tune).sum()
    return torch.autograd.grad(bits, y_hat)[0]
