"""SSIMULACRA2 by the package; what its scale means is tested in bench/test_metrics.py."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from aecodec.errors import AecodecError, ImageError
from aecodec.image.ssimulacra2 import ssimulacra2
from tests.photos import jpeg, photo


def test_it_is_the_package_s() -> None:
    package = pytest.importorskip("ssimulacra2")
    pixels, worse = photo(40, 30), jpeg(photo(40, 30), 30)
    found = ssimulacra2(pixels, worse)
    assert ssimulacra2(pixels, pixels) == 100 > found
    assert ssimulacra2(pixels[..., 0], worse[..., 0]) == ssimulacra2(
        *(np.dstack([a[..., 0]] * 3) for a in (pixels, worse))
    )
    files = []
    for each in (pixels, worse):
        files.append(io.BytesIO())
        Image.fromarray(each).save(files[-1], "PNG")
    assert package.compute_ssimulacra2(*files) == found


@pytest.mark.parametrize("shape", [(7, 40, 3), (40, 7), (1, 1, 3)])
def test_a_picture_that_is_too_small(shape: tuple[int, ...]) -> None:
    pixels = np.zeros(shape, np.uint8)
    with pytest.raises(ImageError, match=f"needs 8 pixels each way, not {shape[1]}x{shape[0]}"):
        ssimulacra2(pixels, pixels)


def test_two_shapes() -> None:
    with pytest.raises(ImageError, match="images of one size"):
        ssimulacra2(photo(40, 30), photo(40, 31))


def test_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ssimulacra2", None)
    with pytest.raises(AecodecError, match=r"pip install 'aecodec\[ssimulacra2\]'"):
        ssimulacra2(photo(40, 30), photo(40, 30))
