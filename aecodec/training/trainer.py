"""The training loop: it ends by the clock, annealed, and can be resumed at any moment.

The device makes the crops, draws q, and takes steps without a word from the host; the host tells
it the learning rate, and looks at the clock. Nothing waits for the device but a log entry.
"""

from __future__ import annotations

import copy
import json
import math
import statistics
import time
from collections import deque
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
from aecodec.training.clock import Clock
from aecodec.training.config import TrainConfig
from aecodec.training.data import RESCAN_SECONDS, Pictures, Tiles
from aecodec.training.grow import grow
from aecodec.training.initialise import INITIAL_TILES, initialise, lmbda_table
from aecodec.training.loss import FROZEN, code
from aecodec.training.objective import Objective, can_compile
from aecodec.training.optimizer import Optimizers
from aecodec.training.replay import EAGER_CALLS, Replay
from aecodec.training.schedule import annealing, crop_at, phase_at, rate_at
from aecodec.training.start import halves, model_of, read_checkpoint
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
UNTRAINED = "small."
"""The network that `aecodec.training.small` is for."""
STATE = ("elapsed", "step", "phase", "warm_from", "entropy_done", "reserve")
COUNTS = ("norm", "skipped")
"""What a checkpoint holds beside configuration, weights and optimizers; these are on the device."""


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
        on_cpu = self.device.type == "cpu" and way != "eager" and self.budget > WORTH_COMPILING
        compiled = can_compile() and (way == "compiled" or on_cpu)
        self.objective = Objective(config, self.model.lmbda, compiled)
        self.judge = Objective(config, self.model.lmbda)  # of validation
        self.ema = copy.deepcopy(self.model).requires_grad_(False)
        self.elapsed, self.step, self.warm_from = 0.0, 0, 0
        self.reserve = 0.0
        """seconds that the end of the run may take: writing and validating"""
        self.rate, self.norm, self.skipped, self.updates = torch.zeros(4, device=self.device)
        self.replays: dict[tuple[str, int, torch.Size], Replay] = {}
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
        write_state(self.checkpoint, self.state() | {"optimizers": self.optimizers.state_dict()})

    def carry(self) -> None:
        """Write carry.pt: a checkpoint and a start in the fewest bytes, 16 bits, no optimizer.

        `ema` is what is to be shipped, `model` from before the anneal where there was one; what is
        not trained here is in `ema` alone.
        """
        state = self.state() | {"optimizers": None, "full_rate": None}
        full_rate = self.full_rate or halves(state["model"])
        trained = {k: v for k, v in full_rate.items() if not k.startswith(UNTRAINED)}
        write_state(self.out / "carry.pt", state | {"model": trained, "ema": halves(state["ema"])})

    def state(self) -> dict[str, Any]:
        return {
            "config": asdict(self.config),
            "model_config": self.model.config.to_dict(),
            "share": self.share(),
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "full_rate": self.full_rate,
            **{name: getattr(self, name) for name in STATE},
            **{name: float(getattr(self, name)) for name in COUNTS},
        }

    def resume(self) -> None:
        """Go on from the checkpoint. Raises AecodecError when its configuration is another."""
        state = read_checkpoint(self.checkpoint, self.device)
        mine = asdict(self.config)
        if other := [key for key in mine if state["config"].get(key) != mine[key]]:
            raise AecodecError(f"{self.checkpoint}: from another configuration: {', '.join(other)}")
        self.model.load_state_dict(state["ema"] | state["model"])
        self.ema.load_state_dict(state["ema"])
        self.full_rate = state["full_rate"]
        for name in STATE:
            setattr(self, name, state[name])
        for name in COUNTS:
            getattr(self, name).fill_(state[name])
        self.updates.fill_(self.step)
        self.optimizers = Optimizers(self.model, self.config, self.phase)
        if state["optimizers"]:
            self.optimizers.load_state_dict(state["optimizers"])
        else:
            self.warm_from = self.step
        torch.manual_seed(self.config.seed + self.step)
        if self.share() < 1 <= state["share"]:  # a finished run with a larger budget
            self.model.load_state_dict(model_of(state).state_dict())
            self.full_rate, self.warm_from = None, self.step

    def share(self) -> float:
        return self.elapsed / self.budget if self.elapsed < self.budget else 1.0

    def phase_now(self) -> str:
        phase = phase_at(self.config, self.share())
        return "joint" if phase == "entropy" and self.entropy_done else phase

    def run(self, report: Callable[[dict[str, Any]], None]) -> None:
        """Train until the budget is spent; `report` receives a dict every LOG_SECONDS."""
        clock, times = Clock(self.elapsed, self.until), StepTimes()
        last_log = last_save = last_scan = time.monotonic()
        sums, count, done = torch.zeros(4, device=self.device), 0, False
        with clock.beating():
            if self.step == 0:
                self.milestone(report)
            elif self.until:
                self.carry()
            while self.aim(clock):
                crop = crop_at(self.config, self.share())
                sums += self.train_step(self.tiles.draw(self.config.batch, crop))
                count += 1
                self.elapsed, now = clock.elapsed(), time.monotonic()
                done = self.elapsed + times.usual(now) >= self.budget
                if done:
                    self.elapsed = max(self.elapsed, self.budget)
                if now - last_log >= LOG_SECONDS or done:
                    self.log_train(sums / count, count, report)
                    sums, count, last_log = torch.zeros_like(sums), 0, now
                if now - last_scan >= RESCAN_SECONDS:
                    self.tiles.rescan()
                    last_scan = now
                if now - last_save >= SAVE_SECONDS or done:
                    self.milestone(report)
                    last_save = time.monotonic()
                if done:
                    return

    def aim(self, clock: Clock) -> bool:
        """Set the budget where there is a moment to end by -> whether any of it is left."""
        self.elapsed = clock.elapsed()
        if self.until:
            self.budget = self.elapsed + max(0.0, self.until - self.reserve - time.time())
        return self.elapsed < self.budget

    def milestone(self, report: Callable[[dict[str, Any]], None]) -> None:
        """Write what is to survive, then validate; the end of a run is one, too."""
        start = time.monotonic()
        if self.until:
            self.carry()
        self.save()
        if self.valid:
            rounds = self.config.refined_rounds if self.config.refined_share else 0
            self.log({"valid": validate(self.ema, self.valid, self.judge, rounds)}, report)
        spent = RESERVE_SHARE * (time.monotonic() - start) + RESERVE_SECONDS
        self.reserve = max(self.reserve, spent)

    def log_train(
        self, means: Tensor, steps: int, report: Callable[[dict[str, Any]], None]
    ) -> None:
        values = means.tolist() if self.config.visual else means.tolist()[:3]
        facts = {"rate": round(float(self.rate), 4), "tiles": len(self.tiles.tiles)}
        facts |= {"steps": steps, "skipped": int(self.skipped)}
        self.log({"train": values} | facts, report)

    def log(self, values: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> None:
        facts = {"elapsed": round(self.elapsed, 1), "share": self.share(), "step": self.step}
        values = facts | {"phase": self.phase} | values
        with (self.out / "log.jsonl").open("a") as file:
            file.write(json.dumps(values) + "\n")
        report(values)

    def train_step(self, batch: Tensor) -> Tensor:
        """One update -> [loss, bpp, MSE, raw error] means of the batch, until the next."""
        share, phase = self.share(), self.phase_now()
        if phase != self.phase:
            if self.phase == "entropy":
                self.optimizers = Optimizers(self.model, self.config, phase)
                self.entropy_done, self.warm_from = True, self.step
            self.phase = phase
            self.replays.clear()
        if self.full_rate is None and annealing(self.config, share):
            self.full_rate = halves(self.model.state_dict())
        self.rate.fill_(rate_at(self.config, share, self.step - self.warm_from))
        refined = phase == "refined" and self.step % PLAIN_EVERY
        rounds = self.config.refined_rounds if refined else 0
        kind = phase, rounds, batch.shape
        if kind not in self.replays:
            learn = partial(self.learn, phase=phase, rounds=rounds)
            self.replays[kind] = Replay(learn, math.inf if self.way == "eager" else EAGER_CALLS)
        self.step += 1
        return self.replays[kind](batch)

    def learn(self, batch: Tensor, phase: str, rounds: int) -> Tensor:
        """What the device does of `train_step`."""
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


class StepTimes:
    """How long the last steps took."""

    def __init__(self) -> None:
        self.last = time.monotonic()
        self.gaps: deque[float] = deque(maxlen=9)

    def usual(self, now: float) -> float:
        """-> their median in seconds, this one included."""
        self.gaps.append(now - self.last)
        self.last = now
        return statistics.median(self.gaps)


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Under a temporary name, then renamed."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)
