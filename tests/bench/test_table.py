"""The tables: which columns they have, and what stands where nothing was measured."""

from dataclasses import replace

import pytest

pytest.importorskip("scipy")

from aecodec.bench.report import CodecResult, RDPoint, Report
from aecodec.bench.runner import compare
from aecodec.bench.scales import METRICS
from aecodec.bench.table import against_rows, bd_rows, codec_rows, markdown_table, point_rows


def codec(name: str, factor: float, published: bool = False) -> CodecResult:
    """Curves that need `factor` of the rate of others; published ones have PSNR only."""
    points = tuple(
        RDPoint(
            setting=None if published else step,
            bpp=factor * 2**step,
            psnr=30.0 + 4 * step,
            ssimulacra2=None if published else 50.0 + 10 * step,
            cvvdp=None if published else 9 + 0.2 * step,
        )
        for step in range(4)
    )
    return CodecResult(name, "1", "q", "published" if published else "run", points)


def report(*codecs: CodecResult) -> Report:
    return Report("here", ("a.png",), "this", "", compare(codecs), ())


NAMES = {"aec": 0.5, "aec:tune=psnr": 0.4, "jpeg": 2, "avif": 1, "avif:tune=psnr": 0.8, "jxl": 1.6}
REPORT = report(*(codec(name, factor) for name, factor in NAMES.items()), codec("bpg", 1, True))


def test_the_summary_has_both_metrics_side_by_side() -> None:
    header, *rows = codec_rows(REPORT)
    assert header[:3] == ["codec", "bpp", "PSNR dB"] and len(header) <= 11
    assert header[3:8] == [
        *("PSNR vs jpeg", "PSNR vs avif", "PSNR vs bpg"),
        *("SSIMULACRA2 vs jpeg", "SSIMULACRA2 vs avif"),
    ]
    aec, avif, bpg = rows[0], rows[3], rows[-1]
    assert aec[3:8] == ["-75.0 %", "-50.0 %", "-50.0 %", "-75.0 %", "-50.0 %"]
    assert avif[3:8] == ["-50.0 %", "-", "+0.0 %", "-50.0 %", "-"]
    assert bpg[0] == "bpg (published)" and bpg[3:8] == ["-50.0 %", "+0.0 %", "-", "-", "-"]


def test_metrics_that_nobody_measured_have_no_columns() -> None:
    plain = [replace(each, points=codec(each.name, 1, True).points) for each in REPORT.codecs[:2]]
    header = codec_rows(report(*plain))[0]
    assert header[3:-2] == ["PSNR vs aec"]  # without the usual anchors, the first
    assert point_rows(plain[0])[0] == ["setting", "bpp", "PSNR dB", "encode s", "decode s"]
    assert codec_rows(report(plain[0]))[0][3:-2] == []


def test_bd_rates_by_every_metric_that_was_measured() -> None:
    header, *rows = bd_rows(REPORT, METRICS["cvvdp"])
    assert header == ["codec", "vs jpeg", "vs avif", "vs avif:tune=psnr", "vs jxl"]
    assert [row[0] for row in rows] == list(NAMES)  # bpg lacks it
    assert rows[0][1] == "-75.0 % [10.0..14.0]"
    text = markdown_table(REPORT)
    titles = [line for line in text.splitlines() if line.startswith("### BD-rate by ")]
    assert titles == [f"### BD-rate by {title}" for title in ("PSNR", "SSIMULACRA2", "CVVDP")]
    assert "computed over: -10 log10(1 - CVVDP / 10), in dB." in text


def test_one_codec_against_all_others() -> None:
    header, *rows = against_rows(REPORT, REPORT.codecs[0])
    assert header == ["against", "PSNR", "SSIMULACRA2", "CVVDP"]
    assert rows[0] == ["aec:tune=psnr", "+25.0 %", "+25.0 %", "+25.0 %"]
    assert rows[-1] == ["bpg (published)", "-50.0 %", "-", "-"]
