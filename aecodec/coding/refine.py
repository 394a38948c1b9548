"""Encoder-side refinement of one picture's latents: the decoder and the format know nothing of it.

g_a and h_a answer for photos in general; here y and z of every tile are moved for the photo at
hand, round by round (descent.py), down the gradient of what its file is judged by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from aecodec.coding.descent import descend
from aecodec.coding.distortion import distortion
from aecodec.coding.pieces import reach
from aecodec.coding.planes import Pixels, to_planes
from aecodec.coding.transform import (
    AnalyzedPicture,
    LatentsOf,
    TileLatents,
    latents_in,
    synthesize,
)
from aecodec.format.box import Box
from aecodec.model.model import Model
from aecodec.model.products import one_arithmetic


def refine(
    model: Model,
    pixels: Pixels,
    q: int,
    tile: Box,
    rounds: int,
    tune: str,
    on_round: Callable[[], None] = lambda: None,
    y_of: LatentsOf | None = None,
) -> TileLatents:
    """Latents of a tile of uint8 [H, W, 3] or [H, W], better than those of `analyze`.

    model is in floating point throughout (`float_twin`). Around the tile the picture is taken as it
    is.
    tune: "psnr" or "visual", what counts as an error. on_round: called `calls` times.
    y_of: as of `analyze`.
    """
    height, width = pixels.shape[:2]
    around = tile.grown(reach(model.config.synthesis_blocks), width, height)
    qs = model.qs(q)
    context_dtype = torch.bfloat16 if model.fast else None
    with one_arithmetic(model.device.type):
        y_around = (y_of or AnalyzedPicture(model, pixels, q))(around).to(model.device, copy=True)
        surroundings = Surroundings(model, pixels, q, tune, around, y_around)
        y = y_around[tile.aligned().latent_slices(around)].clone()
        with torch.no_grad():
            z = model.h_a(y, qs)

        def slope(y_hat: Tensor) -> Tensor:
            on_round()
            return surroundings.slope(tile, y_hat)

        latents = descend(model, y, z, qs, rounds, slope, context_dtype, tune)
        return TileLatents(*(part.cpu() for part in latents))


def calls(rounds: int, tune: str) -> int:
    """How often refinement of a tile takes the slope of its distortion."""
    return rounds + (rounds > 0 and tune == "visual")


@dataclass
class Surroundings:
    """A tile's surroundings: where its latents are seen by g_s."""

    model: Model
    pixels: Pixels
    q: int
    tune: str
    around: Box
    y: Tensor
    """in steps [1, M, H'/16, W'/16] of `around`; outside of the tile not rounded"""

    def slope(self, tile: Box, y_hat: Tensor) -> Tensor:
        """y_hat of the tile -> gradient of the distortion, as `descend` takes it."""
        qs = self.model.qs(self.q)
        inside = tile.aligned().latent_slices(self.around)
        y = self.y.clone()
        y[inside] = y_hat
        y.requires_grad_()
        total = torch.zeros_like(self.y)
        height, width = self.pixels.shape[:2]
        with torch.enable_grad():
            latents_of = latents_in(y, self.around)
            for box, x_hat in synthesize(self.model, latents_of, self.q, tile, (width, height)):
                x = to_planes(self.pixels[box.pixel_slices()])[:, :, : box.height, : box.width]
                if self.tune == "visual" and self.pixels.ndim == 2:
                    x_hat = x_hat.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)  # as it is seen
                bits = distortion(self.model, x.to(x_hat.device), x_hat, qs, self.tune)
                total += torch.autograd.grad(bits.sum(), y)[0]
        return total[inside]
