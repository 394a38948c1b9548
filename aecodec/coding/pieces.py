"""Which latents a part of a picture needs, without a word on how they are computed (SPEC 5.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from aecodec.format.box import Box
from aecodec.format.constants import (
    HYPER_STRIDE,
    LATENT_STRIDE,
    NETWORK_STRIDE,
    SMALL_BLOCKS,
    SMALL_REDUCTIONS,
)

PIECE = 1024
"""Pixels, the side of a piece without what is around it; large ones fall out of the caches."""

Latents = TypeVar("Latents")
"""An array or tensor [1, M, h, w] that slices as both do."""


def far_of(synthesis_blocks: int, reduction: int, filtered: bool) -> int:
    """How far a piece of the picture at 1/reduction sees, whole latent positions in pixels: by the
    blocks of g_s, or those of the network for small sizes, and by a filter."""
    blocks = SMALL_BLOCKS if reduction in SMALL_REDUCTIONS else synthesis_blocks
    return reach(blocks, reduction if filtered else 0, LATENT_STRIDE)


def reach(blocks: int, pixels: int = 0, whole: int = HYPER_STRIDE) -> int:
    """How far so many blocks see, and some pixels more, in pixels.

    Rounded up to whole hyper-latent positions or, if `whole` is that, latent ones.
    """
    return -(-(blocks * NETWORK_STRIDE + pixels) // whole) * whole


def pieces(
    region: Box, side: int, far: int, size: tuple[int, int], reduction: int
) -> Iterator[tuple[Box, Box, Box]]:
    """The walk over a region: pieces of it, from top to bottom; each with the aligned box of pixels
    around it that its latents are wanted of, and with its place in that box at 1/reduction.

    side: of a piece; far: how far it sees; size: width and height of the picture.
    """
    for piece in region.parts(side):
        around = piece.grown(far, *size)
        yield piece, around, piece.shrunk(reduction).within(around.shrunk(reduction))


class LatentsByPart(Generic[Latents]):
    """Latents of a picture that are computed a part at a time, when they are needed.

    The parts are what multiples of a side cut the picture into, numbered row by row. Called with
    aligned boxes of pixels, from top to bottom. What is held are the parts beside a box and those
    that later boxes of its rows may want.
    """

    def __init__(
        self,
        width: int,
        height: int,
        side: int,
        compute: Callable[[int, Box], Latents],
        join: Callable[[list[Latents], int], Latents],
    ) -> None:
        """compute: a part's number and pixels -> its latents, [1, M, H'/16, W'/16]; join: puts
        parts together along an axis."""
        self.boxes = list(Box(0, 0, height, width).parts(side))
        self.side, self.columns, self.compute, self.join = side, -(-width // side), compute, join
        self.known: dict[int, Latents] = {}

    def __call__(self, box: Box) -> Latents:
        """Latents of the box, [1, M, height/16, width/16]. Forgets what lies above it."""
        self.known = {n: y for n, y in self.known.items() if self.boxes[n].bottom > box.top}
        side, rows = self.side, []
        for row in range(box.top // side, -(-box.bottom // side)):
            columns = range(box.left // side, -(-box.right // side))
            parts = [self.part(row * self.columns + column, box) for column in columns]
            rows.append(self.join(parts, 3))
        return self.join(rows, 2)

    def part(self, number: int, box: Box) -> Latents:
        """What of a part's latents lies in `box`."""
        if number not in self.known:
            self.known[number] = self.compute(number, self.boxes[number])
        slices = box.latent_slices(self.boxes[number])
        return self.known[number][slices]  # type: ignore[index]
