"""Rate and distortion on held-out pictures while training: estimated, rounded latents, no files."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from aecodec.model import Model
from aecodec.training.data import Pixels
from aecodec.training.loss import rate_distortion

VALID_Q = (5, 20, 35, 50, 62)
VALID_CROP = 256
VALID_PICTURES = 16


@torch.no_grad()
def validate(model: Model, pictures: list[Pixels], lmbda: Tensor) -> dict[str, Any]:
    """-> {"loss": mean over q, "points": [{"q", "bpp", "psnr"}]} on centre crops."""
    device = lmbda.device
    points, losses = [], []
    crops = torch.stack([centre(pixels) for pixels in pictures[:VALID_PICTURES]]).to(device)
    for index in VALID_Q:
        rates, distortions = [], []
        for x in crops.split(4):
            q = torch.full((len(x),), index, device=device)
            bpp, mse = rate_distortion(model, x.float() / 255 - 0.5, q, "decoder", torch.bfloat16)
            rates.append(bpp)
            distortions.append(mse)
        bpp, mse = torch.cat(rates), torch.cat(distortions)
        loss = (bpp + lmbda[index] * mse).mean() / (lmbda[index] / 600).sqrt()
        psnr = (-10 * mse.log10()).mean()
        points.append(
            {"q": index, "bpp": round(float(bpp.mean()), 4), "psnr": round(float(psnr), 3)}
        )
        losses.append(float(loss))
    return {"loss": round(math.fsum(losses) / len(losses), 4), "points": points}


def centre(pixels: Pixels) -> Tensor:
    """-> uint8 [3, 256, 256]."""
    top, left = ((n - VALID_CROP) // 2 for n in pixels.shape[:2])
    crop = pixels[top : top + VALID_CROP, left : left + VALID_CROP]
    return torch.from_numpy(crop.copy()).permute(2, 0, 1)
