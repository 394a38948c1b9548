"""Colours under alpha 0, which nobody sees: smooth ones in their place cost next to nothing.

They are filled in from what is seen around them, over and over at half the size, so that nothing
bleeds into visible edges where a picture is decoded small: a pull-push pyramid (Gortler et al.,
"The Lumigraph", 1996, section 3.4).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aecodec.format.box import Box
from aecodec.image.modes import Pixels
from aecodec.image.picture import Picture

BLOCK = 2048
"""pixels, the side of what is filled at a time, so that memory does not grow with the picture"""
NOTHING_SEEN = 128
"""the samples of a block whose alpha is 0 everywhere"""
Samples = NDArray[Any]  # float32 [H, W, C]
Weights = NDArray[Any]  # float32 [H, W, 1], 0 where nothing is known


def without_hidden_colours(picture: Picture) -> Picture:
    """The same to the eye. Where alpha is above 0, not a sample changes."""
    alpha = picture.alpha
    if alpha is None or alpha.all():
        return picture
    pixels = picture.pixels.copy()
    for block in Box(0, 0, *alpha.shape).parts(BLOCK):
        place = block.pixel_slices()
        seen = alpha[place] > 0
        if not seen.all():
            pixels[place][~seen] = filled(pixels[place], seen)[~seen]
    return replace(picture, pixels=pixels)


def filled(pixels: Pixels, seen: NDArray[np.bool_]) -> Pixels:
    """uint8 [H, W, 3] or [H, W], all smooth around what is seen [H, W]."""
    shape = (*seen.shape, -1)
    weights = seen.reshape(shape).astype(np.float32)
    samples = pixels.reshape(shape).astype(np.float32)
    found = _pushed(samples * weights, weights) if seen.any() else samples * 0 + NOTHING_SEEN
    return np.rint(found).astype(np.uint8).reshape(pixels.shape)


def _pushed(samples: Samples, weights: Weights) -> Samples:
    """Samples, 0 where nothing is known, with what is known around them in those places."""
    if weights.all():
        return samples
    below = _halved(weights)
    means = _halved(samples) / np.maximum(below, np.float32(1e-6))
    known = (below > 0).astype(np.float32)
    around = _doubled(_pushed(means * known, known), weights.shape[:2])
    return samples * weights + around * (1 - weights)


def _halved(samples: Samples) -> Samples:
    """Means of 2 by 2, of what lies outside as of zeros."""
    height, width = samples.shape[:2]
    padded = np.pad(samples, ((0, height % 2), (0, width % 2), (0, 0)))
    rows = padded[0::2] + padded[1::2]
    return (rows[:, 0::2] + rows[:, 1::2]) / 4


def _doubled(samples: Samples, size: tuple[int, int]) -> Samples:
    """Bilinear, between the centres of what was halved, cut to `size`, height and width."""
    for axis, length in enumerate(size):
        before = np.roll(samples, 1, axis)
        after = np.roll(samples, -1, axis)
        first, last = [slice(None)] * 3, [slice(None)] * 3
        first[axis], last[axis] = slice(0, 1), slice(-1, None)
        before[tuple(first)], after[tuple(last)] = samples[tuple(first)], samples[tuple(last)]
        both = np.stack([3 * samples + before, 3 * samples + after], axis + 1) / 4
        doubled = both.reshape(*samples.shape[:axis], -1, *samples.shape[axis + 1 :])
        cut = [slice(None)] * 3
        cut[axis] = slice(0, length)
        samples = doubled[tuple(cut)]
    return samples
