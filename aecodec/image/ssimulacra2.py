"""How far two images are apart to the eye."""

from __future__ import annotations

import io
from importlib.util import find_spec

import numpy as np
from PIL import Image

from aecodec.errors import AecodecError, ImageError
from aecodec.image.modes import Pixels
from aecodec.image.picture import pillow_errors

SSIMULACRA2_MIN_SIDE = 8
"""pixels; it is defined from there on"""


def check_ssimulacra2(width: int, height: int) -> None:
    """Raises ImageError for pictures too small to be measured, AecodecError without the package."""
    if min(height, width) < SSIMULACRA2_MIN_SIDE:
        least = SSIMULACRA2_MIN_SIDE
        raise ImageError(f"SSIMULACRA2 needs {least} pixels each way, not {width}x{height}")
    if find_spec("ssimulacra2") is None:
        raise AecodecError("SSIMULACRA2 needs a package: pip install 'aecodec[ssimulacra2]'")


def ssimulacra2(a: Pixels, b: Pixels) -> float:
    """SSIMULACRA2 (Sneyers 2022) by the package of that name: 100 is identical, 90 invisible.

    Of sRGB uint8 [H, W, 3], or of gray [H, W]. Takes half a kilobyte of memory for each pixel.
    Raises ImageError for two shapes, and as `check_ssimulacra2` does.
    """
    if a.shape != b.shape:
        raise ImageError(f"SSIMULACRA2 needs images of one size, not {a.shape} and {b.shape}")
    check_ssimulacra2(a.shape[1], a.shape[0])
    from ssimulacra2 import compute_ssimulacra2  # an extra

    with pillow_errors("measure SSIMULACRA2"):
        return float(compute_ssimulacra2(_bmp(a), _bmp(b)))


def _bmp(image: Pixels) -> io.BytesIO:
    """The pixels as the file that the package wants."""
    file = io.BytesIO()
    Image.fromarray(image if image.ndim == 3 else np.dstack([image] * 3)).save(file, "BMP")
    file.seek(0)
    return file
