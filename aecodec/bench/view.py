"""What the report's viewer shows: some photos, each by every codec at about the same few rates."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.interpolate import PchipInterpolator

from aecodec.bench.codecs import BenchCodec
from aecodec.bench.naming import steps_of
from aecodec.bench.photos import Photo

RATES = (0.15, 0.4, 1.0)
"""bits per pixel"""
VIEWED = 4
"""photos in the viewer, evenly over the folder"""
EQUAL = 1.03
"""times the lower rate is the most that the viewer calls equal to it"""
MAX_BYTES = 24_000_000
"""of pictures in the report; photos beyond that are left out of its viewer"""


@dataclass(frozen=True)
class Views:
    """The photos, and by (photo's name, rate, codec's name) what `measure.view_photo` returns."""

    photos: list[Photo]
    pictures: dict[tuple[str, float, str], dict[str, Any]]


@dataclass(frozen=True)
class Match:
    """A picture that may stand beside another of the same photo."""

    rate: float  # one of RATES, as which it was asked for
    equal: bool  # whether the two files may be called of equal rates


def matches(views: Views, photo: str, rate: float, codec: str) -> dict[str, list[Match]]:
    """For one picture of the viewer, by codec's name that codec's pictures, nearest rate first."""
    bpp = views.pictures[photo, rate, codec]["bpp"]
    found: dict[str, list[tuple[float, float]]] = {}
    for (name, asked, other), row in views.pictures.items():
        if name == photo:
            ratio = max(row["bpp"], bpp) / min(row["bpp"], bpp)
            found.setdefault(other, []).append((ratio, asked))
    return {
        other: [Match(asked, ratio <= EQUAL) for ratio, asked in sorted(each)]
        for other, each in found.items()
    }


def wanted_views(
    codec: BenchCodec, known: Mapping[float, float], targets: Mapping[float, float]
) -> list[tuple[float, float]]:
    """For every rate whose target is within a codec's range: (rate, the setting that gives it).

    known: settings by the bpp that a photo had at them; targets: bpp by rate. PCHIP interpolation
    over the logarithm of the known bpp; of settings that fall as the rate rises (ratios,
    distances), their logarithm. Whole if all steps are.
    """
    if len(known) < 2:
        return []
    rates, steps = np.array(sorted(known.items())).T
    falling = steps[0] > steps[-1] > 0
    curve = PchipInterpolator(np.log(rates), np.log(steps) if falling else steps)
    whole = all(float(each).is_integer() for each in steps_of(codec))
    found = []
    for rate, target in targets.items():
        if rates[0] / 1.1 <= target <= rates[-1] * 1.1:
            value = float(curve(np.log(np.clip(target, rates[0], rates[-1]))))
            step = math.exp(value) if falling else value
            found.append((rate, round(step) if whole else round(step, 2)))
    return found
