"""How fast one training step is, where its time goes, and what share of the machine it uses.

    python benchmarks/training/throughput.py weights/s1/train.toml --data PICTURES [--device cuda]

Runs the trainer's own steps of the joint phase and times their parts. Multiply-adds are those that
PyTorch counts in forward, backward and optimizer; the peak is what bfloat16 matrix products of the
size of the networks' own reach on the same machine in the same run. Writes throughput.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from aecodec.training.config import TrainConfig
from aecodec.training.data import batches
from aecodec.training.loss import rate_distortion
from aecodec.training.trainer import Trainer

HERE = Path(__file__).resolve().parent
WARM_UP, STEPS = 3, 12
PARTS = ("data", "forward", "backward", "optimizer", "clip, average")
PRODUCT = (8192, 768, 768)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Time the training step.")
    parser.add_argument("config", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    config = TrainConfig.read(options.config)
    with tempfile.TemporaryDirectory() as folder:
        run = Trainer(config, options.data, None, Path(folder), 1.0, options.device)
    run.entropy_done, run.phase = True, "joint"
    seconds, macs = measure(run)
    step = sum(seconds.values())
    pixels = config.batch * config.crop**2
    peak = peak_rate(run.device)
    result = {
        "machine": machine(run.device),
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
    (HERE / "throughput.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def measure(run: Trainer) -> tuple[dict[str, float], int]:
    """-> median seconds of every part of a step, and the multiply-adds of a whole one."""
    data = batches(run.pictures, run.config.batch, lambda: run.config.crop, 0)
    times: dict[str, list[float]] = {name: [] for name in PARTS}
    for step in range(WARM_UP + STEPS):
        marks = [now(run.device)]
        batch = next(data)
        marks.append(now(run.device))
        x, q = batch.to(run.device).float() / 255 - 0.5, run.random_q(len(batch))
        bpp, mse = rate_distortion(run.model, x, q, "joint", torch.bfloat16)
        loss = ((bpp + run.lmbda[q] * mse) * run.weight[q]).mean()
        marks.append(now(run.device))
        loss.backward()
        marks.append(now(run.device))
        inside = timed_optimizer(run)
        run.update(0.0)
        marks.append(now(run.device))
        parts = [b - a for a, b in zip(marks, marks[1:], strict=False)]
        if step >= WARM_UP:
            for name, value in zip(
                PARTS, [*parts[:3], inside[0], parts[3] - inside[0]], strict=True
            ):
                times[name].append(value)
    batch = next(data)
    with FlopCounterMode(display=False) as counter:
        run.train_step(batch)
    return {name: statistics.median(values) for name, values in times.items()}, int(
        counter.get_total_flops()
    ) // 2


def timed_optimizer(run: Trainer) -> list[float]:
    """Wrap the next `optimizers.step`; -> a list that will hold its seconds."""
    step, seconds = type(run.optimizers).step, [0.0]

    def wrapped(share: float) -> None:
        start = now(run.device)
        step(run.optimizers, share)
        seconds[0] = now(run.device) - start

    run.optimizers.step = wrapped  # type: ignore[method-assign]
    return seconds


def peak_rate(device: torch.device) -> float:
    """Multiply-adds per second of bfloat16 matrix products."""
    rows, inner, columns = PRODUCT
    a = torch.randn(rows, inner, device=device).bfloat16()
    b = torch.randn(inner, columns, device=device).bfloat16()
    work: Callable[[], object] = lambda: torch.mm(a, b)  # noqa: E731
    times = []
    for _ in range(30):
        start = now(device)
        work()
        times.append(now(device) - start)
    return rows * inner * columns / min(times)


def now(device: torch.device) -> float:
    """Seconds, once the device has done what was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}"


if __name__ == "__main__":
    main()
