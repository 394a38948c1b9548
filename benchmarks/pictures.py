"""The command line and the pictures that some of the benchmarks share."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from aecodec.bench.photos import Photo, read_folder, spread
from aecodec.coding.planes import Pixels
from aecodec.training.data import centre


def photo_options(description: str, count: int, side: int) -> argparse.ArgumentParser:
    """Which photos, how many of them and how large a part, with these defaults."""
    found = argparse.ArgumentParser(description=description)
    found.add_argument("photos", type=Path)
    found.add_argument("--count", type=int, default=count)
    found.add_argument("--side", type=int, default=side, help="of the photos' middles")
    return found


def read_middles(options: argparse.Namespace) -> tuple[list[Photo], list[Pixels]]:
    """The photos that are asked for, and the middle of each, uint8 [side, side, 3]."""
    photos = spread(read_folder(options.photos, print), options.count)
    return photos, [np.ascontiguousarray(centre(photo.image, options.side)) for photo in photos]
