"""The user's quality 1 to 100 and the model's rate index q 0 to 63, one linear step apart."""

from aecodec.errors import AecodecError
from aecodec.format.constants import MAX_Q

MAX_QUALITY = 100
DEFAULT_QUALITY = 60


def quality_to_q(quality: int) -> int:
    """The q nearest to a quality 1..100. Raises AecodecError out of range."""
    check_integer("quality", quality, 1, MAX_QUALITY)
    return round((quality - 1) * MAX_Q / (MAX_QUALITY - 1))


def q_to_quality(q: int) -> int:
    """The quality that stands for a q 0..63 and maps back to it. Raises AecodecError."""
    check_integer("q", q, 0, MAX_Q)
    return 1 + round(q * (MAX_QUALITY - 1) / MAX_Q)


def check_integer(name: str, value: int, low: int, high: int) -> None:
    """Raises AecodecError unless a setting is an integer in low..high."""
    if not isinstance(value, int) or not low <= value <= high:
        raise AecodecError(f"{name} is an integer {low} to {high}, not {value!r}")
