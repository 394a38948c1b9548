"""The command as a whole: streams, failures, wrong usage, and the commands that need no codec."""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from aecodec import __version__, bench
from aecodec.bench.report import Report
from aecodec.bench.table import text_table
from aecodec.cli.main import aecodec as command
from aecodec.cli.main import main
from aecodec.cli.options import default_workers, read_size
from aecodec.errors import AecodecError
from aecodec.format.info import info
from aecodec.image.photo_file import read_picture
from aecodec.model import store
from aecodec.model.store import InstalledModel
from tests.cli.stand_in import PIXELS, StandIn, only_error
from tests.processes import run_python


def stdin_of(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Make these bytes the standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_standard_streams(
    photo: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    stdin_of(monkeypatch, photo.read_bytes())
    assert main(["compress", "-"]) == 0
    coded = capsysbinary.readouterr().out
    assert info(coded).width == 32

    stdin_of(monkeypatch, coded)
    assert main(["decompress", "-", "-o", "-"]) == 0
    assert np.array_equal(read_picture(capsysbinary.readouterr().out).pixels, PIXELS)

    stdin_of(monkeypatch, coded)
    assert main(["info", "-"]) == 0
    assert capsysbinary.readouterr().out.startswith(b"standard input or output\n  picture  32 x 24")
    assert os.listdir() == ["photo.png"]


def test_an_output_is_overwritten_only_by_force(photo: Path) -> None:
    Path("photo.aec").write_bytes(b"mine")
    assert main(["compress", "photo.png"]) == 1
    assert Path("photo.aec").read_bytes() == b"mine"
    assert main(["compress", "-f", "photo.png"]) == 0
    assert info(Path("photo.aec").read_bytes()).width == 32


FAILURES = [
    ("compress none.png", "none.png: no such file or directory"),
    ("compress folder -o x.aec", "folder: is a folder; -r takes the files in it"),
    ("compress folder -r", "folder: no files in it (.png "),
    ("compress photo.png photo.png -o good.aec", "good.aec: is no folder, which several files"),
    ("compress /dev/null", "/dev/null: is no file to write beside: name an output file with -o"),
    ("compress photo.png -o ", ": an empty name is no output"),
    ("compress bad.aec -o x.aec", "bad.aec: is an .aec file already; aecodec decompress bad.aec"),
    ("compress photo.png --max-pixels 700", "photo.png: 32x24 is over the limit of 700 pixels"),
    ("compress photo.png --model none", "photo.png: no model is called none"),
    ("compress photo.png -o none/x.aec", "none/x.aec: there is no folder none"),
    ("compress photo.png -o good.aec", "good.aec: exists already; -f overwrites it"),
    ("compress good.aec", "good.aec: is an .aec file already; aecodec decompress good.aec"),
    ("compress -f photo -o ./photo", "./photo: is the input too"),
    ("decompress photo.png", "photo.png: is PNG, not .aec; aecodec compress photo.png"),
    ("decompress photo.png -o x.png", "photo.png: is PNG, not .aec; aecodec compress photo.png"),
    ("decompress notes -o x.png", "notes: not an .aec file"),
    ("decompress bad.aec", "bad.aec: tile 0 (column 0, row 0): damaged chunk"),
    ("info bad.aec", "bad.aec: tile 0 (column 0, row 0): damaged chunk"),
    ("decompress good.aec -o x.gif", "x.gif: cannot write a picture as '.gif'"),
    ("info two\nlines", "two lines: no such file or directory"),
]


def contents() -> dict[str, bytes]:
    """The files in the working folder."""
    return {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()}


@pytest.mark.parametrize("arguments, line", FAILURES)
def test_a_failure_is_one_line_and_leaves_nothing(
    photo: Path, arguments: str, line: str, capsys: Any
) -> None:
    Path("folder").mkdir()
    good = StandIn().encode(PIXELS)
    Path("good.aec").write_bytes(good)
    Path("bad.aec").write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    Path("photo").write_bytes(photo.read_bytes())
    Path("notes").write_text("a text")
    before = contents()
    assert main(arguments.split(" ")) == 1
    assert only_error(capsys).startswith(f"aecodec: error: {line}")
    assert contents() == before


WRONG_USAGE = [
    ["compress"],
    ["compress", "photo.png", "-q", "0"],
    ["compress", "photo.png", "-q", "101"],
    ["compress", "photo.png", "--device", "tpu"],
    ["compress", "photo.png", "--json", "-o", "-"],
    ["compress", "-", "--json"],
    ["compress", "photo.png", "-"],
    ["compress", "photo.png", "/dev/stdin"],
    ["compress", "photo.png", "--json", "-o", "/dev/stdout"],
    ["compress", "photo.png", "photo.png", "-o", "/proc/self/fd/1"],
    ["compress", "-r", ".", "-o", "-"],
    ["compress", "photo.png", "photo.png", "-o", "-"],
    ["compress", "photo.png", "-o", "small.jpg"],
    ["compress", "photo.png", "-o", "./PHOTO.PNG", "-f"],
    ["compress", "photo.png", "./photo.png", "-o", "one.aec"],
    ["decompress", "photo.png", "./photo.png", "-o", "one.webp"],
    ["compress", "-r", ".", "-o", "one.aec"],
    ["compress", "photo.png", "--skip-existing", "-f"],
    ["compress", "photo.png", "-j", "0"],
    ["compress", "photo.png", "--tile", "100"],
    ["compress", "photo.png", "--target-size", "50k", "-q", "60"],
    ["compress", "photo.png", "--target-size", "50k", "--target-psnr", "30"],
    ["compress", "photo.png", "--target-size", "many"],
    ["compress", "photo.png", "--target-size", "k"],
    ["compress", "photo.png", "--target-size", "50i"],
    ["compress", "photo.png", "--target-size", "50kk"],
    ["compress", "photo.png", "--target-size", "-50k"],
    ["compress", "photo.png", "--target-size", "nan"],
    ["compress", "photo.png", "--target-bpp", "-1"],
    ["compress", "photo.png", "--target-bpp", "nan", "--effort", "6"],
    ["compress", "photo.png", "--target-ssimulacra2", "100"],
    ["compress", "photo.png", "--target-ssimulacra2", "-100"],
    ["compress", "photo.png", "--target-ssimulacra2", "nan"],
    ["compress", "photo.png", "--target-ssimulacra2", "70", "-q", "60"],
    ["compress", "photo.png", "--target-ssimulacra2", "70", "--target-bpp", "1"],
    ["compress", "photo.png", "--tune", "ear"],
    ["compress", "photo.png", "--tune", "psnr", "--model", "s1"],
    ["decompress", "photo.aec", "--region", "1,2,3"],
    ["decompress", "photo.aec", "--region", "1,2,0,3"],
    ["decompress", "photo.aec", "--quality", "3"],
    ["info"],
    ["bench", "none"],
    ["compact", "photo.png"],
]


@pytest.mark.parametrize("arguments", WRONG_USAGE, ids=" ".join)
def test_wrong_usage_exits_2(photo: Path, arguments: list[str], capsys: Any) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().out == ""
    assert os.listdir() == ["photo.png"]


SIZES = {
    "50000": 50_000,
    "50k": 50_000,
    "50K": 50_000,
    "50kb": 50_000,
    "50 kB": 50_000,
    "50KiB": 51_200,
    "50ki": 51_200,
    "2MB": 2_000_000,
    "2m": 2_000_000,
    ".5M": 500_000,
    "1.5MiB": 1_572_864,
    "1g": 10**9,
    "700 b": 700,
    "700B": 700,
}


@pytest.mark.parametrize("text", SIZES)
def test_sizes_as_people_write_them(text: str) -> None:
    assert read_size(click.Context(command), click.Option(["--x"]), text) == SIZES[text]


def test_info_for_people_and_programs(aec: Path, capsys: Any) -> None:
    assert main(["info", "photo.aec"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("photo.aec\n  picture  32 x 24 RGB\n  quality  60 or 61 (q 38)\n")
    assert main(["info", "--json", "photo.aec", "photo.aec"]) == 0
    lines = capsys.readouterr().out.splitlines()
    facts = json.loads(lines[0])
    assert len(lines) == 2
    assert (facts["file"], facts["icc"], facts["tiles"]) == ("photo.aec", 9, 1)
    assert facts["chunks"][0] == {"type": "iccp", "bytes": 9}


def test_info_names_the_model_where_it_is_installed(
    aec: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """And tells the rest of a file where it is not, or where none can be read."""

    def said() -> tuple[str, list[str | None]]:
        assert main(["info", "photo.aec"]) == 0
        line = capsys.readouterr().out.splitlines()[5]
        assert main(["info", "--json", "photo.aec"]) == 0
        facts = json.loads(capsys.readouterr().out)
        return line, [facts[key] for key in ("model", "model_name", "tune")]

    model_id = b"stand-in".hex()
    absent = f"  model    {model_id}, not installed", [model_id, None, None]
    assert said() == absent
    for tune, words in (("visual", "the eye"), ("psnr", "PSNR")):
        model = InstalledModel("m9", model_id, "S", tune, 9, Path("m"), True)
        line = f"  model    m9 ({model_id}), tuned for {words}"
        with monkeypatch.context() as patch:
            patch.setattr(store, "installed_models", lambda model=model: [model])
            assert said() == (line, [model_id, "m9", tune])
    Path("m").mkdir()
    Path("m/model.safetensors").write_bytes(b"no weights")
    monkeypatch.setattr(store, "data_folder", lambda _: Path())
    assert said() == absent


@pytest.mark.parametrize("arguments", ["--help", "compress --help", "models", "info photo.aec"])
def test_what_answers_without_torch(photo: Path, arguments: str) -> None:
    Path("photo.aec").write_bytes(StandIn().encode(PIXELS))
    code = (
        "import sys; from aecodec.cli.main import main;"
        "code = main(sys.argv[1:]); sys.exit(code or {'torch', 'numpy'} <= sys.modules.keys())"
    )
    done = run_python(code, *arguments.split())
    assert done.returncode == 0 and done.stdout


def test_models(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    installed = [
        InstalledModel("photo-m", "00ff", "M", "visual", 18_000_000, Path("m"), True),
        InstalledModel("photo-s", "11ff", "S", "psnr", 9_000_000, Path("s"), False),
    ]
    monkeypatch.setattr(store, "installed_models", lambda: installed)
    assert main(["models"]) == 0
    assert capsys.readouterr().out == (
        "* photo-m  00ff  tuned for the eye  size M  18,000,000 bytes  m\n"
        "  photo-s  11ff  tuned for PSNR  size S  9,000,000 bytes  s\n"
    )
    assert main(["models", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first["name"] == "photo-m" and first["path"] == "m" and first["default"] is True
    assert (first["tune"], second["tune"]) == ("visual", "psnr")


REPORT = Report("holidays", (), "a machine", "", (), ())


def test_bench(monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path) -> None:
    calls: list[tuple[Any, ...]] = []

    def run(*arguments: Any) -> Report:
        calls.append(arguments[:5])
        return REPORT

    monkeypatch.setattr(bench, "run", run)
    assert main(["bench"]) == 0
    assert capsys.readouterr() == (f"{text_table(REPORT)}\n", "")
    options = ["--codecs", "jpeg,aec", "-o", "r", "-j", "3", "--json"]
    assert main(["bench", str(tmp_path), *options]) == 0
    assert capsys.readouterr() == (f"{REPORT.to_json()}\n", "")
    assert calls == [
        (None, bench.DEFAULT_CODECS, Path("aecodec-bench"), "cpu", default_workers()),
        (tmp_path, "jpeg,aec", Path("r"), "cpu", 3),
    ]


def test_a_bench_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def run(*_: Any) -> Report:
        raise AecodecError("matplotlib missing: pip install 'aecodec[bench]'")

    monkeypatch.setattr(bench, "run", run)
    assert main(["bench"]) == 1
    assert "error: bench: matplotlib missing: pip install 'aecodec[bench]'" in only_error(capsys)


NAMES = [
    ("compress ph", 2, "file,ph"),
    ("compress -q 60 --json a.png ", 6, "file,"),
    ("compress a.png -o out/", 4, "file,out/"),
    ("compress a.png --output ", 4, "file,"),
    ("decompress in", 2, "file,in"),
    ("decompress a.aec -o ", 4, "file,"),
    ("info a.aec b", 3, "file,b"),
    ("bench ph", 2, "dir,ph"),
    ("bench -o re", 3, "dir,re"),
    ("compress \udcff", 2, "file,\ufffd"),
    ("compress a.png --tune v", 4, "plain,visual"),
    ("mod", 1, "plain,models"),
]


@pytest.mark.parametrize(("words", "number", "expected"), NAMES)
def test_shells_complete_names(
    words: str, number: int, expected: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("COMP_WORDS", f"aecodec {words}")
    monkeypatch.setenv("COMP_CWORD", str(number))
    monkeypatch.setenv("_AECODEC_COMPLETE", "bash_complete")
    with pytest.raises(SystemExit, match="0"):
        main([])
    assert capsys.readouterr().out == f"{expected}\n"


def test_every_command_has_help(capsys: Any) -> None:
    assert main(["--help"]) == 0
    there = {"compress", "decompress", "info", "bench", "models", "doctor", "export-onnx"}
    assert set(command.commands) == there
    for name in command.commands:
        assert main([name, "--help"]) == 0
        assert capsys.readouterr().err == ""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"aecodec {__version__}\n"
