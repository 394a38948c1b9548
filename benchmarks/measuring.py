"""What the benchmarks measure with: photos, RD points, seconds."""

import statistics
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aecodec.bench.codecs import BenchCodec
from aecodec.bench.measure import code
from aecodec.bench.naming import steps_of
from aecodec.bench.photos import Photo, read_folder, spread
from aecodec.coding.planes import Pixels
from aecodec.image.psnr import psnr
from aecodec.model.store import TUNED
from aecodec.training.data import centre

PSNR_MODEL = TUNED["psnr"]
"""What codes wherever quality is measured as PSNR."""


class Point(NamedTuple):
    """One picture through one real file."""

    bpp: float
    psnr: float  # dB, of 8-bit RGB
    seconds: float  # of encoding


def photo_options(count: int, side: int) -> Callable[[ArgumentParser], None]:
    """`add_options` for photos: which, how many of them and how large a part, by default these."""

    def add_options(parser: ArgumentParser) -> None:
        parser.add_argument("photos", type=Path, help="folder")
        parser.add_argument("--count", type=int, default=count, help="%(default)s; 0: all of them")
        parser.add_argument("--side", type=int, default=side, help="of the middles (%(default)s)")

    return add_options


def read_middles(folder: Path, count: int, side: int) -> tuple[list[Photo], list[Pixels]]:
    """So many photos of a folder, 0: all, and the middle of each, uint8 [side, side, 3]."""
    photos = read_folder(folder, print)
    photos = spread(photos, count or len(photos))
    return photos, [np.ascontiguousarray(centre(photo.image, side)) for photo in photos]


def points_of(codec: BenchCodec, picture: Pixels) -> list[Point]:
    """One picture, uint8 [H, W, 3], through a file at every setting of a codec."""
    coded = [code(codec, step, picture) for step in steps_of(codec)]
    return [Point(each.bpp, psnr(picture, each.image_hat), each.encode_s) for each in coded]


def median_seconds(
    calls: Sequence[Callable[[], object]], repeats: int, warm_up: int = 0
) -> list[float]:
    """The median wall-clock seconds of each call. They take turns; the first turns do not count."""
    seconds: list[list[float]] = [[] for _ in calls]
    for turn in range(-warm_up, repeats):
        for call, found in zip(calls, seconds, strict=True):
            start = time.perf_counter()
            call()
            if turn >= 0:
                found.append(time.perf_counter() - start)
    return [statistics.median(found) for found in seconds]
