"""One file decoded at several sizes: how good, how fast, how early, and against two files.

A picture made small is means of scale x scale samples (Pillow's `reduce`); PSNR is over 8-bit RGB.
"""

import math
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from aecodec.bench.bd_rate import bd_rate
from aecodec.bench.codecs import Aec, Avif, BenchCodec, Jpeg
from aecodec.bench.photos import Photo
from aecodec.codec import Codec
from aecodec.coding.planes import Pixels
from aecodec.format.box import Box
from aecodec.format.constants import DEFAULT_TILE, REDUCTIONS
from aecodec.image.psnr import psnr
from benchmarks.measuring import (
    PSNR_MODEL,
    Point,
    median_seconds,
    photo_options,
    points_of,
    read_middles,
)
from benchmarks.pages import Page, format_rate, plot, table, table_of

QUALITIES = (1, 20, 40, 60, 80, 100)
ARRIVED = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
SECOND = 2
"""The scale of the second picture where two are wanted."""
ONE_FILE = "aecodec, one file"
CODECS: dict[str, BenchCodec] = {
    "aecodec": Aec(q=QUALITIES, tune="psnr"),
    "JPEG": Jpeg(q=(10, 25, 50, 70, 85, 95)),
    "AVIF": Avif(q=(20, 40, 55, 70, 85, 95)),
}
Rows = list[dict[str, Any]]


add_options = photo_options(count=8, side=512)


def run(options: Namespace) -> dict[str, Any]:
    """Measure."""
    photos, pictures = read_middles(options.photos, options.count, options.side)
    codec = Codec(PSNR_MODEL)
    measured = [measure_scales(codec, picture) for picture in pictures]
    return {
        "model": codec.model_id,
        "photos": [photo.name for photo in photos],
        "quality": quality_rows(measured),
        "time": measure_time(codec, photos[0]),
        "regions": measure_regions(codec, photos[0]),
        "arrived": measure_arrived(codec, pictures),
        "files": measure_files(pictures, measured),
    }


def made_small(pixels: Pixels, scale: int) -> Pixels:
    """Means of scale x scale samples."""
    return np.asarray(Image.fromarray(pixels).reduce(scale))


def measure_scales(codec: Codec, picture: Pixels) -> Rows:
    """One row a quality: bpp, and dB of the whole decode; for every scale against the original made
    small, dB of the whole decode made small and of the small decode."""
    rows = []
    for quality in QUALITIES:
        data = codec.encode(picture, quality=quality)
        decoded = codec.decode_picture(data).pixels
        row = {"bpp": 8 * len(data) / (picture.size / 3), "large dB": psnr(picture, decoded)}
        for scale in REDUCTIONS[1:]:
            original = made_small(picture, scale)
            small = codec.decode_picture(data, scale=scale).pixels
            row[f"whole 1/{scale}"] = psnr(original, made_small(decoded, scale))
            row[f"small 1/{scale}"] = psnr(original, small)
        rows.append(row)
    return rows


def quality_rows(measured: list[Rows]) -> Rows:
    """One row a quality and scale, means over the pictures and the largest difference."""
    rows: Rows = []
    for quality, step in zip(QUALITIES, zip(*measured, strict=True), strict=True):
        for scale in (f"1/{scale}" for scale in REDUCTIONS[1:]):
            whole, small = (
                [row[f"{which} {scale}"] for row in step] for which in ("whole", "small")
            )
            below = [a - b for a, b in zip(whole, small, strict=True)]
            row = {"quality": quality, "scale": scale, "whole dB": fmean(whole)}
            rows.append(row | {"small dB": fmean(small), "below": fmean(below), "most": max(below)})
    return rows


def measure_time(codec: Codec, photo: Photo, repeats: int = 9) -> Rows:
    """Median time of decoding a photo at every scale."""
    height, width = photo.image.shape[:2]
    data = codec.encode(photo.image)
    times = timed([partial(codec.decode_picture, data, scale=s) for s in REDUCTIONS], repeats)
    return [
        {"size": f"{width}x{height}", "scale": f"1/{scale}"} | row
        for scale, row in zip(REDUCTIONS, times, strict=True)
    ]


def measure_regions(codec: Codec, photo: Photo, repeats: int = 2) -> Rows:
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
        for (name, _, scale), row in zip(cases, timed(decoders, repeats), strict=True)
    ]


def timed(decoders: Sequence[Callable[[], object]], repeats: int) -> Rows:
    """Median milliseconds of each, and the share of the first one's."""
    seconds = median_seconds(decoders, repeats, warm_up=1)
    return [{"ms": 1e3 * each, "share": each / seconds[0]} for each in seconds]


def measure_arrived(codec: Codec, pictures: list[Pixels], quality: int = 60) -> Rows:
    """PSNR of what the first part of a file decodes to."""
    files = [codec.encode(picture, quality=quality) for picture in pictures]
    rows = []
    for share in ARRIVED:
        arrived = [data[: round(share * len(data))] for data in files]
        decoded = [codec.decode_picture(data, partial=True).pixels for data in arrived]
        rows.append({"share": share, "dB": fmean(map(psnr, pictures, decoded))})
    return rows


def measure_files(pictures: list[Pixels], measured: list[Rows]) -> dict[str, Rows]:
    """Two sizes of every picture: one file of ours, or two of ours, of JPEG, of AVIF.

    Of two files, the small one has the lowest quality at which its PSNR is that of the small
    picture in our one file at the same PSNR of the large one, between steps by interpolation.
    """
    small_db = f"small 1/{SECOND}"
    one = [
        [{"bpp": r["bpp"], "large dB": r["large dB"], "small dB": r[small_db]} for r in rows]
        for rows in measured
    ]
    found = {ONE_FILE: mean_rows(one)}
    for name, other in CODECS.items():
        two = []
        for picture, single in zip(pictures, one, strict=True):
            second = made_small(picture, SECOND)
            large, small = points_of(other, picture), points_of(other, second)
            share = second.size / picture.size
            two.append([two_files(point, small, single, share) for point in large])
        found[f"{name}, two files"] = mean_rows(two)
    return found


def two_files(large: Point, small: list[Point], single: Rows, share: float) -> dict[str, float]:
    """-> bits of both files per pixel of the large picture, of whose pixels the small one has this
    share; the small one is as good as the one that `single` gives."""
    wanted = np.interp(
        large.psnr, [row["large dB"] for row in single], [row["small dB"] for row in single]
    )
    rates, found, _ = zip(*sorted(small), strict=True)
    second = share * math.exp(float(np.interp(wanted, found, np.log(rates))))
    reached = float(np.clip(wanted, found[0], found[-1]))
    return {"bpp": large.bpp + second, "large dB": large.psnr, "small dB": reached}


def mean_rows(rows: list[Rows]) -> Rows:
    """Means over pictures, step by step."""
    return [
        {key: fmean(r[key] for r in step) for key in step[0]} for step in zip(*rows, strict=True)
    ]


def tables(name: str, result: dict[str, Any]) -> dict[str, str]:
    """Quality, time, regions, and the bytes of two files, one under the other."""
    parts = [table_of(result[part]) for part in ("quality", "time", "regions")]
    return {name: "\n\n".join([*parts, files_table(result["files"])])}


def files_table(files: dict[str, Rows]) -> str:
    """The files' points, and the bytes of two at equal PSNR of the large picture."""
    curves = {name: [(row["bpp"], row["large dB"]) for row in rows] for name, rows in files.items()}
    rows = []
    for name, curve in curves.items():
        (bpp, db), (last_bpp, last_db) = curve[0], curve[-1]
        rate = "-" if name == ONE_FILE else format_rate(bd_rate(curves[ONE_FILE], curve))
        rows.append([name, f"{bpp:.2f}..{last_bpp:.2f}", f"{db:.1f}..{last_db:.1f}", rate])
    return table(("stored", "bpp", "large dB", "BD-rate vs one file"), rows)


def plots(name: str, result: dict[str, Any]) -> dict[str, Figure]:
    """The bytes of one and two files, and what a part of a file gives."""
    arrived, axes = plot("% of the file's bytes", "PSNR, dB")
    rows = result["arrived"]
    axes.plot([100 * row["share"] for row in rows], [row["dB"] for row in rows], "-o")
    return {f"{name}.svg": plot_files(result["files"]), f"{name}-arrived.svg": arrived}


def plot_files(files: dict[str, Rows]) -> Figure:
    """All bytes that are stored against PSNR of the large and of the small picture."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, key in zip(figure.subplots(1, 2), ("large dB", "small dB"), strict=True):
        for name, rows in files.items():
            style = "-o" if name == ONE_FILE else "--s"
            axes.plot([row["bpp"] for row in rows], [row[key] for row in rows], style, label=name)
        axes.set_xscale("log")
        axes.set_xlabel("bits of all files per pixel of the large picture")
        axes.set_ylabel(f"PSNR of the {key.split()[0]} picture, dB")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    return figure


PAGE = Page(Path(__file__).with_name("README.md"), ("kodak", "valid"), tables, plots)
