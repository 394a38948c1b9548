"""g_a and g_s over pictures of any size, piece by piece: memory is bounded by the piece.

The transforms see no tiles: every piece is computed from what lies within their reach around it,
so pieces fit together as if the picture had been transformed at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from aecodec.coding.filter import FilterFit, apply_filter
from aecodec.coding.planes import Pixels, from_planes, padded_size, to_planes
from aecodec.format.container import MODEL_ID_BYTES, Box, Header
from aecodec.format.payload import Symbols
from aecodec.model.config import HYPER_STRIDE, LATENT_STRIDE
from aecodec.model.model import Model
from aecodec.model.transforms import NETWORK_STRIDE, SMALL_SCALES

PIECE = 1024
"""Pixels, the side of a piece without what is around it; large ones fall out of the caches."""


class Latents(Protocol):
    """y_hat of a picture, wherever it comes from."""

    def area(self, box: Box) -> Tensor:
        """-> y_hat in steps [1, M, height/16, width/16] of a box of whole hyper-latent positions.

        Boxes come from top to bottom.
        """


class WholeLatents:
    """y_hat in memory, [1, M, H'/16, W'/16], of a whole picture or a tile of it."""

    def __init__(self, y_hat: Tensor, box: Box | None = None) -> None:
        self.y_hat = y_hat
        height, width = (n * LATENT_STRIDE for n in y_hat.shape[2:])
        self.box = box or Box(0, 0, height, width)

    def area(self, box: Box) -> Tensor:
        return self.y_hat[cut(box, self.box)]


def one_arithmetic(device: torch.device) -> AbstractContextManager[None]:
    """The same kernels whatever was set outside: binary32, as SPEC 5.1 asks for.

    On CUDA no TF32, which convolutions use by default; on the CPU oneDNN, whose depthwise
    convolution sums in another order than PyTorch's own.
    """
    if device.type == "cuda":
        return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    return with_onednn()


@contextmanager
def with_onednn() -> Iterator[None]:
    """`torch.backends.mkldnn.flags(enabled=True)`, which warns where there is no Intel GPU."""
    onednn: Any = torch.backends.mkldnn
    before, onednn.enabled = onednn.enabled, True
    try:
        yield
    finally:
        onednn.enabled = before


@torch.inference_mode()
def analyze(model: Model, pixels: Pixels, q: int, tile: Box | None = None) -> tuple[Tensor, Tensor]:
    """A tile (default: all) of uint8 [H, W, 3] or [H, W] -> y and z in steps, on the CPU.

    y is [1, M, H'/16, W'/16], z is [1, N, H'/64, W'/64], H' and W' those of the tile.
    """
    height, width = pixels.shape[:2]
    tile = tile or Box(0, 0, height, width)
    rate = torch.tensor([q], device=model.device)
    rows = []
    with one_arithmetic(model.device):
        for boxes in pieces(tile):
            parts = []
            for box in boxes:
                around = grow(box, model.config.analysis_blocks, width, height)
                x = to_planes(pixels[around.top : around.bottom, around.left : around.right])
                y = model.g_a(x.to(model.device), rate).cpu()
                parts.append(y[cut(whole(box), around)])
            rows.append(torch.cat(parts, dim=3))
        y = torch.cat(rows, dim=2)
        return y, model.h_a(y.to(model.device), rate).cpu()


@torch.inference_mode()
def reconstruct(
    model: Model,
    latents: Latents,
    region: Box,
    header: Header,
    scale: int = 1,
    numbers: Symbols | None = None,
) -> Pixels:
    """-> the pixels of `region` of a picture, uint8 [H, W, 3] or, if gray, [H, W].

    numbers: those of the filter after decoding.
    With a scale of 2, 4 or 8: the pixels of the picture at 1/scale that `region` touches.
    """
    gray, target = header.mode == 1, shrink(region, scale)
    shape = (target.height, target.width)
    pixels = np.empty(shape if gray else (*shape, 3), dtype=np.uint8)
    rate = torch.tensor([header.q], device=model.device)
    beside = 0 if numbers is None else scale
    with one_arithmetic(model.device):
        for box in every_piece(region):
            around = grow(box, model.config.synthesis_blocks, header.width, header.height, beside)
            x_hat = synthesis(model, latents.area(around).to(model.device), rate, scale, numbers)
            start, part = shrink(around, scale), shrink(box, scale)
            x_hat = x_hat[:, :, part.top - start.top :, part.left - start.left :]
            top, left = part.top - target.top, part.left - target.left
            pixels[top : top + part.height, left : left + part.width] = from_planes(
                x_hat, part.width, part.height, gray
            )
    return pixels


def synthesis(
    model: Model, y_hat: Tensor, rate: Tensor, scale: int, numbers: Symbols | None
) -> Tensor:
    """y_hat in steps -> x_hat at 1/scale, filtered where there is a filter."""
    if numbers is None:
        return model.g_s(y_hat, rate, scale=scale)
    if scale in SMALL_SCALES:
        return apply_filter(numbers, model.g_s(y_hat, rate, scale=scale), scale)
    x_hat = apply_filter(numbers, model.g_s(y_hat, rate))
    return x_hat if scale == 1 else avg_pool2d(x_hat, scale)


@torch.inference_mode()
def look(model: Model, y_hat: Tensor, pixels: Pixels, q: int, tile: Box, fit: FilterFit) -> None:
    """Let `fit` see what y_hat of a tile [1, M, H'/16, W'/16] becomes, beside its pixels.

    pixels: uint8 [H, W, 3] of the whole picture. Of the tile, what its neighbours reach into is
    left out, since they are not there.
    """
    height, width = pixels.shape[:2]
    rate, latents = torch.tensor([q], device=model.device), WholeLatents(y_hat, whole(tile))
    inside = inner(tile, reach(model.config.synthesis_blocks), width, height)
    with one_arithmetic(model.device):
        for box in every_piece(inside):
            around = grow(box, model.config.synthesis_blocks, width, height)
            x_hat = model.g_s(latents.area(around).to(model.device), rate)
            x_hat = x_hat[:, :, box.top - around.top :, box.left - around.left :]
            fit.add(x_hat, pixels[box.top : box.bottom, box.left : box.right])


def synthesize(model: Model, y_hat: Tensor, width: int, height: int, q: int) -> Pixels:
    """y_hat of a whole picture in steps [1, M, H'/16, W'/16] -> uint8 [H, W, 3]."""
    header = Header(bytes(MODEL_ID_BYTES), width, height, q)
    return reconstruct(model, WholeLatents(y_hat), Box(0, 0, height, width), header)


def pieces(box: Box) -> list[list[Box]]:
    """Rows of boxes of at most PIECE pixels each way, cut at multiples of PIECE."""
    rows, columns = cuts(box.top, box.bottom), cuts(box.left, box.right)
    return [[Box(top, left, bottom, right) for left, right in columns] for top, bottom in rows]


def every_piece(box: Box) -> list[Box]:
    """The same, one after the other; none of a box without pixels."""
    if box.height <= 0 or box.width <= 0:
        return []
    return [piece for row in pieces(box) for piece in row]


def cuts(start: int, end: int) -> list[tuple[int, int]]:
    inner = range((start // PIECE + 1) * PIECE, end, PIECE)
    return list(zip([start, *inner], [*inner, end], strict=True))


def shrink(box: Box, scale: int) -> Box:
    """The pixels of the picture at 1/scale that a box touches."""
    ends = (-(-n // scale) for n in (box.bottom, box.right))
    return Box(box.top // scale, box.left // scale, *ends)


def whole(box: Box) -> Box:
    """The box grown to whole hyper-latent positions."""
    top, left = (n // HYPER_STRIDE * HYPER_STRIDE for n in (box.top, box.left))
    right, bottom = padded_size(box.right, box.bottom)
    return Box(top, left, bottom, right)


def reach(blocks: int, beside: int = 0) -> int:
    """How far so many blocks see, and some pixels more: whole hyper-latent positions, in pixels."""
    return -(-(blocks * NETWORK_STRIDE + beside) // HYPER_STRIDE) * HYPER_STRIDE


def grow(box: Box, blocks: int, width: int, height: int, beside: int = 0) -> Box:
    """The box and what so many blocks reach around it, within the padded picture."""
    box, far = whole(box), reach(blocks, beside)
    right, bottom = padded_size(width, height)
    return Box(
        max(0, box.top - far),
        max(0, box.left - far),
        min(bottom, box.bottom + far),
        min(right, box.right + far),
    )


def inner(tile: Box, far: int, width: int, height: int) -> Box:
    """The tile without what lies that near to other tiles; perhaps nothing."""
    return Box(
        tile.top + far * (tile.top > 0),
        tile.left + far * (tile.left > 0),
        tile.bottom - far * (tile.bottom < height),
        tile.right - far * (tile.right < width),
    )


def cut(box: Box, source: Box) -> tuple[slice, slice, slice, slice]:
    """Where latents of `box` lie within those of `source`, as far as they do."""
    rows = slice(
        max(0, box.top - source.top) // LATENT_STRIDE, (box.bottom - source.top) // LATENT_STRIDE
    )
    columns = slice(
        max(0, box.left - source.left) // LATENT_STRIDE, (box.right - source.left) // LATENT_STRIDE
    )
    return slice(None), slice(None), rows, columns
