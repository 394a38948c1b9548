"""Many files in one run."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aecodec.cli.main import main
from aecodec.image.photo_file import read_picture
from tests.cli.stand_in import PIXELS


def test_a_folder_becomes_the_same_tree(tree: Path, capsys: Any) -> None:
    assert main(["compress", "-r", "in", "-o", "out", "-j", "2"]) == 0
    out, err = capsys.readouterr()
    assert out == "" and "aecodec: 2 files: 4,7" in err
    found = sorted(str(p) for p in Path("out").rglob("*.*"))
    assert found == ["out/a.aec", "out/deep/b.aec"]
    assert os.stat("out/a.aec").st_mtime == 1_000_000
    assert main(["decompress", "-r", "out", "-o", "back"]) == 0
    assert np.array_equal(read_picture("back/deep/b.png").pixels, PIXELS)


def test_many_files_beside_their_inputs_or_into_a_folder(tree: Path) -> None:
    assert main(["compress", "photo.png", "in/a.png"]) == 0
    assert Path("photo.aec").exists() and Path("in/a.aec").exists()
    assert main(["compress", "photo.png", "in/a.png", "-o", "out"]) == 0
    assert sorted(os.listdir("out")) == ["a.aec", "photo.aec"]
    assert main(["compress", "photo.png", "-o", "in/deep"]) == 0
    assert main(["compress", "photo.png", "-o", "new/"]) == 0
    assert Path("in/deep/photo.aec").exists() and Path("new/photo.aec").exists()


@pytest.mark.parametrize("going", [True, False])
def test_a_failure_among_many(tree: Path, going: bool, capsys: Any) -> None:
    Path("in/a.png").write_bytes(b"no picture")
    keep = ["--keep-going"] if going else []
    assert main(["compress", "-r", "in", "photo.png", "-o", "out", "-j", "1", *keep]) == 1
    err = capsys.readouterr().err
    assert "aecodec: error: in/a.png: not a picture of a known format" in err
    assert "aecodec: error: 1 of 3 files could not be processed\n" in err
    assert (Path("out/deep/b.aec").exists(), Path("out/photo.aec").exists()) == (going, going)


def test_json_of_many_is_one_line_each(tree: Path, capsys: Any) -> None:
    assert main(["compress", "-r", "in", "photo.png", "--json", "-o", "out"]) == 0
    out, _ = capsys.readouterr()
    assert sorted(json.loads(line)["input"] for line in out.splitlines()) == [
        "in/a.png",
        "in/deep/b.bmp",
        "photo.png",
    ]


@pytest.mark.parametrize(("workers", "share"), [("1", 8), ("2", 4), ("3", 2), ("9", 2)])
def test_files_share_the_cores(
    tree: Path, workers: str, share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A single file has them all."""
    limits: list[int] = []
    monkeypatch.setattr("aecodec.cli.jobs.cores", lambda: 8)
    monkeypatch.setattr("aecodec.cli.tasks.limit_threads", limits.append)
    assert main(["compress", "-r", "in", "photo.png", "-o", "out", "-j", workers]) == 0
    assert limits == [share] * 3
    assert main(["compress", "photo.png", "-o", "one.aec"]) == 0
    assert limits[3:] == [8]
