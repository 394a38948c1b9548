"""Finding the settings that hit a size or a quality: a search over q, then over the rounding bias.

q is coarse: one step is about 6 % of bytes. Between two q, rounding leans further towards smaller
symbols (`quantize.rate_aware_round`), which the decoder need not know.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from numbers import Real

from aecodec.errors import AecodecError, shown
from aecodec.format.constants import MAX_Q, Q_COUNT

BIASES = tuple(1 + step / 16 for step in range(25))
"""Factors of the bias that the rounding of each latent has: the last one takes away about as
much as a step of q."""


@dataclass(frozen=True)
class Target:
    """What a file shall reach: exactly one of the four. Raises AecodecError."""

    size: int | None = None
    """bytes of the file, never exceeded"""
    bpp: float | None = None
    """bits per pixel of the file, never exceeded"""
    psnr: float | None = None
    """dB of the decoded picture, never missed"""
    ssimulacra2: float | None = None
    """SSIMULACRA2 of the decoded picture, up to 100, never missed"""

    def __post_init__(self) -> None:
        targets = (self.size, self.bpp, self.psnr, self.ssimulacra2)
        given = [value for value in targets if value is not None]
        if len(given) != 1:
            raise AecodecError(
                "one target at a time: a size, bits per pixel, a PSNR or a SSIMULACRA2"
            )
        if not isinstance(given[0], Real) or isinstance(given[0], bool):
            raise AecodecError(f"a target is a number, not {shown(given[0])}")
        if self.ssimulacra2 is not None and not -100 < self.ssimulacra2 < 100:
            raise AecodecError(
                f"a target of SSIMULACRA2 is above -100 and below 100, not {self.ssimulacra2}"
            )
        if self.ssimulacra2 is None and not given[0] > 0:
            raise AecodecError(f"a target is above 0, not {given[0]}")

    @property
    def quality(self) -> float | None:
        """The least that the decoded picture may have, by PSNR or SSIMULACRA2; None for a size."""
        return self.ssimulacra2 if self.psnr is None else self.psnr

    def bytes(self, pixels: int) -> float:
        """The most bytes that a picture of so many pixels may have."""
        return self.size if self.size is not None else (self.bpp or 0.0) * pixels / 8


Encode = Callable[[int, float, bool], bytes]
"""(q, rounding bias, refined or by effort 0) -> a file."""


def search(encode: Encode, measure: Callable[[bytes], float], target: Target, pixels: int) -> bytes:
    """The file nearest to the target, of a picture of so many pixels.

    The q is looked for by effort 0, and then refined near it. measure: a file -> the quality that
    is the target, if one is. It may fall here and there while q rises: the file returned has been
    measured. Raises AecodecError where the target is out of reach.
    """
    limit, wanted = target.bytes(pixels), target.quality

    @cache
    def attempt(q: int, bias: float, refined: bool) -> tuple[bytes, float]:
        data = encode(q, bias, refined)
        return data, math.nan if wanted is None else measure(data)

    def above(q: int, bias: float = 1.0, refined: bool = True) -> bool:
        data, quality = attempt(q, bias, refined)
        return len(data) > limit if wanted is None else quality >= wanted

    def file(q: int, bias: float = 1.0) -> bytes:
        return attempt(q, bias, True)[0]

    q = bisect_left(range(Q_COUNT), True, key=lambda q: above(q, refined=False))
    while q > 0 and above(q - 1):
        q -= 1
    while q <= MAX_Q and not above(q):
        q += 1
    if q > MAX_Q and wanted is not None:
        best = attempt(MAX_Q, 1.0, True)[1]
        named = f"SSIMULACRA2 of {wanted:g}" if target.psnr is None else f"{wanted:g} dB"
        raise AecodecError(f"{named} is out of reach: this picture has {best:.2f} at most")
    if q > MAX_Q:
        return file(MAX_Q)
    below = 1 + bisect_left(BIASES[1:], True, key=lambda bias: not above(q, bias))
    if wanted is not None:
        return file(q, BIASES[below - 1])
    if below < len(BIASES):
        return file(q, BIASES[below])
    if q == 0:
        least = len(file(0, BIASES[-1]))
        raise AecodecError(
            f"{limit:.0f} bytes are out of reach: this picture takes {least} at least"
        )
    return file(q - 1)
