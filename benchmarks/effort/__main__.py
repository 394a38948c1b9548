"""What every effort is worth, and what it takes.

    python -m benchmarks.effort PHOTOS [--count 8] [--side 256] [--name valid]

Codes the middle of some photos at five rates with every effort: BD-rate against effort 0 on the
mean curves (real files, PSNR of 8-bit RGB), and the seconds of encoding a megapixel. A row more,
"nearest", is a plain forward pass: effort 0, but rounded to the nearest symbol whatever it costs;
the table has BD-rates against that, too.
Writes NAME.json, NAME.md and NAME.svg beside this file.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import fmean
from typing import Any
from unittest.mock import patch

from matplotlib.figure import Figure

from aecodec.bench.bd_rate import bd_rate
from aecodec.bench.plot import save
from aecodec.bench.report import Curve
from aecodec.bench.table import markdown
from aecodec.codec import Codec
from aecodec.coding.effort import DEFAULT_EFFORT, MAX_EFFORT, ROUNDS
from aecodec.coding.planes import Pixels
from aecodec.image.psnr import psnr
from benchmarks.pictures import photo_options, read_middles

HERE = Path(__file__).parent
QUALITIES = (10, 30, 50, 70, 90)
NEAREST = "nearest"


def main() -> None:
    """Measure, print, write."""
    parser = photo_options("Compare the encoder's efforts.", count=8, side=256)
    parser.add_argument("--name", default="valid")
    options = parser.parse_args()
    photos, pictures = read_middles(options)
    codec = Codec()
    rows = measure(codec, pictures)
    result = {"model": codec.model_id, "photos": [photo.name for photo in photos], "rows": rows}
    (HERE / f"{options.name}.json").write_text(json.dumps(result, indent=1) + "\n")
    (HERE / f"{options.name}.md").write_text(table(rows) + "\n")
    draw(rows, HERE / f"{options.name}.svg")
    print(table(rows))


def measure(codec: Codec, pictures: list[Pixels]) -> list[dict[str, Any]]:
    """One row an effort, the first of plain rounding."""
    code(codec, pictures[:1], 1)  # warms up
    found = {str(effort): code(codec, pictures, effort) for effort in range(MAX_EFFORT + 1)}
    with patch("aecodec.model.quantize.RATE_WEIGHT", 0.0):
        found = {NEAREST: code(codec, pictures, 0)} | found
    megapixels = sum(picture.size / 3e6 for picture in pictures) * len(QUALITIES)
    anchor = found["0"][0]
    return [
        {
            "effort": name,
            "rounds": 0 if name == NEAREST else ROUNDS[int(name)],
            "bd_rate": 0.0 if points is anchor else bd_rate(anchor, points),
            "seconds_per_megapixel": seconds / megapixels,
            "points": points,
        }
        for name, (points, seconds) in found.items()
    ]


def code(codec: Codec, pictures: list[Pixels], effort: int) -> tuple[Curve, float]:
    """-> bpp and PSNR in dB at every quality, means over the pictures; seconds of all encoding."""
    points, seconds = [], 0.0
    for quality in QUALITIES:
        found = []
        for picture in pictures:
            start = time.perf_counter()
            data = codec.encode(picture, quality, effort=effort)
            seconds += time.perf_counter() - start
            decibels = psnr(picture, codec.decode_picture(data).pixels)
            found.append((8 * len(data) / (picture.size / 3), decibels))
        points.append((fmean(bpp for bpp, _ in found), fmean(db for _, db in found)))
    return points, seconds


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    cells = [["effort", "rounds", "BD-rate vs nearest", "BD-rate vs effort 0", "s/MP"]]
    for row in rows:
        name = row["effort"] + " (default)" * (row["effort"] == str(DEFAULT_EFFORT))
        plain = bd_rate(rows[0]["points"], row["points"])
        seconds = f"{row['seconds_per_megapixel']:.2f}"
        cells.append([name, str(row["rounds"]), shown(plain), shown(row["bd_rate"]), seconds])
    return "\n".join(markdown(cells))


def shown(rate: float | None) -> str:
    return "no overlap" if rate is None else f"{rate:+.2f} %"


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """BD-rate against seconds."""
    figure = Figure(figsize=(5, 3.5), layout="constrained")
    axes = figure.subplots()
    efforts = [row for row in rows if row["effort"] != NEAREST]
    seconds = [row["seconds_per_megapixel"] for row in efforts]
    rates = [row["bd_rate"] for row in efforts]
    axes.plot(seconds, rates, "-o")
    for row, place in zip(efforts, zip(seconds, rates, strict=True), strict=True):
        axes.annotate(row["effort"], place, xytext=(4, 4), textcoords="offset points")
    axes.set_xlabel("seconds a megapixel")
    axes.set_ylabel("BD-rate against effort 0, %")
    axes.grid(alpha=0.3)
    save(figure, path)


if __name__ == "__main__":
    main()
