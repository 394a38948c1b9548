"""Crops of photos by several codecs at equal bytes, to be looked at: a PNG sheet for each rate.

One row a crop, the original first. Each codec codes the whole photo in at most so many bytes, as
near as its own quality knob comes; what it took, and SSIMULACRA2 of the whole photo, stand below.
"""

import argparse
import csv
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from aecodec.bench.codecs import BenchCodec
from aecodec.bench.measure import Coded, code
from aecodec.bench.metrics import ssimulacra2
from aecodec.bench.naming import knob, make_codec, name_of, split_codecs
from aecodec.bench.photos import Photo, read_folder
from aecodec.errors import AecodecError
from aecodec.image.modes import Pixels

RATES = (0.15, 0.3, 0.8)
"""bits per pixel"""
CODECS = "aec,aec:tune=psnr,avif,jxl"
KNOBS: dict[str, Sequence[float]] = {
    "q": range(1, 101),
    "d": [round(25 * 0.97**n, 3) for n in range(200)],  # 25 to 0.06
}
"""The values to choose from, by rising bytes."""
ZOOM = 2
TEXT, GAP, FONT = 16, 6, 13
"""Height of a line, distance of cells and height of letters, in pixels."""
INK, PAPER = "#1b1b1b", "#ffffff"


@dataclass(frozen=True)
class Crop:
    """A square part of a photo, and what it shows."""

    photo: str
    left: int
    top: int
    side: int
    shows: str


CROPS = (
    Crop("kodim04.png", 200, 260, 160, "face"),
    Crop("kodim15.png", 400, 90, 160, "face, painted"),
    Crop("kodim13.png", 330, 170, 160, "foliage"),
    Crop("kodim16.png", 330, 140, 160, "palms, sky, water"),
    Crop("kodim01.png", 8, 24, 160, "shutters, stone"),
    Crop("kodim08.png", 550, 240, 160, "sign"),
    Crop("kodim08.png", 548, 352, 160, "red window frames"),
    Crop("kodim20.png", 240, 210, 160, "lettering"),
    Crop("kodim12.png", 60, 20, 160, "sky and sea"),
    Crop("kodim18.png", 205, 150, 160, "dark: face"),
    Crop("kodim18.png", 240, 420, 160, "dark: cloth"),
    Crop("kodim19.png", 40, 440, 160, "fence, shade"),
)
"""Of the Kodak photos."""


@dataclass(frozen=True)
class Cell:
    """Pixels to show, uint8 [side, side, 3], and two lines below them."""

    pixels: Pixels
    lines: tuple[str, str]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Photos, folder, crops, codecs."""
    parser.add_argument("photos", type=Path, help="folder")
    parser.add_argument("-o", dest="folder", type=Path, required=True, help="of the sheets")
    columns = "CSV file with the columns photo, left, top, side, shows (some of Kodak's)"
    parser.add_argument("--crops", type=Path, help=columns)
    told = f"with a knob {' or '.join(KNOBS)} (%(default)s)"
    parser.add_argument("--codecs", default=CODECS, help=told)


def run(options: argparse.Namespace) -> None:
    """Write `RATE-bpp.png` for each rate."""
    codecs = [make_codec(text) for text in split_codecs(options.codecs)]
    for codec in codecs:
        if knob(codec) not in KNOBS:
            raise AecodecError(
                f"{name_of(codec)}: its knob {knob(codec)} is not {', '.join(KNOBS)}"
            )
    crops = read_crops(options.crops) if options.crops else CROPS
    photos = {photo.name: photo for photo in read_folder(options.photos, print)}
    shown = [crop for crop in crops if crop.photo in photos]
    if not shown:
        raise AecodecError(f"{options.photos}: none of the photos that crops are of")
    for crop in shown:
        cut(photos[crop.photo].image, crop)  # refused before any work
    options.folder.mkdir(parents=True, exist_ok=True)
    rows: dict[float, list[list[Cell]]] = {rate: [] for rate in RATES}
    for name in dict.fromkeys(crop.photo for crop in shown):
        print(name, flush=True)
        of_photo = [crop for crop in shown if crop.photo == name]
        for rate, found in cells(photos[name], of_photo, codecs).items():
            rows[rate] += found
    titles = ["original", *map(name_of, codecs)]
    for rate in RATES:
        path = options.folder / f"{rate:g}-bpp.png"
        sheet(titles, rows[rate]).save(path)
        print(path)


def read_crops(path: Path) -> list[Crop]:
    """Raises AecodecError for a file that does not hold crops."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [
                Crop(
                    photo=row["photo"],
                    left=int(row["left"]),
                    top=int(row["top"]),
                    side=int(row["side"]),
                    shows=row["shows"],
                )
                for row in csv.DictReader(file)
            ]
    except (KeyError, TypeError, ValueError) as error:
        raise AecodecError(f"{path}: not a file of crops ({error!r})") from error


def cut(image: Pixels, crop: Crop) -> Pixels:
    """The crop's pixels. Raises AecodecError where it is not within the photo."""
    part = image[crop.top : crop.top + crop.side, crop.left : crop.left + crop.side]
    if min(crop.left, crop.top) < 0 or part.shape[:2] != (crop.side, crop.side) or crop.side < 1:
        raise AecodecError(f"{crop.photo}: the crop {crop.shows!r} is not within the photo")
    return part


def cells(
    photo: Photo, crops: Sequence[Crop], codecs: Sequence[BenchCodec]
) -> dict[float, list[list[Cell]]]:
    """By rate, a row for each crop of one photo."""
    original = [Cell(cut(photo.image, crop), (photo.name, crop.shows)) for crop in crops]
    found = {rate: [[cell] for cell in original] for rate in RATES}
    for codec in codecs:
        for rate, coded in at_most(codec, photo.image, RATES).items():
            for row, crop in zip(found[rate], crops, strict=True):
                row.append(_cell(coded, photo, crop))
    return found


def at_most(
    codec: BenchCodec, image: Pixels, rates: Sequence[float]
) -> dict[float, tuple[float, Coded] | None]:
    """By rate in bpp the setting and file with the most bytes that are not more, by bisection.

    None where every file has more.
    """
    steps = KNOBS[knob(codec)]

    @cache
    def attempt(step: float) -> Coded:
        return code(codec, step, image)

    found: dict[float, tuple[float, Coded] | None] = {}
    for rate in rates:
        place = bisect_right(steps, rate, key=lambda step: attempt(step).bpp)
        found[rate] = (steps[place - 1], attempt(steps[place - 1])) if place else None
    return found


def _cell(found: tuple[float, Coded] | None, photo: Photo, crop: Crop) -> Cell:
    """A coded crop; gray where no file is as small."""
    if found is None:
        return Cell(np.full((crop.side, crop.side, 3), 128, np.uint8), ("no file as small", ""))
    setting, coded = found
    score = ssimulacra2(photo.image, coded.image_hat)
    told = "" if score is None else f"SSIMULACRA2 {score:.1f}, "
    lines = (f"{coded.bytes} bytes, {coded.bpp:.3f} bpp", f"{told}setting {setting:g}")
    return Cell(cut(coded.image_hat, crop), lines)


def sheet(titles: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Image.Image:
    """Rows of cells under titles, each crop enlarged without smoothing."""
    sides = [ZOOM * len(row[0].pixels) for row in rows]
    width = max(sides) + GAP
    heights = [side + 2 * TEXT + GAP for side in sides]
    picture = Image.new("RGB", (width * len(titles) + GAP, TEXT + GAP + sum(heights)), PAPER)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(FONT)
    for column, title in enumerate(titles):
        draw.text((GAP + column * width, 0), title, INK, font)
    top = TEXT + GAP
    for row, side, height in zip(rows, sides, heights, strict=True):
        for column, cell in enumerate(row):
            left = GAP + column * width
            large = cell.pixels.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
            picture.paste(Image.fromarray(large), (left, top))
            for n, line in enumerate(cell.lines):
                draw.text((left, top + side + n * TEXT), line, INK, font)
        top += height
    return picture
