"""A folder through a local Ray of two workers: the same bytes as the command's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aecodec.cli.main import main
from aecodec.ray import Compress
from tests.payloads import codec
from tests.photos import photo, saved
from tests.processes import run_python

COUNT = 50


def test_it_needs_nothing_of_the_command() -> None:
    code = "import sys, aecodec.ray; sys.exit('aecodec.cli' in sys.modules)"
    assert run_python(code).returncode == 0


def test_a_worker_s_settings() -> None:
    photo_file = saved(Image.fromarray(photo(40, 30)), "PNG")
    batch = {"bytes": np.array([photo_file, b"no photo"], dtype=object)}
    coded = Compress(80, effort=0, tune="psnr")(batch)
    assert coded["aec"][0] == codec().encode(photo(40, 30), 80, effort=0, tune="psnr")
    assert coded["aec"][1] == b"" and "not a picture" in coded["error"][1]


@pytest.mark.slow
def test_ray_makes_the_same_files_as_the_command(tmp_path: Path) -> None:
    pixels = photo(120, 48 + COUNT)
    for number in range(COUNT):
        path = tmp_path / "in" / f"{number % 3}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[number : number + 48]).save(path)
    (tmp_path / "in" / "bad.png").write_bytes(b"no photo")

    ray = [sys.executable, "-m", "aecodec.ray", str(tmp_path / "in"), str(tmp_path / "ray")]
    ray += ["--effort", "0", "--tune", "psnr"]  # effort: the fastest
    quiet = os.environ | {"RAY_DEDUP_LOGS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    result = subprocess.run(ray, env=quiet, capture_output=True, text=True, timeout=240)
    assert result.returncode == 1
    assert f"aecodec: error: {tmp_path}/in/bad.png: not a picture of a known" in result.stderr
    assert f"aecodec: {COUNT} of {COUNT + 1} files compressed" in result.stderr

    (tmp_path / "in" / "bad.png").unlink()
    plain = ["--effort", "0", "--tune", "psnr", "-o", str(tmp_path / "cli")]
    assert main(["compress", "-r", str(tmp_path / "in"), *plain]) == 0
    made = {p.relative_to(tmp_path / "cli"): p for p in (tmp_path / "cli").rglob("*.aec")}
    assert len(made) == COUNT
    for name, path in made.items():
        assert path.read_bytes() == (tmp_path / "ray" / name).read_bytes()
