"""Small and partial decodes of one photo on one sheet, to look at.

Full, 1/2, 1/4 and 1/8 in one row; in the next, what 10, 30 and 60 % of the file decode to, at 1/2.
"""

import argparse
from pathlib import Path

from PIL import Image
from skimage import data as photos

from aecodec.codec import Codec
from aecodec.coding.planes import Pixels
from aecodec.format.constants import REDUCTIONS
from aecodec.image.photo_file import read_picture
from benchmarks.measuring import PSNR_MODEL

SHARES = (0.1, 0.3, 0.6)
GAP = 8
"""pixels between pictures"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which photo, and where the sheet goes."""
    output = Path(__file__).with_name("picture.jpg")
    parser.add_argument("photo", type=Path, nargs="?", help="default: one of scikit-image's")
    parser.add_argument("--quality", type=int, default=50, help="1..100 (%(default)s)")
    parser.add_argument(*("-o", "--output"), type=Path, default=output, help="that of the page")


def run(options: argparse.Namespace) -> None:
    """Draw the sheet."""
    pixels = read_picture(options.photo).pixels if options.photo else photos.coffee()
    draw(pixels, options.quality).save(options.output, quality=80)


def draw(pixels: Pixels, quality: int) -> Image.Image:
    """The sheet of a picture, uint8 [H, W, 3]."""
    codec = Codec(PSNR_MODEL)
    data = codec.encode(pixels, quality=quality)
    cuts = [data[: round(share * len(data))] for share in SHARES]
    first = in_a_row([codec.decode(data, scale=scale) for scale in REDUCTIONS])
    second = in_a_row([codec.decode(cut, partial=True).reduce(2) for cut in cuts])
    size = max(first.width, second.width), first.height + GAP + second.height
    sheet = Image.new("RGB", size, "white")
    sheet.paste(first, (0, 0))
    sheet.paste(second, (0, first.height + GAP))
    return sheet


def in_a_row(images: list[Image.Image]) -> Image.Image:
    """Pictures beside each other, on one ground line."""
    height = max(image.height for image in images)
    sheet = Image.new("RGB", (sum(image.width + GAP for image in images) - GAP, height), "white")
    left = 0
    for image in images:
        sheet.paste(image, (left, height - image.height))
        left += image.width + GAP
    return sheet
