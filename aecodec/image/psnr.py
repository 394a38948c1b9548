"""How far two images are apart."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from aecodec.errors import ImageError

_ROWS = 64


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """PSNR in dB over all samples of two images of one shape; infinite where they are the same.

    Raises ImageError for two shapes.
    """
    if a.shape != b.shape:
        raise ImageError(f"PSNR needs images of one size, not {a.shape} and {b.shape}")
    from skimage.metrics import mean_squared_error  # half a second, which decoding does without

    squares = 0.0
    for top in range(0, len(a), _ROWS):  # in float64: large pictures row by row
        rows = slice(top, top + _ROWS)
        squares += mean_squared_error(a[rows], b[rows]) * a[rows].size
    return 10 * math.log10(255**2 * a.size / squares) if squares else math.inf
