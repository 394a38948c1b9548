"""What every effort is worth, and what it takes.

Codes the middle of some photos at five rates with every effort: BD-rate against effort 0 on the
mean curves (real files, 8-bit RGB), and the seconds of encoding a megapixel. For PSNR a row more,
"nearest", is a plain forward pass: effort 0, but rounded to the nearest symbol whatever it costs;
the table has BD-rates against that, too. For the eye BD-rates are by the metrics of the eye.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from statistics import fmean
from typing import Any
from unittest.mock import patch

from matplotlib.figure import Figure

from aecodec.bench.bd_rate import bd_rate
from aecodec.bench.codecs import Aec
from aecodec.bench.measure import code as code_file
from aecodec.bench.metrics import measured
from aecodec.bench.naming import steps_of
from aecodec.bench.report import Curve
from aecodec.bench.scales import METRICS
from aecodec.coding.effort import DEFAULT_EFFORT, MAX_EFFORT, ROUNDS
from aecodec.coding.planes import Pixels
from aecodec.model.store import TUNED, find_model
from benchmarks.measuring import photo_options, read_middles
from benchmarks.pages import Page, format_rate, plot, table

QUALITIES = (10, 30, 50, 70, 90)
NEAREST = "nearest"
JUDGES = {
    "psnr": ("psnr",),
    "visual": ("psnr", "ssimulacra2", "cvvdp", "butteraugli_3norm"),
}
"""The metrics of a tune's table, of which the last is that of its plot."""
Curves = dict[str, Curve]
"""By metric: (bpp, quality on the metric's even scale), means over the pictures."""


def add_options(parser: ArgumentParser) -> None:
    """Photos, and what to code them for."""
    photo_options(count=8, side=256)(parser)
    parser.add_argument("--tune", choices=TUNED, default="psnr", help="%(default)s")


def run(options: Namespace) -> dict[str, Any]:
    """Measure."""
    photos, pictures = read_middles(options.photos, options.count, options.side)
    model = find_model(tune=options.tune).model_id
    about = {"tune": options.tune, "model": model, "photos": [photo.name for photo in photos]}
    return about | {"rows": measure(pictures, options.tune)}


def measure(pictures: list[Pixels], tune: str) -> list[dict[str, Any]]:
    """One row an effort, for PSNR the first of plain rounding."""
    code(pictures[:1], 1, tune)  # warms up
    found = {str(effort): code(pictures, effort, tune) for effort in range(MAX_EFFORT + 1)}
    if tune == "psnr":
        with patch("aecodec.model.quantize.RATE_WEIGHT", 0.0):
            found = {NEAREST: code(pictures, 0, tune)} | found
    megapixels = sum(picture.size / 3e6 for picture in pictures) * len(QUALITIES)
    return [
        {
            "effort": name,
            "rounds": 0 if name == NEAREST else ROUNDS[int(name)],
            "seconds_per_megapixel": seconds / megapixels,
            "points": curves,
        }
        for name, (curves, seconds) in found.items()
    ]


def code(pictures: list[Pixels], effort: int, tune: str) -> tuple[Curves, float]:
    """-> the curves at every quality; seconds of all encoding."""
    codec, seconds = Aec(q=QUALITIES, effort=effort, tune=tune), 0.0
    curves: dict[str, list[tuple[float, float]]] = {name: [] for name in JUDGES[tune]}
    for step in steps_of(codec):
        coded = [code_file(codec, step, picture) for picture in pictures]
        seconds += sum(each.encode_s for each in coded)
        seen = [
            measured(picture, each.image_hat) for picture, each in zip(pictures, coded, strict=True)
        ]
        for name, curve in curves.items():
            values = [each[name] for each in seen]
            if None not in values:
                quality = METRICS[name].even(fmean(value or 0.0 for value in values))
                curve.append((fmean(each.bpp for each in coded), quality or 0.0))
    return {name: curve for name, curve in curves.items() if curve}, seconds


def tables(name: str, result: dict[str, Any]) -> dict[str, str]:
    """One line an effort."""
    rows, anchors = [], {row["effort"]: row["points"] for row in result["rows"]}
    judges = [judge for judge in JUDGES[result["tune"]] if judge in anchors["0"]]
    against = [(NEAREST, judge) for judge in judges] if NEAREST in anchors else []
    against += [("0", judge) for judge in judges]
    for row in result["rows"]:
        effort = row["effort"] + " (default)" * (row["effort"] == str(DEFAULT_EFFORT))
        rates = [bd_rate(anchors[each][judge], row["points"][judge]) for each, judge in against]
        told = [format_rate(rate, 2) for rate in rates]
        rows.append([effort, row["rounds"], *told, f"{row['seconds_per_megapixel']:.2f}"])
    titles = [f"{METRICS[judge].title} vs {each_of(each)}" for each, judge in against]
    return {name: table(("effort", "rounds", *titles, "s/MP"), rows)}


def each_of(effort: str) -> str:
    """An effort in words."""
    return effort if effort == NEAREST else f"effort {effort}"


def plots(name: str, result: dict[str, Any]) -> dict[str, Figure]:
    """BD-rate against seconds."""
    efforts = [row for row in result["rows"] if row["effort"] != NEAREST]
    judge = [judge for judge in JUDGES[result["tune"]] if judge in efforts[0]["points"]][-1]
    title = f"BD-rate against effort 0 by {METRICS[judge].title}, %"
    figure, axes = plot("seconds a megapixel", title)
    anchor = efforts[0]["points"][judge]
    rates = [bd_rate(anchor, row["points"][judge]) or 0.0 for row in efforts]
    places = [(row["seconds_per_megapixel"], r) for row, r in zip(efforts, rates, strict=True)]
    axes.plot(*zip(*places, strict=True), "-o")
    for row, place in zip(efforts, places, strict=True):
        axes.annotate(row["effort"], place, xytext=(4, 4), textcoords="offset points")
    return {f"{name}.svg": figure}


PAGE = Page(Path(__file__).with_name("README.md"), ("valid", "kodak", "visual"), tables, plots)
