"""One file decoded at several sizes: how good, how fast, how early, and against two files.

    python -m benchmarks.multiresolution PHOTOS [--count 8] [--side 512] [--name valid]

Writes NAME.json, NAME.md and the plots NAME.svg and NAME-arrived.svg beside this file. A picture
made small is means of scale x scale samples (Pillow's `reduce`); PSNR is over 8-bit RGB.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from PIL import Image

from aecodec.bench.bd_rate import bd_rate
from aecodec.bench.codecs import Aec, Avif, BenchCodec, Jpeg
from aecodec.bench.naming import steps_of
from aecodec.bench.photos import Photo
from aecodec.bench.table import markdown
from aecodec.codec import Codec
from aecodec.coding.planes import Pixels
from aecodec.format.container import DEFAULT_TILE, Box
from aecodec.format.quality import SCALES
from aecodec.image.picture import psnr
from benchmarks.multiresolution.draw import plot_arrived, plot_files
from benchmarks.pictures import photo_options, read_middles

HERE = Path(__file__).parent
QUALITIES = (1, 20, 40, 60, 80, 100)
ARRIVED = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
SECOND = 2
"""The scale of the second picture where two are wanted."""
CODECS: dict[str, BenchCodec] = {
    "aecodec": Aec(q=QUALITIES),
    "JPEG": Jpeg(q=(10, 25, 50, 70, 85, 95)),
    "AVIF": Avif(q=(20, 40, 55, 70, 85, 95)),
}
Table = list[dict[str, Any]]


def main() -> None:
    """Measure, print, write."""
    parser = photo_options("Measure decoding at several sizes.", count=8, side=512)
    parser.add_argument("--name", default="valid")
    options = parser.parse_args()
    photos, pictures = read_middles(options)
    codec = Codec()
    result: dict[str, Any] = {
        "model": codec.model_id,
        "photos": [photo.name for photo in photos],
        "quality": measure_quality(codec, pictures),
        "time": measure_time(codec, photos[0]),
        "regions": measure_regions(codec, photos[0]),
        "arrived": measure_arrived(codec, pictures),
        "files": measure_files(codec, pictures),
    }
    (HERE / f"{options.name}.json").write_text(json.dumps(result, indent=1) + "\n")
    tables = [table(result[name]) for name in ("quality", "time", "regions")]
    text = "\n\n".join([*tables, files_table(result)])
    (HERE / f"{options.name}.md").write_text(text + "\n")
    plot_files(result["files"], HERE / f"{options.name}.svg")
    plot_arrived(result["arrived"], HERE / f"{options.name}-arrived.svg")
    print(text)


def made_small(pixels: Pixels, scale: int) -> Pixels:
    """Means of scale x scale samples."""
    return np.asarray(Image.fromarray(pixels).reduce(scale))


def measure_quality(codec: Codec, pictures: list[Pixels]) -> Table:
    """PSNR against the original made small: the whole decode made small, and the small decode."""
    rows = []
    for quality in QUALITIES:
        files = [codec.encode(picture, quality=quality) for picture in pictures]
        decoded = [codec.decode_picture(data).pixels for data in files]
        for scale in SCALES[1:]:
            originals = [made_small(picture, scale) for picture in pictures]
            pairs = list(zip(originals, decoded, strict=True))
            whole = [psnr(original, made_small(pixels, scale)) for original, pixels in pairs]
            small = [
                psnr(original, codec.decode_picture(data, scale=scale).pixels)
                for original, data in zip(originals, files, strict=True)
            ]
            below = [a - b for a, b in zip(whole, small, strict=True)]
            row = {"quality": quality, "scale": f"1/{scale}", "whole dB": fmean(whole)}
            rows.append(row | {"small dB": fmean(small), "below": fmean(below), "most": max(below)})
    return rows


def measure_time(codec: Codec, photo: Photo, repeats: int = 9) -> Table:
    """Median time of decoding a photo at every scale."""
    height, width = photo.image.shape[:2]
    data = codec.encode(photo.image)
    seconds = in_turn([partial(codec.decode_picture, data, scale=s) for s in SCALES], repeats)
    return [
        {"size": f"{width}x{height}", "scale": f"1/{scale}"} | row
        for scale, row in zip(SCALES, seconds, strict=True)
    ]


def measure_regions(codec: Codec, photo: Photo, repeats: int = 2) -> Table:
    """Median time of decoding parts of a large picture of four tiles."""
    side, tile = 2 * DEFAULT_TILE, DEFAULT_TILE
    picture = np.asarray(Image.fromarray(photo.image).resize((side, side)))
    data = codec.encode(picture, effort=0)
    regions = {
        "everything": None,
        "the middle of one tile": Box(64, 64, tile - 64, tile - 64),
        "128x128 of it": Box(448, 448, 576, 576),
        "across all four tiles, 128x128": Box(tile - 64, tile - 64, tile + 64, tile + 64),
    }
    cases = [(name, region, scale) for scale in (1, 8) for name, region in regions.items()]
    decoders = [partial(codec.decode_picture, data, region, scale) for _, region, scale in cases]
    return [
        {"size": f"{side}x{side}", "region": name, "scale": f"1/{scale}"} | row
        for (name, _, scale), row in zip(cases, in_turn(decoders, repeats), strict=True)
    ]


def in_turn(decoders: Sequence[Callable[[], Any]], repeats: int) -> Table:
    """Median milliseconds of each, and the share of the first one's."""
    seconds: list[list[float]] = [[] for _ in decoders]
    for number in range(repeats + 1):
        for decode, found in zip(decoders, seconds, strict=True):
            start = time.perf_counter()
            decode()
            if number:  # the first one warms up
                found.append(time.perf_counter() - start)
    whole = median(seconds[0])
    return [{"ms": 1e3 * median(found), "share": median(found) / whole} for found in seconds]


def measure_arrived(codec: Codec, pictures: list[Pixels], quality: int = 60) -> Table:
    """PSNR of what the first part of a file decodes to."""
    files = [codec.encode(picture, quality=quality) for picture in pictures]
    rows = []
    for share in ARRIVED:
        found = [
            psnr(
                picture, codec.decode_picture(data[: round(share * len(data))], partial=True).pixels
            )
            for picture, data in zip(pictures, files, strict=True)
        ]
        rows.append({"share": share, "dB": fmean(found)})
    return rows


def measure_files(codec: Codec, pictures: list[Pixels]) -> dict[str, Table]:
    """Two sizes of every picture: one file of ours, or two of ours, of JPEG, of AVIF.

    Of two files, the small one has the lowest quality at which its PSNR is that of the small
    picture in our one file at the same PSNR of the large one, between steps by interpolation.
    """
    one = [one_file(codec, picture) for picture in pictures]
    found = {"aecodec, one file": mean_rows(one)}
    for name, other in CODECS.items():
        two = []
        for picture, single in zip(pictures, one, strict=True):
            large, small = (curve_of(other, p) for p in (picture, made_small(picture, SECOND)))
            two.append([two_files(point, small, single, picture.size / 3) for point in large])
        found[f"{name}, two files"] = mean_rows(two)
    return found


def one_file(codec: Codec, picture: Pixels) -> Table:
    """-> for every quality: bits a pixel of the large picture, dB of both."""
    rows, small = [], made_small(picture, SECOND)
    for quality in QUALITIES:
        data = codec.encode(picture, quality=quality)
        rows.append(
            {
                "bpp": 8 * len(data) / (picture.size / 3),
                "large dB": psnr(picture, codec.decode_picture(data).pixels),
                "small dB": psnr(small, codec.decode_picture(data, scale=SECOND).pixels),
            }
        )
    return rows


def curve_of(codec: BenchCodec, picture: Pixels) -> list[tuple[float, float]]:
    """-> bytes and dB of the picture at every setting."""
    found: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for step in steps_of(codec):
            path = Path(folder, f"photo{codec.suffix}")
            codec.encode(Image.fromarray(picture), step, path)
            found.append((path.stat().st_size, psnr(picture, np.asarray(codec.decode(path)))))
    return found


def two_files(
    large: tuple[float, float], small: list[tuple[float, float]], single: Table, pixels: float
) -> dict[str, float]:
    """-> bits a pixel of both files, the small one as good as the one that `single` gives."""
    size, decibels = large
    wanted = np.interp(decibels, [r["large dB"] for r in single], [r["small dB"] for r in single])
    rates, found = zip(*sorted(small), strict=True)
    second = math.exp(float(np.interp(wanted, found, np.log(rates))))
    reached = float(np.clip(wanted, found[0], found[-1]))
    return {"bpp": 8 * (size + second) / pixels, "large dB": decibels, "small dB": reached}


def mean_rows(rows: list[Table]) -> Table:
    """Means over pictures, step by step."""
    return [
        {key: fmean(r[key] for r in step) for key in step[0]} for step in zip(*rows, strict=True)
    ]


def files_table(result: dict[str, Any]) -> str:
    """The files' points, and the bytes of two at equal PSNR of the large picture."""
    curves = {
        name: [(row["bpp"], row["large dB"]) for row in rows]
        for name, rows in result["files"].items()
    }
    anchor = curves["aecodec, one file"]
    rows = [
        {
            "stored": name,
            "bpp": f"{curve[0][0]:.2f}..{curve[-1][0]:.2f}",
            "large dB": f"{curve[0][1]:.1f}..{curve[-1][1]:.1f}",
            "BD-rate vs one file, %": "-" if curve is anchor else f"{bd_rate(anchor, curve):+.1f}",
        }
        for name, curve in curves.items()
    ]
    return table(rows)


def table(rows: Table) -> str:
    """Rows as a Markdown table."""
    return "\n".join(markdown([list(rows[0]), *(list(map(shown, row.values())) for row in rows)]))


def shown(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
