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
from aecodec.coding.planes import Pixels, to_planes
from aecodec.coding.transform import analyze, cut, every_piece, grow, whole
from aecodec.format.container import Box
from aecodec.model.model import Model


def refine(
    model: Model,
    pixels: Pixels,
    q: int,
    tile: Box,
    rounds: int,
    tell: Callable[[], None] = lambda: None,
) -> tuple[Tensor, Tensor]:
    """y and z in steps of a tile of uint8 [H, W, 3] or [H, W], better than those of `analyze`.

    model is in floating point throughout (`float_twin`). y is [1, M, H'/16, W'/16], z is
    [1, N, H'/64, W'/64] of the tile. Around it the picture is taken as it is.
    tell: called at the beginning of every round.
    """
    height, width = pixels.shape[:2]
    around = grow(tile, model.config.synthesis_blocks, width, height)
    rate = torch.tensor([q], device=model.device)
    y_around = analyze(model, pixels, q, around)[0].to(model.device, copy=True)
    field = Field(model, pixels, q, around, y_around)
    y = field.y[cut(whole(tile), around)].clone()
    with torch.no_grad():
        z = model.h_a(y, rate)

    def slope(y_hat: Tensor) -> Tensor:
        tell()
        return field.slope(tile, y_hat)

    y, z = descend(model, y, z, rate, rounds, slope)
    return y.cpu(), z.cpu()


@dataclass
class Field:
    """A tile's surroundings: where its latents are seen by g_s."""

    model: Model
    pixels: Pixels
    q: int
    around: Box
    y: Tensor
    """in steps [1, M, H'/16, W'/16] of `around`; outside of the tile not rounded"""

    def slope(self, tile: Box, y_hat: Tensor) -> Tensor:
        """y_hat of the tile -> gradient of lambda SE, as `descend` takes it."""
        rate = torch.tensor([self.q], device=self.model.device)
        inside = cut(whole(tile), self.around)
        y = self.y.clone()
        y[inside] = y_hat
        total = torch.zeros_like(y)
        height, width = self.pixels.shape[:2]
        for box in every_piece(tile):
            near = grow(box, self.model.config.synthesis_blocks, width, height)
            place = cut(near, self.around)
            part = y[place].requires_grad_()
            with torch.enable_grad():
                x_hat = self.model.g_s(part, rate)
                x_hat = x_hat[:, :, box.top - near.top :, box.left - near.left :]
                x = to_planes(self.pixels[box.top : box.bottom, box.left : box.right])
                error = x.to(x_hat.device) - x_hat[:, :, : x.shape[2], : x.shape[3]]
                squares = error[:, :, : box.height, : box.width].square()
                loss = self.model.lmbda[self.q] * squares.mean(dim=1).sum()
                total[place] += torch.autograd.grad(loss, part)[0]
        return total[inside]
