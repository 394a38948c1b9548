"""target.py: the search alone on made-up encoders, and the real one hitting its targets."""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aecodec import AecodecError, Target
from aecodec.bench.metrics import ssimulacra2
from aecodec.cli.main import main
from aecodec.coding.target import Encode, search
from aecodec.format.info import info
from aecodec.image.picture import Picture
from aecodec.image.psnr import psnr
from aecodec.model.store import TUNED, find_model
from tests.payloads import codec
from tests.photos import photo

PIXELS = 10_000


def encoder(step: float, gain: float, calls: list[int]) -> Encode:
    """Grows by `step` a q; what is refined has `gain` of the bytes. Its PSNR: `psnr_of`."""

    def encode(q: int, rounding_bias: float, refined: bool) -> bytes:
        calls.append(q)
        lost = (rounding_bias - 1) / 1.5
        size = 100 * step**q * (gain if refined else 1) * (1 - 0.06 * lost)
        return f"{25 + 0.25 * q - 0.3 * lost:.6f}".encode().ljust(int(size))

    return encode


def psnr_of(data: bytes) -> float:
    return float(data)


@given(st.floats(1.03, 1.06), st.floats(0.8, 1.05), st.integers(100, 4000))
def test_a_size_is_never_exceeded_and_nearly_reached(step: float, gain: float, size: int) -> None:
    calls: list[int] = []
    encode = encoder(step, gain, calls)
    least, most = (len(encode(q, bias, True)) for q, bias in ((0, 2.5), (63, 1)))
    if size < least:
        with pytest.raises(AecodecError, match=f"takes {least} at least"):
            search(encode, psnr_of, Target(size=size), PIXELS)
        return
    data = search(encode, psnr_of, Target(size=size), PIXELS)
    assert len(data) <= size
    assert len(data) >= min(0.98 * size - 2, most)
    assert len(calls) < 30


@given(st.floats(25.0, 41.0))
def test_a_psnr_is_never_missed_and_hardly_exceeded(wanted: float) -> None:
    encode = encoder(1.05, 0.97, [])
    if wanted > 25 + 0.25 * 63:
        with pytest.raises(AecodecError, match="40.75 at most"):
            search(encode, psnr_of, Target(psnr=wanted), PIXELS)
        return
    reached = psnr_of(search(encode, psnr_of, Target(psnr=wanted), PIXELS))
    assert wanted <= reached + 1e-6 and (reached <= wanted + 0.1 or wanted < 25.1)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"size": 5, "bpp": 1.0},
        {"psnr": 30.0, "ssimulacra2": 30.0},
        {"psnr": 0.0},
        {"size": -1},
        {"bpp": math.nan},
        {"ssimulacra2": 100.0},
        {"ssimulacra2": -100.0},
        {"ssimulacra2": math.nan},
    ],
)
def test_one_target_in_its_range(options: dict[str, float]) -> None:
    with pytest.raises(AecodecError):
        Target(**options)  # type: ignore[arg-type]


@given(st.floats(-40.0, 99.0), st.integers(0, 2**32))
def test_a_score_is_never_missed_though_it_rises_unsteadily(wanted: float, seed: int) -> None:
    """Up to 50 points at q 63, and up to a point off at every setting."""
    off: dict[bytes, float] = {}
    random = Random(seed)

    def score_of(data: bytes) -> float:
        return 5 * (psnr_of(data) - 31) + off.setdefault(data, random.uniform(-1, 1))

    try:
        data = search(encoder(1.05, 0.97, []), score_of, Target(ssimulacra2=wanted), PIXELS)
    except AecodecError as error:
        assert f"SSIMULACRA2 of {wanted:g} is out of reach: this picture has" in str(error)
        assert wanted > 5 * (40.75 - 31) - 1
        return
    assert score_of(data) >= wanted
    assert wanted < -25 or score_of(data) <= wanted + 4


@pytest.mark.parametrize(("effort", "tile"), [(0, 64), (1, 1024)])
def test_a_photo_hits_its_targets(effort: int, tile: int) -> None:
    pixels = photo(150, 100)
    data = codec().encode_to(pixels, Target(size=3000), tile, effort=effort)
    assert 2910 <= len(data) <= 3000
    for tune in TUNED:
        data = codec().encode_to(pixels, Target(psnr=34), tile, effort=effort, tune=tune)
        assert 34 <= psnr(pixels, codec().decode_picture(data).pixels) <= 34.2


@pytest.mark.parametrize("tune", TUNED)
def test_a_photo_hits_a_score(tune: str) -> None:
    """The bench's, of the colour pixels under alpha and of gray too."""
    pytest.importorskip("ssimulacra2")
    pixels, gray = photo(150, 100), photo(150, 100)[..., 1].copy()
    pictures = (Picture(pixels), 60), (Picture(pixels, gray), 65), (Picture(gray), 92)
    for picture, wanted in pictures:
        data = codec().encode_to(picture, Target(ssimulacra2=wanted), effort=0, tune=tune)
        decoded = codec().decode_picture(data).pixels
        found = ssimulacra2(*(np.dstack([a] * 3)[..., :3] for a in (picture.pixels, decoded)))
        assert found is not None and wanted <= found <= wanted + 1


@pytest.mark.parametrize(
    ("wanted", "size", "error"),
    [
        (99.5, (64, 48), "SSIMULACRA2 of 99.5 is out of reach: this picture has [0-9.]+ at most"),
        (50.0, (64, 7), "SSIMULACRA2 needs 8 pixels each way, not 64x7"),
    ],
)
def test_a_score_that_cannot_be_had(wanted: float, size: tuple[int, int], error: str) -> None:
    pytest.importorskip("ssimulacra2")
    with pytest.raises(AecodecError, match=error):
        codec().encode_to(photo(*size), Target(ssimulacra2=wanted), effort=0)


def test_a_score_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ssimulacra2", None)
    with pytest.raises(AecodecError, match=r"pip install 'aecodec\[ssimulacra2\]'"):
        codec().encode_to(photo(64, 48), Target(ssimulacra2=50), effort=0)


def test_the_command_tells_the_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ssimulacra2")
    source = tmp_path / "photo.png"
    Image.fromarray(photo(150, 100)).save(source)
    command = ["compress", str(source), "-f", "--effort", "0"]
    assert main([*command, "-v", "--target-ssimulacra2", "60"]) == 0
    assert re.search(r" dB, SSIMULACRA2 60\.\d\d, ", capsys.readouterr().err)
    assert main([*command, "--json", "--verify", "--target-ssimulacra2", "-5"]) == 0
    assert -5 <= json.loads(capsys.readouterr().out)["ssimulacra2"] < 40
    assert main([*command, "--json", "-v", "--target-psnr", "30"]) == 0
    assert "ssimulacra2" not in json.loads(capsys.readouterr().out)
    (tmp_path / "folder").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "folder" / name).write_bytes(source.read_bytes())
    folder, out = str(tmp_path / "folder"), str(tmp_path / "out")
    command = ["compress", "-r", "-j", "2", folder, "-o", out, "--effort", "0", "-v"]
    assert main([*command, "--tune", "psnr", "--target-ssimulacra2", "60"]) == 0
    assert capsys.readouterr().err.count(", SSIMULACRA2 60.") == 2
    data = (tmp_path / "out" / "a.aec").read_bytes()
    assert find_model(info(data).model).name == TUNED["psnr"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "photo.png", tmp_path / "photo.aec"
    Image.fromarray(photo(150, 100)).save(source)
    assert main(["compress", str(source), "--target-size", "3k"]) == 0
    assert 2900 <= target.stat().st_size <= 3000
    assert main(["compress", str(source), "-f", "--target-bpp", "1.0"]) == 0
    assert 0.95 <= info(target.read_bytes()).bpp <= 1.0
    assert find_model(info(target.read_bytes()).model).name == TUNED["visual"]
    assert main(["compress", str(source), "-f", "--target-psnr", "30"]) == 0
    assert find_model(info(target.read_bytes()).model).name == TUNED["psnr"]
    capsys.readouterr()
    assert main(["compress", str(source), "-f", "--target-size", "60"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "out of reach" in lines[0] and str(source) in lines[0]
