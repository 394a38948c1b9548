"""`aecodec.bench.run` from photos to report, with a stand-in for aecodec's model."""

import csv
import io
import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("skimage")
pytest.importorskip("matplotlib")

import aecodec
from aecodec import bench
from aecodec.bench import codecs, runner
from aecodec.bench.files import read_report, write_report
from aecodec.bench.photos import Photo
from aecodec.bench.plot import draw
from aecodec.bench.report import Failure, rounded
from aecodec.bench.scales import METRICS
from aecodec.bench.table import bd_rows, codec_rows, cost_rows, markdown_table, text_table
from aecodec.bench.view import Views
from aecodec.coding.effort import DEFAULT_EFFORT
from aecodec.errors import AecodecError
from tests.photos import saved


class FakeCodec:
    """JPEG 2000 under the interface of `aecodec.Codec`; tuned for PSNR, files are smaller."""

    def encode(self, image: Image.Image, quality: int, effort: int, tune: str) -> bytes:
        ratio = {"visual": 250, "psnr": 260}[tune] * 0.97**quality
        options = {"quality_mode": "rates", "quality_layers": [ratio]}
        return saved(image, "JPEG2000", mct=1, irreversible=True, **options)

    def decode(self, data: bytes) -> Image.Image:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            return picture


@pytest.fixture
def fake_aec(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put `FakeCodec` in the place of aecodec's models."""
    monkeypatch.setattr(codecs, "load_codec", lambda model, device: FakeCodec())


@pytest.fixture
def without_bpg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No BPG programs, whatever this machine has."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two photos, one of them large enough for MS-SSIM, and what is no photo."""
    folder = tmp_path / "holidays"
    folder.mkdir()
    for name, size in (("large.png", (192, 180)), ("small.png", (97, 65))):
        blobs = np.random.default_rng(7).integers(0, 256, (9, 9, 3), dtype=np.uint8)
        Image.fromarray(blobs).resize(size, Image.Resampling.BICUBIC).save(folder / name)
    (folder / "notes.txt").touch()
    return folder


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


FILES = (
    "cache.jsonl compressai failures.csv images.csv points.csv rd.png rd.svg "
    "report.html report.json table.md"
)


@pytest.mark.usefixtures("fake_aec", "without_bpg")
def test_run_writes_a_whole_report(photos: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    done: list[tuple[int, int]] = []
    folder = tmp_path / "new" / "report"
    asked = "aec,jpeg:q=10/30/60/90,jpeg2000,bpg"
    report = bench.run(
        photos, asked, folder, say=lines.append, on_progress=lambda *n: done.append(n), command="me"
    )
    assert sorted(path.name for path in folder.iterdir()) == FILES.split()
    assert "1 file was skipped: 1 .txt" in report.notes
    assert any(note.startswith("bpg: left out. bpgdec is not on PATH") for note in report.notes)
    assert lines == list(report.notes) and (56, 56) in done
    check_json(json.loads(report.to_json()))
    check_csv(folder)
    assert (folder / "report.json").read_text() == report.to_json() + "\n"
    with Image.open(folder / "rd.png") as plot:
        assert plot.size == (1800, 750)  # PSNR and SSIMULACRA2
    aec = json.loads((folder / "compressai" / "aec.json").read_text())
    assert aec["results"]["bpp"] == sorted(aec["results"]["bpp"])
    assert {len(column) for column in aec["results"].values()} == {8}
    assert {"bpp", "psnr-rgb", "ms-ssim-rgb", "encoding_time"} < set(aec["results"])


def check_json(content: dict[str, Any]) -> None:
    """The contract of `bench --json`."""
    assert content["command"] == "me" and "one process" in content["machine"]
    names = ["aec", "aec:tune=psnr", "jpeg", "jpeg2000"]
    assert [codec["name"] for codec in content["codecs"]] == names
    aec = content["codecs"][0]
    assert aec["version"].startswith(f"aecodec {aecodec.__version__} (code ")
    assert aec["status"] == "run"
    assert aec["settings"] == f"tune=visual, effort={DEFAULT_EFFORT}, device=cpu; points by q"
    assert len(aec["points"]) == 8 and aec["failures"] == []
    assert set(aec["points"][0]) == {"setting", "bpp", *METRICS, "encode_s", "decode_s"}
    for end, most in (("", 5), ("_ms_ssim", 5), ("_ssimulacra2", 20)):  # of 97x65 pixels, too
        anchors = aec[f"bd_rate{end}"].keys()
        assert anchors == aec[f"bd_range{end}"].keys() == set(names) - {"aec"}
        assert abs(aec[f"bd_rate{end}"]["jpeg2000"]) < most  # the stand-in is JPEG 2000
        low, high = aec[f"bd_range{end}"]["jpeg2000"]
        assert low < high
    assert set(aec["bd_rate_images"]["jpeg2000"]) == {"large.png", "small.png"}
    assert set(aec["bd_rate_images_ms_ssim"]["jpeg2000"]) == {"large.png"}
    assert aec["encode_mp_s"] > 0


def check_csv(folder: Path) -> None:
    """Rows for every setting and photo; their mean is the point; bpp counts all bytes."""
    rows = read_csv(folder / "images.csv")
    points = read_csv(folder / "points.csv")
    assert len(points) == 8 + 8 + 4 + 8 and len(rows) == 2 * len(points)
    pixels = {"large.png": 192 * 180, "small.png": 97 * 65}
    first = [row for row in rows if (row["codec"], row["setting"]) == ("aec", "1")]
    assert [row["image"] for row in first] == ["large.png", "small.png"]
    for row in first:
        bpp = 8 * int(row["bytes"]) / pixels[row["image"]]
        assert float(row["bpp"]) == pytest.approx(bpp, abs=1e-6)
    mean = sum(float(row["bpp"]) for row in first) / 2
    assert float(points[0]["bpp"]) == pytest.approx(mean, abs=1e-6)
    assert first[1]["ms_ssim"] == ""


@pytest.mark.usefixtures("without_bpg")
def test_on_kodak_the_published_curves_are_shown_as_such(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "is_kodak", lambda photos, note: True)
    (photos / "large.png").unlink()
    report = bench.run(photos, "jpeg:q=10/50/90,bpg,vvc", tmp_path / "report")
    bpg, vtm = report.codecs[1], report.codecs[2]
    assert (bpg.status, bpg.label, bpg.version) == ("published", "bpg (published)", None)
    assert (vtm.name, vtm.status) == ("vtm", "published")
    assert "CompressAI" in bpg.settings
    against_bpg = vtm.bd_rates["psnr"]["bpg"]
    assert against_bpg is not None and against_bpg.images == {}
    assert against_bpg.percent == pytest.approx(-18.0, abs=0.06)
    line = next(line for line in text_table(report).splitlines() if line.startswith("vtm"))
    assert line.startswith("vtm (published)  ") and "-18.0 %" in line
    styles = [line.get_linestyle() for line in draw(report).axes[0].get_lines()]
    assert styles == ["-", "--", "--"]
    assert "bpg (published)" in (tmp_path / "report" / "table.md").read_text()
    by_psnr = bd_rows(report, METRICS["psnr"])
    assert by_psnr[0] == ["codec", "vs jpeg"]
    assert re.fullmatch(r"-[\d.]+ % \[[\d.]+\.\.[\d.]+\]", by_psnr[3][1])


@pytest.mark.usefixtures("without_bpg")
def test_one_gray_photo_is_a_folder_of_photos(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    gray = Image.linear_gradient("L").resize((64, 48))
    gray.save(tmp_path / "in" / "gray.png")
    report = bench.run(tmp_path / "in", "jpeg:q=20/80,webp:q=20/80", tmp_path / "out")
    assert report.photo_names == ("gray.png",) and report.notes == ()
    for codec in report.codecs:
        assert len(codec.points) == 2 and not codec.failures
    data = saved(gray, "JPEG", quality=80, optimize=True, progressive=True)
    assert report.codecs[0].measurements[1].bytes == len(data)
    assert text_table(report).startswith("At equal ") and "in: 1 photo, " in text_table(report)


@pytest.fixture
def bundled(monkeypatch: pytest.MonkeyPatch) -> None:
    """One small photo in the place of those that are bundled."""
    one = Photo("one.png", np.asarray(Image.new("RGB", (30, 20), "teal")))
    monkeypatch.setattr(runner, "read_bundled", lambda: [one])


@pytest.mark.usefixtures("bundled")
def test_without_a_folder_it_takes_the_bundled_photos(tmp_path: Path) -> None:
    report = bench.run(None, "jpeg:q=50", tmp_path / "report")
    assert report.photos == "scikit-image's photos" and report.photo_names == ("one.png",)
    assert set(map(len, report.codecs[0].bd_rates.values())) == {0}


def test_a_codec_that_fails_is_reported_and_the_run_goes_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = codecs.Jpeg.encode

    def encode(self: codecs.Jpeg, picture: Image.Image, step: float, path: Path) -> None:
        if step == 50 and picture.size == (97, 65):
            raise OSError("out of\nluck")
        save(self, picture, step, path)

    monkeypatch.setattr(codecs.Jpeg, "encode", encode)
    report = bench.run(photos, "jpeg:q=20/50/80,webp:q=20/80", tmp_path / "report")
    jpeg, webp = report.codecs
    assert [point.setting for point in jpeg.points] == [20, 80]  # 50 would lack a photo
    assert jpeg.failures == (Failure("jpeg", 50, "small.png", "out of luck"),)
    assert len(jpeg.measurements) == 5 and len(webp.measurements) == 4
    assert "jpeg: 1 failed; first small.png at 50: out of luck" in report.notes
    assert json.loads(report.to_json())["codecs"][0]["failures"][0]["what"] == "out of luck"
    assert read_csv(tmp_path / "report" / "failures.csv")[0]["codec"] == "jpeg"
    assert cost_rows(report)[1][-1] == "1"


def test_a_report_is_read_back(photos: Path, tmp_path: Path) -> None:
    codecs = "jpeg:q=20/50/80,jpeg2000:ratio=80/32/8,jxl:d=4/2.5/0.8,webp:q=101"
    report = bench.run(photos, codecs, tmp_path / "first", command="me")
    (tmp_path / "second").mkdir()
    again = read_report(tmp_path / "first")
    assert again.to_json() == report.to_json()
    speedless = [[row[:-2] for row in codec_rows(each)] for each in (again, report)]
    assert speedless[0] == speedless[1]
    for codec, first in zip(again.codecs, report.codecs, strict=True):
        rows = [rounded(asdict(row)) for row in first.measurements]
        assert [asdict(row) for row in codec.measurements] == rows
        assert codec.failures == first.failures
    write_report(again, Views([], {}), tmp_path / "second")
    for name in ("report.json", "images.csv", "failures.csv"):
        assert (tmp_path / "second" / name).read_text() == (tmp_path / "first" / name).read_text()


def test_a_report_from_before_a_metric_is_read(photos: Path, tmp_path: Path) -> None:
    bench.run(photos, "jpeg:q=20/80,webp:q=20/80", tmp_path)
    later = ("cvvdp", "butteraugli", "butteraugli_3norm")
    content = json.loads((tmp_path / "report.json").read_text())
    del content["headline"]  # which is younger, too
    for codec in content["codecs"]:
        for point in codec["points"]:
            for name in later:
                del point[name]
        for key in [key for key in codec if key.endswith(later)]:
            del codec[key]
    (tmp_path / "report.json").write_text(json.dumps(content))
    rows = read_csv(tmp_path / "images.csv")
    with (tmp_path / "images.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [key for key in rows[0] if key not in later])
        writer.writeheader()
        writer.writerows({key: row[key] for key in writer.fieldnames} for row in rows)
    report = read_report(tmp_path)
    assert {metric.name for metric in report.metrics} <= METRICS.keys() - set(later)
    assert report.codecs[0].measurements[0].cvvdp is None
    assert report.codecs[1].bd_rates["psnr"]["jpeg"] is not None
    assert "CVVDP" not in markdown_table(report)


def test_a_codec_that_fails_everywhere_stays_in_the_report(photos: Path, tmp_path: Path) -> None:
    report = bench.run(photos, "jpeg:q=20/50,webp:q=101", tmp_path / "report")
    jpeg, webp = report.codecs
    assert webp.points == () and len(webp.failures) == 2 and webp.bd_rates["psnr"] == {"jpeg": None}
    row = next(line for line in text_table(report).splitlines() if line.startswith("webp"))
    assert row.split()[1:] == ["-"] * (len(codec_rows(report)[0]) - 1)
    assert cost_rows(report)[2] == ["webp", "-", "-", "-", "2"]
    assert '"name":"webp"' in (tmp_path / "report" / "report.html").read_text()


def test_without_the_usual_anchors_the_first_codec_is_one(photos: Path, tmp_path: Path) -> None:
    report = bench.run(photos, "webp:q=20/50/80,webp:q=20/50/80,method=0", tmp_path / "report")
    header, first, second = codec_rows(report)
    place = header.index(f"PSNR vs {report.codecs[0].name}")
    assert first[place] == "-" and "%" in second[place]


def test_a_run_that_was_stopped_goes_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.run(photos, "jpeg:q=20/50", tmp_path, on_progress=stop)
    done: list[tuple[int, int]] = []
    bench.run(photos, "jpeg:q=20/50", tmp_path, on_progress=lambda *n: done.append(n))
    assert done[0] == (2, 4)


@pytest.mark.usefixtures("bundled", "fake_aec")
def test_aec_stands_for_both_tunes(tmp_path: Path) -> None:
    for asked, names in (("aec,jpeg", ["aec", "aec:tune=psnr", "jpeg"]), ("aec:q=50", ["aec"])):
        report = bench.run(None, asked, tmp_path)
        assert [codec.name for codec in report.codecs] == names


def test_wrong_codecs_and_folders_are_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(AecodecError, match="choose from"):
        bench.run(photos, "", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(AecodecError, match="file"):
        bench.run(photos, "jpeg", tmp_path / "file")


def test_a_missing_extra_is_named(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "find_spec", lambda name: None if name == "scipy" else object())
    with pytest.raises(AecodecError, match=r"scipy missing: pip install 'aecodec\[bench\]'"):
        bench.run(photos, "jpeg", tmp_path)


def test_a_second_run_writes_the_same_files(photos: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        bench.run(photos, "jpeg:q=20/50", tmp_path / name)
        if name == "a":
            (tmp_path / "b").mkdir()
            shutil.copy(tmp_path / "a" / "cache.jsonl", tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
