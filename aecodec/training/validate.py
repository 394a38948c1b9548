"""Rate and distortion on held-out pictures while training: estimated, rounded latents, no files."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aecodec.model import Model
from aecodec.planes import Pixels
from aecodec.training.data import centre
from aecodec.training.loss import rate_distortion

VALID_Q = (5, 20, 35, 50, 62)
VALID_CROP = 256
LMBDA_UNIT = 600.0
"""A loss is divided by sqrt(lambda / 600), so that all q weigh alike."""
VALID_PICTURES = 16


@torch.no_grad()
def validate(
    model: Model, pictures: list[Pixels], lmbda: Tensor, rounds: int = 0
) -> dict[str, Any]:
    """-> {"loss": mean over q, "rounds", "points": [{"q", "bpp", "psnr"}]} on centre crops.

    Of latents after so many rounds of refinement.
    """
    device = lmbda.device
    points, losses = [], []
    centres = np.stack([centre(pixels, VALID_CROP) for pixels in pictures[:VALID_PICTURES]])
    crops = torch.from_numpy(centres).permute(0, 3, 1, 2).to(device)
    for index in VALID_Q:
        rates, distortions = [], []
        for x in crops.split(4):
            q = torch.full((len(x),), index, device=device)
            bpp, mse = rate_distortion(
                model, x.float() / 255 - 0.5, q, "decoder", torch.bfloat16, rounds
            )
            rates.append(bpp)
            distortions.append(mse)
        bpp, mse = torch.cat(rates), torch.cat(distortions)
        loss = (bpp + lmbda[index] * mse).mean() / (lmbda[index] / LMBDA_UNIT).sqrt()
        psnr = (-10 * mse.log10()).mean()
        points.append(
            {"q": index, "bpp": round(float(bpp.mean()), 4), "psnr": round(float(psnr), 3)}
        )
        losses.append(float(loss))
    mean = round(math.fsum(losses) / len(losses), 4)
    return {"loss": mean, "rounds": rounds, "points": points}
