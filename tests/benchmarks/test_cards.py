"""The model cards, of reports that were made up."""

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("skimage")
pytest.importorskip("matplotlib")

from aecodec.bench.files import write_report
from aecodec.bench.report import CodecResult, RDPoint, Report
from aecodec.bench.runner import compare
from aecodec.bench.view import Views
from aecodec.errors import AecodecError
from aecodec.model.store import TUNED, find_model
from benchmarks.cards import card, codec_of, learnt, read_reports, results

MODELS = [find_model(tune=tune) for tune in TUNED]


def codec(name: str, version: str, factor: float) -> CodecResult:
    """A curve that needs `factor` of the rate of others."""
    points = [
        RDPoint(step, factor * 2**step, 30.0 + 4 * step, cvvdp=9 + 0.2 * step) for step in range(4)
    ]
    return CodecResult(name, version, "settings", "run", tuple(points))


@pytest.fixture
def report() -> Report:
    ours = [
        codec("aec", f"aecodec, model {MODELS[0].model_id}", 1),
        codec("aec:tune=psnr", f"aecodec, model {MODELS[1].model_id}", 0.8),
    ]
    codecs = compare([*ours, codec("avif", "libavif", 2)])
    return Report("photos", ("a.png",), "a machine", "", codecs, ())


@pytest.mark.parametrize("place", [0, 1])
def test_a_card_has_its_models_figures(report: Report, place: int) -> None:
    model = MODELS[place]
    found = codec_of(model, report)
    assert found is not None and found.name == ("aec", "aec:tune=psnr")[place]
    text = card(model, results(model, {"Kodak": report, "Validation": report}, "SPEED"))
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert titles[-2 - model.default :][:2] == ["## Kodak, real files", "## Validation, real files"]
    assert ("SPEED" in text) == model.default == (place == 0)
    assert f"| id | `{model.model_id}` |" in text
    assert "| against | PSNR | CVVDP |" in text
    assert ("| avif | -50.0 % | -50.0 % |", "| avif | -60.0 % | -60.0 % |")[place] in text
    assert text.count("| setting | bpp | PSNR dB | CVVDP JOD |") == 2


def test_what_was_held_out() -> None:
    visual, psnr = map(learnt, MODELS)
    assert visual.startswith("| trained on | rate and MSE and SSIMULACRA2 (`[visual]`: share ")
    assert visual.endswith("| held out | MS-SSIM, CVVDP, Butteraugli, Butteraugli 3-norm |")
    assert psnr.startswith("| trained on | rate and MSE |\n| held out | MS-SSIM, SSIMULACRA2, ")


def test_reports_that_are_missing_or_of_other_models_are_refused(
    report: Report, tmp_path: Path
) -> None:
    folders = {"Kodak": tmp_path / "kodak"}
    with pytest.raises(AecodecError, match="kodak: no report; measure again"):
        read_reports(MODELS, folders)
    (tmp_path / "kodak").mkdir()
    write_report(report, Views([], {}), tmp_path / "kodak")
    assert list(read_reports(MODELS, folders)) == ["Kodak"]
    other = replace(MODELS[1], name="x1", model_id="0123456789abcdef")
    with pytest.raises(AecodecError, match=r"the report is not of x1 \(0123456789abcdef\)"):
        read_reports([other], folders)
