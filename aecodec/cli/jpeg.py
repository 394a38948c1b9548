"""A warning where JPEG would do better: line art, text and noise are not what models know."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
from PIL import Image

from aecodec.image.modes import Pixels
from aecodec.image.photo_file import opened
from aecodec.image.psnr import psnr

MCU = 16
"""pixels each way, what JPEG codes at a time, and where: it hardly looks beyond"""
BLOCK = 2 * MCU
"""pixels, side of what is sampled"""
BLOCKS_ACROSS = 12
"""and as many down, of any larger picture"""
JPEG_SIDE_MAX = 65_500
"""pixels, that libjpeg takes"""
HEADER_BYTES = 600
"""of a JPEG file, about, with its tables"""
NOISE_BPP = 4.2
"""bits a pixel, more than photos take"""
SLIDE, CEILING, SLOPE = 1.5, 15.6, 0.258
"""dB: what photos lose with each bit more a pixel, and what a JPEG as large then stays below. Of
validation photos, by the models of today."""
DRAWN_SHARE = 0.5
"""of pixels that are exactly as the one before: more than photos have, but skies that are white"""


def jpeg_warning(
    name: str, pixels: Pixels, size: int, quality: int, own_psnr: Callable[[], float]
) -> list[str]:
    """The warning that the file `name` of `size` bytes has fewer dB than JPEG, or nothing.

    own_psnr decodes the file, which takes long: it is not called for what looks like a photo.
    """
    if not is_unlike_photos(pixels, size, quality):
        return []
    best = jpeg_psnr(pixels, size)
    if best is None or best <= (own := own_psnr()):
        return []
    return [
        f"{name} has {own:.2f} dB; JPEG has {best:.2f} dB in no more bytes: "
        "this picture is unlike the photos that the model knows"
    ]


def is_unlike_photos(pixels: Pixels, size: int, quality: int) -> bool:
    """Whether a file of `size` bytes, of quality 1 to 100, is one that JPEG might do better.

    By a sample, without decoding it. Of one quality, photos in twice the bytes have 1.5 dB less,
    and a JPEG as large lies 3 to 5 dB below them: one that is hardly below is a sign.
    """
    count = pixels.shape[0] * pixels.shape[1]
    bpp, part = 8 * size / count, sample(pixels)
    if bpp > NOISE_BPP or flat_share(part) > DRAWN_SHARE:
        return True
    share = part.shape[0] * part.shape[1] / count
    found = jpeg_psnr(part, HEADER_BYTES + round(share * (size - HEADER_BYTES)))
    return found is not None and found + SLIDE * math.log2(bpp) > CEILING + SLOPE * quality


def sample(pixels: Pixels) -> Pixels:
    """Blocks from all over a picture, side by side; a small picture as it is."""
    columns, rows = (places(pixels.shape[axis]) for axis in (1, 0))
    return pixels[rows][:, columns]


def flat_share(pixels: Pixels) -> float:
    """How many of the pixels are as those to their left, 0 to 1."""
    same = pixels[:, 1:] == pixels[:, :-1]
    return float((same.all(2) if same.ndim == 3 else same).mean()) if same.size else 0.0


def places(side: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Which rows or columns of a side are in the sample, ascending."""
    if side <= BLOCK * BLOCKS_ACROSS:
        return np.arange(side)
    starts = np.linspace(0, side - BLOCK, BLOCKS_ACROSS).astype(np.intp) // MCU * MCU
    return (starts[:, None] + np.arange(BLOCK)).ravel()


def jpeg_psnr(pixels: Pixels, size: int) -> float | None:
    """PSNR in dB of the best JPEG of at most `size` bytes; None where there is none.

    Colours at full resolution or half; baseline, the fastest to make, so a little in our favour.
    """
    if max(pixels.shape[:2]) > JPEG_SIDE_MAX:
        return None
    image = Image.fromarray(pixels)
    found = [_largest_jpeg(image, subsampling, size) for subsampling in ("4:2:0", "4:4:4")]
    decoded = (np.asarray(opened(data)) for data in found if data)
    return max((psnr(pixels, each) for each in decoded), default=None)


def _largest_jpeg(image: Image.Image, subsampling: str, size: int) -> bytes:
    """The JPEG of the highest quality that fits into `size` bytes; empty if none does."""
    largest = b""
    low, high = 0, 100  # that quality lies in low..high, where 0 is none
    while low < high:
        middle = (low + high + 1) // 2
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=middle, subsampling=subsampling)
        if buffer.tell() <= size:
            low, largest = middle, buffer.getvalue()
        else:
            high = middle - 1
    return largest
