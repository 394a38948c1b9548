"""What the report's viewer shows: some photos, each by every codec at about the same few rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aecodec.bench.codecs import BenchCodec, steps_of
from aecodec.bench.photos import Photo
from aecodec.bench.report import Measurement

RATES = (0.15, 0.4, 1.0)
"""bits per pixel"""
VIEWED = 4
"""photos in the viewer, evenly over the folder"""
MAX_BYTES = 24_000_000
"""of pictures in the report; photos beyond that are left out of its viewer"""


@dataclass(frozen=True)
class Views:
    """The photos, and by (photo's name, rate, codec's name) what `measure.view_photo` returns."""

    photos: list[Photo]
    pictures: dict[tuple[str, float, str], dict[str, Any]]


def wanted_views(
    codec: BenchCodec, rows: Sequence[Measurement], image: str
) -> list[tuple[float, float]]:
    """For every rate within the codec's range on this photo: (rate, the setting that gives it).

    The setting is interpolated over the logarithm of the measured rates; whole if all steps are.
    """
    measured = sorted((row.bpp, row.setting) for row in rows if row.image == image)
    if len(measured) < 2:
        return []
    rates, steps = np.array(measured).T
    found = []
    for rate in RATES:
        if rates[0] / 1.1 <= rate <= rates[-1] * 1.1:
            step = float(np.interp(np.log(rate), np.log(rates), steps))
            whole = all(float(each).is_integer() for each in steps_of(codec))
            found.append((rate, round(step) if whole else round(step, 2)))
    return found
