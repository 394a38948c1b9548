"""How much a decoded picture differs from the photo: PSNR, MS-SSIM, SSIMULACRA2.

All take sRGB uint8 [H, W, 3]; all rise with quality; all come from libraries that are kept.
"""

from importlib.util import find_spec

import numpy as np

from aecodec.image.modes import Pixels
from aecodec.image.psnr import psnr as picture_psnr
from aecodec.image.ssimulacra2 import SSIMULACRA2_MIN_SIDE
from aecodec.image.ssimulacra2 import ssimulacra2 as picture_ssimulacra2

# Identical pictures would have an infinite PSNR, which no mean and no JSON can hold.
PSNR_MAX = 100.0
# MS-SSIM halves the picture four times and then still needs its window of 11 pixels.
MS_SSIM_MIN_SIDE = 11 * 16


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
    """SSIMULACRA2 as `image.ssimulacra2` has it.

    None for a side shorter than `SSIMULACRA2_MIN_SIDE` or without the package.
    """
    if min(image.shape[:2]) < SSIMULACRA2_MIN_SIDE or find_spec("ssimulacra2") is None:
        return None
    return picture_ssimulacra2(image, image_hat)
