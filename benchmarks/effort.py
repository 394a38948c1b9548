"""What every effort is worth, and what it takes.

    python benchmarks/effort.py PHOTOS [--crop 256] [--count 8] [--json-file FILE]

Codes the middle of some photos at five rates with every effort, and prints BD-rate against effort 0
on the mean curves (real files, PSNR of 8-bit RGB) and the seconds of encoding a megapixel.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import fmean
from typing import Any

from aecodec.bench.bd_rate import bd_rate
from aecodec.bench.photos import read_folder, spread
from aecodec.bench.report import Curve
from aecodec.codec import Codec
from aecodec.picture import psnr
from aecodec.planes import Pixels
from aecodec.quality import MAX_EFFORT, ROUNDS
from aecodec.training.data import centre

QUALITIES = (10, 30, 50, 70, 90)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Compare the encoder's efforts.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--json-file", type=Path)
    options = parser.parse_args()
    photos = spread(read_folder(options.photos, print), options.count)
    pictures = [centre(photo.image, options.crop) for photo in photos]
    codec = Codec()
    rows: list[dict[str, Any]] = []
    code(codec, pictures[:1], 0)
    for effort in range(MAX_EFFORT + 1):
        points, seconds = code(codec, pictures, effort)
        rate = bd_rate(rows[0]["points"], points) if rows else 0.0
        megapixels = sum(picture.size / 3e6 for picture in pictures) * len(QUALITIES)
        row = {"effort": effort, "rounds": ROUNDS[effort], "bd_rate": rate, "points": points}
        rows.append(row | {"seconds_per_megapixel": round(seconds / megapixels, 2)})
        print(f"effort {effort}: {rate:+.2f} %, {seconds / megapixels:.2f} s/MP", flush=True)
    result = {"model": codec.model_id, "photos": [photo.name for photo in photos], "rows": rows}
    if options.json_file:
        options.json_file.write_text(json.dumps(result, indent=1) + "\n")


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


if __name__ == "__main__":
    main()
