"""The user's quality 1 to 100 and the model's rate index q 0 to 63, one linear step apart."""

from operator import index
from typing import SupportsIndex

from aecodec.errors import AecodecError, shown
from aecodec.format.constants import MAX_Q

MAX_QUALITY = 100
DEFAULT_QUALITY = 60


def quality_to_q(quality: int) -> int:
    """The q nearest to a quality 1..100. Raises AecodecError out of range."""
    return round((integer("quality", quality, 1, MAX_QUALITY) - 1) * MAX_Q / (MAX_QUALITY - 1))


def qualities_of(q: int) -> list[int]:
    """The qualities that a q 0..63 stands for, one or two, rising. Raises AecodecError."""
    integer("q", q, 0, MAX_Q)
    return [each for each in range(1, MAX_QUALITY + 1) if quality_to_q(each) == q]


def q_to_quality(q: int) -> int:
    """The lowest quality that maps to a q 0..63. Raises AecodecError."""
    return qualities_of(q)[0]


def integer(name: str, value: SupportsIndex, low: int, high: int) -> int:
    """A setting, perhaps an integer of NumPy's. Raises AecodecError unless it is in low..high."""
    try:
        number = None if isinstance(value, bool) else index(value)
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        raise AecodecError(f"{name} is an integer {low} to {high}, not {shown(value)}")
    return number
