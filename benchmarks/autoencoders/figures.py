"""The figures: loss curves, grids of pictures, points of rate and distortion."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from aecodec.bench.plot import BPP_TICKS, COLOURS, MARKERS, save
from benchmarks.autoencoders.trainer import Rows, to_bytes

TICKS = (0.001, 0.005, 0.02, *BPP_TICKS, 8, 16, 32, 64)
DPI = 110
GAP = 2  # white pixels between pictures of a grid
STYLES = {"train": ":", "valid": "-", "test": "--"}
Points = Sequence[tuple[float, float]]


def draw_curves(curves: Mapping[str, Rows], path: Path, unit: str) -> None:
    """Loss by epoch: a colour a training, a dash a set."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for colour, (name, rows) in zip(COLOURS, curves.items(), strict=False):
        for part, style in STYLES.items():
            if part in rows[0]:
                epochs = [row["epoch"] for row in rows]
                values = [row[part] for row in rows]
                label = f"{name}, {part}"
                axes.plot(epochs, values, style, color=colour, label=label, linewidth=1.2)
    axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel(unit)
    axes.grid(alpha=0.3, which="both")
    figure.legend(loc="outside right upper", fontsize="x-small")
    save(figure, path, DPI)


def draw_lines(
    curves: Mapping[str, Points], path: Path, labels: tuple[str, str], logarithmic: bool = True
) -> None:
    """Lines with markers: rate against distortion, size against error."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    for index, (name, points) in enumerate(curves.items()):
        axes.plot(
            *zip(*sorted(points), strict=True),
            label=name,
            color=COLOURS[index % len(COLOURS)],
            marker=MARKERS[index % len(MARKERS)],
            linestyle="-" if index < len(COLOURS) else "--",
            markersize=4,
            linewidth=1.3,
        )
    axes.set_xscale("log")
    if labels[0].startswith("bits per pixel"):
        reached = [bpp for points in curves.values() for bpp, _ in points]
        ticks = [tick for tick in TICKS if min(reached) <= tick <= max(reached)]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_xticks([], minor=True)
    if logarithmic:
        axes.set_yscale("log")
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    save(figure, path, DPI)


def draw_scatters(panels: Mapping[str, NDArray[np.float32]], labels: Tensor, path: Path) -> None:
    """Points in the plane [N, 2], coloured and named by label, one panel each."""
    figure = Figure(figsize=(4 * len(panels), 4), layout="constrained")
    for axes, (name, points) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        axes.scatter(points[:, 0], points[:, 1], c=labels.numpy(), cmap="tab10", s=3)
        for label in labels.unique().tolist():
            middle = np.median(points[labels.numpy() == label], axis=0)
            axes.text(*middle, str(label), fontsize="large", fontweight="bold")
        axes.set_title(name, fontsize="small")
        axes.set_xticks([])
        axes.set_yticks([])
    save(figure, path, DPI)


def draw_grid(rows: Sequence[Tensor], path: Path, zoom: int = 1) -> None:
    """Rows of pictures [N, C, H, W] in [0, 1], one row under the other, each pixel `zoom` wide."""
    bands = [np.hstack([_framed(picture) for picture in to_bytes(row)]) for row in rows]
    image = np.vstack(bands).repeat(zoom, axis=0).repeat(zoom, axis=1)
    Image.fromarray(image).save(path, optimize=True)


def _framed(picture: Tensor) -> NDArray[np.uint8]:
    """[C, H, W] -> [H + GAP, W + GAP, 3]"""
    pixels = picture.expand(3, -1, -1).permute(1, 2, 0).numpy()
    return np.pad(pixels, ((0, GAP), (0, GAP), (0, 0)), constant_values=255)
