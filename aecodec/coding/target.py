"""Finding the settings that hit a size or a PSNR: a search over q, then over how rounding leans.

q is coarse: one step is about 6 % of bytes. Between two q, rounding leans further towards smaller
symbols (`quantize.rate_aware_round`), which the decoder need not know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aecodec.errors import AecodecError
from aecodec.format.quality import MAX_Q

LEANS = tuple(1 + step / 16 for step in range(25))
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


@dataclass(frozen=True)
class Attempt:
    """A file and the settings it was made with."""

    data: bytes
    psnr: float  # dB


Encode = Callable[[int, float, bool], Attempt]
"""(q, lean, in earnest or by effort 0) -> what comes of it."""


def search(encode: Encode, target: Target, pixels: int) -> bytes:
    """The file nearest to the target. Raises AecodecError where it is out of reach."""
    limit = target.bytes(pixels)

    def above(attempt: Attempt) -> bool:
        return attempt.psnr >= target.psnr if target.psnr else len(attempt.data) > limit

    q = first(MAX_Q, lambda q: above(encode(q, 1.0, False)))
    while q > 0 and above(encode(q - 1, 1.0, True)):
        q -= 1
    while q <= MAX_Q and not above(encode(q, 1.0, True)):
        q += 1
    if q > MAX_Q and target.psnr:
        best = encode(MAX_Q, 1.0, True).psnr
        raise AecodecError(
            f"{target.psnr:g} dB is out of reach: this picture has {best:.2f} at most"
        )
    if q > MAX_Q:
        return encode(MAX_Q, 1.0, True).data
    below = 1 + first(len(LEANS) - 2, lambda n: not above(encode(q, LEANS[n + 1], True)))
    if target.psnr:
        return encode(q, LEANS[below - 1], True).data
    if below < len(LEANS):
        return encode(q, LEANS[below], True).data
    if q == 0:
        least = len(encode(0, LEANS[-1], True).data)
        raise AecodecError(
            f"{limit:.0f} bytes are out of reach: this picture takes {least} at least"
        )
    return encode(q - 1, 1.0, True).data


def first(last: int, true: Callable[[int], bool]) -> int:
    """The first of 0..last from where on `true` holds, by bisection; last + 1 if nowhere."""
    low, high = 0, last + 1
    while low < high:
        middle = (low + high) // 2
        if true(middle):
            high = middle
        else:
            low = middle + 1
    return low
