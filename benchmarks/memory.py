"""The memory that the command needs for large pictures.

Compresses a square PPM file and decompresses an .aec file to PPM, each by `aecodec` as a process of
its own: its peak resident memory, the bytes of the picture itself, and the difference. The .aec
file repeats the payload of one tile: decoding does not know that its tiles are alike.
"""

import argparse
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage import data as photos

from aecodec.codec import Codec
from aecodec.format.constants import DEFAULT_TILE, MAX_PIXELS
from aecodec.format.container import read_container, write_container
from benchmarks.pages import BENCHMARKS, RESULTS, Page, table_of
from benchmarks.trees import finish, start

SIDES = (4096, 16384)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sides in pixels."""
    for verb in VERBS:
        of = parser.add_argument(f"--{verb}", metavar="SIDE", type=int, nargs="*", default=SIDES)
        of.help = " ".join(map(str, SIDES))


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure.

    The pictures are made by another process: what a process has held counts as its children's peak.
    """
    spawn, rows = multiprocessing.get_context("spawn"), []
    with tempfile.TemporaryDirectory() as name, ProcessPoolExecutor(1, spawn) as maker:
        folder = Path(name)
        for verb, (make, given, target) in VERBS.items():
            for side in getattr(options, verb):
                path = maker.submit(make, folder / given, side).result()
                rows.append(measure(verb, path, folder / target, side))
                path.unlink()
    return rows


def write_ppm(path: Path, side: int) -> Path:
    """A picture of this side, photos beside photos."""
    photo = photos.astronaut()
    n = -(-side // len(photo))
    Image.fromarray(np.tile(photo, (n, n, 1))[:side, :side]).save(path)
    return path


def write_aec(path: Path, side: int) -> Path:
    """An .aec file of this side, a multiple of the tile's."""
    photo = photos.astronaut()
    n = DEFAULT_TILE // len(photo)
    tile = read_container(Codec().encode(np.tile(photo, (n, n, 1))))
    header = replace(tile.header, width=side, height=side)
    payloads = tile.payloads * len(header.tiles())
    path.write_bytes(write_container(replace(tile, header=header, payloads=payloads)))
    return path


def measure(verb: str, source: Path, target: Path, side: int) -> dict[str, Any]:
    """-> seconds and MiB of one command."""
    limit = str(max(MAX_PIXELS, side * side))
    began = time.monotonic()
    peak = finish(start([verb, "-f", "--max-pixels", limit, source, "-o", target]))
    seconds, pixels = time.monotonic() - began, 3 * side * side / 2**20
    return {
        "command": verb,
        "side": side,
        "seconds": round(seconds, 1),
        "peak_mib": round(peak),
        "picture_mib": round(pixels),
        "beyond_mib": round(peak - pixels),
    }


def tables(name: str, rows: list[dict[str, Any]]) -> dict[str, str]:
    """One line a command."""
    told = [{key.replace("_mib", ", MiB"): str(row[key]) for key in row} for row in rows]
    return {name: table_of(told)}


VERBS = {
    "compress": (write_ppm, "in.ppm", "out.aec"),
    "decompress": (write_aec, "in.aec", "out.ppm"),
}
"""What makes the command's input, that, and its output."""
PAGE = Page(BENCHMARKS / "README.md", ("memory",), tables, folder=RESULTS)
