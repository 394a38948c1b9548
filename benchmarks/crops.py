"""The two pictures of results: README's crops, and what is lost where the codec loses the most.

At equal bytes of the whole photos, as in `sheets`. The second one follows the published report: of
each worst case it shows the square where our squared error exceeds the other's the most.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from aecodec.bench.files import read_report
from aecodec.bench.measure import Coded
from aecodec.bench.metrics import psnr, ssimulacra2
from aecodec.bench.naming import make_codec
from aecodec.bench.photos import Photo, read_folder
from aecodec.errors import AecodecError
from aecodec.image.modes import Pixels
from benchmarks.losses import Case, worst
from benchmarks.pages import RESULTS
from benchmarks.sheets import Cell, Crop, at_most, cut, sheet

COLUMNS = {"aecodec": "aec", "AVIF": "avif", "JPEG XL": "jxl"}
"""Of README's picture, after the original."""
CROPS = (
    Crop("kodim19.png", 265, 150, 112, "tower, sky"),
    Crop("kodim20.png", 243, 225, 112, "lettering"),
)
RATE, RATE_LOST = 0.15, 0.3
"""Bits per pixel: where differences are seen; of the worst cases, at which theirs is good."""
SIDE = 144
"""Of the squares of the worst cases, in pixels."""
FILES = ("crops.jpg", "losses.jpg")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Photos, folder."""
    parser.add_argument("photos", type=Path, help="folder of the Kodak photos")
    parser.add_argument("-o", dest="folder", type=Path, default=RESULTS, help="(%(default)s)")


def run(options: argparse.Namespace) -> None:
    """Draw both. Raises AecodecError where photos or the published report are missing."""
    photos = {photo.name: photo for photo in read_folder(options.photos, print)}
    cases = worst(read_report(RESULTS))
    wanted = [*(crop.photo for crop in CROPS), *(case.photo for case in cases)]
    missing = set(wanted) - set(photos)
    if missing:
        raise AecodecError(f"{options.photos}: missing: {', '.join(sorted(missing))}")
    rows = [crop_row(photos[crop.photo], crop) for crop in CROPS]
    lost = [lost_row(photos[case.photo], case) for case in cases]
    sheets = sheet(["original", *COLUMNS], rows), sheet(["original", "aecodec", "the other"], lost)
    for name, picture in zip(FILES, sheets, strict=True):
        save(picture, options.folder / name)
        print(options.folder / name)


def save(picture: Image.Image, path: Path) -> None:
    """A JPEG whose own losses are not seen, with colours at full resolution."""
    picture.save(path, quality=88, subsampling=0, optimize=True)


def crop_row(photo: Photo, crop: Crop) -> list[Cell]:
    """The original, and each of `COLUMNS`."""
    cells = [Cell(cut(photo.image, crop), (photo.name, crop.shows))]
    for name in COLUMNS.values():
        coded = coded_at(name, photo, RATE)
        lines = (f"{coded.bytes:,} bytes", _score(photo, coded))
        cells.append(Cell(cut(coded.image_hat, crop), lines))
    return cells


def lost_row(photo: Photo, case: Case) -> list[Cell]:
    """The square of a worst case: the original, ours, the other's."""
    both = {name: coded_at(name, photo, RATE_LOST) for name in (case.codec, case.rival)}
    crop = most_lost(photo, *(coded.image_hat for coded in both.values()))
    original = cut(photo.image, crop)
    cells = [Cell(original, (photo.name, f"{crop.side} pixels from {crop.left}, {crop.top}"))]
    for name, coded in both.items():
        pixels = cut(coded.image_hat, crop)
        told = f"{_score(photo, coded)}; here {psnr(original, pixels):.1f} dB"
        cells.append(Cell(pixels, (f"{name}: {coded.bytes:,} bytes", told)))
    return cells


def coded_at(name: str, photo: Photo, rate: float) -> Coded:
    """The codec's largest file within a rate. Raises AecodecError where there is none."""
    found = at_most(make_codec(name), photo.image, (rate,))[rate]
    if found is None:
        raise AecodecError(f"{photo.name}: {name} has no file of {rate:g} bits per pixel")
    return found[1]


def most_lost(photo: Photo, ours: Pixels, theirs: Pixels) -> Crop:
    """The square of `SIDE` in which our squared error exceeds theirs the most."""
    beyond = squared_error(photo.image, ours) - squared_error(photo.image, theirs)
    sums = np.pad(beyond.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))  # [H + 1, W + 1]
    rows = sums[SIDE:] - sums[:-SIDE]
    squares = rows[:, SIDE:] - rows[:, :-SIDE]  # by their first pixel
    top, left = np.unravel_index(squares.argmax(), squares.shape)
    return Crop(photo.name, int(left), int(top), SIDE, "")


def squared_error(
    image: Pixels, image_hat: Pixels
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """[H, W], the sum over samples."""
    return np.square(image.astype(np.int64) - image_hat).sum(axis=2)


def _score(photo: Photo, coded: Coded) -> str:
    score = ssimulacra2(photo.image, coded.image_hat)
    return "" if score is None else f"SSIMULACRA2 {score:.1f}"
