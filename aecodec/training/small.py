"""`python -m aecodec.training.small WEIGHTS --data FOLDER`: the network for 1/4 and 1/8.

Everything else is frozen. It starts as the first blocks of the whole network or, where the weights
that training began with had one that is still better, as that; and learns to make of latents, as
files hold them, what the whole decode looks like as means of 4x4 or 8x8 samples.
Its squared error counts by that of the whole decode made small, so that no rate outweighs others.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from aecodec.coding.effort import DEFAULT_EFFORT, MAX_EFFORT, effort_to_rounds
from aecodec.coding.planes import Pixels, to_planes
from aecodec.coding.transform import TileLatents
from aecodec.errors import AecodecError
from aecodec.format.constants import Q_COUNT, SMALL_REDUCTIONS
from aecodec.model.fixed_network import float_twin
from aecodec.model.model import Model
from aecodec.model.store import read_metadata, tune_of
from aecodec.model.transforms import SmallSynthesis
from aecodec.model.weights import load_weights, save_weights
from aecodec.training.data import Pictures, random_crop
from aecodec.training.export import code_batches, refined_latents
from aecodec.training.optimizer import Muon, matrices_of, parameters_but

CROP = 256
EXAMPLES = 768
BATCH = 16
MUON_LR, ADAMW_LR = 1e-2, 1e-3
STARTERS = 64
"""Examples that the start is chosen by."""
LOG_STEPS = 50
SEED = 1

Refinement = tuple[int, str]
"""Rounds, and for what: "psnr" or "visual"."""


@dataclass(frozen=True)
class Example:
    """A crop as a file holds it."""

    y_hat: Tensor
    """in steps [1, M, 16, 16], binary16"""
    q: int
    whole: tuple[Tensor, ...]
    """for every small reduction: the whole decode made small [1, 3, 256/r, 256/r]"""
    error: tuple[float, ...]
    """for every small reduction: MSE of that against the original made small"""


def make_example(model: Model, twin: Model, pixels: Pixels, q: int, after: Refinement) -> Example:
    """pixels: uint8 [256, 256, 3], coded after refinement; twin: `float_twin` of model."""
    return example_of(model, refined_latents(twin, pixels, q, *after), pixels, q)


@torch.inference_mode()
def example_of(model: Model, latents: TileLatents, pixels: Pixels, q: int) -> Example:
    y_hat, _ = code_batches(model, latents, q)
    x, x_hat = to_planes(pixels), model.g_s(y_hat, torch.tensor([q]))
    whole = tuple(F.avg_pool2d(x_hat, reduction) for reduction in SMALL_REDUCTIONS)
    pairs = zip(whole, SMALL_REDUCTIONS, strict=True)
    error = tuple(
        float(F.mse_loss(small, F.avg_pool2d(x, reduction))) for small, reduction in pairs
    )
    return Example(y_hat.half(), q, whole, error)


def loss(model: Model, examples: list[Example], number: int) -> Tensor:
    """-> the squared error that one small reduction adds, as a share of the whole decode's [B]."""
    y_hat = torch.cat([example.y_hat for example in examples]).float()
    q = torch.tensor([example.q for example in examples])
    x_hat = model.g_s(y_hat, q, reduction=SMALL_REDUCTIONS[number])
    whole = torch.cat([example.whole[number] for example in examples])
    error = torch.tensor([example.error[number] for example in examples])
    return (whole - x_hat).square().mean(dim=(1, 2, 3)) / error


def optimizers(network: SmallSynthesis) -> list[torch.optim.Optimizer]:
    """Muon for matrices, AdamW for the rest."""
    matrices = matrices_of(network)
    rest = parameters_but(network, matrices)
    return [Muon(matrices, MUON_LR), torch.optim.AdamW(rest, ADAMW_LR, weight_decay=0.0)]


def make_examples(
    model: Model, pictures: Pictures, random: np.random.Generator, count: int, after: Refinement
) -> list[Example]:
    """Of random crops, at random rates."""
    examples, twin = [], float_twin(model).requires_grad_(False).eval()
    for _ in range(count):
        picture = pictures.items[random.integers(len(pictures.items))]
        crop = np.ascontiguousarray(random_crop(picture, CROP, random))
        examples.append(make_example(model, twin, crop, int(random.integers(Q_COUNT)), after))
    return examples


def start(model: Model, examples: list[Example]) -> None:
    """Leave `model.small` as it is, or make it the first blocks of the whole: what is better."""

    def mean_loss() -> float:
        with torch.no_grad():
            return sum(float(loss(model, examples, n).mean()) for n in range(len(SMALL_REDUCTIONS)))

    before, found = mean_loss(), copy.deepcopy(model.small.state_dict())
    model.small.start_as(model.synthesis)
    if before < mean_loss():
        model.small.load_state_dict(found)


def train(
    model: Model, pictures: Pictures, steps: int, after: Refinement, say: Callable[[str], None]
) -> None:
    """Train `model.small` on examples of `pictures`, coded after refinement."""
    random = np.random.default_rng(SEED)
    examples = make_examples(model, pictures, random, EXAMPLES, after)
    start(model, examples[:STARTERS])
    model.small.requires_grad_(True)
    parts = optimizers(model.small)
    groups = [(group, group["lr"]) for part in parts for group in part.param_groups]
    added = np.zeros(len(SMALL_REDUCTIONS))
    for step in range(1, steps + 1):
        picked = [examples[n] for n in random.integers(0, len(examples), BATCH)]
        for group, lr in groups:
            group["lr"] = lr * min(step / 20, 1.5 * (1 - step / steps) + 0.01, 1.0)
        losses = torch.stack([loss(model, picked, n).mean() for n in range(len(SMALL_REDUCTIONS))])
        losses.sum().backward()
        for part in parts:
            part.step()
            part.zero_grad()
        added += losses.detach().numpy()
        if step % LOG_STEPS == 0:
            say(f"step {step}  " + shown(added / LOG_STEPS))
            added[:] = 0
    model.small.requires_grad_(False)


def shown(added: NDArray[np.float64]) -> str:
    """Error added at each small reduction, as dB below the whole decode made small."""
    pairs = zip(SMALL_REDUCTIONS, 10 * np.log10(1 + added), strict=True)
    return ", ".join(f"1/{reduction}: {decibels:.3f} dB" for reduction, decibels in pairs)


@click.command()
@click.argument("weights", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--data", required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--steps", type=click.IntRange(1), default=1000, show_default=True)
@click.option(
    "--effort",
    type=click.IntRange(0, MAX_EFFORT),
    default=DEFAULT_EFFORT,
    show_default=True,
    help="of the files it learns from",
)
def main(weights: Path, data: Path, steps: int, effort: int) -> None:
    """Train the small synthesis of WEIGHTS on the pictures of --data, and write it anew."""
    try:
        model, tables, _ = load_weights(weights)
        facts = read_metadata(weights)
        after = effort_to_rounds(effort), tune_of(facts)
        train(model, Pictures(data, CROP), steps, after, lambda text: click.echo(text, err=True))
        click.echo(save_weights(weights, facts["name"], model, tables, tune_of(facts)))
    except AecodecError as error:
        click.echo(f"aecodec: error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
