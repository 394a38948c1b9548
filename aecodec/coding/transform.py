"""g_a and g_s over pictures of any size, piece by piece: memory is bounded by the piece.

The transforms see no tiles: every piece is computed from what lies within their reach around it,
so pieces fit together as if the picture had been transformed at once (SPEC 5.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from aecodec.coding.filter import apply_filter
from aecodec.coding.pieces import PIECE, LatentsByPart, far_of, pieces, reach
from aecodec.coding.planes import Pixels, to_planes
from aecodec.format.box import Box
from aecodec.format.constants import SMALL_REDUCTIONS
from aecodec.format.filter import Filter
from aecodec.model.model import Model
from aecodec.model.products import one_arithmetic


class TileLatents(NamedTuple):
    """y and z of a tile in steps, [1, M, H'/16, W'/16] and [1, N, H'/64, W'/64]."""

    y: Tensor
    z: Tensor
    rounding_bias: Tensor
    """of y (`rate_aware_round`): [1, M, 1, 1], or of the shape of y"""


LatentsOf = Callable[[Box], Tensor]
"""An aligned box of pixels -> its y_r in steps, [1, M, height/16, width/16]."""


def latents_in(y: Tensor, source: Box) -> LatentsOf:
    """Latents that are in memory: y [1, M, H'/16, W'/16] of the aligned box `source`."""
    return lambda box: y[box.latent_slices(source)]


class AnalyzedPicture(LatentsByPart[Tensor]):
    """y of a picture, uint8 [H, W, 3] or [H, W], in steps, on the CPU: every piece once."""

    def __init__(self, model: Model, pixels: Pixels, q: int) -> None:
        height, width = pixels.shape[:2]
        far = reach(model.config.analysis_blocks)

        @torch.inference_mode()
        def compute(_: int, piece: Box) -> Tensor:
            around = piece.grown(far, width, height)
            with one_arithmetic(model.device.type):
                x = to_planes(pixels[around.pixel_slices()]).to(model.device)
                y = model.g_a(x, model.qs(q))[piece.aligned().latent_slices(around)]
            return y.contiguous(memory_format=torch.channels_last).cpu()

        super().__init__(width, height, PIECE, compute, torch.cat)


@torch.inference_mode()
def analyze(
    model: Model, pixels: Pixels, q: int, tile: Box | None = None, y_of: LatentsOf | None = None
) -> tuple[Tensor, Tensor]:
    """A tile (default: all) of uint8 [H, W, 3] or [H, W] -> y and z in steps, on the CPU.

    y is [1, M, H'/16, W'/16], z is [1, N, H'/64, W'/64], H' and W' those of the tile.
    y_of: an `AnalyzedPicture`, for a caller that wants more than one tile.
    """
    tile = tile or Box(0, 0, *pixels.shape[:2])
    y = (y_of or AnalyzedPicture(model, pixels, q))(tile.aligned())
    with one_arithmetic(model.device.type):
        return y, model.h_a(y.to(model.device), model.qs(q)).cpu()


def synthesize(
    model: Model,
    latents_of: LatentsOf,
    q: int,
    region: Box,
    size: tuple[int, int],
    reduction: int = 1,
    filter: Filter | None = None,
    alpha: Pixels | None = None,
) -> Iterator[tuple[Box, Tensor]]:
    """The walk over pieces: boxes of `region`, from top to bottom, and their x_hat.

    size: width and height of the picture. x_hat is float [1, 3, H, W] of the pixels that the box
    touches in the picture at 1/reduction, filtered where there is a filter. Whoever walks says by
    `inference_mode` or `enable_grad` whether gradients are wanted, and sets `one_arithmetic`.
    alpha: uint8 [H, W] of the whole picture, which means of 2 by 2 samples are weighed by.
    """
    qs = model.qs(q)
    far = far_of(model.config.synthesis_blocks, reduction, filter is not None)
    for piece, around, part in pieces(region, PIECE, far, size, reduction):
        y_r = latents_of(around).to(model.device)
        if alpha is not None and reduction == 2:
            x_hat = _seen_means(_filtered(model, y_r, qs, 1, filter), alpha[around.pixel_slices()])
        else:
            x_hat = _filtered(model, y_r, qs, reduction, filter)
        yield piece, x_hat[(..., *part.pixel_slices())]


def _filtered(
    model: Model, y_r: Tensor, qs: Tensor, reduction: int, filter: Filter | None
) -> Tensor:
    """y_r in steps -> x_hat at 1/reduction. At 1/2 a filter comes before the means (SPEC 5.7)."""
    if filter is None:
        return model.g_s(y_r, qs, reduction=reduction)
    if reduction in SMALL_REDUCTIONS:
        return apply_filter(filter, model.g_s(y_r, qs, reduction=reduction), reduction)
    x_hat = apply_filter(filter, model.g_s(y_r, qs))
    return x_hat if reduction == 1 else avg_pool2d(x_hat, reduction)


def _seen_means(x_hat: Tensor, alpha: Pixels) -> Tensor:
    """Means of 2 by 2 samples, by what is seen of them; plain ones where that is nothing.

    x_hat is [1, 3, H', W'], alpha uint8 [H, W] of the same pixels, but for the padding.
    """
    height, width = x_hat.shape[2:]
    weights = x_hat.new_zeros(1, 1, height, width)
    weights[0, 0, : alpha.shape[0], : alpha.shape[1]] = torch.from_numpy(alpha)
    whole = avg_pool2d(weights, 2)
    seen = avg_pool2d(x_hat * weights, 2) / whole.clamp_min(1 / 4)
    return torch.where(whole > 0, seen, avg_pool2d(x_hat, 2))
