"""Sheets of crops: equal bytes, and the right pixels in the right places."""

import argparse
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("skimage")

from aecodec.bench.codecs import Jpeg
from aecodec.bench.measure import code
from aecodec.bench.naming import make_codec
from aecodec.errors import AecodecError
from benchmarks.sheets import CROPS, RATES, Cell, Crop, at_most, cut, read_crops, run, sheet
from tests.bench.synthetic import synthetic
from tests.photos import photo


def test_files_are_the_largest_that_are_not_larger() -> None:
    image, codec = photo(160, 120), Jpeg()
    found = at_most(codec, image, (0.01, 0.8, 2.0))
    assert found[0.01] is None  # JPEG's tables alone take more
    for rate in (0.8, 2.0):
        choice = found[rate]
        assert choice is not None
        step, coded = choice
        assert coded.bpp <= rate < code(codec, step + 1, image).bpp


def test_a_knob_that_falls() -> None:
    pytest.importorskip("imagecodecs")
    low, high = at_most(make_codec("jxl"), photo(128, 128), (0.5, 2.0)).values()
    assert low is not None and high is not None
    assert low[0] > high[0] and 0.3 < low[1].bpp <= 0.5 < high[1].bpp <= 2


def test_cells_stand_in_rows_and_are_enlarged() -> None:
    large, small = (synthetic(side, side, seed=side).image for side in (40, 30))
    picture = np.asarray(
        sheet(["original", "aec"], [[Cell(each, ("a", "b"))] * 2 for each in (large, small)])
    )
    tops = [22, 22 + 80 + 38]
    for top, pixels in zip(tops, (large, small), strict=True):
        side = 2 * len(pixels)
        for left in (6, 6 + 86):
            shown = picture[top : top + side, left : left + side]
            assert np.array_equal(shown[::2, ::2], pixels) and np.array_equal(
                shown[1::2, 1::2], pixels
            )


def test_crops_are_squares_within_photos(tmp_path: Path) -> None:
    assert all(crop.left + crop.side <= 768 and crop.top + crop.side <= 768 for crop in CROPS)
    image = synthetic(20, 30).image
    assert np.array_equal(cut(image, Crop("a", 4, 2, 10, "")), image[2:12, 4:14])
    for left, top, side in ((-1, 0, 4), (27, 0, 4), (0, 17, 4), (0, 0, 0)):
        with pytest.raises(AecodecError, match="not within the photo"):
            cut(image, Crop("a", left, top, side, ""))
    path = tmp_path / "crops.csv"
    path.write_text("photo,left,top,side,shows\na.png,1,2,3,sky\n")
    assert read_crops(path) == [Crop("a.png", 1, 2, 3, "sky")]
    for text in ("photo,left,top\na.png,1,2\n", "photo,left,top,side,shows\na.png,1,x,3,sky\n"):
        path.write_text(text)
        with pytest.raises(AecodecError, match=r"crops\.csv: not a file of crops"):
            read_crops(path)


def test_a_sheet_for_each_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(photo(96, 80)).save(tmp_path / "a.png")
    (tmp_path / "crops.csv").write_text(
        "photo,left,top,side,shows\na.png,8,4,32,cup\nb.png,0,0,1,\n"
    )
    asked = argparse.Namespace(
        photos=tmp_path, folder=tmp_path / "out", crops=tmp_path / "crops.csv", codecs="jpeg,webp"
    )
    run(asked)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == sorted(f"{rate:g}-bpp.png" for rate in RATES)
    with Image.open(tmp_path / "out" / "0.8-bpp.png") as picture:
        assert picture.size == (3 * 70 + 6, 22 + 64 + 38)
    assert capsys.readouterr().out.startswith("1 file was skipped: 1 .csv\na.png\n")
    for codecs, crops, what in (("vvc", None, "knob qp"), ("jpeg", None, "none of the photos")):
        with pytest.raises(AecodecError, match=what):
            run(argparse.Namespace(**vars(asked) | {"codecs": codecs, "crops": crops}))
