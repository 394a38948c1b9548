"""How much a decoded picture differs from the photo: PSNR, MS-SSIM, SSIMULACRA2.

All take sRGB uint8 [H, W, 3]; all rise with quality; all come from libraries that are kept.
"""

import io
from importlib.util import find_spec

import numpy as np
from PIL import Image

from aecodec.image.modes import Pixels
from aecodec.image.psnr import psnr as picture_psnr

# Identical pictures would have an infinite PSNR, which no mean and no JSON can hold.
PSNR_MAX = 100.0
# MS-SSIM halves the picture four times and then still needs its window of 11 pixels.
MS_SSIM_MIN_SIDE = 11 * 16
# SSIMULACRA2 is defined from there on.
SSIMULACRA2_MIN_SIDE = 8


def psnr(image: Pixels, image_hat: Pixels) -> float:
    """PSNR in dB over all RGB samples, at most `PSNR_MAX`."""
    return min(picture_psnr(image, image_hat), PSNR_MAX)


def ms_ssim(image: Pixels, image_hat: Pixels) -> float | None:
    """MS-SSIM (Wang, Simoncelli and Bovik 2003) of RGB samples.

    None if a side is shorter than `MS_SSIM_MIN_SIDE` or pytorch-msssim is not installed.
    """
    if min(image.shape[:2]) < MS_SSIM_MIN_SIDE or find_spec("pytorch_msssim") is None:
        return None
    import pytorch_msssim  # type: ignore[import-untyped]
    import torch

    pair = [
        torch.from_numpy(each.transpose(2, 0, 1)[None].astype(np.float32))  # [1, 3, H, W]
        for each in (image, image_hat)
    ]
    return float(pytorch_msssim.ms_ssim(*pair, data_range=255))


def ssimulacra2(image: Pixels, image_hat: Pixels) -> float | None:
    """SSIMULACRA2 (Sneyers 2022) by the package of that name: 100 is identical, 90 invisible.

    None for a side shorter than `SSIMULACRA2_MIN_SIDE` or without the package.
    """
    if min(image.shape[:2]) < SSIMULACRA2_MIN_SIDE or find_spec("ssimulacra2") is None:
        return None
    from ssimulacra2 import compute_ssimulacra2

    return float(compute_ssimulacra2(_bmp(image), _bmp(image_hat)))


def _bmp(image: Pixels) -> io.BytesIO:
    """The pixels as the file that the package wants."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "BMP")
    file.seek(0)
    return file
