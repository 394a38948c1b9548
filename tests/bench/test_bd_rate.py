"""BD-rate: known answers, published ones, and curves that share nothing."""

import math

import pytest

pytest.importorskip("scipy")

from aecodec.bench.bd_rate import bd_rate, overlap, rising
from aecodec.bench.published import read_published

CURVE = [(0.1, 26.0), (0.2, 28.5), (0.5, 32.0), (1.0, 35.5), (2.0, 39.5)]


def test_a_curve_against_itself_is_zero() -> None:
    assert bd_rate(CURVE, CURVE) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("factor", [0.5, 0.9, 2.0])
def test_the_same_curve_at_another_rate(factor: float) -> None:
    scaled = [(factor * bpp, psnr) for bpp, psnr in CURVE]
    assert bd_rate(CURVE, scaled) == pytest.approx(100 * (factor - 1))


def test_straight_lines_have_the_closed_form() -> None:
    """ln(bpp) differs by 0 at 30 dB and by 0.2 at 40 dB: the mean is 0.1."""
    anchor = [(math.exp(0.10 * (psnr - 30)), float(psnr)) for psnr in range(30, 41, 2)]
    test = [(math.exp(0.12 * (psnr - 30)), float(psnr)) for psnr in range(30, 41, 5)]
    assert bd_rate(anchor, test) == pytest.approx(100 * math.expm1(0.1))


def test_swapping_the_curves_inverts_the_ratio() -> None:
    other = [(0.07, 26.5), (0.3, 31.0), (1.4, 38.0)]
    forth, back = bd_rate(CURVE, other), bd_rate(other, CURVE)
    assert forth is not None and back is not None
    assert (1 + forth / 100) * (1 + back / 100) == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "percent"), [("jpeg", 143.0), ("jpeg2000", 55.8), ("vtm", -18.0), ("hyperprior", 6.6)]
)
def test_published_curves_against_published_bpg(name: str, percent: float) -> None:
    anchor, test = read_published("bpg").curve, read_published(name).curve
    assert bd_rate(anchor, test) == pytest.approx(percent, abs=0.06)


def test_the_range_is_what_both_curves_cover() -> None:
    assert overlap(CURVE, [(1.0, 30.0), (2.0, 44.0)]) == (30.0, 39.5)


@pytest.mark.parametrize("test", [[(1.0, 50.0), (2.0, 60.0)], [(1.0, 30.0)], []])
def test_nothing_is_extrapolated(test: list[tuple[float, float]]) -> None:
    assert overlap(CURVE, test) is None
    assert bd_rate(CURVE, test) is None


def test_only_dominated_points_are_dropped() -> None:
    wasteful = [(0.6, 31.0), (2.0, 39.4), (0.2, 28.5)]
    assert rising([*CURVE[::-1], *wasteful]) == CURVE
    assert bd_rate(CURVE, [*CURVE, *wasteful]) == pytest.approx(0, abs=1e-9)
