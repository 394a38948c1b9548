"""The training loop: it ends by the clock, annealed, and can be resumed at any moment.

The device makes the crops, draws q, and takes steps without a word from the host; the host tells
it the learning rate, and looks at the clock. Nothing waits for the device but a log entry.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aecodec.errors import AecodecError
from aecodec.model import Model
from aecodec.model.config import Q_COUNT, SIZES
from aecodec.model.layers import DepthwiseBlock
from aecodec.training.clock import Clock, StepTimes
from aecodec.training.config import TrainConfig
from aecodec.training.data import RESCAN_SECONDS, Pictures, Tiles
from aecodec.training.grow import grow
from aecodec.training.initialise import INITIAL_TILES, initialise, lmbda_table
from aecodec.training.loss import FROZEN, code
from aecodec.training.objective import Objective, can_compile
from aecodec.training.optimizer import Optimizers
from aecodec.training.replay import EAGER_CALLS, Queue, Replay
from aecodec.training.schedule import annealing, crop_at, phase_at, rate_at
from aecodec.training.start import (
    COUNTS,
    STATE,
    UNTRAINED,
    full_rate_of,
    halves,
    read_checkpoint,
    write_checkpoint,
)
from aecodec.training.validate import VALID_CROP, validate

LOG_SECONDS = 20.0
SAVE_SECONDS = 240.0
ABSURD_NORM = 20.0
"""A step whose gradient norm is this many times the running mean is skipped."""
PLAIN_EVERY = 3
"""In the phase `refined`, every third batch is not refined: what effort 0 codes is learnt too."""
WORTH_COMPILING = 600.0
"""Seconds from which on a CPU wins back the time that compiling SSIMULACRA2 takes."""
RESERVE_SHARE, RESERVE_SECONDS = 1.5, 1.0
"""How much longer the end of a run may take than the same took before."""
SKIPPED_SHARE = 0.5
"""Of the steps between two log entries; when more are skipped, nothing is learnt any more."""


class Trainer:
    """State of one run. `out` receives log.jsonl, checkpoint.pt and, with a moment to end by,
    carry.pt."""

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
        self.config, self.budget, self.device, self.out = config, budget, torch.device(device), out
        self.until, self.way = until, way
        if until:
            self.budget = max(0.0, until - time.time())
        torch.manual_seed(config.seed)
        out.mkdir(parents=True, exist_ok=True)
        if self.device.type == "cuda":
            torch.cuda.set_stream(torch.cuda.Stream())  # the default one cannot be captured
            torch.backends.cudnn.benchmark = True
        self.tiles = Tiles(data, max(config.crop, config.last_crop), self.device)
        self.valid = Pictures(valid, VALID_CROP).items if valid else None
        self.model = start or Model(SIZES[config.size])
        if self.model.config != SIZES[config.size]:
            self.model = grow(self.model, SIZES[config.size])
        self.model.lmbda.copy_(lmbda_table(config.lmbda_min, config.lmbda_max))
        if start is None and not self.checkpoint.exists():
            initialise(self.model, self.tiles.some(INITIAL_TILES), self.model.lmbda)
        self.model.to(self.device)
        self.full_rate: dict[str, Tensor] | None = None
        """weights from just before the anneal, on the host, in 16 bits"""
        if way == "compiled" and not can_compile():
            raise AecodecError("there is no C++ compiler, which --way compiled needs")
        on_cpu = self.device.type == "cpu" and way != "eager" and self.budget > WORTH_COMPILING
        compiled = way == "compiled" or (on_cpu and can_compile())
        self.objective = Objective(config, self.model.lmbda, compiled)
        self.judge = Objective(config, self.model.lmbda)  # of validation
        self.ema = copy.deepcopy(self.model).requires_grad_(False)
        self.elapsed, self.step, self.warm_from = 0.0, 0, 0
        self.reserve = 0.0
        """seconds that the end of the run may take: writing and validating"""
        self.rate, self.norm, self.skipped, self.updates = torch.zeros(4, device=self.device)
        self.replays: dict[tuple[str, int, torch.Size], Replay] = {}
        self.queue = Queue()
        self.entropy_done = start is not None
        self.phase = self.phase_now()
        self.optimizers = Optimizers(self.model, config, self.phase)
        if self.checkpoint.exists():
            self.resume()
        if way == "compiled":
            self.compile()

    @property
    def checkpoint(self) -> Path:
        return self.out / "checkpoint.pt"

    def compile(self) -> None:
        """torch.compile the blocks, those of one shape together; no faster on a CPU (measured)."""
        torch._dynamo.config.recompile_limit = 64  # shapes, with and without gradients
        for module in self.model.modules():
            if isinstance(module, DepthwiseBlock):
                module.compile(dynamic=False)

    def save(self) -> None:
        """Write the checkpoint."""
        write_checkpoint(self.checkpoint, self.state())

    def carry(self) -> None:
        """Write carry.pt: a checkpoint and a start in the fewest bytes, 16 bits, no optimizer.

        `ema` is what is to be shipped, `model` from before the anneal where there was one; what is
        not trained here is in `ema` alone.
        """
        state = self.state()
        full_rate = self.full_rate or halves(state["model"])
        trained = {k: v for k, v in full_rate.items() if not k.startswith(UNTRAINED)}
        state |= {"model": trained, "ema": halves(state["ema"])}
        write_checkpoint(self.out / "carry.pt", state | {"optimizers": None, "full_rate": None})

    def state(self) -> dict[str, Any]:
        return {
            "config": asdict(self.config),
            "model_config": self.model.config.to_dict(),
            "share": self.share(),
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "full_rate": self.full_rate,
            "optimizers": self.optimizers.state_dict(),
            **{name: getattr(self, name) for name in STATE},
            **{name: float(getattr(self, name)) for name in COUNTS},
        }

    def resume(self) -> None:
        """Go on from the checkpoint. Raises AecodecError when its configuration is another."""
        state = read_checkpoint(self.checkpoint, self.device)
        mine = asdict(self.config)
        if other := [key for key in mine if state["config"].get(key) != mine[key]]:
            raise AecodecError(f"{self.checkpoint}: from another configuration: {', '.join(other)}")
        for name in STATE:
            setattr(self, name, state[name])
        for name in COUNTS:
            getattr(self, name).fill_(state[name])
        self.updates.fill_(self.step)
        self.ema.load_state_dict(state["ema"])
        self.optimizers = Optimizers(self.model, self.config, self.phase)
        if self.until:
            self.budget = Clock(self.elapsed, self.until).budget(self.reserve)
        if self.share() < 1 <= state["share"]:  # a finished run with a larger budget
            self.model.load_state_dict(full_rate_of(state))
            self.warm_from = self.step
        else:
            self.model.load_state_dict(state["ema"] | state["model"])
            self.full_rate = halves(state["full_rate"]) if state["full_rate"] else None
            if state["optimizers"]:
                self.optimizers.load_state_dict(state["optimizers"])
            else:
                self.warm_from = self.step
        torch.manual_seed(self.config.seed + self.step)

    def share(self) -> float:
        return self.elapsed / self.budget if self.elapsed < self.budget else 1.0

    def phase_now(self) -> str:
        phase = phase_at(self.config, self.share())
        return "joint" if phase == "entropy" and self.entropy_done else phase

    def run(self, report: Callable[[dict[str, Any]], None]) -> None:
        """Train until the budget is spent; `report` receives a dict every LOG_SECONDS.

        Raises AecodecError when nothing is learnt any more; what was saved before is whole.
        """
        clock = Clock(self.elapsed, self.until)
        with clock.beating():
            if self.step == 0:
                self.milestone(report)
            elif self.until:
                self.carry()
            if not self.aim(clock):
                return
            times, sums = StepTimes(), Sums(self)
            last_log = last_save = last_scan = time.monotonic()
            while self.elapsed < self.budget:
                crop = crop_at(self.config, self.share())
                sums.add(self.train_step(self.tiles.draw(self.config.batch, crop)))
                if clock.elapsed() + times.usual() >= self.budget:
                    break
                now = time.monotonic()
                if now - last_log >= LOG_SECONDS:
                    self.log(sums.told(), report)
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
                self.log(sums.told(), report)
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
        self.save()
        self.validate(report)
        self.reserve = RESERVE_SHARE * (time.monotonic() - start) + RESERVE_SECONDS

    def validate(self, report: Callable[[dict[str, Any]], None]) -> None:
        """Log what the average of the weights does, where there are pictures to validate on."""
        rounds = self.config.refined_rounds if self.config.refined_share else 0
        if self.valid:
            self.log({"valid": validate(self.ema, self.valid, self.judge, rounds)}, report)

    def log(self, values: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> None:
        facts = {"elapsed": round(self.elapsed, 1), "share": self.share(), "step": self.step}
        values = facts | {"phase": self.phase} | values
        with (self.out / "log.jsonl").open("a") as file:
            file.write(json.dumps(values) + "\n")
        report(values)

    def enter(self, phase: str) -> None:
        """Begin a phase, unless it is that of now."""
        if phase == self.phase:
            return
        if self.phase == "entropy":
            self.optimizers = Optimizers(self.model, self.config, phase)
            self.entropy_done, self.warm_from = True, self.step
        self.phase = phase
        self.replays.clear()

    def train_step(self, batch: Tensor) -> Tensor:
        """One update, by uint8 [B, 3, crop, crop] -> means of it, as of `learn`, until the next."""
        share = self.share()
        self.enter(self.phase_now())
        if self.full_rate is None and annealing(self.config, share):
            self.full_rate = halves(self.model.state_dict())
        self.rate.fill_(rate_at(self.config, share, self.step - self.warm_from))
        refined = self.phase == "refined" and self.step % PLAIN_EVERY
        rounds = self.config.refined_rounds if refined else 0
        kind = self.phase, rounds, batch.shape
        if kind not in self.replays:
            learn = partial(self.learn, phase=self.phase, rounds=rounds)
            eager = math.inf if self.way == "eager" else EAGER_CALLS
            self.replays[kind] = Replay(learn, self.queue, eager)
        self.step += 1
        return self.replays[kind](batch)

    def learn(self, batch: Tensor, phase: str, rounds: int) -> Tensor:
        """What the device does of `train_step` -> [loss, bpp, MSE, raw error], float [4]."""
        x = batch.float() / 255 - 0.5
        q = self.random_q(len(x))
        bpp, x_hat = code(self.model, x, q, phase, torch.bfloat16, rounds)
        judged = self.objective(bpp, x, x_hat, q)
        loss = judged.loss.mean()
        loss.backward()
        if phase in FROZEN:
            self.model.skip.basis.grad = None  # g_a and g_s share it
        self.update()
        parts = [loss, bpp.mean(), judged.mse.mean(), judged.raw_error.mean()]
        return torch.stack(parts).detach()

    @torch.no_grad()
    def update(self) -> None:
        """Step with `self.rate` of the full rates, unless the gradient is absurd; then the EMA."""
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        first = self.norm == 0
        usual = norm.isfinite() & (first | (norm <= ABSURD_NORM * self.norm))
        mean = torch.where(first, norm, self.norm.lerp(norm, 0.01))
        # Where all norms have grown, the mean follows.
        self.norm.copy_(torch.where(usual, mean, self.norm * 1.02))
        self.skipped += ~usual
        self.updates += 1
        self.optimizers.step(self.rate, (~usual).float())
        decay = ((1 + self.updates) / (10 + self.updates)).clamp(max=self.config.ema)
        weights: list[Tensor] = [*self.model.parameters()]
        averages: list[Tensor] = [*self.ema.parameters()]
        moves = torch._foreach_sub(weights, averages)
        torch._foreach_mul_(moves, (1 - decay) * usual)
        torch._foreach_add_(averages, moves)

    def random_q(self, batch: int) -> Tensor:
        """q [B], one in every eighth of the range for every eight samples."""
        eighths = torch.arange(batch, device=self.device) % 8
        return eighths * 8 + torch.randint(0, Q_COUNT // 8, (batch,), device=self.device)


class Sums:
    """What the steps since the last log entry say of themselves, summed on the device."""

    def __init__(self, run: Trainer) -> None:
        self.run, self.count = run, 0
        self.sums = torch.zeros(4, device=run.device)
        self.skipped = run.skipped.clone()

    def add(self, step: Tensor) -> None:
        self.sums += step
        self.count += 1

    def told(self) -> dict[str, Any]:
        """-> the values of a log entry; begins anew. Raises AecodecError where most were skipped.

        Waits for the device.
        """
        run, means = self.run, (self.sums / self.count).tolist()
        if float(run.skipped - self.skipped) > SKIPPED_SHARE * self.count:
            raise AecodecError(f"step {run.step}: most gradients are absurd; nothing is learnt")
        values = {"train": means if run.config.visual else means[:3], "steps": self.count}
        self.sums.zero_()
        self.skipped.copy_(run.skipped)
        self.count = 0
        facts = {"rate": round(float(run.rate), 4), "tiles": len(run.tiles.tiles)}
        return values | facts | {"skipped": int(run.skipped)}
