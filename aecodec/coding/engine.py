"""What a decoder asks of whatever computes: PyTorch (torch_engine.py) or ONNX Runtime
(onnx_engine.py). Both give the same latents; pixels may differ by a level (SPEC 5.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from aecodec.format.box import Box
from aecodec.format.container import Payload
from aecodec.format.filter import Filter
from aecodec.format.header import Header
from aecodec.format.payload import CodingTables
from aecodec.image.modes import Pixels

Latents = Any
"""y_r of some pixels, [1, M, H'/16, W'/16], an array or tensor as the engine has it."""


@dataclass(frozen=True, eq=False)
class Wanted:
    """Pixels of a picture: a part of it at 1/reduction, with what it takes beside latents."""

    header: Header
    region: Box
    reduction: int = 1
    filter: Filter | None = None
    alpha: Pixels | None = None
    """uint8 [H, W] of the whole picture, which means of 2 by 2 samples are weighed by (SPEC 5.7)"""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        return self.header.width, self.header.height


class Engine(Protocol):
    """A model, ready to decode."""

    @property
    def tables(self) -> CodingTables:
        """Of its entropy coder."""

    def decode_latents(self, payload: Payload, width: int, height: int, q: int) -> Latents:
        """The payload of a tile of that size -> y_r.

        Of a cut payload, latents that have not arrived are their predicted means. Raises
        FormatError.
        """

    def no_latents(self, tile: Box) -> Latents:
        """y_r of a tile of which nothing is known: 0, which is gray."""

    def join(self, parts: list[Latents], axis: int) -> Latents:
        """Latents side by side, along an axis."""

    def synthesize(
        self, latents_of: Callable[[Box], Latents], wanted: Wanted
    ) -> Iterator[tuple[Box, Pixels]]:
        """The walk over pieces: boxes of the region, from top to bottom, and their pixels, uint8
        [H, W, 3] or, if gray, [H, W], those that the box touches at 1/reduction.

        latents_of: an aligned box of pixels -> its y_r.
        """
