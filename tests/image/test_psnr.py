"""PSNR by its definition."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from aecodec.errors import ImageError
from aecodec.image.psnr import psnr
from tests.processes import run_python


@pytest.mark.parametrize("shape", [(4, 5, 3), (4, 5)])
def test_psnr(shape: tuple[int, ...]) -> None:
    black: NDArray[np.uint8] = np.zeros(shape, np.uint8)
    assert psnr(black, black) == math.inf
    assert psnr(black, black + np.uint8(255)) == 0
    assert psnr(black, black + np.uint8(1)) == pytest.approx(20 * math.log10(255))
    with pytest.raises(ImageError):
        psnr(black, black[:2])


def test_psnr_of_a_large_picture_is_exact() -> None:
    random = np.random.default_rng(0)
    a, b = random.integers(0, 256, (2, 1234, 321, 3), dtype=np.uint8)
    b[:, ::2] = a[:, ::2] ^ np.uint8(1)
    squares = int(((a.astype(np.int64) - b) ** 2).sum())
    assert psnr(a, b) == 10 * math.log10(255**2 * a.size / squares)
    assert psnr(a[::-1, ::3], b[::-1, ::3]) == psnr(a[:, ::3], b[:, ::3])
    worst: NDArray[np.uint8] = np.zeros((16, 20_000, 3), np.uint8)  # above 2**31 in a strip
    assert psnr(worst, ~worst) == 0


def test_psnr_does_without_scikit_image() -> None:
    """It takes most of a second to import."""
    code = "import sys, numpy as np; from aecodec.image.psnr import psnr\n"
    code += "psnr(*np.zeros((2, 4, 5), np.uint8)); sys.exit('skimage' in sys.modules)"
    assert run_python(code).returncode == 0
