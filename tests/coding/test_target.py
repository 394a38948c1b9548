"""target.py: the search alone on made-up encoders, and the real one hitting its targets."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aecodec import AecodecError, Target
from aecodec.cli.main import main
from aecodec.coding.target import Encode, search
from aecodec.format.info import info
from aecodec.image.psnr import psnr
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
    "options", [{}, {"size": 5, "bpp": 1.0}, {"psnr": 0.0}, {"size": -1}, {"bpp": math.nan}]
)
def test_one_target_above_zero(options: dict[str, float]) -> None:
    with pytest.raises(AecodecError):
        Target(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("effort", "tile"), [(0, 64), (1, 1024)])
def test_a_photo_hits_its_targets(effort: int, tile: int) -> None:
    pixels = photo(150, 100)
    data = codec().encode_to(pixels, Target(size=3000), tile, effort=effort)
    assert 2910 <= len(data) <= 3000
    data = codec().encode_to(pixels, Target(psnr=34), tile, effort=effort)
    assert 34 <= psnr(pixels, codec().decode_picture(data).pixels) <= 34.2


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "photo.png", tmp_path / "photo.aec"
    Image.fromarray(photo(150, 100)).save(source)
    assert main(["compress", str(source), "--target-size", "3k"]) == 0
    assert 2900 <= target.stat().st_size <= 3000
    assert main(["compress", str(source), "-f", "--target-bpp", "1.0"]) == 0
    assert 0.95 <= info(target.read_bytes()).bpp <= 1.0
    capsys.readouterr()
    assert main(["compress", str(source), "-f", "--target-size", "60"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "out of reach" in lines[0] and str(source) in lines[0]
