"""The filter after decoding: a few numbers of a file that bring x_hat nearer to this one photo.

g_s was trained on photos in general. What it leaves in one photo, say of how the colours of its
camera go together or of the noise of its sensor, is partly a function of x_hat nearby, so the
encoder solves least squares for a filter over 3x3 pixels and all colours, and sends it where it
saves more than its bytes cost. Differences to neighbours count as they are, and once or twice more
limited to a few levels: what is noise and what is an edge is not filtered alike.
(Adaptive loop filter with clipping, of VVC: Karczewicz et al. 2021, IEEE TCSVT 31(10), section
III; here after the last step, across colours, and one for a picture.)
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from aecodec.coding.planes import Pixels
from aecodec.format.chunks import CHUNK_BYTES
from aecodec.format.constants import COEFFICIENT_LIMIT, FILTER_LIMITS, LIMITED_OF_MEANS
from aecodec.format.filter import (
    COLOURS,
    DIFFERENCES,
    NEIGHBOURS,
    UNITS,
    Filter,
    between_means,
    feature_kinds,
    write_filter,
)
from aecodec.format.payload import CodingTables

LIMITED = 1
"""The kind of limited differences, a place in UNITS."""
EVERY_LIMIT = tuple(sorted({limit for limits in FILTER_LIMITS for limit in limits}))
FEATURES = DIFFERENCES * (1 + len(EVERY_LIMIT)) + COLOURS + 1
"""of a sample, by every limit there is"""
LEVELS = 2.0**14
"""Samples are rounded to this part of their range for least squares: sums of products of whole
numbers are exact, so that no order of sums, and no number of threads, changes a filter."""
STRIP_ROWS = 16
"""Rows of x_hat whose features are held at a time for least squares."""
STRIP_PIXELS = 2**14
"""About as many pixels are filtered at a time: what lies in between stays in the caches."""
TRUSTED_SHARE = 0.85
"""Share of what is saved where statistics were taken that is counted on elsewhere."""
SHARES = {"psnr": 1.0, "visual": 0.6}
"""Of the filter that has the least SE. It smooths what is not seen as noise, so for the eye it goes
part of the way: on validation pictures that has nearly all of what SE gains, and costs SSIMULACRA2
and CVVDP half as much."""
ENOUGH_PIXELS = 2**18
"""Pixels that suffice for statistics: of larger areas, strips are left out."""


def apply_filter(filter: Filter, x_hat: Tensor, reduction: int = 1) -> Tensor:
    """x_hat [1, 3, H, W] -> filtered. Beyond its edges x_hat counts as repeated.

    With a reduction r, x_hat has the means of r x r samples; what lies less than a mean beside
    another is read between them, and limited differences count less (SPEC 5.7).
    """
    kinds = feature_kinds(filter.limits)
    worth = np.where((kinds == LIMITED) & (reduction > 1), LIMITED_OF_MEANS, 1.0) * UNITS[kinds]
    weights = torch.from_numpy(filter.coefficients * worth).float().to(x_hat.device)
    x_hat = x_hat.contiguous()  # plane by plane, as features are
    padded = F.pad(x_hat, (1, 1, 1, 1), mode="replicate")
    filtered, rows = torch.empty_like(x_hat), max(1, STRIP_PIXELS // x_hat.shape[3])
    for top in range(0, x_hat.shape[2], rows):
        part = x_hat[0, :, top : top + rows]
        seen = features(padded[0, :, top : top + rows + 2], filter.limits, reduction)
        change = torch.addmm(weights[:, -1:], weights[:, :-1], seen.flatten(1))
        torch.add(part, change.view_as(part), out=filtered[0, :, top : top + rows])
    return filtered


def features(padded: Tensor, limits: tuple[float, ...], reduction: int = 1) -> Tensor:
    """x_hat [3, H, W] with a row or column more on each side -> all features but 1, [n, H, W]."""
    centre = padded[:, 1:-1, 1:-1]
    seen = padded.new_empty(DIFFERENCES * (1 + len(limits)) + COLOURS, *centre.shape[1:])
    difference, *limited = seen[:-COLOURS].split(DIFFERENCES)
    by_colour = difference.unflatten(0, (COLOURS, -1))
    for n, (row, column) in enumerate(NEIGHBOURS):
        torch.sub(shifted(padded, row, column, reduction), centre, out=by_colour[:, n])
    for limit, part in zip(limits, limited, strict=True):
        torch.clamp(difference, -limit, limit, out=part)
    seen[-COLOURS:] = centre
    return seen


def shifted(padded: Tensor, row: int, column: int, reduction: int) -> Tensor:
    """What lies so many samples beside every one, [3, H, W]; of means, read between them."""
    height, width = padded.shape[1] - 2, padded.shape[2] - 2
    if reduction == 1:
        return padded[:, 1 + row : 1 + row + height, 1 + column : 1 + column + width]
    weights = torch.from_numpy(between_means(row, column, reduction))
    return F.conv2d(padded[:, None], weights[None, None].to(padded))[:, 0]


@dataclass
class FilterFit:
    """Least squares for a filter: normal equations of every feature, of what has been added."""

    products: NDArray[np.float64] = field(default_factory=lambda: np.zeros((FEATURES,) * 2))
    wanted: NDArray[np.float64] = field(default_factory=lambda: np.zeros((COLOURS, FEATURES)))

    def add(self, x_hat: Tensor, pixels: Pixels) -> None:
        """x_hat [1, 3, H, W] of uint8 [H, W, 3]."""
        height, width = pixels.shape[:2]
        x_hat = (x_hat[0].cpu().double() * LEVELS).round()
        padded = F.pad(x_hat[None], (1, 1, 1, 1), mode="replicate")[0].float()
        rows = strips(height, width)
        share = sum(min(STRIP_ROWS, height - top) for top in rows) / height
        limits = tuple(limit * LEVELS for limit in EVERY_LIMIT)
        for top in rows:
            bottom = min(height, top + STRIP_ROWS)
            seen = features(padded[:, top : bottom + 2], limits).flatten(1).double()
            seen = torch.cat([seen, torch.ones_like(seen[:1])])
            x = torch.from_numpy(pixels[top:bottom].astype(np.float64)).permute(2, 0, 1) / 255 - 0.5
            error = ((x * LEVELS).round() - x_hat[:, top:bottom]).flatten(1)
            self.products += (seen @ seen.T).numpy() / share
            self.wanted += (error @ seen.T).numpy() / share

    def best(self, tables: CodingTables, weight: float, tune: str) -> bytes | None:
        """The chunk of the filter that saves the most, or None where none pays.

        weight: bits that a unit of SE is worth, SE the sum over the samples of all colours; tune:
        "psnr" or "visual".
        """
        best, gain = None, 0.0
        for limits in FILTER_LIMITS:
            filter, saved = self.solve(limits, SHARES[tune])
            data = write_filter(tables, filter)
            left = TRUSTED_SHARE * weight * saved - 8 * (CHUNK_BYTES + len(data))
            if left > gain:
                best, gain = data, left
        return best

    def solve(self, limits: tuple[float, ...], share: float = 1.0) -> tuple[Filter, float]:
        """-> so much of the best filter of these limits, and the SE that it saves."""
        places = feature_places(limits)
        products, wanted = self.products[np.ix_(places, places)], self.wanted[:, places]
        units = UNITS[feature_kinds(limits)]
        units[:-1] /= LEVELS
        products = products * units * units[:, None]
        wanted = wanted * units / LEVELS
        solution = rounded_solution(products, share * wanted)
        saved = 2 * (solution * wanted).sum() - ((solution @ products) * solution).sum()
        return Filter(solution.astype(np.int32)), float(saved)


def strips(height: int, width: int) -> range:
    """First rows of strips, from all of the height, that hold about ENOUGH_PIXELS."""
    step = -(-height * width // ENOUGH_PIXELS)
    first = max(0, min(STRIP_ROWS * (step // 2), height - STRIP_ROWS))
    return range(first, height, STRIP_ROWS * step)


def feature_places(limits: tuple[float, ...]) -> list[int]:
    """Places, among features by every limit, of those by these limits."""
    starts = [0, *(DIFFERENCES * (1 + EVERY_LIMIT.index(limit)) for limit in limits)]
    places = [start + n for start in starts for n in range(DIFFERENCES)]
    return [*places, *range(FEATURES - COLOURS - 1, FEATURES)]


def rounded_solution(
    products: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Least squares in integers, [3, features]: one number rounded after the other, in order.

    Those not yet rounded make up for it: each is what would be best if they were free. That is
    what substitution from the end of a Cholesky factor gives, so the order is turned around.
    """
    products, wanted = products[::-1, ::-1], wanted[:, ::-1]
    steady = np.eye(len(products)) * (1e-9 * products.diagonal().mean() + 1e-12)
    factor = np.linalg.cholesky(products + steady)
    left = np.linalg.solve(factor, wanted.T)
    solution = np.zeros_like(left)
    for n in reversed(range(len(factor))):
        best = (left[n] - factor[n + 1 :, n] @ solution[n + 1 :]) / factor[n, n]
        solution[n] = np.clip(np.rint(best), -COEFFICIENT_LIMIT, COEFFICIENT_LIMIT)
    return solution[::-1].T
