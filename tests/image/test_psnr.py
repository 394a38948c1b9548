"""PSNR by its definition."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from aecodec.errors import ImageError
from aecodec.image.psnr import psnr


@pytest.mark.parametrize("shape", [(4, 5, 3), (4, 5)])
def test_psnr(shape: tuple[int, ...]) -> None:
    black: NDArray[np.uint8] = np.zeros(shape, np.uint8)
    assert psnr(black, black) == math.inf
    assert psnr(black, black + np.uint8(255)) == 0
    assert psnr(black, black + np.uint8(1)) == pytest.approx(20 * math.log10(255))
    with pytest.raises(ImageError):
        psnr(black, black[:2])
