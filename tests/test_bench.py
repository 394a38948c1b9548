"""`aecodec.bench.run` from photos to report, with a stand-in for aecodec's model."""

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("skimage")
pytest.importorskip("matplotlib")

import aecodec
from aecodec import bench
from aecodec.bench import runner
from aecodec.bench.photos import Photo
from aecodec.bench.plot import draw
from aecodec.bench.write import write_report
from aecodec.errors import AecodecError


class FakeCodec:
    """JPEG 2000 under the interface of `aecodec.Codec`."""

    def __init__(self, device: str) -> None:
        assert device == "cpu"

    def encode(self, image: Image.Image, quality: int) -> bytes:
        file = io.BytesIO()
        options = {"quality_mode": "rates", "quality_layers": [200 / quality], "irreversible": True}
        image.save(file, "JPEG2000", mct=1, **options)
        return file.getvalue()

    def decode(self, data: bytes) -> Image.Image:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            return picture


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """PyTorch's threads wait for one another dearly where other work runs beside the tests."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def fake_aec(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put `FakeCodec` in the place of aecodec's model."""
    module = ModuleType("aecodec.codec")
    module.Codec = FakeCodec  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "aecodec.codec", module)
    monkeypatch.setattr(aecodec, "info", lambda data: SimpleNamespace(model="0123"), raising=False)


@pytest.fixture
def without_bpg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No BPG programs, whatever this machine has."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two photos, one of them large enough for MS-SSIM, and a gray picture."""
    folder = tmp_path / "holidays"
    folder.mkdir()
    for name, size in (("large.png", (192, 180)), ("small.png", (97, 65))):
        blobs = np.random.default_rng(7).integers(0, 256, (9, 9, 3), dtype=np.uint8)
        Image.fromarray(blobs).resize(size, Image.Resampling.BICUBIC).save(folder / name)
    Image.new("L", (40, 40)).save(folder / "gray.png")
    return folder


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("fake_aec", "without_bpg")
def test_run_writes_a_whole_report(photos: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    folder = tmp_path / "new" / "report"
    report = bench.run(photos, list(bench.DEFAULT_CODECS), folder, progress=lines.append)
    names = {path.name for path in folder.iterdir()}
    assert names == {"report.json", "table.md", "points.csv", "images.csv", "rd.png", "rd.svg"}
    assert "gray.png: left out, mode L instead of RGB" in report.notes
    assert any(note.startswith("bpg: left out") for note in report.notes)
    assert lines[0] == report.notes[0] and any(line.startswith("aec 100: ") for line in lines)
    check_json(json.loads(report.to_json()))
    check_csv(folder)
    assert (folder / "report.json").read_text() == report.to_json() + "\n"
    with Image.open(folder / "rd.png") as plot:
        assert plot.size == (1050, 750)


def check_json(content: dict[str, Any]) -> None:
    """The contract of `bench --json`."""
    assert [codec["name"] for codec in content["codecs"]] == ["aec", "jpeg", "jpeg2000"]
    aec = content["codecs"][0]
    assert aec["version"] == f"aecodec {aecodec.__version__}, model 0123"
    assert aec["status"] == "run" and aec["settings"] == "device cpu"
    assert len(aec["points"]) == 10
    fields = {"setting", "bpp", "psnr", "ms_ssim", "encode_s", "decode_s"}
    assert set(aec["points"][0]) == fields
    assert aec["bd_rate"].keys() == aec["bd_range"].keys() == {"jpeg", "jpeg2000"}
    assert abs(aec["bd_rate"]["jpeg2000"]) < 3  # the stand-in is JPEG 2000
    low, high = aec["bd_range"]["jpeg2000"]
    assert low < high


def check_csv(folder: Path) -> None:
    """Rows for every setting and photo; their mean is the point; bpp counts all bytes."""
    rows = read_csv(folder / "images.csv")
    points = read_csv(folder / "points.csv")
    assert len(points) == 10 + 14 + 12 and len(rows) == 2 * len(points)
    pixels = {"large.png": 192 * 180, "small.png": 97 * 65}
    first = [row for row in rows if (row["codec"], row["setting"]) == ("aec", "1")]
    assert [row["image"] for row in first] == ["large.png", "small.png"]
    for row in first:
        assert float(row["bpp"]) == pytest.approx(
            8 * int(row["bytes"]) / pixels[row["image"]], abs=1e-6
        )
    mean = sum(float(row["bpp"]) for row in first) / 2
    assert float(points[0]["bpp"]) == pytest.approx(mean, abs=1e-6)
    assert first[1]["ms_ssim"] == ""


@pytest.mark.usefixtures("without_bpg")
def test_on_kodak_the_published_curve_is_shown_as_such(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "is_kodak", lambda photos: True)
    (photos / "large.png").unlink()
    report = bench.run(photos, ["jpeg", "bpg", "vtm"], tmp_path / "report")
    bpg, vtm = report.codecs[1], report.codecs[2]
    assert (bpg.status, bpg.label, bpg.version) == ("published", "bpg (published)", None)
    assert "CompressAI" in bpg.settings
    against_bpg = vtm.bd_rates["bpg"]
    assert against_bpg is not None
    assert against_bpg.percent == pytest.approx(-18.0, abs=0.06)
    line = next(line for line in report.table().splitlines() if line.startswith("vtm"))
    assert line.split()[1] == "published" and "-18.0 % [26.2..46.6]" in line
    styles = [line.get_linestyle() for line in draw(report).axes[0].get_lines()]
    assert styles == ["-", "--", "--"]
    assert "bpg (published)" in (tmp_path / "report" / "table.md").read_text()


def test_without_a_folder_it_takes_the_bundled_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Photo("one.png", np.asarray(Image.new("RGB", (30, 20), "teal")))
    monkeypatch.setattr(runner, "read_bundled", lambda: [one])
    report = bench.run(None, ["jpeg"], tmp_path / "report")
    assert report.photos == "scikit-image's photos" and report.photo_names == ("one.png",)
    assert report.codecs[0].bd_rates == {}


def test_wrong_codecs_and_folders_are_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(AecodecError, match=r"\['gif'\] unknown; choose from aec, jpeg"):
        bench.run(photos, ["gif"], tmp_path)
    with pytest.raises(AecodecError, match="choose from"):
        bench.run(photos, [], tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(AecodecError, match="file"):
        bench.run(photos, ["jpeg"], tmp_path / "file")


def test_a_missing_extra_is_named(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "find_spec", lambda name: None if name == "scipy" else object())
    with pytest.raises(AecodecError, match=r"scipy missing: pip install 'aecodec\[bench\]'"):
        bench.run(photos, ["jpeg"], tmp_path)


def test_equal_reports_give_equal_plots(photos: Path, tmp_path: Path) -> None:
    (photos / "large.png").unlink()
    report = bench.run(photos, ["jpeg"], tmp_path / "a")
    (tmp_path / "b").mkdir()
    write_report(report, tmp_path / "b")
    for name in ("rd.svg", "rd.png", "table.md"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
