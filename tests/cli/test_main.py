"""cli.py: files, streams, messages and exit codes, around a stand-in for the codec."""

import io
import json
import os
import sys
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aecodec import __version__, bench
from aecodec.cli.jobs import default_workers
from aecodec.cli.main import aecodec as command
from aecodec.cli.main import main
from aecodec.coding.encoder import OnProgress
from aecodec.errors import AecodecError, ModelError
from aecodec.format.box import Box
from aecodec.format.constants import DEFAULT_TILE, MAX_PIXELS
from aecodec.format.container import Container, Payload, read_container, write_container
from aecodec.format.header import Header
from aecodec.format.info import info
from aecodec.format.quality import quality_to_q
from aecodec.image.picture import Picture, as_picture, read_picture, write_picture
from aecodec.model import store
from aecodec.model.store import InstalledModel

PIXELS = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8)


class StandIn:
    """A Codec without a network: the payload is the pixels, deflated."""

    def __init__(
        self, model: str | None = None, device: str = "cpu", max_pixels: int = MAX_PIXELS
    ) -> None:
        if model == "none":
            raise ModelError("no model is called none")

    def encode(
        self,
        image: Any,
        quality: int = 60,
        tile: int = DEFAULT_TILE,
        verify: bool = False,
        effort: int = 0,
        on_progress: OnProgress | None = None,
    ) -> bytes:
        """As Codec.encode."""
        if on_progress:
            on_progress(1, 8)
        picture = as_picture(image)
        height, width = picture.pixels.shape[:2]
        header = Header(b"stand-in", width, height, quality_to_q(quality), tile=tile)
        payload = zlib.compress(picture.pixels.tobytes())
        payloads = (Payload(payload),) * len(header.tiles())
        metadata = {"icc": picture.icc, "exif": picture.exif, "xmp": picture.xmp}
        return write_container(Container(header, payloads, **metadata))

    def decode_picture(
        self,
        data: bytes,
        region: Box | None = None,
        scale: int = 1,
        keep_going: bool = False,
        partial: bool = False,
    ) -> Picture:
        """As Codec.decode_picture, a damaged tile filled from the first one."""
        container = read_container(data, keep_going, partial)
        size = (container.header.height, container.header.width, 3)
        payload = container.payloads[0]
        if payload.state == "cut":
            return Picture(np.zeros(size, np.uint8), notes=("cut off",))
        pixels = np.frombuffer(zlib.decompress(payload.data), np.uint8).reshape(size)[
            ::scale, ::scale
        ]
        if region is not None:
            pixels = pixels[region.top : region.bottom, region.left : region.right]
        damaged = [n for n, p in enumerate(container.payloads) if p.state == "damaged"]
        lost = tuple(f"tile {n} is damaged" for n in damaged)
        return Picture(
            pixels, icc=container.icc, exif=container.exif, xmp=container.xmp, notes=lost
        )


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Every test here runs with the stand-in, in an empty folder."""
    module = ModuleType("aecodec.codec")
    module.Codec = StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "aecodec.codec", module)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)  # put back afterwards
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():  # the command quietens Pillow, for its own process
        yield


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo in the working folder."""
    path = tmp_path / "photo.png"
    write_picture(Picture(PIXELS, icc=b"a profile"), path, ".png")
    return path


def stdin_of(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Make these bytes the standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def only_error(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on standard error; nothing is on standard output."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("\n") and err.count("\n") == 1
    return err.rstrip("\n")


def test_compress_and_decompress_beside_the_input(photo: Path, capsys: Any) -> None:
    assert main(["compress", "photo.png"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"aecodec: photo.png -> photo.aec: {photo.stat().st_size:,} -> ")
    assert "bpp, q 38, " in err and " dB" not in err

    photo.rename("original.png")
    assert main(["decompress", "photo.aec"]) == 0
    assert capsys.readouterr() == ("", "")
    back = read_picture(photo)
    assert np.array_equal(back.pixels, PIXELS)
    assert back.icc == b"a profile"
    assert sorted(os.listdir()) == ["original.png", "photo.aec", "photo.png"]


def test_verbose_tells_the_psnr(photo: Path, capsys: Any) -> None:
    assert main(["compress", "-v", "photo.png"]) == 0
    assert ", inf dB, " in capsys.readouterr().err
    assert main(["decompress", "-v", "photo.aec", "-o", "x.png"]) == 0
    assert "photo.aec -> x.png: " in capsys.readouterr().err


def test_quality_goes_into_the_file(photo: Path) -> None:
    assert main(["compress", "photo.png", "-q", "100"]) == 0
    assert info(Path("photo.aec").read_bytes()).q == 63


def test_a_file_that_did_not_shrink_is_told(photo: Path, capsys: Any) -> None:
    tiny = Image.new("RGB", (1, 1))
    tiny.save("tiny.webp", lossless=True)
    assert main(["compress", "tiny.webp"]) == 0
    assert "aecodec: warning: tiny.aec is not smaller than tiny.webp\n" in capsys.readouterr().err


def test_json(photo: Path, capsys: Any) -> None:
    assert main(["compress", "--json", "photo.png", "-o", "x.aec"]) == 0
    out, _ = capsys.readouterr()
    facts = json.loads(out)
    assert out.count("\n") == 1
    size = Path("x.aec").stat().st_size
    assert facts["seconds"] > 0
    del facts["seconds"]
    assert facts == {
        "input": "photo.png",
        "output": "x.aec",
        "input_bytes": photo.stat().st_size,
        "output_bytes": size,
        "ratio": photo.stat().st_size / size,
        "bpp": 8 * size / (24 * 32),
        "q": 38,
        "quality": 61,
        "model": b"stand-in".hex(),
        "width": 32,
        "height": 24,
        "psnr": None,
    }
    assert main(["decompress", "--json", "x.aec"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["input"], facts["output"], facts["width"]) == ("x.aec", "x.png", 32)


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


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff", ".ppm", ".bmp", ".jpg"])
def test_the_suffix_says_the_format(photo: Path, suffix: str, capsys: Any) -> None:
    assert main(["compress", "photo.png"]) == 0
    capsys.readouterr()
    assert main(["decompress", "photo.aec", "-o", f"back{suffix}"]) == 0
    assert read_picture(f"back{suffix}").pixels.shape == PIXELS.shape
    warning = f"aecodec: warning: back{suffix} cannot hold: icc\n"
    assert capsys.readouterr().err == (warning if suffix in (".ppm", ".bmp") else "")


def test_an_output_is_overwritten_only_by_force(photo: Path, capsys: Any) -> None:
    Path("photo.aec").write_bytes(b"mine")
    assert main(["compress", "photo.png"]) == 1
    assert only_error(capsys) == "aecodec: error: photo.aec: exists already; -f overwrites it"
    assert Path("photo.aec").read_bytes() == b"mine"
    assert main(["compress", "-f", "photo.png"]) == 0
    assert info(Path("photo.aec").read_bytes()).width == 32


def test_the_input_is_never_the_output(photo: Path, capsys: Any) -> None:
    before = photo.read_bytes()
    assert main(["compress", "-f", "photo.png", "-o", "./photo.png"]) == 1
    assert only_error(capsys).startswith("aecodec: error: ./photo.png: is the input too")
    assert photo.read_bytes() == before


FAILURES = {
    "missing": (["compress", "none.png"], "none.png: no such file or directory"),
    "folder": (
        ["compress", "folder", "-o", "x.aec"],
        "folder: is a folder; -r takes the files in it",
    ),
    "empty folder": (["compress", "folder", "-r"], "folder: no files in it (.png "),
    "one name for two": (
        ["compress", "photo.png", "photo.jpg"],
        "photo.jpg: and photo.png would both be written as photo.aec",
    ),
    "no photo": (["compress", "bad.aec", "-o", "x.aec"], "bad.aec: not a picture of a known"),
    "large": (
        ["compress", "photo.png", "--max-pixels", "700"],
        "photo.png: 32x24 is over the limit of 700 pixels",
    ),
    "no model": (
        ["compress", "photo.png", "--model", "none"],
        "photo.png: no model is called none",
    ),
    "no folder": (
        ["compress", "photo.png", "-o", "none/x.aec"],
        "none/x.aec: there is no folder none",
    ),
    "not aec": (["decompress", "photo.png", "-o", "x.png"], "photo.png: not an .aec file"),
    "damaged": (["decompress", "bad.aec"], "bad.aec: tile 0 (column 0, row 0): damaged chunk"),
    "damaged, info": (["info", "bad.aec"], "bad.aec: tile 0 (column 0, row 0): damaged chunk"),
    "suffix": (
        ["decompress", "good.aec", "-o", "x.gif"],
        "x.gif: cannot write a picture as '.gif'",
    ),
    "new line": (["info", "two\nlines"], "two lines: no such file or directory"),
}


@pytest.mark.parametrize("arguments, line", FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_is_one_line_and_leaves_nothing(
    photo: Path, arguments: list[str], line: str, capsys: Any
) -> None:
    Path("folder").mkdir()
    good = StandIn().encode(PIXELS)
    Path("good.aec").write_bytes(good)
    Path("bad.aec").write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    before = sorted(os.listdir())
    assert main(arguments) == 1
    assert only_error(capsys).startswith(f"aecodec: error: {line}")
    assert sorted(os.listdir()) == before


@pytest.fixture
def tree(photo: Path) -> Path:
    """photo.png, and a folder with two more, one of them in a folder of its own."""
    Path("in/deep").mkdir(parents=True)
    for name in ("in/a.png", "in/deep/b.bmp"):
        write_picture(Picture(PIXELS), name, Path(name).suffix)
        os.utime(name, (1_000_000, 1_000_000))
    Path("in/notes.txt").write_text("not a photo")
    return Path("in")


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


def test_damaged_tiles_and_keep_going(photo: Path, capsys: Any) -> None:
    assert main(["compress", "photo.png"]) == 0
    wide = bytearray(StandIn().encode(np.tile(PIXELS, (1, 3, 1)), tile=64))
    wide[-1] ^= 1
    Path("bad.aec").write_bytes(wide)
    capsys.readouterr()
    assert main(["decompress", "bad.aec"]) == 1
    assert only_error(capsys).startswith(
        "aecodec: error: bad.aec: tile 1 (column 1, row 0): damage"
    )
    assert main(["decompress", "bad.aec", "--keep-going", "-v"]) == 1
    assert only_error(capsys) == "aecodec: error: bad.aec: tile 1 is damaged"
    assert read_picture("bad.png").pixels.shape == (24, 96, 3)


def test_region(photo: Path) -> None:
    assert main(["compress", "photo.png"]) == 0
    assert main(["decompress", "photo.aec", "-o", "part.png", "--region", "3,4,10,12"]) == 0
    assert np.array_equal(read_picture("part.png").pixels, PIXELS[4:16, 3:13])


def test_scale(photo: Path, capsys: Any) -> None:
    assert main(["compress", "photo.png"]) == 0
    assert main(["decompress", "photo.aec", "-o", "small.png", "--scale", "1/8"]) == 0
    assert np.array_equal(read_picture("small.png").pixels, PIXELS[::8, ::8])
    assert main(["decompress", "photo.aec", "-o", "no.png", "--scale", "1/3"]) == 2
    assert "'1/3' is not one of '1', '1/2', '1/4', '1/8'" in capsys.readouterr().err
    assert main(["decompress", "photo.aec", "--scale", "1/2", "--thumbnail", "9"]) == 2
    assert "one of --scale and --thumbnail" in capsys.readouterr().err


def test_a_thumbnail_is_decoded_small(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["compress", "photo.png"]) == 0
    scales: list[int] = []
    decode = StandIn.decode_picture

    def watched(self: StandIn, data: bytes, **view: Any) -> Picture:
        scales.append(view["scale"])
        return decode(self, data, **view)

    monkeypatch.setattr(StandIn, "decode_picture", watched)
    for side in (3, 4, 30):
        assert main(["decompress", "photo.aec", "-f", "--thumbnail", str(side)]) == 0
        assert read_picture("photo.png").pixels.shape[1] == side
    assert scales == [4, 4, 1]


def test_partial(photo: Path, capsys: Any) -> None:
    assert main(["compress", "photo.png"]) == 0
    cut = Path("photo.aec").read_bytes()[:-9]
    Path("cut.aec").write_bytes(cut)
    capsys.readouterr()
    assert main(["decompress", "cut.aec"]) == 1
    assert "cut inside the chunk TILE" in only_error(capsys)
    assert not Path("cut.png").exists()
    assert main(["decompress", "cut.aec", "--partial"]) == 0
    assert capsys.readouterr().err == "aecodec: warning: cut.aec: cut off\n"
    assert read_picture("cut.png").pixels.shape == PIXELS.shape
    Path("cut.aec").write_bytes(cut[:20])
    assert main(["decompress", "cut.aec", "--partial", "-f"]) == 1
    assert "cut inside the header" in only_error(capsys)


def test_what_reading_changed_is_told(photo: Path, capsys: Any) -> None:
    Image.new("CMYK", (32, 24)).save("cmyk.tiff")
    assert main(["compress", "cmyk.tiff"]) == 0
    warning = "aecodec: warning: cmyk.tiff: CMYK was converted to RGB\n"
    assert capsys.readouterr().err.startswith(warning)


def test_strip(photo: Path) -> None:
    assert main(["compress", "photo.png", "--strip"]) == 0
    assert info(Path("photo.aec").read_bytes()).icc == 0


WRONG_USAGE = [
    ["compress"],
    ["compress", "photo.png", "-q", "0"],
    ["compress", "photo.png", "-q", "101"],
    ["compress", "photo.png", "--device", "tpu"],
    ["compress", "photo.png", "--json", "-o", "-"],
    ["compress", "-", "--json"],
    ["compress", "photo.png", "-"],
    ["compress", "photo.png", "photo.png", "-o", "-"],
    ["compress", "photo.png", "-j", "0"],
    ["compress", "photo.png", "--tile", "100"],
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


def test_ctrl_c_exits_130_and_leaves_nothing(
    photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    assert main(["compress", "photo.png"]) == 130
    assert os.listdir() == ["photo.png"]


def test_info_for_people_and_programs(photo: Path, capsys: Any) -> None:
    assert main(["compress", "photo.png"]) == 0
    capsys.readouterr()
    assert main(["info", "photo.aec"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("photo.aec\n  picture  32 x 24 RGB\n  quality  61 (q 38)\n")
    assert main(["info", "--json", "photo.aec", "photo.aec"]) == 0
    lines = capsys.readouterr().out.splitlines()
    facts = json.loads(lines[0])
    assert len(lines) == 2
    assert (facts["file"], facts["icc"], facts["tiles"]) == ("photo.aec", 9, 1)
    assert facts["chunks"][0] == {"type": "iccp", "bytes": 9}


def test_models(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    installed = [
        InstalledModel("photo-m", "00ff", "M", 18_000_000, Path("m"), True),
        InstalledModel("photo-s", "11ff", "S", 9_000_000, Path("s"), False),
    ]
    monkeypatch.setattr(store, "installed_models", lambda: installed)
    assert main(["models"]) == 0
    assert capsys.readouterr().out == (
        "* photo-m  00ff  size M  18,000,000 bytes  m\n"
        "  photo-s  11ff  size S  9,000,000 bytes  s\n"
    )
    assert main(["models", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert first["name"] == "photo-m" and first["path"] == "m" and first["default"] is True


class Report:
    """As bench.Report."""

    def table(self) -> str:
        """The table."""
        return "a table"

    def to_json(self) -> str:
        """The JSON."""
        return "{}"


def test_bench(monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path) -> None:
    calls: list[tuple[Any, ...]] = []

    def run(*arguments: Any) -> Report:
        calls.append(arguments[:5])
        return Report()

    monkeypatch.setattr(bench, "run", run)
    assert main(["bench"]) == 0
    assert capsys.readouterr() == ("a table\n", "")
    assert (
        main(["bench", str(tmp_path), "--codecs", "jpeg,aec", "-o", "r", "-j", "3", "--json"]) == 0
    )
    assert capsys.readouterr() == ("{}\n", "")
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


def test_every_command_has_help(capsys: Any) -> None:
    assert main(["--help"]) == 0
    assert set(command.commands) == {"compress", "decompress", "info", "bench", "models"}
    for name in command.commands:
        assert main([name, "--help"]) == 0
        assert capsys.readouterr().err == ""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"aecodec {__version__}\n"


def test_a_warning_where_jpeg_is_better(photo: Path, capsys: Any) -> None:
    class Worse(StandIn):
        def decode_picture(self, *_: Any) -> Picture:
            return Picture(PIXELS ^ np.uint8(64))

    assert main(["compress", "photo.png"]) == 0
    assert "JPEG" not in capsys.readouterr().err
    sys.modules["aecodec.codec"].Codec = Worse  # type: ignore[attr-defined]
    assert main(["compress", "photo.png", "-f"]) == 0
    err = capsys.readouterr().err
    assert err.startswith("aecodec: warning: photo.aec has 12.01 dB; JPEG has ")
    assert main(["compress", "photo.png", "-f", "--effort", "0"]) == 0
    assert "JPEG" not in capsys.readouterr().err


def test_a_slow_effort_shows_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, photo: Path
) -> None:
    """On a terminal, and of one file only."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert main(["compress", "photo.png", "--effort", "6"]) == 0
    assert "1/8" in capsys.readouterr().err
    assert main(["compress", "photo.png", "-f", "--effort", "5"]) == 0
    assert "1/8" not in capsys.readouterr().err
