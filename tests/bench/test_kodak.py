"""Kodak itself, where it lies beside the checkout: the benchmark's points against those that were
measured by other code with the same settings, and the metrics against published ones."""

import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("skimage")
pytest.importorskip("matplotlib")

from aecodec.bench.metrics import Image8, ms_ssim, psnr, ssimulacra2
from aecodec.bench.naming import make_codec, steps_of
from aecodec.bench.photos import Photo, read_folder
from aecodec.bench.runner import is_kodak

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "kodak"
MEASURED = [  # Pillow's codecs: bpp and PSNR in dB, means over the 24 photos
    ("jpeg:q=20,progressive=no", 0.44915, 29.14454),
    ("jpeg:q=80,progressive=no", 1.54904, 35.36998),
    ("jpeg2000:ratio=32", 0.74943, 34.30035),
    ("webp:q=40", 0.57722, 32.20194),
    ("avif:q=30", 0.25301, 29.94412),
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the Kodak photos are not beside the checkout"),
]


@pytest.fixture(scope="module")
def kodak() -> list[Photo]:
    photos = read_folder(FOLDER, lambda line: None)
    assert is_kodak(photos, lambda line: None)
    return photos


@pytest.mark.parametrize(("text", "bpp", "decibel"), MEASURED)
def test_points_are_those_of_other_code(
    kodak: list[Photo], tmp_path: Path, text: str, bpp: float, decibel: float
) -> None:
    codec = make_codec(text)
    path, (step,) = tmp_path / f"a{codec.suffix}", steps_of(codec)
    found = []
    for photo in kodak:
        codec.encode(photo.picture(), step, path)
        image_hat = codec.decode(path)
        assert image_hat.size == photo.picture().size
        found.append(
            (8 * path.stat().st_size / photo.pixels, psnr(photo.image, np.asarray(image_hat)))
        )
    assert statistics.fmean(rate for rate, _ in found) == pytest.approx(bpp, rel=0.01)
    assert statistics.fmean(value for _, value in found) == pytest.approx(decibel, abs=0.05)


def mean_of_jpeg(
    metric: Callable[[Image8, Image8], float | None], kodak: list[Photo], quality: int, path: Path
) -> float:
    """Of every third photo as JPEG of this quality, through the file `path`."""
    codec = make_codec("jpeg")
    found = []
    for photo in kodak[::3]:
        codec.encode(photo.picture(), quality, path)
        found.append(metric(photo.image, np.asarray(codec.decode(path))) or 0)
    return statistics.fmean(found)


@pytest.mark.parametrize(("quality", "published"), [(10, 0.8899), (80, 0.9882)])
def test_ms_ssim_is_near_compressais_of_jpeg(
    kodak: list[Photo], tmp_path: Path, quality: int, published: float
) -> None:
    """Theirs is of an older libjpeg, whose PSNR is lower by 0.1 dB."""
    pytest.importorskip("pytorch_msssim")
    found = mean_of_jpeg(ms_ssim, kodak, quality, tmp_path / "a.jpg")
    assert found == pytest.approx(published, abs=0.006)


@pytest.mark.parametrize(("quality", "told"), [(14, 10), (20, 30), (35, 50)])
def test_ssimulacra2_is_on_its_authors_scale(
    kodak: list[Photo], tmp_path: Path, quality: int, told: float
) -> None:
    """Averages that he gives for libjpeg-turbo in 4:2:0, over photos of his."""
    pytest.importorskip("ssimulacra2")
    found = mean_of_jpeg(ssimulacra2, kodak, quality, tmp_path / "a.jpg")
    assert found == pytest.approx(told, abs=8)
