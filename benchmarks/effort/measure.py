"""What every effort is worth, and what it takes.

Codes the middle of some photos at five rates with every effort: BD-rate against effort 0 on the
mean curves (real files, PSNR of 8-bit RGB), and the seconds of encoding a megapixel. A row more,
"nearest", is a plain forward pass: effort 0, but rounded to the nearest symbol whatever it costs;
the table has BD-rates against that, too.
"""

from argparse import Namespace
from pathlib import Path
from statistics import fmean
from typing import Any
from unittest.mock import patch

from matplotlib.figure import Figure

from aecodec.bench.bd_rate import bd_rate
from aecodec.bench.codecs import Aec, load_codec
from aecodec.bench.report import Curve
from aecodec.coding.effort import DEFAULT_EFFORT, MAX_EFFORT, ROUNDS
from aecodec.coding.planes import Pixels
from benchmarks.measuring import photo_options, points_of, read_middles
from benchmarks.pages import Page, format_rate, plot, table

QUALITIES = (10, 30, 50, 70, 90)
NEAREST = "nearest"


add_options = photo_options(count=8, side=256)


def run(options: Namespace) -> dict[str, Any]:
    """Measure."""
    photos, pictures = read_middles(options.photos, options.count, options.side)
    about = {"model": load_codec("", "cpu").model_id, "photos": [photo.name for photo in photos]}
    return about | {"rows": measure(pictures)}


def measure(pictures: list[Pixels]) -> list[dict[str, Any]]:
    """One row an effort, the first of plain rounding."""
    code(pictures[:1], 1)  # warms up
    found = {str(effort): code(pictures, effort) for effort in range(MAX_EFFORT + 1)}
    with patch("aecodec.model.quantize.RATE_WEIGHT", 0.0):
        found = {NEAREST: code(pictures, 0)} | found
    megapixels = sum(picture.size / 3e6 for picture in pictures) * len(QUALITIES)
    anchor = found["0"][0]
    return [
        {
            "effort": name,
            "rounds": 0 if name == NEAREST else ROUNDS[int(name)],
            "bd_rate": 0.0 if curve is anchor else bd_rate(anchor, curve),
            "seconds_per_megapixel": seconds / megapixels,
            "points": curve,
        }
        for name, (curve, seconds) in found.items()
    ]


def code(pictures: list[Pixels], effort: int) -> tuple[Curve, float]:
    """-> bpp and PSNR in dB at every quality, means over the pictures; seconds of all encoding."""
    codec = Aec(q=QUALITIES, effort=effort)
    steps = list(zip(*(points_of(codec, picture) for picture in pictures), strict=True))
    curve = [(fmean(p.bpp for p in step), fmean(p.psnr for p in step)) for step in steps]
    return curve, sum(point.seconds for step in steps for point in step)


def tables(name: str, result: dict[str, Any]) -> dict[str, str]:
    """One line an effort."""
    rows = []
    for row in result["rows"]:
        effort = row["effort"] + " (default)" * (row["effort"] == str(DEFAULT_EFFORT))
        nearest = bd_rate(result["rows"][0]["points"], row["points"])
        rates = [format_rate(rate, 2) for rate in (nearest, row["bd_rate"])]
        rows.append([effort, row["rounds"], *rates, f"{row['seconds_per_megapixel']:.2f}"])
    head = ("effort", "rounds", "BD-rate vs nearest", "BD-rate vs effort 0", "s/MP")
    return {name: table(head, rows)}


def plots(name: str, result: dict[str, Any]) -> dict[str, Figure]:
    """BD-rate against seconds."""
    figure, axes = plot("seconds a megapixel", "BD-rate against effort 0, %")
    efforts = [row for row in result["rows"] if row["effort"] != NEAREST]
    places = [(row["seconds_per_megapixel"], row["bd_rate"]) for row in efforts]
    axes.plot(*zip(*places, strict=True), "-o")
    for row, place in zip(efforts, places, strict=True):
        axes.annotate(row["effort"], place, xytext=(4, 4), textcoords="offset points")
    return {f"{name}.svg": figure}


PAGE = Page(Path(__file__).with_name("README.md"), ("valid", "kodak"), tables, plots)
