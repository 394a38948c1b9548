"""A model that learns: its steps, all of which stay on its device.

The host tells it the learning rate and looks at nothing, so that a GPU can take a step as one
graph (replay.py) and never waits.
"""

from __future__ import annotations

import copy
import math
from functools import partial
from typing import Any

import torch
from torch import Tensor

from aecodec.errors import AecodecError
from aecodec.format.constants import Q_COUNT
from aecodec.model.layers import DepthwiseBlock
from aecodec.model.model import Model
from aecodec.model.weights import halves
from aecodec.training.config import TrainConfig
from aecodec.training.loss import FROZEN, code
from aecodec.training.objective import Objective, can_compile
from aecodec.training.optimizer import Optimizers
from aecodec.training.replay import EAGER_CALLS, Queue, Replay
from aecodec.training.schedule import annealing, lr_at, phase_at
from aecodec.training.start import COUNTS, PLACES, full_rate_of

ABSURD_NORM = 20.0
"""A step whose gradient norm is this many times the running mean is skipped."""
PLAIN_EVERY = 3
"""In the phase `refined`, every third batch is not refined: what effort 0 codes is learnt too."""


class Learner:
    """A model, the average of its weights, and the optimizers of its phase."""

    def __init__(
        self, config: TrainConfig, model: Model, way: str, trained: bool, compiled: bool
    ) -> None:
        """model: on its device; way: how steps are taken, one of WAYS; trained: whether the
        entropy phase is behind it; compiled: SSIMULACRA2 by torch.compile.
        """
        self.config, self.model, self.way, self.entropy_done = config, model, way, trained
        self.objective = Objective(config, model.lmbda, compiled)
        self.ema = copy.deepcopy(model).requires_grad_(False)
        self.full_rate: dict[str, Tensor] | None = None
        """weights from just before the anneal, on the host, in 16 bits"""
        self.step, self.warm_from = 0, 0
        self.lr, self.norm, self.skipped, self.updates = torch.zeros(4, device=model.device)
        self.replays: dict[tuple[str, int, torch.Size], Replay] = {}
        self.queue = Queue()
        self.phase = self.phase_of(0.0)
        self.optimizers = Optimizers(model, config, self.phase)
        if way == "compiled":
            self.compile()

    def compile(self) -> None:
        """torch.compile the blocks, those of one shape together; no faster on a CPU (measured)."""
        if not can_compile():
            raise AecodecError("there is no C++ compiler, which --way compiled needs")
        torch._dynamo.config.recompile_limit = 64  # shapes, with and without gradients
        for module in self.model.modules():
            if isinstance(module, DepthwiseBlock):
                module.compile(dynamic=False)

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of it."""
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "full_rate": self.full_rate,
            "optimizers": self.optimizers.state_dict(),
            **{name: getattr(self, name) for name in PLACES},
            **{name: float(getattr(self, name)) for name in COUNTS},
        }

    def load(self, state: dict[str, Any], again: bool) -> None:
        """The inverse of `state`. again: from before the anneal, warming up to full rates."""
        for name in PLACES:
            setattr(self, name, state[name])
        for name in COUNTS:
            getattr(self, name).fill_(state[name])
        self.updates.fill_(self.step)
        self.ema.load_state_dict(state["ema"])
        self.optimizers = Optimizers(self.model, self.config, self.phase)
        if again:
            self.model.load_state_dict(full_rate_of(state))
        else:
            self.model.load_state_dict(state["ema"] | state["model"])
            self.full_rate = halves(state["full_rate"]) if state["full_rate"] else None
        if again or not state["optimizers"]:
            self.warm_from = self.step
        else:
            self.optimizers.load_state_dict(state["optimizers"])

    def phase_of(self, share: float) -> str:
        """share: elapsed part of the budget, 0 to 1."""
        phase = phase_at(self.config, share)
        return "joint" if phase == "entropy" and self.entropy_done else phase

    def enter(self, phase: str) -> None:
        """Begin a phase, unless it is that of now."""
        if phase == self.phase:
            return
        if self.phase == "entropy":
            self.optimizers = Optimizers(self.model, self.config, phase)
            self.entropy_done, self.warm_from = True, self.step
        self.phase = phase
        self.replays.clear()

    def train_step(self, batch: Tensor, share: float) -> Tensor:
        """One update, by uint8 [B, 3, crop, crop] -> means of it, as of `learn`, until the next.

        share: elapsed part of the budget, 0 to 1.
        """
        self.enter(self.phase_of(share))
        if self.full_rate is None and annealing(self.config, share):
            self.full_rate = halves(self.model.state_dict())
        self.lr.fill_(lr_at(self.config, share, self.step - self.warm_from))
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
        bpp, x_hat = code(self.model, x, q, phase, torch.bfloat16, rounds, self.config.tune)
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
        """Step with `self.lr` of the full rates, unless the gradient is absurd; then the EMA."""
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        first = self.norm == 0
        usual = norm.isfinite() & (first | (norm <= ABSURD_NORM * self.norm))
        mean = torch.where(first, norm, self.norm.lerp(norm, 0.01))
        # Where all norms have grown, the mean follows.
        self.norm.copy_(torch.where(usual, mean, self.norm * 1.02))
        self.skipped += ~usual
        self.updates += 1
        self.optimizers.step(self.lr, (~usual).float())
        decay = ((1 + self.updates) / (10 + self.updates)).clamp(max=self.config.ema)
        weights: list[Tensor] = [*self.model.parameters()]
        averages: list[Tensor] = [*self.ema.parameters()]
        moves = torch._foreach_sub(weights, averages)
        torch._foreach_mul_(moves, (1 - decay) * usual)
        torch._foreach_add_(averages, moves)

    def random_q(self, batch: int) -> Tensor:
        """q [B], one in every eighth of the range for every eight samples."""
        eighths = torch.arange(batch, device=self.model.device) % 8
        return eighths * 8 + torch.randint(0, Q_COUNT // 8, (batch,), device=self.model.device)
