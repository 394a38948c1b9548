"""quality.py: the user's 1..100 and the model's 0..63."""

from typing import Any

import pytest

from aecodec import AecodecError
from aecodec.format.quality import q_to_quality, qualities_of, quality_to_q


def test_every_q_comes_back() -> None:
    assert [quality_to_q(q_to_quality(q)) for q in range(64)] == list(range(64))


def test_the_ends_and_the_default() -> None:
    assert [quality_to_q(quality) for quality in (1, 2, 60, 99, 100)] == [0, 1, 38, 62, 63]
    assert [q_to_quality(q) for q in (0, 1, 38, 63)] == [1, 2, 60, 100]
    assert qualities_of(38) == [60, 61]


def test_quality_never_falls_as_it_rises() -> None:
    every = [quality_to_q(quality) for quality in range(1, 101)]
    assert every == sorted(every)
    assert set(every) == set(range(64))


@pytest.mark.parametrize("quality", [0, 101, -1, 50.5, "60", None])
def test_a_quality_out_of_range_is_refused(quality: Any) -> None:
    with pytest.raises(AecodecError, match="quality is an integer 1 to 100"):
        quality_to_q(quality)


@pytest.mark.parametrize("q", [-1, 64, 1.0])
def test_a_q_out_of_range_is_refused(q: Any) -> None:
    with pytest.raises(AecodecError, match="q is an integer 0 to 63"):
        q_to_quality(q)
