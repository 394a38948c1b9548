"""Rate and distortion on held-out pictures while training: estimated, rounded latents, no files."""

from __future__ import annotations

from collections import defaultdict
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aecodec.coding.planes import Pixels
from aecodec.model.model import Model
from aecodec.training.data import centre
from aecodec.training.eye import score
from aecodec.training.loss import code
from aecodec.training.objective import Objective

VALID_Q = (5, 20, 35, 50, 62)
VALID_CROP = 256
VALID_PICTURES = 16
BATCH = 4


@torch.no_grad()
def validate(
    model: Model, pictures: list[Pixels], objective: Objective, rounds: int = 0
) -> dict[str, Any]:
    """-> {"loss": mean over q, "rounds", "points": [{"q", "bpp", "psnr", ...}]} on centre crops.

    Of latents after so many rounds of refinement. PSNR is a mean of decibels; beside it
    "ssimulacra2" and, where pytorch-msssim is installed, "ms_ssim", which is never trained for.
    """
    device = objective.lmbda.device
    centres = np.stack([centre(pixels, VALID_CROP) for pixels in pictures[:VALID_PICTURES]])
    crops = torch.from_numpy(centres).permute(0, 3, 1, 2).to(device)
    points, losses = [], []
    for index in VALID_Q:
        rows: dict[str, list[Tensor]] = defaultdict(list)
        for part in crops.split(BATCH):
            x, q = part.float() / 255 - 0.5, torch.full((len(part),), index, device=device)
            bpp, x_hat = code(model, x, q, "decoder", torch.bfloat16, rounds, objective.tune)
            judged = objective(bpp, x, x_hat, q)
            seen = as_seen(x_hat)
            rows["loss"].append(judged.loss)
            rows["bpp"].append(bpp)
            rows["psnr"].append(-10 * judged.mse.log10())
            rows["ssimulacra2"].append(score(objective.seen(x, seen).raw))
            if find_spec("pytorch_msssim"):
                rows["ms_ssim"].append(ms_ssim(x, seen))
        means = {name: float(torch.cat(values).mean()) for name, values in rows.items()}
        losses.append(means.pop("loss"))
        points.append({"q": index} | {name: round(value, 4) for name, value in means.items()})
    return {"loss": round(sum(losses) / len(losses), 4), "rounds": rounds, "points": points}


def as_seen(x_hat: Tensor) -> Tensor:
    """Planes, clamped and rounded to 8 bits."""
    return ((x_hat + 0.5) * 255).round().clamp(0, 255) / 255 - 0.5


def ms_ssim(x: Tensor, x_hat: Tensor) -> Tensor:
    """MS-SSIM of every picture [B]."""
    import pytorch_msssim  # type: ignore[import-untyped]

    return pytorch_msssim.ms_ssim(x + 0.5, x_hat + 0.5, data_range=1, size_average=False)
