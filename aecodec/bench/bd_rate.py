"""The Bjontegaard difference: how much more rate one RD curve needs than another.

G. Bjontegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001, with
piecewise cubic (PCHIP) interpolation instead of one cubic, as in JCT-VC's and JVET's practice.
"""

import math

import numpy as np
from scipy.interpolate import PchipInterpolator

from aecodec.bench.report import Curve


def bd_rate(anchor: Curve, test: Curve) -> float | None:
    """The rate `test` needs beyond `anchor` at equal quality, in percent; negative is better.

    The mean of log-rate's difference over the range of quality that both curves cover: nothing is
    extrapolated. None if they share no range, or a curve has fewer than two usable points.
    """
    common = overlap(anchor, test)
    if common is None:
        return None
    low, high = common
    area = _log_rate_area(test, low, high) - _log_rate_area(anchor, low, high)
    return 100 * math.expm1(area / (high - low))


def overlap(anchor: Curve, test: Curve) -> tuple[float, float] | None:
    """The range of quality that both curves cover; None if there is none."""
    ranges = [[quality for _, quality in rising(curve)] for curve in (anchor, test)]
    if any(len(values) < 2 for values in ranges):
        return None
    low, high = max(values[0] for values in ranges), min(values[-1] for values in ranges)
    return (low, high) if low < high else None


def rising(curve: Curve) -> list[tuple[float, float]]:
    """The curve by rising rate, without the points that another reaches with no more rate.

    What is left rises strictly in rate and quality, so log-rate is a function of quality. A codec
    that behaves keeps all its points.
    """
    kept: list[tuple[float, float]] = []
    for bpp, quality in sorted(curve, key=lambda point: (point[0], -point[1])):
        if not kept or quality > kept[-1][1]:
            kept.append((bpp, quality))
    return kept


def _log_rate_area(curve: Curve, low: float, high: float) -> float:
    """The integral of ln(bpp) over quality from `low` to `high`."""
    bpp, quality = np.array(rising(curve)).T  # [points], [points]
    return float(PchipInterpolator(quality, np.log(bpp)).integrate(low, high))
