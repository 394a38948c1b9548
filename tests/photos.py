"""Pictures for tests, from what scikit-image bundles."""

from __future__ import annotations

import numpy as np
import skimage.data
from numpy.typing import NDArray


def photo(width: int, height: int) -> NDArray[np.uint8]:
    """A part of a bundled photo, tiled where it is too small: uint8 [height, width, 3]."""
    pixels: NDArray[np.uint8] = np.asarray(skimage.data.coffee())
    rows, columns = np.arange(height) % pixels.shape[0], np.arange(width) % pixels.shape[1]
    return pixels[rows][:, columns]
