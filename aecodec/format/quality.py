"""The user's knobs: quality 1..100 is the model's rate index q 0..63, one linear step apart;
effort 0..6 is rounds of refinement, from 1 on with a filter; a picture is decoded at 1/scale of its
size."""

from aecodec.errors import AecodecError

MAX_QUALITY = 100
MAX_Q = 63  # a model has 64 rows of gains, one a q
ROUNDS = (0, 1, 2, 3, 4, 6, 8)
"""of refinement (refine.py), by effort: their gain falls with each (benchmarks/effort)"""
MAX_EFFORT = len(ROUNDS) - 1
DEFAULT_EFFORT = 2  # about four times as long as effort 0
SLOW_EFFORT = 6  # from here on a person at a terminal sees how far one photo has come

SCALES = (1, 2, 4, 8)


def scale_for(size: tuple[int, int], wanted: tuple[int, int]) -> int:
    """The largest scale at which a picture of that size is not below the size that is wanted."""
    smallest = min(n // m for n, m in zip(size, wanted, strict=True))
    return max(scale for scale in SCALES if scale <= max(1, smallest))


def quality_to_q(quality: int) -> int:
    """The q nearest to a quality 1..100. Raises AecodecError out of range."""
    _check("quality", quality, 1, MAX_QUALITY)
    return round((quality - 1) * MAX_Q / (MAX_QUALITY - 1))


def q_to_quality(q: int) -> int:
    """The quality that stands for a q 0..63 and maps back to it. Raises AecodecError."""
    _check("q", q, 0, MAX_Q)
    return 1 + round(q * (MAX_QUALITY - 1) / MAX_Q)


def effort_to_rounds(effort: int) -> int:
    """Rounds of refinement for an effort 0..6. Raises AecodecError out of range."""
    _check("effort", effort, 0, MAX_EFFORT)
    return ROUNDS[effort]


def _check(name: str, value: int, low: int, high: int) -> None:
    if not isinstance(value, int) or not low <= value <= high:
        raise AecodecError(f"{name} is an integer {low} to {high}, not {value!r}")
