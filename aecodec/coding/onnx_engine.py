"""Decoding by ONNX Runtime, without torch: the graphs of `graphs/`, and what lies between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aecodec.coding.engine import Wanted
from aecodec.coding.pieces import far_of, pieces
from aecodec.format.box import Box, padded_size
from aecodec.format.constants import (
    HYPER_STRIDE,
    QUADTREE,
    SIXTEENTHS,
    SMALL_REDUCTIONS,
)
from aecodec.format.container import Payload
from aecodec.format.filter import Filter
from aecodec.format.payload import CodingTables, SymbolDecoder, symbol_decoder
from aecodec.graphs.entropy import hyper_prior
from aecodec.graphs.sessions import Sessions
from aecodec.image.modes import Pixels

Planes = NDArray[np.float32]
"""x_hat, [1, 3, H, W]."""
Latents = NDArray[np.int32]
"""y_r in 1/256 steps, [1, M, H'/16, W'/16]."""

PIECE = 512
"""Pixels, the side of a piece: half of what it is by PyTorch, as layers hold more at a time."""
STRIP_PIXELS = 2**16
"""About as many pixels are filtered at a time."""


class OnnxEngine:
    """`Engine` of a model's graphs."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions, weights = sessions, sessions.weights
        self.config, self.tables = weights.config, CodingTables(weights.tables)
        self.hyper_mean, self.hyper_index = hyper_prior(weights.tensors)

    def decode_latents(self, payload: Payload, width: int, height: int, q: int) -> Latents:
        decoder = symbol_decoder(self.tables, payload.data, payload.state == "cut")
        y_r = self._walk(decoder, width, height, q)
        decoder.finish()
        return y_r

    def _walk(self, decoder: SymbolDecoder, width: int, height: int, q: int) -> Latents:
        """The hyper-latent, then four steps, each predicted from what was decoded before."""
        columns, rows = (side // HYPER_STRIDE for side in padded_size(width, height))
        of_hyper = np.repeat(self.hyper_index[q], rows * columns)
        symbols = decoder.get(of_hyper).reshape(1, -1, rows, columns)
        z_hat = SIXTEENTHS * symbols + self.hyper_mean[q][:, None, None]
        at_q = as_input(q)
        fused, mean, index = self.sessions.run("hyper", z_hat=z_hat.astype(np.float32), q=at_q)
        shape = (1, self.config.latent, *fused.shape[2:])
        y_hat, y_r = np.zeros(shape, np.float32), np.zeros(shape, np.int32)
        for step in range(len(QUADTREE)):
            if step:
                seen = {"y_hat": y_hat, "fused": fused, "q": at_q}
                mean, index = self.sessions.run(f"step{step}", **seen)
            latents = decoder.get(index.ravel()).reshape(mean.shape)
            found = self.sessions.run("points", symbols=latents, mean=mean, index=index)
            for part, whole in zip(found, (y_hat, y_r), strict=True):
                place(part, step, whole)
        return y_r

    def no_latents(self, tile: Box) -> Latents:
        return np.zeros((1, self.config.latent, *tile.latent_size()), np.int32)

    def join(self, parts: list[Latents], axis: int) -> Latents:
        return np.concatenate(parts, axis)

    def synthesize(
        self, latents_of: Callable[[Box], Latents], wanted: Wanted
    ) -> Iterator[tuple[Box, Pixels]]:
        reduction = wanted.reduction
        far = far_of(self.config.synthesis_blocks, reduction, wanted.filter is not None)
        walk = pieces(wanted.region, PIECE, far, wanted.size, reduction)
        for piece, around, part in walk:
            x_hat = self._reduced(latents_of(around), wanted, around)
            rows, columns = part.pixel_slices()
            yield piece, levels(x_hat[0, :, rows, columns], wanted.header.gray)

    def _reduced(self, y_r: Latents, wanted: Wanted, around: Box) -> Planes:
        """y_r -> x_hat at 1/reduction. At 1/2 a filter comes before the means (SPEC 5.7)."""
        if wanted.reduction in SMALL_REDUCTIONS:
            return self._filtered(y_r, wanted, f"small{wanted.reduction}", wanted.reduction)
        x_hat = self._filtered(y_r, wanted, "g_s", 1)
        if wanted.reduction == 1:
            return x_hat
        alpha = wanted.alpha
        return halved(x_hat, None if alpha is None else alpha[around.pixel_slices()])

    def _filtered(self, y_r: Latents, wanted: Wanted, network: str, reduction: int) -> Planes:
        q, filter = as_input(wanted.header.q), wanted.filter
        x_hat: Planes = self.sessions.run(network, y_r=y_r, q=q)[0]
        return x_hat if filter is None else self._apply(filter, x_hat, reduction)

    def _apply(self, filter: Filter, x_hat: Planes, reduction: int) -> Planes:
        """In strips of rows, each with the one beside it: a filter holds 24 numbers a sample."""
        name, height = f"filter{len(filter.limits)}", x_hat.shape[2]
        by: dict[str, NDArray[Any]] = {
            "coefficients": filter.coefficients,
            "reduction": as_input(reduction),
        }
        filtered, rows = np.empty_like(x_hat), max(1, STRIP_PIXELS // x_hat.shape[3])
        for top in range(0, height, rows):
            start, end = max(0, top - 1), min(height, top + rows + 1)
            strip = self.sessions.run(name, x_hat=x_hat[:, :, start:end], **by)[0]
            filtered[:, :, top : top + rows] = strip[:, :, top - start :][:, :, :rows]
        return filtered


def as_input(number: int) -> NDArray[np.int64]:
    """A number as graphs take it, [1]."""
    return np.array([number], dtype=np.int64)


def place(part: NDArray[Any], step: int, whole: NDArray[Any]) -> None:
    """Put what belongs to a step [1, M, H / 2, W / 2] into its places of y [1, M, H, W]."""
    size = whole.shape[1] // len(QUADTREE)
    for group, position in enumerate(QUADTREE[step]):
        channels = slice(size * group, size * group + size)
        whole[:, channels, position // 2 :: 2, position % 2 :: 2] = part[:, channels]


def halved(x_hat: Planes, alpha: Pixels | None = None) -> Planes:
    """Means of 2 by 2 samples; with alpha by what is seen of them, where that is not nothing.

    alpha: uint8 [H, W] of the same pixels, but for the padding.
    """

    def means(x: NDArray[Any]) -> NDArray[Any]:
        height, width = x.shape[-2:]
        return x.reshape(*x.shape[:-2], height // 2, 2, width // 2, 2).mean(axis=(-3, -1))

    plain = means(x_hat)
    if alpha is None:
        return plain
    weights = np.zeros(x_hat.shape[2:], np.float32)
    weights[: alpha.shape[0], : alpha.shape[1]] = alpha
    whole = means(weights)
    return np.where(whole > 0, means(x_hat * weights) / np.maximum(whole, 1 / 4), plain)


def levels(planes: NDArray[np.float32], gray: bool) -> Pixels:
    """Float [3, H, W] -> uint8 [H, W, 3]: limited, rounded to 8 bits, halves to even (SPEC 5.2).

    Gray, uint8 [H, W], is the mean of the three planes.
    """
    planes = planes.mean(axis=0) if gray else planes.transpose(1, 2, 0)
    return np.rint((planes + np.float32(0.5)) * np.float32(255)).clip(0, 255).astype(np.uint8)
