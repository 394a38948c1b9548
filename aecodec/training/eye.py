"""What the eye sees of an error, differentiable: what `tune = "visual"` trains for.

The greater part is SSIMULACRA2's raw error; two terms beside it are read off the same planes.

The original and the reconstruction are compared in XYB, a colour space near to what the eye's cones
see, at six scales; at each, in every component, a map of lost structure (SSIM) and two maps of
edges, those that were added and those that were lost, become their mean and their 4-norm; 108
published weights sum them to the raw error s. The score that people know, 100 for identical
pictures, is a polynomial and a power of s; its slope is infinite at 0, so training takes s itself.
Source: Sneyers, SSIMULACRA 2 (libjxl, tools/ssimulacra2.cc, 2022; BSD-3-Clause).

It hardly weighs colour, and of structures only those of four pixels and more. So two terms stand
beside it: the squared error of X, Y and B, in which small saturated colours count, and lost
contrast of Y at half the size, where the eye is most sensitive at usual distances and where what
is lost hides in what is busy.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from aecodec.coding.eye import (
    Moments,
    Windows,
    contrast_of,
    halved,
    linear,
    lost,
    moments,
    window,
    xyb,
)

SIDE_MIN = 8
"""Scales whose height or width would be smaller are left out."""
C2 = 0.0009
CONTRAST_SCALE = 1
"""of the six, 0 that of the whole picture, where contrast is compared"""
NORM_FLOOR = 1e-20
"""of a mean fourth power, whose root has an infinite slope at 0"""
Norms = tuple[float, float]
"""Weights of a map's mean and of its 4-norm."""
Kinds = tuple[Norms, Norms, Norms]
"""Of the maps of lost structure, of added edges and of lost edges."""
WEIGHTS: tuple[dict[str, Kinds], ...] = (
    {
        "Y": ((0.0, 7.466890328078848), (0.0, 0.0), (0.0, 17.445833984131262)),
    },
    {
        "X": ((0.0, 1.1041726426657346), (0.0, 0.0), (0.0, 0.0)),
        "Y": ((0.0, 6.683678146179332), (0.0, 0.0), (0.0, 1.027889937768264)),
    },
    {
        "X": ((0.0, 1.8422455520539298), (0.0, 11.441172603757666), (0.0, 0.0)),
        "Y": ((225.20515300849274, 19.213238186143016), (0.0, 0.0), (0.0, 0.0)),
    },
    {
        "X": ((0.0, 1.8787594979546387), (0.0, 10.94906990605142), (0.0, 0.0)),
        "Y": ((176.39317598450694, 24.43300999870476), (0.0, 0.28520802612117757), (0.0, 0.0)),
        "B": ((0.0, 8.826982764996862), (0.0, 23.19243343998926), (0.0, 0.0)),
    },
    {
        "X": ((0.0, 0.0), (0.9677937080626833, 0.9981766977854967), (0.0, 0.0)),
        "Y": ((0.0, 34.77906344483772), (0.0, 44.835625328877896), (0.0, 0.0)),
        "B": (
            (95.1080498811086, 0.0),
            (0.9863978034400682, 171.2667255897307),
            (0.9834382792465353, 0.9807858872435379),
        ),
    },
)
"""Of every scale and component of XYB. Those below 0.01, 0.02 in all and among them the whole
sixth scale, are left out: they move no score by a tenth of a point."""
UNIT = 0.9562382616834844
"""of the weighted sum"""


class EyeErrors(NamedTuple):
    """Of a batch; all 0 for identical pictures."""

    raw: Tensor
    """SSIMULACRA2's raw error s [B]"""
    contrast: Tensor
    """lost contrast, a mean of 0 to about 1 [B]"""
    squares: Tensor
    """mean squared errors of X, Y and B [B, 3]"""


class EyeError(nn.Module):
    """Of pictures of one size. Float32 throughout; its windows are made on `device`."""

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        super().__init__()
        self.windows: list[Windows] = []
        while len(self.windows) < len(WEIGHTS) and min(height, width) >= SIDE_MIN:
            self.windows.append((window(height, True, device), window(width, False, device)))
            height, width = -(-height // 2), -(-width // 2)

    def forward(self, x: Tensor, x_hat: Tensor) -> EyeErrors:
        """Planes in [-0.5, 0.5], [B, 3, H, W]."""
        a, b = linear(x), linear(x_hat)
        raw = contrast = torch.zeros_like(a[:, 0, 0, 0])
        squares = (xyb(a, "XYB") - xyb(b, "XYB")).square().mean(dim=(2, 3))
        for number, (windows, weights) in enumerate(zip(self.windows, WEIGHTS, strict=False)):
            if number:
                a, b = halved(a), halved(b)
            seen = moments(xyb(a, weights), xyb(b, weights), windows)
            raw = raw + UNIT * scale_error(seen, weights)
            if number == CONTRAST_SCALE:
                luma = list(weights).index("Y")
                contrast = contrast_of(seen, luma)
        return EyeErrors(raw, contrast, squares)


def score(s: Tensor) -> Tensor:
    """Raw error -> SSIMULACRA2: 100 identical, 90 hard to tell apart, 70 good, 30 poor."""
    error = 2.326765642916932 * s - 0.020884521182843837 * s**2 + 6.248496625763138e-05 * s**3
    return 100 - 10 * error.clamp(min=0) ** 0.6276336467831387


def scale_error(seen: Moments, weights: dict[str, Kinds]) -> Tensor:
    """What a scale adds to s [B], but for its unit."""
    edges = (1 + (seen.b - seen.b_mean).abs()) / (1 + (seen.a - seen.a_mean).abs()) - 1
    maps = lost(seen, C2), edges.clamp(min=0), (-edges).clamp(min=0)
    total = torch.zeros_like(edges[:, 0, 0, 0])
    for number, kinds in enumerate(weights.values()):
        for error, (mean, norm) in zip(maps, kinds, strict=True):
            if mean:
                total = total + mean * error[:, number].mean(dim=(1, 2))
            if norm:
                fourth = error[:, number].square().square().mean(dim=(1, 2))
                total = total + norm * fourth.clamp(min=NORM_FLOOR) ** 0.25
    return total
