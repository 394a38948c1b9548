"""Which way of taking a step is fastest on this device, and whether they all take the same step.

Every way starts from the same seed and takes the same steps: each kernel by itself, as a CUDA
graph, as a CUDA graph of compiled blocks. Losses must agree. Writes the name of the fastest one to
the file --choice, from the beginning on. After one that fails, and after --seconds, no more are
tried.
"""

import argparse
import gc
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from aecodec.model.model import Model
from aecodec.training.config import WAYS
from aecodec.training.schedule import crop_at
from benchmarks.training.steps import add_training, make_trainer, now

COMPARED, TIMED = 12, 30
SHARES = (0.1, 0.95)
"""of a run: full rates, and the last phase"""
AGREEMENT = 0.02
"""How far the losses of two ways may be apart: their sums round differently."""


@dataclass(frozen=True)
class Attempt:
    """What was seen of one way."""

    losses: list[float]
    """of the first steps; and, of every phase, how far the weights and their average moved"""
    pixels: dict[str, float]
    """a second, by phase"""

    def apart(self, other: "Attempt") -> float:
        """How far the losses are from those of another way, the worst of them as a share."""
        pairs = zip(self.losses, other.losses, strict=True)
        return max((abs(a / b - 1) for a, b in pairs), key=lambda x: (math.isnan(x), x))


def add_options(parser: argparse.ArgumentParser) -> None:
    """What is trained, for how long, and where the choice goes."""
    add_training(parser)
    parser.add_argument("--seconds", type=float, default=40.0, help="for all ways (%(default)s)")
    parser.add_argument("--timed", type=int, default=TIMED, help="steps (%(default)s)")
    parser.add_argument("--choice", type=Path, help="file for the name of the fastest way")


def run(options: argparse.Namespace) -> None:
    """Try, print, choose."""
    end = time.monotonic() + options.seconds
    fastest, first = 0.0, None
    for way in WAYS:
        if time.monotonic() > end and first:
            break
        began = time.monotonic()
        try:
            found = attempt(options, way)
        except Exception as error:
            print(f"{way:10s} failed: {type(error).__name__}: {error}", flush=True)
            break
        first = first or found
        apart, spent = found.apart(first), time.monotonic() - began
        rates = ", ".join(f"{phase} {rate / 1e6:.2f} Mpx/s" for phase, rate in found.pixels.items())
        print(f"{way:10s} {rates}, losses {apart:.1e} apart, {spent:.0f} s in all", flush=True)
        speed = next(iter(found.pixels.values()))
        if apart < AGREEMENT and speed > fastest:
            fastest = speed
            if options.choice:
                options.choice.write_text(way)


def attempt(options: argparse.Namespace, way: str) -> Attempt:
    """Some steps of every share, compared and timed."""
    trainer = make_trainer(options, way)
    config, learner, device = trainer.config, trainer.learner, trainer.learner.model.device
    found = Attempt([], {})
    for share in SHARES:
        crop = crop_at(config, share)

        def step() -> Tensor:
            batch = trainer.tiles.draw(config.batch, crop)  # noqa: B023
            return learner.train_step(batch, share)[0]  # noqa: B023

        torch.manual_seed(1)
        begun = [weights_of(model) for model in (learner.model, learner.ema)]
        found.losses.extend(float(step()) for _ in range(COMPARED))  # the last are graphs
        moved = [weights_of(model) for model in (learner.model, learner.ema)]
        found.losses.extend(float((b - a).norm()) for a, b in zip(begun, moved, strict=True))
        start = now(device)
        for _ in range(options.timed):
            step()
        spent = now(device) - start
        found.pixels[learner.phase] = options.timed * config.batch * crop**2 / spent
    if device.type == "cuda":
        print(f"    {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")
        learner.replays.clear()
        del trainer, learner, step
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return found


def weights_of(model: Model) -> Tensor:
    """All in one vector."""
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


if __name__ == "__main__":  # scripts of short GPU runs call it by its module
    import sys

    from benchmarks.__main__ import main

    main(["probe", *sys.argv[1:]])
