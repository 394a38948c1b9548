"""Finding the settings that hit a size or a PSNR: a search over q, then over the rounding bias.

q is coarse: one step is about 6 % of bytes. Between two q, rounding leans further towards smaller
symbols (`quantize.rate_aware_round`), which the decoder need not know.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from aecodec.errors import AecodecError
from aecodec.format.constants import MAX_Q, Q_COUNT

BIASES = tuple(1 + step / 16 for step in range(25))
"""Multiples of quantize.RATE_WEIGHT: the last one takes away about as much as a step of q."""


@dataclass(frozen=True)
class Target:
    """What a file shall reach: exactly one of the three. Raises AecodecError."""

    size: int | None = None
    """bytes of the file, never exceeded"""
    bpp: float | None = None
    """bits per pixel of the file, never exceeded"""
    psnr: float | None = None
    """dB of the decoded picture, never missed"""

    def __post_init__(self) -> None:
        given = [value for value in (self.size, self.bpp, self.psnr) if value is not None]
        if len(given) != 1:
            raise AecodecError("one target at a time: a size, bits per pixel or a PSNR")
        if not given[0] > 0:
            raise AecodecError(f"a target is above 0, not {given[0]}")

    def bytes(self, pixels: int) -> float:
        """The most bytes that a picture of so many pixels may have."""
        return self.size if self.size is not None else (self.bpp or 0.0) * pixels / 8


Encode = Callable[[int, float, bool], bytes]
"""(q, rounding bias, refined or by effort 0) -> a file."""


def search(encode: Encode, measure: Callable[[bytes], float], target: Target, pixels: int) -> bytes:
    """The file nearest to the target, of a picture of so many pixels.

    The q is looked for by effort 0, and then refined near it. measure: a file -> PSNR in dB, where
    that is the target. Raises AecodecError where the target is out of reach.
    """
    limit = target.bytes(pixels)

    @cache
    def attempt(q: int, bias: float, refined: bool) -> tuple[bytes, float]:
        data = encode(q, bias, refined)
        return data, measure(data) if target.psnr else math.nan

    def above(q: int, bias: float = 1.0, refined: bool = True) -> bool:
        data, psnr = attempt(q, bias, refined)
        return psnr >= target.psnr if target.psnr else len(data) > limit

    def file(q: int, bias: float = 1.0) -> bytes:
        return attempt(q, bias, True)[0]

    q = bisect_left(range(Q_COUNT), True, key=lambda q: above(q, refined=False))
    while q > 0 and above(q - 1):
        q -= 1
    while q <= MAX_Q and not above(q):
        q += 1
    if q > MAX_Q and target.psnr:
        best = attempt(MAX_Q, 1.0, True)[1]
        raise AecodecError(
            f"{target.psnr:g} dB is out of reach: this picture has {best:.2f} at most"
        )
    if q > MAX_Q:
        return file(MAX_Q)
    below = 1 + bisect_left(BIASES[1:], True, key=lambda bias: not above(q, bias))
    if target.psnr:
        return file(q, BIASES[below - 1])
    if below < len(BIASES):
        return file(q, BIASES[below])
    if q == 0:
        least = len(file(0, BIASES[-1]))
        raise AecodecError(
            f"{limit:.0f} bytes are out of reach: this picture takes {least} at least"
        )
    return file(q - 1)
