"""Kodak itself, where it lies beside the checkout: the benchmark's points against those that were
measured by other code with the same settings, and the metrics against published ones."""

import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("skimage")
pytest.importorskip("matplotlib")
pytest.importorskip("pytorch_msssim")
pytest.importorskip("ssimulacra2")

from aecodec.bench.metrics import ms_ssim, psnr, ssimulacra2
from aecodec.bench.naming import make_codec, steps_of
from aecodec.bench.photos import Photo, read_folder
from aecodec.bench.runner import is_kodak
from aecodec.image.modes import Pixels
from tests.photos import jpeg

Metric = Callable[[Pixels, Pixels], float | None]
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
        quality = psnr(photo.image, np.asarray(codec.decode(path)))
        found.append((8 * path.stat().st_size / photo.pixels, quality))
    assert statistics.fmean(rate for rate, _ in found) == pytest.approx(bpp, rel=0.01)
    assert statistics.fmean(value for _, value in found) == pytest.approx(decibel, abs=0.05)


@pytest.mark.parametrize(
    ("metric", "quality", "published", "apart"),
    [
        (ms_ssim, 10, 0.8899, 0.006),  # CompressAI's, of an older libjpeg
        (ms_ssim, 80, 0.9882, 0.006),  # whose PSNR is lower by 0.1 dB
        (ssimulacra2, 14, 10, 8),  # averages that its author gives for libjpeg-turbo in 4:2:0,
        (ssimulacra2, 20, 30, 8),  # over photos of his
        (ssimulacra2, 35, 50, 8),
    ],
)
def test_metrics_of_jpeg_are_near_published_ones(
    metric: Metric, quality: int, published: float, apart: float, kodak: list[Photo]
) -> None:
    """Of every third photo."""
    found = [metric(photo.image, jpeg(photo.image, quality)) for photo in kodak[::3]]
    assert statistics.fmean(each or 0 for each in found) == pytest.approx(published, abs=apart)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("kodim19.png", (-22.31, 43.77, 65.25, 84.38)),
        ("kodim05.png", (0.36, 52.42, 68.40, 84.86)),
    ],
)
def test_ssimulacra2_is_near_its_authors_program(
    name: str, theirs: tuple[float, ...], kodak: list[Photo]
) -> None:
    """Which pads with zeros where the package mirrors: the more damage, the farther apart."""
    (image,) = (photo.image for photo in kodak if photo.name == name)
    for quality, score, apart in zip((10, 30, 60, 90), theirs, (5.5, 2, 1, 0.3), strict=True):
        assert ssimulacra2(image, jpeg(image, quality)) == pytest.approx(score, abs=apart)
