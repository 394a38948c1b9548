"""How an eye sees pictures, differentiable: XYB, a colour space near to what its cones see, and
lost contrast.

Encoder and training use it for what is tuned for the eye (distortion.py; training/eye.py). XYB,
window and lost structure are those of SSIMULACRA2 (Sneyers; libjxl, tools/ssimulacra2.cc, 2022;
BSD-3-Clause).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

SIGMA, RADIUS = 1.5, 5
"""of the Gaussian window, in samples: 11 taps"""
CONTRAST_C2 = 0.009
"""Variance from which on busy places hide what is lost of contrast; ten times that of SSIM."""
ABSORBANCE = (
    (0.30, 0.622, 0.078),
    (0.23, 0.692, 0.078),
    (0.24342268924547819, 0.20476744424496821, 0.55180986650955360),
)
"""Linear RGB to the absorbance of long, middle and short cones; each plus OPSIN_BIAS."""
OPSIN_BIAS = 0.0037930732552754493

Windows = tuple[Tensor, Tensor]
"""For columns and for rows, as of `window`."""


def squares(x: Tensor, x_hat: Tensor) -> Tensor:
    """Linear light [B, 3, H, W] of both -> mean squared errors of X, Y and B [B, 3]."""
    return (xyb(x, "XYB") - xyb(x_hat, "XYB")).square().mean(dim=(2, 3))


def lost_contrast(x: Tensor, x_hat: Tensor) -> Tensor:
    """The same -> what is lost of Y's contrast at half the size, a mean of 0 to about 1 [B].

    There the eye is most sensitive at usual distances; what is busy hides what is lost.
    """
    a, b = (xyb(halved(each), "Y") for each in (x, x_hat))
    sides = (window(side, True, x.device).to(x.dtype) for side in a.shape[2:])
    return contrast_of(moments(a, b, (next(sides), next(sides))))


def contrast_of(seen: Moments, component: int = 0) -> Tensor:
    """`lost_contrast` of what the windows have seen of one component."""
    return lost(seen, CONTRAST_C2)[:, component].mean(dim=(1, 2))


class Moments(NamedTuple):
    """Components [B, C, h, w] of the original, a, and of the other, b, and what a window sees."""

    a: Tensor
    b: Tensor
    a_mean: Tensor
    b_mean: Tensor
    variances: Tensor
    """the sum of both"""
    covariance: Tensor


def moments(a: Tensor, b: Tensor, around: Windows) -> Moments:
    """Components of both -> what the Gaussian window sees of them."""

    def blurred(x: Tensor) -> Tensor:
        return around[0] @ x @ around[1]

    a_mean, a_square = blurred(a), blurred(a * a)
    b_mean, b_square, product = blurred(b), blurred(b * b), blurred(a * b)
    variances = (a_square - a_mean.square()) + (b_square - b_mean.square())
    return Moments(a, b, a_mean, b_mean, variances, product - a_mean * b_mean)


def lost(seen: Moments, c2: float) -> Tensor:
    """Lost structure, that of SSIM without square roots: of [B, C, h, w], from 0 on."""
    luminance = 1 - (seen.a_mean - seen.b_mean).square()
    return (1 - luminance * (2 * seen.covariance + c2) / (seen.variances + c2)).clamp(min=0)


def linear(x: Tensor) -> Tensor:
    """sRGB planes in [-0.5, 0.5] -> linear light in [0, 1] (IEC 61966-2-1)."""
    level = (x + 0.5).clamp(0, 1)
    bright = ((level.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(level <= 0.04045, level / 12.92, bright)


def halved(x: Tensor) -> Tensor:
    """Means of 2x2 samples; of fewer at odd ends."""
    return F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)


def xyb(rgb: Tensor, wanted: Iterable[str]) -> Tensor:
    """Linear light [B, 3, h, w] -> the wanted ones of X, Y and B, made positive, [B, C, h, w]."""
    red, green, blue = rgb.unbind(dim=1)
    long, middle, short = (
        (r * red + g * green + b * blue + OPSIN_BIAS) ** (1 / 3) - OPSIN_BIAS ** (1 / 3)
        for r, g, b in ABSORBANCE
    )
    planes = {
        "X": 7 * (long - middle) + 0.42,
        "Y": 0.5 * (long + middle) + 0.01,
        "B": short - 0.5 * (long + middle) + 0.55,
    }
    return torch.stack([planes[name] for name in wanted], dim=1)


def window(side: int, mirrored: bool, device: torch.device) -> Tensor:
    """-> [side, side], symmetric: what every sample of a row gets from every other, or itself.

    The Gaussian window as a band matrix: two products are several times as fast as convolutions.
    Outside of the picture there is its mirror image, or 0: the package `ssimulacra2` has the one
    above and below, the other on the left and right (the authors' program has 0 all around).
    """
    places = torch.arange(side, device=device)

    def taps(beside: Tensor) -> Tensor:
        apart = (places[:, None] - beside[None, :]).double().square()
        return torch.exp(apart / (-2 * SIGMA**2)) * (apart <= RADIUS**2)

    total = taps(places)
    if mirrored:
        total = total + taps(-1 - places) + taps(2 * side - 1 - places)
    return (
        total / sum(math.exp(-n * n / (2 * SIGMA**2)) for n in range(-RADIUS, RADIUS + 1))
    ).float()
