"""The training loop: a wall-clock budget, resumable at any moment, always ending annealed."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aecodec.errors import AecodecError
from aecodec.model import Model
from aecodec.model.config import Q_COUNT, SIZES
from aecodec.training.config import TrainConfig
from aecodec.training.data import RESCAN_SECONDS, Pictures, batches
from aecodec.training.initialise import initialise, lmbda_table
from aecodec.training.loss import FROZEN, rate_distortion
from aecodec.training.optimizer import Optimizers
from aecodec.training.schedule import crop_at, phase_at, rate_at
from aecodec.training.validate import LMBDA_UNIT, VALID_CROP, validate

LOG_SECONDS = 20.0
SAVE_SECONDS = 240.0
PAUSE_SECONDS = 10.0
"""Longer than this between two steps and the process was stopped: the rest is not counted."""
ABSURD_NORM = 20.0
"""A step whose gradient norm is this many times the running mean is skipped."""
PLAIN_EVERY = 3
"""In the phase `refined`, every third batch is not refined: what effort 0 codes is learnt too."""
STATE = ("elapsed", "step", "phase", "warm_from", "norm", "skipped", "entropy_done")
"""What a checkpoint holds beside configuration, weights and optimizers."""


class Trainer:
    """State of one run. `out` receives log.jsonl and checkpoint.pt."""

    def __init__(
        self,
        config: TrainConfig,
        data: Path,
        valid: Path | None,
        out: Path,
        budget: float,
        device: str,
        start: Model | None = None,
    ) -> None:
        self.config, self.budget, self.device, self.out = config, budget, torch.device(device), out
        torch.manual_seed(config.seed)
        out.mkdir(parents=True, exist_ok=True)
        self.pictures = Pictures(data, max(config.crop, config.last_crop))
        self.valid = Pictures(valid, VALID_CROP) if valid else None
        self.model = start or Model(SIZES[config.size])
        if self.model.config != SIZES[config.size]:
            raise AecodecError(f"the weights to start from are not of size {config.size}")
        self.model.lmbda.copy_(lmbda_table(config.lmbda_min, config.lmbda_max))
        if start is None and not self.checkpoint.exists():
            initialise(self.model, self.pictures.items, self.model.lmbda)
        self.model.to(self.device)
        self.lmbda = self.model.lmbda
        self.weight = (self.lmbda / LMBDA_UNIT).rsqrt()  # of the loss of every q
        self.ema = copy.deepcopy(self.model).requires_grad_(False)
        self.elapsed, self.step, self.warm_from = 0.0, 0, 0
        self.norm, self.skipped = 0.0, 0
        self.entropy_done = start is not None
        self.phase = self.phase_now()
        self.optimizers = Optimizers(self.model, config, self.phase)
        if self.checkpoint.exists():
            self.resume()
        if self.device.type == "cuda":
            self.compile()

    @property
    def checkpoint(self) -> Path:
        return self.out / "checkpoint.pt"

    def compile(self) -> None:
        """torch.compile the networks: launch-bound on a GPU, but no faster on a CPU (measured)."""
        self.model.analysis.compile(dynamic=False)
        self.model.synthesis.compile(dynamic=False)

    def save(self) -> None:
        """Write the checkpoint under a temporary name, then rename."""
        state = {
            "config": asdict(self.config),
            "share": self.share(),
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizers": self.optimizers.state_dict(),
            **{name: getattr(self, name) for name in STATE},
        }
        part = self.checkpoint.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.checkpoint)

    def resume(self) -> None:
        """Go on from the checkpoint. Raises AecodecError when its configuration is another."""
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        mine = asdict(self.config)
        if other := [key for key in mine if state["config"].get(key) != mine[key]]:
            raise AecodecError(f"{self.checkpoint}: from another configuration: {', '.join(other)}")
        self.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        for name in STATE:
            setattr(self, name, state[name])
        self.optimizers = Optimizers(self.model, self.config, self.phase)
        self.optimizers.load_state_dict(state["optimizers"])
        torch.manual_seed(self.config.seed + self.step)
        if self.share() < 1 <= state["share"]:
            self.warm_from = self.step  # a finished run with a larger budget

    def share(self) -> float:
        return min(1.0, self.elapsed / self.budget)

    def phase_now(self) -> str:
        phase = phase_at(self.config, self.share())
        return "joint" if phase == "entropy" and self.entropy_done else phase

    def run(self, report: Callable[[dict[str, Any]], None]) -> None:
        """Train until the budget is spent; `report` receives a dict every LOG_SECONDS."""
        if self.elapsed >= self.budget:
            return
        if self.step == 0:
            self.log_valid(report)
        clock = last_log = last_save = last_scan = time.monotonic()
        sums = torch.zeros(3)
        count = 0
        data = batches(
            self.pictures,
            self.config.batch,
            lambda: crop_at(self.config, self.share()),
            self.config.seed + self.step,
        )
        for batch in data:
            sums += self.train_step(batch)
            count += 1
            now = time.monotonic()
            self.elapsed, clock = self.elapsed + min(now - clock, PAUSE_SECONDS), now
            done = self.elapsed >= self.budget
            if now - last_log >= LOG_SECONDS or done:
                values = {
                    "train": (sums / count).tolist(),
                    "steps": count,
                    "skipped": self.skipped,
                }
                self.log(values, report)
                sums, count, last_log = torch.zeros(3), 0, now
            if now - last_scan >= RESCAN_SECONDS:
                self.pictures.rescan()
                last_scan = now
            if now - last_save >= SAVE_SECONDS or done:
                self.save()
                self.log_valid(report)
                last_save = time.monotonic()
            if done:
                return

    def log_valid(self, report: Callable[[dict[str, Any]], None]) -> None:
        rounds = self.config.refined_rounds if self.config.refined_share else 0
        if self.valid:
            valid = validate(self.ema, self.valid.items, self.lmbda, rounds)
            self.log({"valid": valid}, report)

    def log(self, values: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> None:
        facts = {"elapsed": round(self.elapsed, 1), "share": self.share(), "step": self.step}
        values = facts | {"phase": self.phase} | values
        with (self.out / "log.jsonl").open("a") as file:
            file.write(json.dumps(values) + "\n")
        report(values)

    def train_step(self, batch: Tensor) -> Tensor:
        """One update -> [loss, bpp, MSE] means of the batch."""
        share, phase = self.share(), self.phase_now()
        if phase != self.phase:
            if self.phase == "entropy":
                self.optimizers = Optimizers(self.model, self.config, phase)
                self.entropy_done, self.warm_from = True, self.step
            self.phase = phase
        x = batch.to(self.device, non_blocking=True).float() / 255 - 0.5
        q = self.random_q(len(x))
        refined = phase == "refined" and self.step % PLAIN_EVERY
        rounds = self.config.refined_rounds if refined else 0
        bpp, mse = rate_distortion(self.model, x, q, phase, torch.bfloat16, rounds)
        loss = ((bpp + self.lmbda[q] * mse) * self.weight[q]).mean()
        loss.backward()
        if phase in FROZEN:
            self.model.skip.basis.grad = None  # g_a and g_s share it
        self.update(rate_at(self.config, share, self.step - self.warm_from))
        return torch.stack([loss, bpp.mean(), mse.mean()]).detach().cpu()

    def update(self, rate: float) -> None:
        """Step with this share of the full rates, unless the gradient is absurd; then the EMA."""
        norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip))
        self.step += 1
        if not math.isfinite(norm) or norm > ABSURD_NORM * (self.norm or norm):
            self.skipped += 1
            self.norm *= 1.02  # where all norms have grown, the mean follows
            self.optimizers.drop_gradients()
            return
        self.norm = 0.99 * (self.norm or norm) + 0.01 * norm
        self.optimizers.step(rate)
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.ema.parameters()), list(self.model.parameters()), 1 - decay
            )

    def random_q(self, batch: int) -> Tensor:
        """q [B], one in every eighth of the range for every eight samples."""
        eighths = torch.arange(batch) % 8
        return (eighths * 8 + torch.randint(0, Q_COUNT // 8, (batch,))).to(self.device)
