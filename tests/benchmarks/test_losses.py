"""Where we lose, and README's numbers, of reports that were made up."""

from dataclasses import replace

import pytest

pytest.importorskip("skimage")
pytest.importorskip("matplotlib")

from aecodec.bench.report import CodecResult, Measurement, RDPoint, Report
from aecodec.bench.runner import compare
from aecodec.errors import AecodecError
from benchmarks.losses import Case, describe, lost_by, named, tables, worst
from benchmarks.numbers import numbers, sets

PHOTOS = ("a.png", "b.png", "c.png")
MAKES = {"printed": "1000\tvenv", "line": "du -sm venv"}
DAY = {"chapters": {"Installing": [MAKES | {"printed": "200\tvenv"}, {"line": "pip"}, MAKES]}}
COMMAND = {"size": "4000x3000", "by": "the command, its start included", "threads": 2}
TIMES = {"rows": [COMMAND | {"size": "768x512", "seconds": 1.0}, COMMAND | {"seconds": 4.06}]}
SIZES = {"pillow": 40, "pillow-jxl-plugin": 50}


def codec(name: str, *factors: float) -> CodecResult:
    """Rows on each photo that need `factors` of the rate of others; means as the first one's."""
    rows = [
        Measurement(
            *(name, step, photo, 1, factor * 2**step, 30.0 + 4 * step, None, 20.0 * step),
            encode_s=0.5,
            decode_s=0.25,
            pixels=500_000,
            cvvdp=9 + 0.2 * step,
        )
        for photo, factor in zip(PHOTOS, factors, strict=True)
        for step in range(4)
    ]
    points = [
        RDPoint(row.setting, row.bpp, row.psnr, None, row.ssimulacra2, row.cvvdp)
        for row in rows[:4]
    ]
    curve = tuple(points)
    return CodecResult(name, "1", "", "run", curve, tuple(rows), (), 1.0, 2.0)


@pytest.fixture
def report() -> Report:
    others = [codec("jpeg", 3, 3, 3), codec("avif", 2, 0.5, 0.8), codec("avif:tune=psnr", 1, 1, 1)]
    bpg = CodecResult(
        "bpg", None, "", "published", tuple(RDPoint(None, n, 28 + 5 * n) for n in (1, 2, 4))
    )
    ours = [codec("aec", 1, 1, 1), codec("aec:tune=psnr", 1, 2, 1)]
    codecs = compare([*ours, *others, codec("jxl", 2, 2, 2), bpg])
    return Report("photos", PHOTOS, "a machine", "", codecs, ())


def test_lost_photos_are_counted_and_named_from_the_worst(report: Report) -> None:
    text = lost_by(report, named(report, "aec"))
    assert "| PSNR | `avif` | 2 of 3 | -50.0 % | +62.5 % | b +100.0 %, c +25.0 % |" in text
    assert "* by CVVDP: `jpeg`, `avif:tune=psnr`, `jxl`\n" in text
    assert "aec:" not in text and "Butteraugli" not in text
    assert text.splitlines()[-1].startswith("Of these only mean curves are published, no photos")
    assert text.endswith(" % against bpg.")


def test_the_worst_cases_are_of_two_photos(report: Report) -> None:
    first, second = worst(report)
    assert (first.photo, first.rival, first.metric) == ("b.png", "avif", "cvvdp")
    assert (second.photo, second.codec, second.metric) == ("c.png", "aec:tune=psnr", "psnr")
    assert describe(Case("b.png", "aec", "avif", "cvvdp", 12.34)) == (
        "b: `aec` against `avif`, +12.3 % by CVVDP."
    )
    assert tables(report)["losses-worst"].startswith("1. b: `aec` against `avif`, +100.0 % by")


def test_what_a_report_lacks_is_told(report: Report) -> None:
    with pytest.raises(AecodecError, match="photos: the report has no vvc"):
        named(report, "vvc")
    without = [replace(each, measurements=()) for each in report.codecs]
    with pytest.raises(AecodecError, match="photos: no photo has aec by CVVDP"):
        worst(replace(report, codecs=compare(without)))


def test_numbers_beside_their_peers(report: Report) -> None:
    text = numbers(report, TIMES, DAY, SIZES)
    assert (
        "| bytes at equal SSIMULACRA2, which it is trained with | 100 | 300 | 200 | 200 |" in text
    )
    assert "| bytes at equal PSNR, tuned for it, AVIF too | 100 | 300 | 200 | 100 |" in text
    assert "| seconds to open a file of 0.5 megapixels, one thread | 0.25 | 0.25 | 0.25 |" in text
    assert "| 200, to make files 1000 | 40 | 50 | 40 |" in text
    assert "12 megapixels are opened by the command in 4.1 s, with 2 threads" in text


def test_sets_have_what_was_run(report: Report) -> None:
    few = replace(report, codecs=compare([c for c in report.codecs if c.name != "jpeg"]))
    lines = sets({"A": report, "B": few}).splitlines()
    assert "| A (3) | `aec` | `jpeg` | -66.7 % | -66.7 % | -66.7 % | - |" in lines
    assert [line[:5] for line in lines[2:]] == ["| A ("] * 5 + ["| B ("] * 4
