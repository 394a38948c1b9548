"""The user's other two settings: effort 0 to 6, and how small a picture is decoded."""

from collections.abc import Callable

from aecodec.format.constants import REDUCTIONS
from aecodec.format.quality import integer

ROUNDS = (0, 1, 2, 3, 4, 6, 8)
"""Rounds of refinement (refine.py), by effort: their gain falls with each (benchmarks/effort). From
effort 1 on a filter is sent, too, where it pays."""
MAX_EFFORT = len(ROUNDS) - 1
DEFAULT_EFFORT = 1  # most of what refinement gains
SLOW_EFFORT = 6  # from here on a person at a terminal sees how far one photo has come

OnProgress = Callable[[int, int], None]
"""Told how many steps of long work are done, or have begun, and how many there are."""


def effort_to_rounds(effort: int) -> int:
    """Rounds of refinement for an effort 0..6. Raises AecodecError out of range."""
    return ROUNDS[integer("effort", effort, 0, MAX_EFFORT)]


def reduction_for(size: tuple[int, int], wanted: tuple[int, int]) -> int:
    """The largest reduction at which a picture of that size is not below the wanted size."""
    smallest = min(n // m for n, m in zip(size, wanted, strict=True))
    return max(each for each in REDUCTIONS if each <= max(1, smallest))
