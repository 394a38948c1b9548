"""A short run on a machine of its own, rehearsed: the commands, and all that it lacks there.

Probe, training that ends by a moment, a shard that arrives, what is brought back in parts, export.
The processes that would run there can import no coder, no scikit-image and no progress bar.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from aecodec.image.psnr import psnr
from aecodec.model.loaded import LoadedModel
from aecodec.training.start import load_for_training
from tests.payloads import decode_pixels, encode_pixels
from tests.photos import photo

ROOT = Path(__file__).resolve().parents[2]
LACKING = (
    "constriction",
    "matplotlib",
    "pytorch_msssim",
    "rich",
    "scipy",
    "skimage",
    "ssimulacra2",
)
BARE = f"""
import sys
sys.modules.update(dict.fromkeys({LACKING}))  # none of these can be imported or found
import runpy
from aecodec.training import trainer
trainer.RESCAN_SECONDS = 0.5
trainer.LOG_SECONDS = 0.5
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
SECONDS = 18.0


def start(*words: str) -> subprocess.Popen[str]:
    """A process on the machine that lacks things."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "PASSIVE"}
    return subprocess.Popen(
        [sys.executable, "-c", BARE, *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """-> what it printed."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out + err


@pytest.mark.slow
def test_a_short_run_from_its_beginning_to_the_export(tmp_path: Path) -> None:
    for name in ("data", "valid", "back", "new"):
        (tmp_path / name).mkdir()
    Image.fromarray(photo(128, 128)).save(tmp_path / "data" / "a.png")
    Image.fromarray(photo(256, 256)).save(tmp_path / "valid" / "valid-00.png")
    recipe = (ROOT / "weights/s1/train.toml").read_text().replace('size = "S"', 'size = "XS"')
    recipe = recipe.replace("crop = 192", "crop = 64").replace("last_crop = 256", "last_crop = 64")
    for rate in ("entropy_lr = 2e-3", "muon_lr = 2e-3", "adamw_lr = 1e-3"):
        assert rate in recipe  # a quarter: however many steps a machine takes, integers can hold it
        recipe = recipe.replace(rate, f"{rate.split(' = ')[0]} = {float(rate.split(' = ')[1]) / 4}")
    (tmp_path / "train.toml").write_text(
        recipe.replace("entropy_share = 0.0", "entropy_share = 0.1")
    )
    folder, choice = str(tmp_path), tmp_path / "choice"

    probe = ["benchmarks", "probe", f"{folder}/train.toml", "--data", f"{folder}/valid"]
    printed = finish(start(*probe, "--seconds", "0", "--timed", "1", "--choice", str(choice)))
    assert choice.read_text() == "eager" and "Mpx/s" in printed  # no more were tried

    end = time.time() + SECONDS
    train = ["aecodec.training", f"{folder}/train.toml", "--data", f"{folder}/data"]
    out = ["--out", f"{folder}/run", "--valid", f"{folder}/valid", "--budget", "1h"]
    training = start(*train, *out, "--until", str(end), "--way", choice.read_text())
    time.sleep(SECONDS / 2)
    with tarfile.open(tmp_path / "arriving", "w") as tar:
        tar.add(tmp_path / "data" / "a.png", "b.png")
    (tmp_path / "arriving").rename(tmp_path / "data" / "shard.tar")
    finish(training)
    assert time.time() < end

    entries = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    trained = [entry for entry in entries if "train" in entry]
    assert (trained[0]["tiles"], trained[-1]["tiles"]) == (1, 2)
    assert trained[-1]["share"] == 1 and trained[-1]["lr"] < 0.1
    phases = list(dict.fromkeys(entry["phase"] for entry in trained))
    assert phases[-2:] == ["joint", "refined"]  # a busy machine may start too late for the first

    carry = (tmp_path / "run" / "carry.pt").read_bytes()
    for number in range(0, len(carry), 4_000_000):
        (tmp_path / "back" / f"carry.{number:09}").write_bytes(carry[number : number + 4_000_000])
    parts = sorted((tmp_path / "back").iterdir())
    joined = tmp_path / "new" / "checkpoint.pt"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    export = [*train, "--out", f"{folder}/new", "--budget", "1s"]
    done = subprocess.run([sys.executable, "-m", *export], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr

    loaded = LoadedModel.load(tmp_path / "new" / "model.safetensors")
    pixels = photo(100, 60)
    found = decode_pixels(loaded, encode_pixels(loaded, pixels, 60), 100, 60, 60)
    assert psnr(pixels, found) > 25
    again = load_for_training(tmp_path / "new" / "before-anneal.safetensors").state_dict()
    carried = load_for_training(tmp_path / "run" / "carry.pt").state_dict()
    assert all(torch.equal(again[name], value) for name, value in carried.items())
