"""How fast one training step is, where its time goes, and what share of the machine it uses.

Runs the trainer's own steps of the joint phase and times their parts. Multiply-adds are those that
PyTorch counts in forward, backward and optimizer; the peak is what bfloat16 matrix products of the
size of the networks' own reach on the same machine in the same run. With --against, the trainer of
an old commit runs beside this one's, on one thread each, for --seconds.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from aecodec.training.learner import Learner
from aecodec.training.loss import code
from aecodec.training.trainer import Trainer
from benchmarks.pages import ROOT, Page, table
from benchmarks.training.steps import add_training, make_trainer, now
from benchmarks.trees import checked_out, environment, machine

WARM_UP, STEPS = 3, 12
PARTS = ("data", "forward", "loss", "backward", "optimizer", "clip, average")
PRODUCT = (8192, 768, 768)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What is trained, and beside what."""
    add_training(parser)
    parser.add_argument("--against", metavar="COMMIT", help="an old one")
    parser.add_argument("--seconds", type=float, default=150.0, help="beside it (%(default)s)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """-> seconds of the parts of a step, and its arithmetic as a share of the peak."""
    if options.against:
        return compare(options)
    trainer = make_trainer(options)
    trainer.learner.enter("joint")
    seconds, macs = measure(trainer)
    step = sum(seconds.values())
    config, device = trainer.config, trainer.learner.model.device
    pixels = config.batch * config.crop**2
    peak = peak_rate(device)
    return {
        "machine": device_name(device),
        "size": config.size,
        "batch": config.batch,
        "crop": config.crop,
        "seconds": {name: round(value, 4) for name, value in seconds.items()},
        "step_seconds": round(step, 4),
        "pixels_per_second": round(pixels / step),
        "kmac_per_pixel": round(macs / pixels / 1000, 1),
        "gflops": round(2 * macs / step / 1e9, 1),
        "peak_gflops": round(2 * peak / 1e9, 1),
        "share_of_peak": round(macs / step / peak, 3),
    }


def measure(trainer: Trainer) -> tuple[dict[str, float], int]:
    """-> median seconds of every part of a step, and the multiply-adds of a whole one."""
    config, learner = trainer.config, trainer.learner
    device = learner.model.device
    times: list[list[float]] = []
    for step in range(WARM_UP + STEPS):
        marks = [now(device)]
        batch = trainer.tiles.draw(config.batch, config.crop)
        marks.append(now(device))
        x, q = batch.float() / 255 - 0.5, learner.random_q(len(batch))
        bpp, x_hat = code(learner.model, x, q, "joint", torch.bfloat16)
        marks.append(now(device))
        loss = learner.objective(bpp, x, x_hat, q).loss.mean()
        marks.append(now(device))
        loss.backward()
        marks.append(now(device))
        inside = timed_optimizer(learner)
        learner.update()
        marks.append(now(device))
        parts = [b - a for a, b in zip(marks, marks[1:], strict=False)]
        if step >= WARM_UP:
            times.append([*parts[:4], inside[0], parts[4] - inside[0]])
    batch = trainer.tiles.draw(config.batch, config.crop)
    with FlopCounterMode(display=False) as counter:
        learner.train_step(batch, 0.0)
    seconds = dict(zip(PARTS, map(statistics.median, zip(*times, strict=True)), strict=True))
    return seconds, int(counter.get_total_flops()) // 2


def timed_optimizer(learner: Learner) -> list[float]:
    """Wrap the next `optimizers.step`; -> a list that will hold its seconds."""
    step, seconds = type(learner.optimizers).step, [0.0]

    def wrapped(share: Tensor, absurd: Tensor) -> None:
        start = now(learner.model.device)
        step(learner.optimizers, share, absurd)
        seconds[0] = now(learner.model.device) - start

    learner.optimizers.step = wrapped  # type: ignore[method-assign]
    return seconds


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Train with this tree and an old commit's at once, on one thread each -> their speeds.

    The configuration is that of the same path in either tree: it has the keys it knows.
    """
    with checked_out(options.against) as other, tempfile.TemporaryDirectory() as out:
        folders = {"this": ROOT, "other": other}
        command = [sys.executable, "-m", "aecodec.training", str(options.config), "--threads", "1"]
        command += ["--data", str(options.data.resolve()), "--budget", "1h"]
        if options.start:
            command += ["--start", str(options.start.resolve())]
        runs = [
            subprocess.Popen(
                [*command, "--out", f"{out}/{name}"],
                cwd=folder,
                env=environment(folder),
                stderr=subprocess.DEVNULL,
            )
            for name, folder in folders.items()
        ]
        try:
            time.sleep(options.seconds)
        finally:
            for process in runs:
                process.terminate()
                process.wait()
        rates = {name: steps_a_second(Path(out, name, "log.jsonl")) for name in folders}
    return {"config": str(options.config), "steps_per_second": rates} | {
        "this_over_other": round(rates["this"] / rates["other"], 3)
    }


def steps_a_second(log: Path) -> float:
    """From the first entry that tells of steps to the last: without the start."""
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    entries = [entry for entry in entries if "train" in entry]
    if len(entries) < 3:
        raise SystemExit(f"{log}: more --seconds are needed")
    steps = entries[-1]["step"] - entries[0]["step"]
    return round(steps / (entries[-1]["elapsed"] - entries[0]["elapsed"]), 4)


def peak_rate(device: torch.device) -> float:
    """Multiply-adds per second of bfloat16 matrix products."""
    rows, inner, columns = PRODUCT
    a = torch.randn(rows, inner, device=device).bfloat16()
    b = torch.randn(inner, columns, device=device).bfloat16()
    times = []
    for _ in range(30):
        start = now(device)
        torch.mm(a, b)
        times.append(now(device) - start)
    return rows * inner * columns / min(times)


def device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{machine()}, {torch.get_num_threads()} threads"


def tables(name: str, result: dict[str, Any]) -> dict[str, str]:
    """The parts of a step and what they come to; or the speeds of two checkouts."""
    if "this_over_other" in result:
        rates, ratio = result["steps_per_second"], result["this_over_other"]
        row = [*rates.values(), ratio]
        return {name: table(("this, steps/s", "other, steps/s", "this / other"), [row])}
    step = result["step_seconds"]
    about = (
        f"Size {result['size']}, {result['batch']} crops of {result['crop']}, {result['machine']}: "
        f"{step:.2f} s a step, {result['pixels_per_second'] / 1e6:.2f} Mpx/s, "
        f"{result['gflops']:.0f} of {result['peak_gflops']:.0f} GFLOPS "
        f"({result['share_of_peak']:.0%})."
    )
    parts = [[part, took, f"{took / step:.0%}"] for part, took in result["seconds"].items()]
    return {name: f"{about}\n\n{table(('part', 'seconds', 'share'), parts)}"}


PAGE = Page(Path(__file__).with_name("README.md"), ("throughput", "throughput-against"), tables)
