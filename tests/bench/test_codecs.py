"""The codecs of the benchmark and the measuring of one photo, through real files."""

import base64
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("skimage")

from aecodec.bench import DEFAULT_CODECS
from aecodec.bench.codecs import CLASSES, Avif, BenchCodec, Jpeg, Jpeg2000
from aecodec.bench.measure import code, measure_memory, measure_photo, view_photo
from aecodec.bench.metrics import PSNR_MAX
from aecodec.bench.naming import make_codec, name_of, settings_of, split_codecs, steps_of
from aecodec.bench.photos import Photo
from aecodec.bench.programs import NotInstalled, from_y4m, to_y4m
from aecodec.bench.tasks import Task
from aecodec.coding.effort import DEFAULT_EFFORT
from aecodec.errors import AecodecError
from aecodec.model.store import DEFAULT_TUNE, TUNED, find_model
from aecodec.process import cores
from tests.bench.synthetic import synthetic


def installed(text: str) -> BenchCodec:
    """The codec, or the test is skipped."""
    codec = make_codec(text)
    try:
        assert "None" not in codec.version
    except NotInstalled as error:
        pytest.skip(str(error))
    return codec


@pytest.mark.parametrize(
    "name", ["jpeg", "jpeg2000", "webp", "avif:speed=9", "avif:speed=9,tune=psnr", "jxl", "heic"]
)
def test_codecs_round_trip(name: str) -> None:
    codec, photo = installed(name), synthetic(61, 93)
    first = measure_photo(codec, steps_of(codec)[0], photo)
    last = measure_photo(codec, steps_of(codec)[-1], photo)
    assert first["bytes"] < last["bytes"] and first["psnr"] < last["psnr"]
    assert last["bpp"] == 8 * last["bytes"] / (61 * 93)
    assert last["psnr"] > 32 and last["encode_s"] > 0 and last["decode_s"] > 0
    assert len(steps_of(codec)) >= 8 and last["codec"] == name


@pytest.mark.parametrize(
    "name", ["aec", "jpeg", "jpeg:chroma=444", "jpeg2000", "webp", "avif:speed=9", "jxl", "heic"]
)
def test_gray_photos_are_gray_in_files_that_can_be(name: str, tmp_path: Path) -> None:
    codec, path = installed(name), tmp_path / "gray"
    gray, step = synthetic(61, 93).picture().convert("L"), steps_of(codec)[-1]
    photo = Photo("gray.png", np.asarray(gray.convert("RGB")), gray=True)
    row = Task("measure", codec, "1", step, photo).run()
    assert isinstance(row, dict), row
    assert row["codec"] == name and row["psnr"] > 32
    codec.encode(gray, step, path.with_suffix(codec.suffix))
    assert path.with_suffix(codec.suffix).stat().st_size == row["bytes"]
    decoded = codec.decode(path.with_suffix(codec.suffix))
    assert decoded.mode == ("RGB" if name == "webp" else "L")
    assert codec.has_gray == (name != "webp")


def test_jpeg2000_spends_as_much_on_gray(tmp_path: Path) -> None:
    sizes = []
    for picture in (synthetic(128, 128).picture(), synthetic(128, 128).picture().convert("L")):
        Jpeg2000().encode(picture, 20, tmp_path / "a.jp2")
        sizes.append((tmp_path / "a.jp2").stat().st_size)
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)


def test_codecs_are_told_apart_on_the_command_line() -> None:
    told = split_codecs("aec,jpeg:q=75,avif:q=60,speed=4,webp")
    assert told == ("aec", "jpeg:q=75", "avif:q=60,speed=4", "webp")
    assert all(make_codec(text) for text in split_codecs(DEFAULT_CODECS))
    assert {text.partition(":")[0] for text in split_codecs(DEFAULT_CODECS)} == set(CLASSES)


def test_settings_of_a_codec() -> None:
    codec = make_codec("avif:q=60/80,speed=6")
    assert codec == Avif(q=(60, 80), speed=6)
    assert name_of(codec) == "avif:speed=6" and steps_of(codec) == (60, 80)
    assert settings_of(codec) == "chroma=444, speed=6, tune=iq; points by q"
    assert make_codec("jpeg:progressive=no") == Jpeg(progressive=False)
    assert name_of(make_codec("jpeg:progressive=no")) == "jpeg:progressive=no"
    assert steps_of(make_codec("jxl:d=1/0.5")) == (1, 0.5)
    assert name_of(make_codec("aec", "cuda")) == "aec:device=cuda"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("gif", "codec 'gif' unknown; choose from aec, jpeg"),
        ("jpeg:speed=4", "no setting 'speed'; jpeg has q, chroma, progressive"),
        ("jpeg:q=high", "'high' is no value"),
        ("jpeg:progressive=maybe", "'maybe' is no value"),
        ("avif:speed=", "'' is no value"),
    ],
)
def test_wrong_settings_are_refused(text: str, what: str) -> None:
    with pytest.raises(AecodecError, match=what):
        make_codec(text)


def test_jpeg_is_progressive_and_halves_the_chroma(tmp_path: Path) -> None:
    def layers(codec: Jpeg) -> tuple[bool, list[tuple[int, int]]]:
        codec.encode(synthetic(32, 48).picture(), 50, tmp_path / "a.jpg")
        with Image.open(tmp_path / "a.jpg") as picture:
            sampling = [(each[1], each[2]) for each in picture.layer]  # type: ignore[attr-defined]
            return "progressive" in picture.info, sampling

    assert layers(Jpeg()) == (True, [(2, 2), (1, 1), (1, 1)])
    assert layers(Jpeg(chroma="444", progressive=False)) == (False, [(1, 1)] * 3)


def test_jpeg2000_transforms_colours_and_is_irreversible(tmp_path: Path) -> None:
    Jpeg2000().encode(synthetic(64, 64).picture(), 20, tmp_path / "a.jp2")
    data = (tmp_path / "a.jp2").read_bytes()
    cod = data[data.index(b"\xff\x52") :]  # marker, length, Scod, order, layers, mct, ...
    assert cod[8] == 1 and cod[13] == 0  # colour transform on; the 9-7 wavelet


@dataclass(frozen=True)
class Broken:
    """A codec that loses a row, or another picture every time."""

    q: tuple[float, ...] = (1,)
    size: tuple[int, int] = (16, 15)
    random: bool = False
    version: str = "1"
    suffix: ClassVar[str] = ".txt"
    has_gray: ClassVar[bool] = False

    def encode(self, picture: Image.Image, step: float, path: Path) -> None:
        path.write_text("")

    def decode(self, path: Path) -> Image.Image:
        level = int.from_bytes(os.urandom(7), "big") if self.random else 0
        return Image.new("RGB", self.size, (level % 251, level % 241, level % 239))


def test_a_codec_that_returns_something_else_fails() -> None:
    with pytest.raises(AecodecError, match=r"wrong size: \(16, 16, 3\) decoded as \(15, 16, 3\)"):
        code(Broken(), 1, synthetic(16, 16).image)
    with pytest.raises(AecodecError, match="mismatch: decoding the same file twice"):
        measure_photo(Broken(size=(64, 64), random=True), 1, synthetic(64, 64))


def test_the_viewer_gets_the_middle_of_the_photo_exactly() -> None:
    photo = synthetic(460, 500)
    row = view_photo(Jpeg(), 50, photo)
    data = base64.b64decode(row["picture"].removeprefix("data:image/webp;base64,"))
    with Image.open(io.BytesIO(data)) as shown:
        assert shown.size == (448, 448)
        part = photo.image[6:454, 26:474].astype(int)
        assert 0 < np.abs(np.asarray(shown).astype(int) - part).mean() < 4
    assert row["bpp"] == measure_photo(Jpeg(), 50, photo)["bpp"]


def test_memory_is_at_least_that_of_the_photo() -> None:
    assert measure_memory(Jpeg(), 50, synthetic(512, 512))["peak_mib"] > 3 * 512 * 512 / 2**20


def install(folder: Path, name: str, body: str) -> None:
    """A shell script that stands for a program."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in front of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, program in (("bpg", "bpgdec"), ("vvc", "vvdecapp")):
        with pytest.raises(NotInstalled, match=f"{program} is not on PATH"):
            _ = make_codec(name).version


posix = pytest.mark.skipif(os.name != "posix", reason="the programs are shell scripts")


@posix
def test_bpg_runs_its_programs(programs: Path) -> None:
    """bpgenc's last argument is the source, -o the target; bpgdec's is -o TARGET SOURCE."""
    usage = '[ $# -eq 0 ] && echo "BPG Image Encoder version 0.9.8" && exit 1'
    check = 'case "$*" in "-f 444 -c ycbcr -b 8 -m 9 -q "*) ;; *) exit 3 ;; esac'
    copy = 'for last; do :; done; while [ "$1" != -o ]; do shift; done; cp "$last" "$2"'
    install(programs, "bpgenc", f"{usage}\n{check}\n{copy}")
    install(programs, "bpgdec", 'cp "$3" "$2"')
    codec = make_codec("bpg")
    assert codec.version == "bpgenc 0.9.8"
    assert measure_photo(codec, 32, synthetic(20, 30))["psnr"] == PSNR_MAX


@posix
def test_vvc_runs_its_programs(programs: Path) -> None:
    """-i SOURCE ... -o TARGET, and -b SOURCE -o TARGET."""
    copy = 'while [ "$1" != -o ]; do [ "$1" = -i ] && s=$2; shift; done\ncp "$s" "$2"'
    install(programs, "vvencapp", copy)
    install(programs, "vvdecapp", 'cp "$2" "$4"')
    codec = make_codec("vvc")
    assert codec.version == "vvencapp of unknown version"
    assert measure_photo(codec, 32, synthetic(20, 30))["psnr"] > 28
    with pytest.raises(AecodecError, match="even sides"):
        measure_photo(codec, 32, synthetic(20, 31))


@posix
def test_a_failing_program_is_quoted(programs: Path) -> None:
    install(programs, "bpgenc", "echo no such luck >&2; exit 7")
    install(programs, "bpgdec", "exit 0")
    codec = make_codec("bpg")
    assert codec.version == "bpgenc of unknown version"
    with pytest.raises(AecodecError, match="bpgenc ended with 7: no such luck"):
        measure_photo(codec, 32, synthetic(20, 30))


def test_y4m_there_and_back() -> None:
    photo = synthetic(24, 30, seed=3)
    data = to_y4m(photo.picture())
    assert data.startswith(b"YUV4MPEG2 W30 H24 ") and len(data) > 24 * 30 * 3 // 2
    back = np.asarray(from_y4m(data)).astype(int)
    assert np.abs(back - photo.image).mean() < 5  # the noise in the chroma is averaged away
    header, pixels = data.split(b"\nFRAME\n", 1)
    wide = (np.frombuffer(pixels, np.uint8).astype("<u2") << 2).tobytes()
    ten = header.replace(b"C420jpeg", b"C420p10") + b"\nFRAME\n" + wide
    assert np.array_equal(np.asarray(from_y4m(ten)), back)
    for bad in (data[:-1], b"P6 2 2 255\n", data.replace(b"C420jpeg", b"C444")):
        with pytest.raises(AecodecError, match="Y4M"):
            from_y4m(bad)


def test_aec_passes_on_quality_effort_and_tune(monkeypatch: Any, tmp_path: Path) -> None:
    calls: list[dict[str, Any]] = []
    loaded: list[tuple[str, str]] = []

    class Fake:
        def encode(self, picture: Image.Image, **options: Any) -> bytes:
            calls.append(options)
            return b"data"

    def load(model: str, device: str) -> Fake:
        loaded.append((model, device))
        return Fake()

    monkeypatch.setattr("aecodec.bench.codecs.load_codec", load)
    for text in ("aec", "aec:tune=psnr,effort=7", "aec:model=v1"):
        make_codec(text).encode(Image.new("RGB", (8, 8)), 50, tmp_path / "a.aec")
    assert calls == [
        {"quality": 50, "effort": DEFAULT_EFFORT, "tune": DEFAULT_TUNE},
        {"quality": 50, "effort": 7, "tune": "psnr"},
        {"quality": 50, "effort": DEFAULT_EFFORT, "tune": None},  # the model that was named encodes
    ]
    assert loaded == [("", "cpu"), ("", "cpu"), ("v1", "cpu")]


@pytest.mark.parametrize("tune", TUNED)
def test_the_version_of_aec_names_the_model_of_the_tune(tune: str) -> None:
    version = make_codec(f"aec:tune={tune}").version
    assert version.startswith("aecodec ") and "(code " in version
    assert version.endswith(f"model {find_model(tune=tune).model_id}")
    with pytest.raises(AecodecError, match="tune 'ear' unknown"):
        _ = make_codec("aec:tune=ear").version


def test_avif_is_tuned_for_the_eye_unless_told_otherwise(tmp_path: Path) -> None:
    """As libavif's own default is."""
    path, picture = tmp_path / "a.avif", synthetic(64, 96).picture()
    picture.save(path, quality=50, speed=6, subsampling="4:4:4", max_threads=cores())
    plain = path.read_bytes()
    found = {}
    for tune in ("iq", "psnr", "ssim"):
        Avif(speed=6, tune=tune).encode(picture, 50, path)
        found[tune] = path.read_bytes()
    assert found["iq"] == plain and len(set(found.values())) == 3
