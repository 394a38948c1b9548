"""The training loop: it ends by the clock, annealed, and can be resumed at any moment."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aecodec.errors import AecodecError
from aecodec.model.config import SIZES
from aecodec.model.model import Model
from aecodec.model.weights import halves
from aecodec.training.clock import Clock, StepTimes
from aecodec.training.config import TrainConfig
from aecodec.training.data import RESCAN_SECONDS, Pictures, Tiles
from aecodec.training.grow import grow
from aecodec.training.initialise import INITIAL_TILES, initialise, lmbda_table
from aecodec.training.learner import Learner
from aecodec.training.objective import Objective, can_compile
from aecodec.training.schedule import crop_at
from aecodec.training.start import UNTRAINED, read_checkpoint, write_checkpoint
from aecodec.training.validate import VALID_CROP, validate

LOG_SECONDS = 20.0
SAVE_SECONDS = 240.0
WORTH_COMPILING = 600.0
"""Seconds from which on a CPU wins back the time that compiling SSIMULACRA2 takes."""
RESERVE_SHARE, RESERVE_SECONDS = 1.5, 1.0
"""How much longer the end of a run may take than the same took before."""
SKIPPED_SHARE = 0.5
"""Of the steps between two log entries; when more are skipped, nothing is learnt any more."""


class Trainer:
    """One run. `out` receives log.jsonl, checkpoint.pt and, with a moment to end by, carry.pt."""

    def __init__(
        self,
        config: TrainConfig,
        data: Path,
        valid: Path | None,
        out: Path,
        budget: float,
        device: str,
        start: Model | None = None,
        way: str = "graph",
        until: float | None = None,
    ) -> None:
        """budget: seconds; way: how steps are taken, one of WAYS; until: Unix time by which all is
        written, whatever the budget. Raises AecodecError for pictures, weights or a checkpoint
        that do not fit the configuration.
        """
        self.config, self.until, self.out = config, until, out
        self.budget = max(0.0, until - time.time()) if until else budget
        self.elapsed, self.reserve = 0.0, 0.0
        """seconds: spent; and that the end of the run may take, writing and validating"""
        place = torch.device(device)
        torch.manual_seed(config.seed)
        out.mkdir(parents=True, exist_ok=True)
        if place.type == "cuda":
            torch.cuda.set_stream(torch.cuda.Stream())  # the default one cannot be captured
            torch.backends.cudnn.benchmark = True
        self.tiles = Tiles(data, max(config.crop, config.last_crop), place)
        self.valid = Pictures(valid, VALID_CROP).items if valid else None
        model = self.first_model(start).to(place)
        on_cpu = place.type == "cpu" and way != "eager" and self.budget > WORTH_COMPILING
        compiled = way == "compiled" or (on_cpu and can_compile())
        self.learner = Learner(config, model, way, start is not None, compiled)
        self.judge = Objective(config, model.lmbda)
        """of validation"""
        if self.checkpoint.exists():
            self.resume()

    def first_model(self, start: Model | None) -> Model:
        """What a run begins with: `start`, grown where it is smaller, or a linear codec."""
        config = self.config
        model = start or Model.untrained(SIZES[config.size])
        if model.config != SIZES[config.size]:
            model = grow(model, SIZES[config.size])
        model.lmbda.copy_(lmbda_table(config.lmbda_min, config.lmbda_max))
        if start is None and not self.checkpoint.exists():
            initialise(model, self.tiles.some(INITIAL_TILES), model.lmbda)
        return model

    @property
    def checkpoint(self) -> Path:
        return self.out / "checkpoint.pt"

    def state(self) -> dict[str, Any]:
        return {
            "config": asdict(self.config),
            "model_config": self.learner.model.config.to_dict(),
            "share": self.share(),
            "elapsed": self.elapsed,
            "reserve": self.reserve,
            **self.learner.state(),
        }

    def carry(self) -> None:
        """Write carry.pt: a checkpoint and a start in the fewest bytes, 16 bits, no optimizer.

        `ema` is what is to be shipped, `model` from before the anneal where there was one; what is
        not trained here is in `ema` alone.
        """
        state = self.state()
        full_rate = state["full_rate"] or halves(state["model"])
        trained = {k: v for k, v in full_rate.items() if not k.startswith(UNTRAINED)}
        state |= {"model": trained, "ema": halves(state["ema"])}
        write_checkpoint(self.out / "carry.pt", state | {"optimizers": None, "full_rate": None})

    def resume(self) -> None:
        """Go on from the checkpoint. Raises AecodecError when its configuration is another."""
        state = read_checkpoint(self.checkpoint, self.learner.model.device)
        mine = asdict(self.config)
        if other := [key for key in mine if state["config"].get(key) != mine[key]]:
            raise AecodecError(f"{self.checkpoint}: from another configuration: {', '.join(other)}")
        self.elapsed, self.reserve = state["elapsed"], state["reserve"]
        if self.until:
            self.budget = Clock(self.elapsed, self.until).budget(self.reserve)
        self.learner.load(state, again=self.share() < 1 <= state["share"])
        torch.manual_seed(self.config.seed + self.learner.step)

    def share(self) -> float:
        return self.elapsed / self.budget if self.elapsed < self.budget else 1.0

    def run(self, report: Callable[[dict[str, Any]], None]) -> None:
        """Train until the budget is spent; `report` receives a dict every LOG_SECONDS.

        Raises AecodecError when nothing is learnt any more; what was saved before is whole.
        """
        clock = Clock(self.elapsed, self.until)
        with clock.beating():
            if self.learner.step == 0:
                self.milestone(report)
            elif self.until:
                self.carry()
            if not self.aim(clock):
                return
            times, sums = StepTimes(), Sums(self.learner)
            last_log = last_save = last_scan = time.monotonic()
            while self.elapsed < self.budget:
                crop = crop_at(self.config, self.share())
                batch = self.tiles.draw(self.config.batch, crop)
                sums.add(self.learner.train_step(batch, self.share()))
                if clock.elapsed() + times.usual() >= self.budget:
                    break
                now = time.monotonic()
                if now - last_log >= LOG_SECONDS:
                    self.log_steps(sums, report)
                    last_log = now
                if now - last_scan >= RESCAN_SECONDS:
                    self.tiles.rescan()
                    last_scan = now
                if now - last_save >= SAVE_SECONDS:
                    self.milestone(report)
                    last_save = time.monotonic()
                self.aim(clock)
            self.elapsed = max(self.budget, clock.elapsed())
            if sums.count:
                self.log_steps(sums, report)
            self.milestone(report)

    def aim(self, clock: Clock) -> bool:
        """Look at the clock, and at the moment to end by -> whether any time is left."""
        self.elapsed = clock.elapsed()
        if self.until:
            self.budget = clock.budget(self.reserve)
        return self.elapsed < self.budget

    def milestone(self, report: Callable[[dict[str, Any]], None]) -> None:
        """Write what is to survive, then validate; the end of a run is one, too.

        What it takes is kept in reserve for the next.
        """
        start = time.monotonic()
        if self.until:
            self.carry()
        write_checkpoint(self.checkpoint, self.state())
        self.validate(report)
        self.reserve = RESERVE_SHARE * (time.monotonic() - start) + RESERVE_SECONDS

    def validate(self, report: Callable[[dict[str, Any]], None]) -> None:
        """Log what the average of the weights does, where there are pictures to validate on."""
        rounds = self.config.refined_rounds if self.config.refined_share else 0
        if self.valid:
            self.log({"valid": validate(self.learner.ema, self.valid, self.judge, rounds)}, report)

    def log_steps(self, sums: Sums, report: Callable[[dict[str, Any]], None]) -> None:
        """Log the steps since the last time. Raises AecodecError as `Sums.told`."""
        self.log(sums.told() | {"tiles": len(self.tiles.tiles)}, report)

    def log(self, values: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> None:
        facts: dict[str, Any] = {"elapsed": round(self.elapsed, 1), "share": self.share()}
        facts |= {"step": self.learner.step, "phase": self.learner.phase}
        values = facts | values
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
        report(values)


class Sums:
    """What the steps since the last log entry say of themselves, summed on the device."""

    def __init__(self, learner: Learner) -> None:
        self.learner, self.count = learner, 0
        self.sums = torch.zeros(4, device=learner.model.device)
        self.skipped = learner.skipped.clone()

    def add(self, means: Tensor) -> None:
        """means: of one step, as of `Learner.learn`."""
        self.sums += means
        self.count += 1

    def told(self) -> dict[str, Any]:
        """-> the values of a log entry; begins anew. Waits for the device.

        Raises AecodecError where most steps were skipped.
        """
        learner, means = self.learner, (self.sums / self.count).tolist()
        if float(learner.skipped - self.skipped) > SKIPPED_SHARE * self.count:
            raise AecodecError(f"step {learner.step}: most gradients are absurd: nothing is learnt")
        values = {"train": means if learner.config.visual else means[:3], "steps": self.count}
        self.sums.zero_()
        self.skipped.copy_(learner.skipped)
        self.count = 0
        return values | {"skipped": int(learner.skipped), "lr": round(float(learner.lr), 4)}
