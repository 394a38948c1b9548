"""How far two images are apart."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from aecodec.errors import ImageError

ROWS = 16
"""at a time, in whole numbers: what has just been computed is still in the cache"""


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """PSNR in dB over all samples of two images of one shape; infinite where they are the same.

    Raises ImageError for two shapes.
    """
    if a.shape != b.shape:
        raise ImageError(f"PSNR needs images of one size, not {a.shape} and {b.shape}")
    squares = 0
    for top in range(0, len(a), ROWS):
        error = np.subtract(a[top : top + ROWS], b[top : top + ROWS], dtype=np.int32)
        squares += int(np.square(error, out=error).sum(dtype=np.int64))
    return 10 * math.log10(255**2 * a.size / squares) if squares else math.inf
