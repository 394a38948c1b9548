"""The scales of RD curves: they rise with quality, and are unknown where they would be infinite."""

from dataclasses import fields

import pytest

from aecodec.bench.report import Measurement, RDPoint
from aecodec.bench.scales import METRICS


@pytest.mark.parametrize(
    ("name", "value", "even"),
    [
        ("psnr", 31.5, 31.5),
        ("ms_ssim", 0.99, 20),
        ("ssimulacra2", -12.0, -12),
        ("cvvdp", 9.0, 10),
        ("butteraugli", 0.1, 10),
        ("butteraugli_3norm", 10.0, -10),
    ],
)
def test_known_values(name: str, value: float, even: float) -> None:
    assert METRICS[name].even(value) == pytest.approx(even)


def test_worse_is_lower_and_identical_is_unknown() -> None:
    for name, best, worse in (("ms_ssim", 1, 0.9), ("cvvdp", 10, 9), ("butteraugli", 0, 2)):
        metric = METRICS[name]
        better, worst = metric.even((best + worse) / 2), metric.even(worse)
        assert metric.even(best) is None and metric.even(None) is None
        assert better is not None and worst is not None and better > worst


def test_every_metric_is_a_field_and_names_its_keys() -> None:
    for holder in (Measurement, RDPoint):
        assert set(METRICS) < {field.name for field in fields(holder)}
    assert [metric.end for metric in METRICS.values()][:3] == ["", "_ms_ssim", "_ssimulacra2"]
    assert METRICS["ssimulacra2"].scale == "SSIMULACRA2, in points"
    assert METRICS["cvvdp"].scale == "-10 log10(1 - CVVDP / 10), in dB"
