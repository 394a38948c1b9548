"""Study 2: two small models on CIFAR-10, and how many bits their codes really are.

Model 1 goes down to 2 channels at a quarter of the resolution: 128 numbers for 3,072. Model 2
keeps 64 channels at half the resolution, 16,384 numbers, and where each maximum was, which its
unpooling needs: another 8,192 positions of 2 bits.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.autoencoders.coding import RATIOS, rate_curve, rounded
from benchmarks.autoencoders.data import Labelled
from benchmarks.autoencoders.figures import draw_curves, draw_grid, draw_lines
from benchmarks.autoencoders.study import Study
from benchmarks.autoencoders.trainer import (
    Autoencoder,
    Recipe,
    Rows,
    in_batches,
    parameters,
    to_float,
)

POOLED = 32  # channels of model 2 whose maxima have positions
FLOAT_BITS, POSITION_BITS = 32, 2
FEW = (4.0, 1.0)
"""Steps for model 2 on Kodak's photos: 96 channels at half the resolution take their time."""
RAW_BITS = 3 * 32 * 32 * 8


@dataclass(frozen=True)
class Size:
    """How much to train. Model 1 as the text does it runs `long` epochs, all else `epochs`."""

    train: int
    test: int
    epochs: int
    long: int


FULL, QUICK = Size(5000, 1000, 10, 30), Size(1000, 200, 2, 4)


def model_1(low: float = 0.0) -> Autoencoder:
    """3 -> 32 -> 16 -> 2 channels with two max-poolings, transposed convolutions back, ReLU."""
    encoder = nn.Sequential(
        *(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 2, 3, padding=1), nn.ReLU()),
    )
    decoder = nn.Sequential(
        *(nn.ConvTranspose2d(2, 16, 2, stride=2), nn.ReLU()),
        *(nn.ConvTranspose2d(16, 3, 2, stride=2), nn.ReLU()),
    )
    return Autoencoder(encoder, decoder, low)


class PoolingEncoder(nn.Module):
    """x [B, 3, H, W] -> [B, 64 + 32, H/2, W/2]: features, and the positions 0..3 of maxima."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, POOLED, 3, padding=1), nn.Conv2d(POOLED, 64, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        features, places = F.max_pool2d(self.first(x).relu(), 2, return_indices=True)
        row, column = places // x.shape[3], places % x.shape[3]
        return torch.cat([self.second(features).relu(), (row % 2 * 2 + column % 2).float()], dim=1)


class UnpoolingDecoder(nn.Module):
    """Inverse of `PoolingEncoder`: -> x_hat [B, 3, H, W], a sigmoid's."""

    def __init__(self) -> None:
        super().__init__()
        self.second, self.first = (
            nn.ConvTranspose2d(64, POOLED, 3, 1, 1),
            nn.Conv2d(POOLED, 3, 3, 1, 1),
        )

    def forward(self, y: Tensor) -> Tensor:
        features, positions = self.second(y[:, :-POOLED]).relu(), y[:, -POOLED:].long()
        height, width = y.shape[2:]
        row = 2 * torch.arange(height).view(-1, 1) + positions // 2
        column = 2 * torch.arange(width) + positions % 2
        places = row * (2 * width) + column  # [B, 32, h, w], in the picture's plane
        return torch.sigmoid(self.first(F.max_unpool2d(features, places, [2, 2])))


def model_2() -> Autoencoder:
    """3 -> 32, pool, 64; 32, unpool, 3, sigmoid."""
    return Autoencoder(PoolingEncoder(), UnpoolingDecoder(), positions=POOLED)


def run(study: Study) -> dict[str, Any]:
    """The texts' trainings, then both models on equal terms, then their real bits."""
    size = QUICK if study.quick else FULL
    train, test = study.data.cifar10("train"), study.data.cifar10("test")
    few = Labelled(some(train.images, size.train), some(train.labels, size.train), train.names)
    held_out = {"valid": some(test.images, size.test)}
    sgd, adam = Recipe(size.epochs, 64, "sgd", 1e-2), Recipe(size.epochs)
    arms = {
        "model 1, SGD, [-1, 1]": (model_1(-1.0), Recipe(size.long, 64, "sgd", 1e-2)),
        "model 1, SGD, [0, 1]": (model_1(), Recipe(size.long, 64, "sgd", 1e-2)),
        "model 1, Adam, [0, 1]": (model_1(), adam),
        "model 2, SGD, [0, 1]": (model_2(), sgd),
        "model 2, Adam, [0, 1]": (model_2(), adam),
    }
    results = {}
    for name, (model, recipe) in arms.items():
        rows = study.train(f"cifar10-{name}", model, few.images, held_out, recipe)
        results[name] = outcome(rows, size.epochs, (1 - model.low) ** 2)
        results[name]["dark"] = dark_channels(model, held_out["valid"])
    draw_curves({n: r["rows"] for n, r in results.items()}, study.out / "cifar10-loss.svg", "MSE")
    models = {n: arms[f"{n}, Adam, [0, 1]"][0] for n in ("model 1", "model 2")}
    show(study, test, models)
    real = {n: real_bits(study, m, few.images, held_out["valid"]) for n, m in models.items()}
    lines = {n: [(p["bpp"], p["psnr"]) for p in r["rate"]] for n, r in real.items()}
    draw_lines(lines, study.out / "cifar10-rate.svg", ("bits per pixel", "PSNR (dB)"), False)
    about = {"train": len(few.images), "test": len(held_out["valid"]), "epochs": size.epochs}
    plain = constants(held_out["valid"])
    return {**about, "constants": plain, "arms": results, "real": real}


def some(values: Tensor, count: int) -> Tensor:
    """`count` of them, from all classes alike."""
    return values[:: max(1, len(values) // count)][:count]


def outcome(rows: Rows, epochs: int, scale: float) -> dict[str, Any]:
    """Validation loss after `epochs` and at the end, as reported and in the units of [0, 1]."""
    early, last = rows[min(epochs, len(rows)) - 1]["valid"], rows[-1]["valid"]
    own = {"own_early": early, "own_last": last}
    return {**own, "early": early / scale, "last": last / scale, "rows": rows}


def dark_channels(model: Autoencoder, images: Tensor) -> int:
    """How many of the 3 colours the network gives as 0 everywhere: its last ReLU has died."""
    x_hat = in_batches(lambda part: model.decoder(model.encode(part)), to_float(images))
    return int((x_hat.amax(dim=(0, 2, 3)) <= 0).sum())


def constants(images: Tensor) -> dict[str, float]:
    """MSE of the simplest networks there are: the mean colour, and black."""
    x = to_float(images)
    mean = x.mean(dim=(0, 2, 3), keepdim=True)
    black, flat = x.square().mean(), (x - mean).square().mean()
    return {"mean colour": rounded(float(flat)), "black": rounded(float(black))}


def real_bits(study: Study, model: Autoencoder, train: Tensor, test: Tensor) -> dict[str, Any]:
    """What the code is worth in bits for one picture, as numbers and as real bytes."""
    y = model.encode(to_float(test[:1]))
    positions = y[0, : model.positions].numel() if model.positions else 0
    values = y.numel() - positions
    return {
        "parameters": parameters(model),
        "values": values,
        "positions": positions,
        "bits": values * FLOAT_BITS + positions * POSITION_BITS,
        "raw_bits": RAW_BITS,
        "rate": rate_curve(model, train, [test]),
        "kodak": rate_curve(model, train, study.kodak(), ratios=FEW if positions else RATIOS),
    }


def show(study: Study, test: Labelled, models: dict[str, Autoencoder]) -> None:
    """One picture a class: originals, model 1, model 2."""
    first = [int((test.labels == label).nonzero()[0]) for label in range(len(test.names))]
    x = to_float(test.images[first])
    rows = [x, *(in_batches(model, x) for model in models.values())]
    draw_grid(rows, study.out / "cifar10.png", zoom=2)
