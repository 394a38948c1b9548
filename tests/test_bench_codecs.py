"""The codecs of the benchmark and the measuring of one photo, through real files."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("skimage")

from aecodec.bench import CODECS, measure
from aecodec.bench.codecs import PILLOW_CODECS, PillowCodec, open_codec
from aecodec.bench.measure import PSNR_MAX, mean_point, measure_photo, ms_ssim, psnr
from aecodec.bench.photos import Photo
from aecodec.bench.published import PUBLISHED
from aecodec.errors import AecodecError

JPEG, JPEG2000 = PILLOW_CODECS[0], PILLOW_CODECS[1]


def synthetic(height: int, width: int, seed: int = 0) -> Photo:
    """A photo of soft blobs and a little noise, uint8 [height, width, 3]."""
    random = np.random.default_rng(seed)
    blobs = Image.fromarray(random.integers(40, 216, (8, 8, 3), dtype=np.uint8))
    soft = np.asarray(blobs.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    noisy = soft + random.integers(-6, 7, soft.shape)
    return Photo(f"synthetic{seed}.png", noisy.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("codec", PILLOW_CODECS, ids=lambda codec: codec.name)
def test_pillow_codecs_round_trip(codec: PillowCodec, tmp_path: Path) -> None:
    photo = synthetic(61, 93)
    first = measure_photo(codec, codec.steps[0], photo, tmp_path)
    last = measure_photo(codec, codec.steps[-1], photo, tmp_path)
    assert first.bytes < last.bytes and first.psnr < last.psnr
    assert last.bpp == 8 * last.bytes / (61 * 93)
    assert last.psnr > 34 and last.encode_s > 0 and last.decode_s > 0
    assert len(codec.steps) >= 10 and "None" not in codec.version
    assert list(tmp_path.iterdir()) == []


def test_every_name_is_a_codec_or_a_published_curve() -> None:
    pillow = [codec.name for codec in PILLOW_CODECS]
    assert set(CODECS) == {"aec", *pillow, *PUBLISHED}


def test_jpeg_is_progressive_and_halves_the_chroma(tmp_path: Path) -> None:
    JPEG.encode(synthetic(32, 48).picture(), 50, tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as picture:
        assert picture.info["progressive"] == 1
        assert [(each[1], each[2]) for each in picture.layer] == [(2, 2), (1, 1), (1, 1)]  # type: ignore[attr-defined]


def test_jpeg2000_transforms_colours_and_is_irreversible(tmp_path: Path) -> None:
    JPEG2000.encode(synthetic(64, 64).picture(), 20, tmp_path / "a.jp2")
    data = (tmp_path / "a.jp2").read_bytes()
    cod = data[data.index(b"\xff\x52") :]  # marker, length, Scod, order, layers, mct, ...
    assert cod[8] == 1 and cod[13] == 0  # colour transform on; the 9-7 wavelet


def test_a_failure_names_codec_setting_and_photo(tmp_path: Path) -> None:
    codec = replace(JPEG, options=lambda step: {"quality": "unheard of"})
    with pytest.raises(AecodecError, match=r"^jpeg 5: synthetic0\.png: "):
        measure_photo(codec, 5, synthetic(16, 16), tmp_path)


def test_another_size_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smaller = Image.new("RGB", (16, 15))
    monkeypatch.setattr(PillowCodec, "decode", lambda self, path: smaller)
    with pytest.raises(AecodecError, match=r"\(16, 16, 3\) decoded as \(15, 16, 3\)"):
        measure_photo(JPEG, 5, synthetic(16, 16), tmp_path)


def test_psnr_of_known_pictures() -> None:
    image = np.full((4, 4, 3), 100, np.uint8)
    assert psnr(image, image + np.uint8(1)) == pytest.approx(48.1308, abs=1e-4)
    assert psnr(image, image) == PSNR_MAX


def test_ms_ssim_needs_a_large_photo() -> None:
    pytest.importorskip("pytorch_msssim")
    photo, small = synthetic(176, 200), synthetic(175, 200)
    assert ms_ssim(photo.image, photo.image) == pytest.approx(1)
    noisy = synthetic(176, 200, seed=1)
    different = ms_ssim(photo.image, noisy.image)
    assert different is not None and 0 <= different < 0.9
    assert ms_ssim(small.image, small.image) is None


def test_ms_ssim_is_unknown_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "find_spec", lambda name: None)
    assert ms_ssim(synthetic(200, 200).image, synthetic(200, 200).image) is None


def test_means_are_over_photos(tmp_path: Path) -> None:
    photos = [synthetic(40, 60, 1), synthetic(60, 80, 2)]
    rows = [measure_photo(JPEG, 50, photo, tmp_path) for photo in photos]
    point = mean_point(rows)
    assert point.bpp == pytest.approx((rows[0].bpp + rows[1].bpp) / 2)
    assert point.psnr == pytest.approx((rows[0].psnr + rows[1].psnr) / 2)
    assert point.ms_ssim is None and point.setting == 50


def install(folder: Path, name: str, body: str) -> None:
    """A shell script that stands for a program."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in front of PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder) + os.pathsep + "/usr/bin" + os.pathsep + "/bin")
    return folder


@pytest.mark.skipif(os.name != "posix", reason="the programs are shell scripts")
def test_bpg_runs_its_programs(programs: Path, tmp_path: Path) -> None:
    """bpgenc's last argument is the source, -o the target; bpgdec's is -o TARGET SOURCE."""
    usage = '[ $# -eq 0 ] && echo "BPG Image Encoder version 0.9.8" && exit 1'
    expected = "-f 444 -c ycbcr -b 8 -q 30 -o"
    check = f'case "$*" in "{expected} "*) ;; *) exit 3 ;; esac'
    install(programs, "bpgenc", f'{usage}\n{check}\ncp "${{11}}" "${{10}}"')
    install(programs, "bpgdec", 'cp "$3" "$2"')
    codec = open_codec("bpg", "cpu")
    assert codec is not None and codec.version == "bpgenc 0.9.8"
    assert measure_photo(codec, 30, synthetic(20, 30), tmp_path).psnr == PSNR_MAX


@pytest.mark.skipif(os.name != "posix", reason="the programs are shell scripts")
def test_a_failing_program_is_quoted(programs: Path, tmp_path: Path) -> None:
    install(programs, "bpgenc", "echo no such luck >&2; exit 7")
    install(programs, "bpgdec", "exit 0")
    codec = open_codec("bpg", "cpu")
    assert codec is not None and codec.version == "bpgenc of unknown version"
    with pytest.raises(AecodecError, match=r"bpg 30: .*bpgenc ended with 7: no such luck"):
        measure_photo(codec, 30, synthetic(20, 30), tmp_path)
