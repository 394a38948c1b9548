"""How much a decoded picture differs from the photo, by six metrics.

All take sRGB uint8 [H, W, 3]; all but Butteraugli's two rise with quality; all come from libraries
and programs that are kept.
"""

import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from aecodec.bench.programs import call
from aecodec.image.modes import Pixels
from aecodec.image.psnr import psnr as picture_psnr
from aecodec.image.ssimulacra2 import SSIMULACRA2_MIN_SIDE
from aecodec.image.ssimulacra2 import ssimulacra2 as picture_ssimulacra2

# Identical pictures would have an infinite PSNR, which no mean and no JSON can hold.
PSNR_MAX = 100.0
# MS-SSIM halves the picture four times and then still needs its window of 11 pixels.
MS_SSIM_MIN_SIDE = 11 * 16
# Butteraugli's program finds no difference between smaller pictures.
BUTTERAUGLI_MIN_SIDE = 8
# CVVDP begins by halving the picture.
CVVDP_MIN_SIDE = 2
BUTTERAUGLI = "butteraugli_main"
TOOLS = ("pytorch_msssim", "ssimulacra2", "pycvvdp", BUTTERAUGLI)


def tools() -> list[str]:
    """The packages and programs of metrics that are on this machine."""
    return [name for name in TOOLS if find_spec(name) or shutil.which(name)]


def measured(image: Pixels, image_hat: Pixels) -> dict[str, float | None]:
    """All metrics by name; None: not defined, or its package or program is missing."""
    distances = butteraugli(image, image_hat)
    return {
        "psnr": psnr(image, image_hat),
        "ms_ssim": ms_ssim(image, image_hat),
        "ssimulacra2": ssimulacra2(image, image_hat),
        "cvvdp": cvvdp(image, image_hat),
        "butteraugli": distances and distances[0],
        "butteraugli_3norm": distances and distances[1],
    }


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


def cvvdp(image: Pixels, image_hat: Pixels) -> float | None:
    """ColorVideoVDP (Mantiuk et al. 2024) in JOD: 10 is identical.

    Of two pictures that are 1 apart, 3 of 4 people prefer the better one.

    None for a side shorter than `CVVDP_MIN_SIDE` or without the package.
    """
    if min(image.shape[:2]) < CVVDP_MIN_SIDE or find_spec("pycvvdp") is None:
        return None
    from aecodec.bench.cvvdp import jod

    return jod(image, image_hat)


def butteraugli(image: Pixels, image_hat: Pixels) -> tuple[float, float] | None:
    """Butteraugli's distance by libjxl's program, at 80 nits: its maximum and its 3-norm.

    0 is identical, 1 just noticeable. None for a side shorter than `BUTTERAUGLI_MIN_SIDE` or where
    the program is not on PATH.
    """
    if min(image.shape[:2]) < BUTTERAUGLI_MIN_SIDE or shutil.which(BUTTERAUGLI) is None:
        return None
    with tempfile.TemporaryDirectory(prefix="aecodec-bench-") as folder:
        paths = [Path(folder) / name for name in ("photo.png", "decoded.png")]
        for path, pixels in zip(paths, (image, image_hat), strict=True):
            Image.fromarray(pixels).save(path, compress_level=0)
        words = call(BUTTERAUGLI, *map(str, paths)).split()  # "3.91", "3-norm:", "1.58"
    return float(words[0]), float(words[2])
