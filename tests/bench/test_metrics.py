"""The metrics: known answers, and where they are not defined."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("skimage")

from aecodec.bench import metrics
from aecodec.bench.metrics import PSNR_MAX, butteraugli, cvvdp, ms_ssim, psnr, ssimulacra2
from aecodec.bench.photos import read_bundled
from aecodec.bench.scales import METRICS
from aecodec.errors import AecodecError
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


def test_cvvdp_falls_with_damage() -> None:
    if find_spec("pycvvdp") is None:
        pytest.skip("cvvdp is not installed")
    image = read_bundled()[0].image[:64, :96]
    good, bad = (cvvdp(image, jpeg(image, quality)) for quality in (90, 10))
    assert good is not None and bad is not None and bad < good < 10
    assert cvvdp(image, image) == 10
    assert cvvdp(image[:1], image[:1]) is None


posix = pytest.mark.skipif(os.name != "posix", reason="the program is a shell script")


@posix
def test_butteraugli_asks_its_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the photo first; the program tells the maximum, then the norm."""
    image, damaged = synthetic(8, 9).image, synthetic(8, 9, seed=1).image
    for name, pixels in (("photo", image), ("decoded", damaged)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png", compress_level=0)
    right = f'cmp "$1" {tmp_path}/photo.png && cmp "$2" {tmp_path}/decoded.png || exit 1'
    program = tmp_path / "butteraugli_main"
    program.write_text(f"#!/bin/sh\n{right}\necho 3.9137\necho 3-norm: 1.58\necho hint >&2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert butteraugli(image, damaged) == (3.9137, 1.58)
    assert butteraugli(image[:7], image[:7]) is None
    with pytest.raises(AecodecError, match="butteraugli_main ended with 1"):
        butteraugli(damaged, image)


@pytest.mark.skipif(not shutil.which("butteraugli_main"), reason="the program is not on PATH")
def test_butteraugli_rises_with_damage() -> None:
    image = read_bundled()[0].image[:64, :96]
    good, bad = (butteraugli(image, jpeg(image, quality)) for quality in (90, 10))
    assert good is not None and bad is not None
    assert all(0 < low < high for low, high in zip(good, bad, strict=True))
    assert butteraugli(image, image) == (0, 0)


def test_all_metrics_by_their_names() -> None:
    image = synthetic(200, 200).image
    found = metrics.measured(image, image)
    assert list(found) == list(METRICS) and found["psnr"] == PSNR_MAX


def test_metrics_are_unknown_without_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    image = synthetic(200, 200).image
    found = metrics.measured(image, image)
    assert [name for name, value in found.items() if value is not None] == ["psnr"]
    assert metrics.tools() == []
