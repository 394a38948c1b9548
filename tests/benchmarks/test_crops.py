"""The published pictures: which square is shown, what stands in a row."""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("skimage")
pytest.importorskip("matplotlib")

from aecodec.errors import AecodecError
from benchmarks import crops
from benchmarks.crops import coded_at, lost_row, most_lost, run
from benchmarks.losses import Case
from benchmarks.sheets import Crop
from tests.bench.synthetic import synthetic
from tests.photos import photo

CASE = Case("a.png", "jpeg", "webp", "psnr", 5.0)


def test_the_square_with_the_most_errors_beyond_the_other_is_found() -> None:
    flat = replace(synthetic(200, 300), image=np.full((200, 300, 3), 100, np.uint8))
    ours, theirs = flat.image.copy(), flat.image.copy()
    ours[20:60, 250:290] = 140
    ours[150:190, 10:50] = theirs[150:190, 10:50] = 255  # both lose it
    crop = most_lost(flat, ours, theirs)
    assert crop.left <= 250 and crop.left + crop.side >= 290
    assert crop.top <= 20 and crop.top + crop.side >= 60


def test_rows_have_equal_bytes_and_their_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crops, "RATE_LOST", 1.0)
    picture = replace(synthetic(160, 170), image=photo(160, 170), name="a.png")
    first, ours, theirs = lost_row(picture, CASE)
    assert first.lines[0] == "a.png" and first.lines[1].startswith("144 pixels from ")
    for cell, name in ((ours, "jpeg"), (theirs, "webp")):
        assert cell.lines[0].startswith(f"{name}: ") and cell.lines[1].endswith(" dB")
        assert cell.pixels.shape == (144, 144, 3)
    with pytest.raises(AecodecError, match="jpeg has no file of 0.01 bits per pixel"):
        coded_at("jpeg", picture, 0.01)


def test_both_pictures_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(photo(160, 170)).save(tmp_path / "a.png")
    monkeypatch.setattr(crops, "read_report", lambda folder: None)
    monkeypatch.setattr(crops, "worst", lambda report: [CASE])
    monkeypatch.setattr(crops, "COLUMNS", {"JPEG": "jpeg", "WebP": "webp"})
    monkeypatch.setattr(crops, "CROPS", (Crop("a.png", 8, 4, 32, "cup"),))
    monkeypatch.setattr(crops, "RATE", 1.0)
    monkeypatch.setattr(crops, "RATE_LOST", 1.0)
    asked = argparse.Namespace(photos=tmp_path, folder=tmp_path)
    run(asked)
    assert capsys.readouterr().out.endswith(f"{tmp_path / 'losses.jpg'}\n")
    with Image.open(tmp_path / "crops.jpg") as picture:
        assert picture.size == (3 * 70 + 6, 22 + 64 + 38)
    monkeypatch.setattr(crops, "CROPS", (Crop("b.png", 8, 4, 32, "cup"),))
    with pytest.raises(AecodecError, match=r"missing: b\.png"):
        run(asked)
