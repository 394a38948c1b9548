"""The plots, and a picture of small and partial decodes to look at.

python -m benchmarks.multiresolution.draw [PHOTO] [--quality 50] [-o picture.jpg]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from skimage import data as photos

from aecodec.bench.plot import save
from aecodec.codec import Codec
from aecodec.image.photo_file import read_picture

HERE = Path(__file__).parent
SHARES = (0.1, 0.3, 0.6)
GAP = 8
"""pixels between pictures"""


def plot_files(files: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """All bytes that are stored against PSNR of the large and of the small picture."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, key in zip(figure.subplots(1, 2), ("large dB", "small dB"), strict=True):
        for name, rows in files.items():
            style = "-o" if "one" in name else "--s"
            axes.plot([row["bpp"] for row in rows], [row[key] for row in rows], style, label=name)
        axes.set_xscale("log")
        axes.set_xlabel("bits of all files per pixel of the large picture")
        axes.set_ylabel(f"PSNR of the {key.split()[0]} picture, dB")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    save(figure, path)


def plot_arrived(rows: list[dict[str, Any]], path: Path) -> None:
    """PSNR against the share of a file that has arrived."""
    figure = Figure(figsize=(5, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([100 * row["share"] for row in rows], [row["dB"] for row in rows], "-o")
    axes.set_xlabel("% of the file's bytes")
    axes.set_ylabel("PSNR, dB")
    axes.grid(alpha=0.3)
    save(figure, path)


def draw_picture(pixels: np.ndarray, quality: int) -> Image.Image:
    """Full, 1/2, 1/4 and 1/8 in one row, what parts of the file decode to in the next."""
    codec = Codec()
    data = codec.encode(pixels, quality=quality)
    small = [codec.decode(data, scale=scale) for scale in (1, 2, 4, 8)]
    cuts = [data[: round(share * len(data))] for share in SHARES]
    parts = [codec.decode(cut, partial=True).reduce(2) for cut in cuts]
    first, second = row(small), row(parts)
    width = max(first.width, second.width)
    sheet = Image.new("RGB", (width, first.height + GAP + second.height), "white")
    sheet.paste(first, (0, 0))
    sheet.paste(second, (0, first.height + GAP))
    return sheet


def row(images: list[Image.Image]) -> Image.Image:
    """Pictures beside each other, on one ground line."""
    height = max(image.height for image in images)
    sheet = Image.new("RGB", (sum(image.width + GAP for image in images) - GAP, height), "white")
    left = 0
    for image in images:
        sheet.paste(image, (left, height - image.height))
        left += image.width + GAP
    return sheet


def main() -> None:
    """Draw the picture; by default of a photo that comes with scikit-image."""
    parser = argparse.ArgumentParser(description="Draw small and partial decodes.")
    parser.add_argument("photo", type=Path, nargs="?")
    parser.add_argument("--quality", type=int, default=50)
    parser.add_argument("-o", "--output", type=Path, default=HERE / "picture.jpg")
    options = parser.parse_args()
    pixels = read_picture(options.photo).pixels if options.photo else photos.coffee()
    draw_picture(pixels, options.quality).save(options.output, quality=80)


if __name__ == "__main__":
    main()
