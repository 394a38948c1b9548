"""Many files in one run."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

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
    left = "" if going else ", 2 were not tried"
    assert f"aecodec: error: 1 of 3 files could not be processed{left}\n" in err
    assert (Path("out/deep/b.aec").exists(), Path("out/photo.aec").exists()) == (going, going)


def test_json_of_many_is_one_line_each(tree: Path, capsys: Any) -> None:
    assert main(["compress", "-r", "in", "photo.png", "--json", "-o", "out"]) == 0
    out, _ = capsys.readouterr()
    assert sorted(json.loads(line)["input"] for line in out.splitlines()) == [
        "in/a.png",
        "in/deep/b.bmp",
        "photo.png",
    ]


def test_a_folder_of_one_photo_is_as_one_of_many(tree: Path, capsys: Any) -> None:
    """Its time is kept and a total told. That of a file given by name is not."""
    assert main(["compress", "-r", "in/deep", "-o", "out", "--effort", "0"]) == 0
    assert "aecodec: 1 file: 2,3" in capsys.readouterr().err
    assert os.stat("out/b.aec").st_mtime == 1_000_000
    assert main(["decompress", "-r", "out", "-o", "back"]) == 0
    assert os.stat("back/b.png").st_mtime == 1_000_000
    Path("in/deep/b.bmp").write_bytes(b"no picture")
    assert main(["compress", "-r", "in/deep", "-o", "new"]) == 1
    assert "error: 1 of 1 file could not be processed\n" in capsys.readouterr().err
    for arguments in (["in/a.png", "-o", "out/a.aec"], ["in/a.png", "-o", "new/"]):
        assert main(["compress", *arguments]) == 0
    assert os.stat("out/a.aec").st_mtime > 1_000_000 < os.stat("new/a.aec").st_mtime


def test_what_a_folder_has_besides_is_told_once(tree: Path, capsys: Any) -> None:
    for name in ("x.cr3", "deep/y.CR3", "z.svg"):
        Path("in", name).touch()
    Path("in/._a.png").write_bytes(bytes.fromhex("00051607") + bytes(50))
    warning = "aecodec: warning: in: 4 files were skipped: 2 .cr3, 1 .svg, 1 .txt\n"
    assert main(["compress", "-r", "in", "--effort", "0"]) == 0
    err = capsys.readouterr().err
    assert err.startswith(warning) and err.count("skipped") == 1
    assert not Path("in/._a.aec").exists()
    Path("in/._a.aec").write_bytes(bytes.fromhex("00051607") + bytes(50))
    assert main(["decompress", "-r", "in", "-o", "back"]) == 0
    assert "skipped" not in capsys.readouterr().err
    assert main(["compress", "-f", "-r", "in", "--effort", "0"]) == 0
    assert capsys.readouterr().err.startswith(warning)


def test_photos_by_other_suffixes_are_taken(photo: Path) -> None:
    Path("in").mkdir()
    image = Image.open(photo)
    for suffix in (".jfif", ".jpe", ".JPG_Large", ".mpo"):
        image.save(f"in/jpeg{suffix}", "JPEG")
    image.save("in/a.pnm", "PPM")
    image.convert("1").save("in/b.pbm", "PPM")
    image.save("in/c.dib", "DIB")
    image.save("in/d.dib", "BMP")
    image.save("in/e.apng", "PNG")
    count = len(os.listdir("in"))
    assert main(["compress", "-r", "in", "-o", "out", "--effort", "0"]) == 0
    assert len(os.listdir("out")) == count == 9


def test_a_second_run_does_what_is_missing(tree: Path, capsys: Any) -> None:
    line = ["compress", "-r", "in", "photo.png", "-o", "out", "--skip-existing", "--effort", "0"]
    Path("out/deep").mkdir(parents=True)
    Path("out/deep/b.aec").write_bytes(b"mine")
    assert main(line) == 0
    assert "aecodec: 1 file skipped: the output exists already\n" in capsys.readouterr().err
    assert Path("out/deep/b.aec").read_bytes() == b"mine"
    assert Path("out/a.aec").exists() and Path("out/photo.aec").exists()
    before = {path: path.stat() for path in Path("out").rglob("*.aec")}
    assert main([*line, "--json"]) == 0
    out, err = capsys.readouterr()
    assert out == "" and err.endswith("aecodec: 3 files skipped: the output exists already\n")
    assert {path: path.stat() for path in Path("out").rglob("*.aec")} == before
    assert main(["compress", "photo.png", "-o", "out/a.aec", "--skip-existing"]) == 0
    assert main(["compress", "photo.png", "-o", "new.aec", "--skip-existing"]) == 0
    assert Path("out/a.aec").stat() == before[Path("out/a.aec")] and Path("new.aec").exists()


def test_what_another_photo_became_is_not_skipped(tree: Path, capsys: Any) -> None:
    line = ["compress", "-r", "in/deep", "-o", "out", "--effort", "0", "--skip-existing"]
    assert main(line) == 0
    Image.fromarray(PIXELS).save("in/deep/a.png")
    os.utime("in/deep/a.png", (2_000_000, 2_000_000))
    assert main(line) == 0 and len(os.listdir("out")) == 2
    Image.fromarray(PIXELS[::-1]).save("in/deep/a.jpg")
    capsys.readouterr()
    assert main([*line, "--keep-going"]) == 1
    assert "error: out/a.aec: exists already; -f overwrites it" in capsys.readouterr().err
    os.unlink("out/a.aec")
    assert main(line) == main(line) == 0
    assert sorted(os.listdir("out")) == ["a.aec", "a.png.aec", "b.aec"]


def test_two_files_of_one_stem(photo: Path, capsys: Any) -> None:
    Image.open(photo).save("photo.jpg")
    assert main(["compress", "photo.png", "photo.jpg", "--effort", "0"]) == 0
    warning = "photo.jpg: written as photo.jpg.aec, for photo.png is written as photo.aec"
    assert f"aecodec: warning: {warning}\n" in capsys.readouterr().err
    assert Path("photo.aec").exists() and Path("photo.jpg.aec").exists()
    os.unlink("photo.aec")
    assert main(["compress", "photo.png", "photo.jpg", "-j", "1", "--keep-going"]) == 1
    assert "error: photo.jpg.aec: exists already; -f over" in capsys.readouterr().err
    Path("photo.AEC").write_bytes(Path("photo.aec").read_bytes())
    assert main(["decompress", "photo.aec", "photo.AEC", "-o", "back"]) == 0
    assert sorted(os.listdir("back")) == ["photo.AEC.png", "photo.png"]


def test_a_file_given_twice(photo: Path, capsys: Any) -> None:
    os.utime(photo, (1_000_000, 1_000_000))
    assert main(["compress", "photo.png", "./photo.png", "--effort", "0"]) == 0
    err = capsys.readouterr().err
    assert "aecodec: warning: ./photo.png: given more than once, done once\n" in err
    assert "aecodec: 1 file: " in err and os.stat("photo.aec").st_mtime == 1_000_000


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
