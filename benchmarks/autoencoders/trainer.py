"""One autoencoder and one trainer for all studies.

The product's own trainer is made for one codec (a rate index, an entropy model, a clock); here
everything is a network, an optimizer and a number of epochs.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from aecodec.cli.progress import show_progress

TEST_BATCH = 64


class Autoencoder(nn.Module):
    """Two networks that work on pixels in [low, 1]; outside, pixels are in [0, 1].

    x [B, C, H, W] -> y, the latent, [B, M] or [B, M, h, w] -> x_hat, shaped as x.
    The last `positions` channels of y are integers 0..3 (where a maximum was), not to be rounded.
    """

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, low: float = 0.0, positions: int = 0
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.low, self.positions = low, positions

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x * (1 - self.low) + self.low)

    def decode(self, y: Tensor) -> Tensor:
        """Inverse of `encode`, more or less."""
        return (self.decoder(y) - self.low) / (1 - self.low)

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))


Loss = Callable[[Any, Tensor], Tensor]
"""(model, x) -> scalar"""


def own_mse(model: Autoencoder, x: Tensor) -> Tensor:
    """MSE on the range that the network works in: (1 - low)^2 times that on [0, 1]."""
    return (model(x) - x).square().mean() * (1 - model.low) ** 2


@dataclass(frozen=True)
class Recipe:
    """How to train."""

    epochs: int
    batch: int = 64
    optimizer: str = "adam"  # or sgd
    rate: float = 1e-3
    seed: int = 1
    half: bool = False  # bfloat16 inside the networks
    anneal: bool = False  # to 1/20 of the rate over the last third

    def build(self, model: nn.Module) -> torch.optim.Optimizer:
        kinds = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
        return kinds[self.optimizer]([p for p in model.parameters() if p.requires_grad], self.rate)

    def rate_at(self, share: float) -> float:
        """The learning rate when `share` of the training is done."""
        return self.rate * (max(0.05, 3 * (1 - share)) if self.anneal and share > 2 / 3 else 1.0)


Rows = list[dict[str, float]]


def fit(
    model: nn.Module,
    train: Tensor,
    held_out: Mapping[str, Tensor],
    recipe: Recipe,
    loss: Loss = own_mse,
) -> Rows:
    """Train on uint8 pictures and keep the weights of the best epoch by `held_out["valid"]`.

    -> one row an epoch: epoch, "train" (mean over its steps) and a loss for each of `held_out`.
    """
    torch.manual_seed(recipe.seed)
    optimizer = recipe.build(model)
    rows: Rows = []
    best = float("inf"), copy.deepcopy(model.state_dict())
    with show_progress() as (_, on_progress):
        for epoch in range(recipe.epochs):
            row = {
                "epoch": epoch + 1.0,
                "train": train_epoch(model, train, recipe, loss, optimizer),
            }
            row |= {name: loss_on(model, x, recipe, loss) for name, x in held_out.items()}
            rows.append({key: float(f"{value:.5g}") for key, value in row.items()})
            if row["valid"] < best[0]:
                best = row["valid"], copy.deepcopy(model.state_dict())
            on_progress(epoch + 1, recipe.epochs)
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate_at((epoch + 1) / recipe.epochs)
    model.load_state_dict(best[1])
    model.eval()
    return rows


def train_epoch(
    model: nn.Module, train: Tensor, recipe: Recipe, loss: Loss, optimizer: torch.optim.Optimizer
) -> float:
    """Every picture once, in random order, without the incomplete last batch -> mean loss."""
    model.train()
    total, steps = 0.0, 0
    order = torch.randperm(len(train))
    size = min(recipe.batch, len(train))
    for picks in order[: len(order) // size * size].split(size):
        optimizer.zero_grad()
        value = _loss(model, train[picks], recipe, loss)
        value.backward()
        optimizer.step()
        total, steps = total + float(value.detach()), steps + 1
    return total / steps


@torch.no_grad()
def loss_on(model: nn.Module, images: Tensor, recipe: Recipe, loss: Loss = own_mse) -> float:
    """Mean loss over uint8 pictures, without dropout."""
    model.eval()
    with torch.random.fork_rng():
        torch.manual_seed(0)  # for losses with noise
        parts = [_loss(model, part, recipe, loss) * len(part) for part in images.split(TEST_BATCH)]
    return float(torch.stack(parts).sum()) / len(images)


def _loss(model: nn.Module, images: Tensor, recipe: Recipe, loss: Loss) -> Tensor:
    x = to_float(images)
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.half):
        return loss(model, x)


def to_float(images: Tensor) -> Tensor:
    """uint8 -> [0, 1], channels last in memory (which the CPU's convolutions like)."""
    x = images.float() / 255
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def to_bytes(x_hat: Tensor) -> Tensor:
    """Inverse of `to_float`, rounded and clipped."""
    return (x_hat * 255).round().clamp(0, 255).to(torch.uint8)


@torch.no_grad()
def in_batches(apply: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """apply, a batch at a time, so that memory stays small."""
    return torch.cat([apply(part) for part in values.split(TEST_BATCH)])


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
