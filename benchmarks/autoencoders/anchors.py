"""What the product's own benchmark has measured or read: curves to stand beside a study's."""

import csv
from functools import cache
from pathlib import Path
from statistics import fmean

from aecodec import __version__
from aecodec.bench.published import read_published

BENCHMARKS = Path(__file__).resolve().parents[1]
IMAGES = BENCHMARKS / "results" / __version__ / "images.csv"
"""The published run: every Kodak photo through every codec, real files."""

KODAK_COUNT = 24
"""Published curves are means over all of them, and stand beside nothing else."""

Points = list[tuple[float, float]]  # bpp, PSNR in dB


@cache
def measured(codec: str) -> dict[str, Points]:
    """Photo -> its curve in the published run, whole files."""
    curves: dict[str, Points] = {}
    with IMAGES.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["codec"] == codec:
                point = float(row["bpp"]), float(row["psnr"])
                curves.setdefault(row["image"], []).append(point)
    return curves


def mean_curve(codec: str, photos: list[str]) -> Points:
    """Means over photos of the published run, setting by setting; none for other photos."""
    curves = [points for name, points in measured(codec).items() if name in photos]
    return [
        (fmean(bpp for bpp, _ in column), fmean(psnr for _, psnr in column))
        for column in zip(*curves, strict=True)
    ]


def published(name: str) -> Points:
    """A curve that others measured: means over all 24 Kodak photos."""
    return list(read_published(name).curve)
