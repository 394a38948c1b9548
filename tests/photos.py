"""Pictures for tests, from what scikit-image bundles."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image


def photo(width: int, height: int) -> NDArray[np.uint8]:
    """A part of a bundled photo, tiled where it is too small: uint8 [height, width, 3]."""
    pixels: NDArray[np.uint8] = np.asarray(skimage.data.coffee())
    rows, columns = np.arange(height) % pixels.shape[0], np.arange(width) % pixels.shape[1]
    return pixels[rows][:, columns]


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    """The bytes of a PIL image in a format."""
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def levels_apart(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
    """The largest difference of two samples."""
    return int(np.abs(a.astype(int) - b).max())


def jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """What JPEG makes of pixels."""
    data = saved(Image.fromarray(pixels), "JPEG", quality=quality)
    return np.asarray(Image.open(io.BytesIO(data)))
