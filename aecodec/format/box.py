"""Rectangles of pixels, and where their latents lie (SPEC 2.7, 4.1, 5.3, 5.7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aecodec.format.constants import HYPER_STRIDE, LATENT_STRIDE


def padded_size(width: int, height: int) -> tuple[int, int]:
    """-> width and height rounded up to multiples of 64 pixels."""
    return _up(width, HYPER_STRIDE), _up(height, HYPER_STRIDE)


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: rows top to bottom, columns left to right, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    def aligned(self) -> Box:
        """The box grown to whole hyper-latent positions."""
        top, left = (n // HYPER_STRIDE * HYPER_STRIDE for n in (self.top, self.left))
        right, bottom = padded_size(self.right, self.bottom)
        return Box(top, left, bottom, right)

    def grown(self, reach: int, width: int, height: int) -> Box:
        """The aligned box and so many pixels around it, within the padded picture of that size."""
        box, (right, bottom) = self.aligned(), padded_size(width, height)
        return Box(
            max(0, box.top - reach),
            max(0, box.left - reach),
            min(bottom, box.bottom + reach),
            min(right, box.right + reach),
        )

    def inner(self, reach: int, width: int, height: int) -> Box:
        """The box without what lies that near to others in the picture; perhaps no pixels."""
        return Box(
            self.top + reach * (self.top > 0),
            self.left + reach * (self.left > 0),
            self.bottom - reach * (self.bottom < height),
            self.right - reach * (self.right < width),
        )

    def shrunk(self, reduction: int) -> Box:
        """The pixels of the picture at 1/reduction of its size that the box touches."""
        ends = (-(-n // reduction) for n in (self.bottom, self.right))
        return Box(self.top // reduction, self.left // reduction, *ends)

    def enlarged(self, factor: int) -> Box:
        """What the box of a picture that is made small stands for: the inverse of `shrunk`, but for
        what the box touched in part."""
        return Box(*(factor * n for n in (self.top, self.left, self.bottom, self.right)))

    def within(self, outer: Box) -> Box:
        """The box as seen from the corner of another."""
        top, left = self.top - outer.top, self.left - outer.left
        return Box(top, left, top + self.height, left + self.width)

    def parts(self, side: int) -> Iterator[Box]:
        """Boxes of at most `side` pixels each way, cut at multiples of it, row by row."""
        columns = list(_cuts(self.left, self.right, side))
        for top, bottom in _cuts(self.top, self.bottom, side):
            yield from (Box(top, left, bottom, right) for left, right in columns)

    def pixel_slices(self) -> tuple[slice, slice]:
        """Where the box lies in an array [H, W, ...]."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def latent_size(self) -> tuple[int, int]:
        """Rows and columns of the latents of the box, padded."""
        width, height = padded_size(self.width, self.height)
        return height // LATENT_STRIDE, width // LATENT_STRIDE

    def latent_slices(self, source: Box) -> tuple[slice, slice, slice, slice]:
        """Where the latents of the box lie in those of `source` [1, M, H/16, W/16], if they do."""
        return (
            slice(None),
            slice(None),
            _latents(self.top - source.top, self.bottom - source.top),
            _latents(self.left - source.left, self.right - source.left),
        )


def _latents(start: int, end: int) -> slice:
    return slice(max(0, start) // LATENT_STRIDE, end // LATENT_STRIDE)


def _cuts(start: int, end: int, side: int) -> Iterator[tuple[int, int]]:
    """Starts and ends of parts; none of an empty range."""
    while start < end:
        next_start = min(end, (start // side + 1) * side)
        yield start, next_start
        start = next_start


def _up(number: int, unit: int) -> int:
    return -(-number // unit) * unit
