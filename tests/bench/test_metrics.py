"""The metrics: known answers, and where they are not defined."""

import numpy as np
import pytest

pytest.importorskip("skimage")

from aecodec.bench import metrics
from aecodec.bench.metrics import PSNR_MAX, ms_ssim, psnr, ssimulacra2
from aecodec.bench.photos import read_bundled
from tests.bench.synthetic import synthetic
from tests.photos import jpeg


def test_psnr_of_known_pictures() -> None:
    image = np.full((4, 4, 3), 100, np.uint8)
    assert psnr(image, image + np.uint8(1)) == pytest.approx(48.1308, abs=1e-4)
    assert psnr(image, image) == PSNR_MAX


def test_ms_ssim_needs_a_large_photo() -> None:
    pytest.importorskip("pytorch_msssim")
    photo, small = synthetic(176, 200), synthetic(175, 200)
    assert ms_ssim(photo.image, photo.image) == pytest.approx(1)
    noisy = synthetic(176, 200, seed=1)
    different = ms_ssim(photo.image, noisy.image)
    assert different is not None and 0 <= different < 0.9
    assert ms_ssim(small.image, small.image) is None


def test_ssimulacra2_is_on_the_scale_that_its_author_gave_it() -> None:
    """100 is lossless; libjpeg-turbo in 4:2:0 has 10 at quality 14, 30 at 20 and 50 at 35.

    Those are averages over the author's photos: the means over ours differ by some points.
    """
    pytest.importorskip("ssimulacra2")
    photos = [photo.image[:256, :256] for photo in read_bundled()]
    assert ssimulacra2(photos[0], photos[0]) == 100
    means = []
    for quality in (14, 20, 35):
        found = [ssimulacra2(image, jpeg(image, quality)) for image in photos]
        means.append(float(np.mean([each for each in found if each is not None])))
    assert means == pytest.approx([10, 30, 50], abs=12) and means == sorted(means)
    assert ssimulacra2(photos[0][:7], photos[0][:7]) is None


def test_metrics_are_unknown_without_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "find_spec", lambda name: None)
    image = synthetic(200, 200).image
    assert ms_ssim(image, image) is None and ssimulacra2(image, image) is None
