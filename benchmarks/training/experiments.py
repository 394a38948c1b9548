"""Small, honest training experiments: which choice of the recipe wins in equal wall-clock time.

Every arm trains size XS from nothing with one choice changed, on one thread, for the same time,
annealed, and is measured on the validation crops as the trainer does (estimated rate of rounded
latents). Two arms run side by side, which takes as many threads. Arms that are not named keep
their earlier results, those of the same --name.
"""

import argparse
import json
import multiprocessing
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aecodec.bench.bd_rate import bd_rate
from aecodec.model.entropy_model import ContextStep, gaussian_bits
from aecodec.model.layers import Activation, Pointwise
from aecodec.training import learner, loss
from aecodec.training.config import TrainConfig
from aecodec.training.learner import Learner
from aecodec.training.optimizer import Optimizers
from aecodec.training.trainer import Trainer
from benchmarks.pages import Page, format_rate, table

HERE = Path(__file__).parent
RECIPE = HERE / "recipe.toml"
ANCHOR = "recipe"


def unchanged(run: Learner) -> None:
    """The recipe as it is."""


@dataclass(frozen=True)
class Arm:
    """One changed choice: numbers of the recipe, or what is changed in a learner that starts."""

    name: str
    what: str
    config: dict[str, Any] = field(default_factory=dict)
    change: Callable[[Learner], None] = unchanged


class Soap(Optimizers):
    """SOAP (Vyas et al. 2024, arXiv 2409.11321) for the matrices, AdamW for the rest."""

    def __init__(self, model: Any, config: TrainConfig, phase: str) -> None:
        from pytorch_optimizer import SOAP

        super().__init__(model, replace(config, muon_lr=0.0), phase)
        matrices = self.parts[0].param_groups.pop()["params"]
        self.full_lr.pop()
        rate = config.entropy_lr if phase == "entropy" else config.adamw_lr
        soap = SOAP(matrices, lr=rate, weight_decay=0.0, precondition_frequency=20)
        for group in soap.param_groups:
            self.full_lr.append(group["lr"])
            group["lr"] = torch.tensor(group["lr"])
        self.parts.append(soap)


def soap(run: Learner) -> None:
    setattr(learner, "Optimizers", Soap)  # noqa: B010
    run.optimizers = Soap(run.model, run.config, run.phase)


def no_skip(run: Learner) -> None:
    """The networks alone: g_a and g_s from random heads, in latent steps of their own."""
    for model in (run.model, run.ema):
        with torch.no_grad():
            model.skip.basis.zero_()
            for head in (model.analysis.head, model.synthesis.head):
                torch.manual_seed(0)
                nn.init.normal_(head.weight, std=head.weight.shape[1] ** -0.5)
        model.skip.basis.requires_grad_(False)


def activation(run: Learner, act: Callable[[], nn.Module]) -> None:
    """Another activation on the entropy side."""
    for model in (run.model, run.ema):
        for module in list(model.entropy.modules()):
            for name, child in module.named_children():
                if isinstance(child, Activation):
                    setattr(module, name, act())


class Clamped(nn.Module):
    """x * clamp(x + 1/2, 0, 1)"""

    def forward(self, x: Tensor) -> Tensor:
        return x * (x + 0.5).clamp(0, 1)


def no_magnitude(run: Learner) -> None:
    """Context sees y, not |y|."""
    for model in (run.model, run.ema):
        for step in model.entropy.steps:
            assert isinstance(step, ContextStep)
            step.stem = WithoutMagnitude(step.stem, model.config.latent)
    run.optimizers = Optimizers(run.model, run.config, run.phase)


class WithoutMagnitude(Pointwise):
    """A stem whose second M inputs are nothing."""

    def __init__(self, stem: Pointwise, latent: int) -> None:
        super().__init__(stem.weight.shape[1] - latent, stem.weight.shape[0])
        self.latent = latent

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(torch.cat([x[:, : self.latent], x[:, 2 * self.latent :]], dim=1))


def weigh(run: Learner, power: float) -> None:
    """Loss of every q times lambda^-power, with the same mean."""
    objective = run.objective
    weight = objective.lmbda**-power
    objective.weight = weight / weight.mean() * objective.weight.mean()


def split_bits(value: Tensor, mean: Tensor, log2_scale: Tensor, symbols: Tensor) -> Tensor:
    """Rate of real symbols for the entropy model, of noise for the encoder."""
    bits = loss.symbol_bits(value.detach(), mean, log2_scale, symbols)
    noise = gaussian_bits(loss.noisy(value - mean.detach()), log2_scale.detach())
    return bits + noise - noise.detach()


def bits(run: Learner, of: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> None:
    """Another rate in the joint phase."""
    setattr(loss, "latent_bits", of)  # noqa: B010


Leaky = partial(nn.LeakyReLU, 0.125)
ADAMW_2X = {"muon_lr": 0.0, "adamw_lr": 2e-3}
SPLIT, SYMBOLS = (partial(bits, of=rate) for rate in (split_bits, loss.symbol_bits))
ARMS = [
    Arm(ANCHOR, "recipe.toml"),
    Arm("repeat", "the same, another seed", {"seed": 2}),
    Arm("adamw", "optimizer: AdamW 1e-3", {"muon_lr": 0.0}),
    Arm("adamw-2x", "optimizer: AdamW 2e-3", ADAMW_2X),
    Arm("soap", "optimizer: SOAP", change=soap),
    Arm("adamw-4x", "optimizer: AdamW 4e-3", {"muon_lr": 0.0, "adamw_lr": 4e-3}),
    Arm("muon-half", "optimizer: Muon at half the rate", {"muon_lr": 1e-3}),
    Arm("muon-2x", "optimizer: Muon at twice the rate", {"muon_lr": 4e-3}),
    Arm("no-skip", "no linear skip", {"entropy_share": 0.0}, no_skip),
    Arm("skip-fixed", "linear skip: not trained", {"skip_lr_share": 0.0}),
    Arm("skip-full", "linear skip: full rate", {"skip_lr_share": 1.0}),
    Arm("leaky", "entropy side: leaky ReLU 1/8", change=partial(activation, act=Leaky)),
    Arm("clamped", "entropy side: x clamp(x + 1/2, 0, 1)", change=partial(activation, act=Clamped)),
    Arm("no-entropy-phase", "everything from the first step", {"entropy_share": 0.0}),
    Arm("long-entropy-phase", "entropy phase twice as long", {"entropy_share": 0.26}),
    Arm("no-magnitude", "context sees y, not its magnitude", change=no_magnitude),
    Arm("loss-plain", "loss not weighted: bpp + lambda MSE", change=partial(weigh, power=0.0)),
    Arm(
        "loss-lambda", "loss divided by lambda: MSE + bpp / lambda", change=partial(weigh, power=1)
    ),
    Arm("crop-192", "crops of 192", {"crop": 192}),
    Arm("crop-64", "crops of 64", {"crop": 64}),
    Arm("adamw-2x-repeat", "AdamW 2e-3, another seed", ADAMW_2X | {"seed": 2}),
    Arm("no-ema", "the last weights instead of their average", {"ema": 0.0}),
    Arm("ema-short", "average over 100 steps", {"ema": 0.99}),
    Arm("rate-split", "joint phase: rate of symbols for the entropy model", change=SPLIT),
    Arm("rate-symbols", "joint phase: rate of symbols, straight through", change=SYMBOLS),
]


def run_arm(name: str, data: Path, valid: Path, seconds: float) -> dict[str, Any]:
    """One arm, in a process of its own -> steps, loss and points."""
    torch.set_num_threads(1)
    arm = next(arm for arm in ARMS if arm.name == name)
    config = replace(TrainConfig.read(RECIPE), **arm.config)
    with tempfile.TemporaryDirectory() as folder:
        run = Trainer(config, data, valid, Path(folder), seconds, "cpu")
        arm.change(run.learner)
        entries: list[dict[str, Any]] = []
        run.run(entries.append)
    result = entries[-1]["valid"]
    return {"name": name, "seconds": seconds, "steps": run.learner.step, **result}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which arms, on what, how long."""
    parser.add_argument("arms", nargs="*", help="default: all")
    parser.add_argument("--data", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--valid", type=Path, required=True, help="folder of other pictures")
    parser.add_argument("--seconds", type=float, default=120.0, help="an arm (%(default)s)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Run the arms, keep each as it ends."""
    file = PAGE.file(options.name)
    results = json.loads(file.read_text()) if file.exists() else {}
    names = options.arms or [arm.name for arm in ARMS]
    work = partial(run_arm, data=options.data, valid=options.valid, seconds=options.seconds)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context, max_tasks_per_child=1) as pool:
        for result in pool.map(work, names):
            results[result["name"]] = result
            line = f"{result['name']:20s} {result['steps']:5d} steps  {result['loss']:.4f}"
            print(line, flush=True)
            PAGE.write(options.name, results)
    return results


def tables(name: str, results: dict[str, Any]) -> dict[str, str]:
    """One line an arm, BD-rate against the recipe where that is among them."""
    anchor = curve(results[ANCHOR]["points"]) if ANCHOR in results else []
    rows = []
    for arm in (arm for arm in ARMS if arm.name in results):
        found = results[arm.name]
        rate = format_rate(bd_rate(anchor, curve(found["points"])))
        seconds, loss = f"{found['seconds']:.0f}", f"{found['loss']:.4f}"
        rows.append([arm.name, arm.what, seconds, found["steps"], loss, rate])
    head = ("arm", "changed", "seconds", "steps", "loss", "BD-rate vs recipe")
    return {name: table(head, rows)}


def curve(points: Iterable[dict[str, float]]) -> list[tuple[float, float]]:
    """bpp and PSNR in dB."""
    return [(point["bpp"], point["psnr"]) for point in points]


PAGE = Page(HERE / "README.md", ("experiments",), tables)
