"""A warning where JPEG would do better: line art, text and noise are not what models know."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from aecodec.image.picture import Picture
from aecodec.image.psnr import psnr


def jpeg_warning(name: str, picture: Picture, size: int, own_psnr: float) -> list[str]:
    """The warning that the file `name` of `size` bytes has fewer dB than JPEG, or nothing."""
    best = jpeg_psnr(picture, size)
    if best is None or best <= own_psnr:
        return []
    return [
        f"{name} has {own_psnr:.2f} dB; JPEG has {best:.2f} dB in no more bytes: "
        "this picture is unlike the photos that the model knows"
    ]


def jpeg_psnr(picture: Picture, size: int) -> float | None:
    """PSNR in dB of the best JPEG of at most `size` bytes; None where none is as small.

    Colours at full resolution or half; baseline, the fastest to make, so a little in our favour.
    """
    image = Image.fromarray(picture.pixels)
    found = [_largest_jpeg(image, subsampling, size) for subsampling in ("4:2:0", "4:4:4")]
    decoded = (np.asarray(Image.open(io.BytesIO(data))) for data in found if data)
    return max((psnr(picture.pixels, pixels) for pixels in decoded), default=None)


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
