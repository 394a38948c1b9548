"""Study 1: the STL-10 bottleneck. A 96x96 picture through 200 numbers.

13,695,608 parameters in the encoder and 13,750,323 in the decoder, where every 3x3 convolution of
the encoder is mirrored by a transposed one. Dropout, where it is used, is Dropout2d(0.2) after the
convolution in front of every change of resolution.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.autoencoders.coding import RATIOS, Split, rate_curve
from benchmarks.autoencoders.figures import draw_curves, draw_grid
from benchmarks.autoencoders.networks import pca
from benchmarks.autoencoders.study import Study
from benchmarks.autoencoders.trainer import (
    Autoencoder,
    Recipe,
    Rows,
    in_batches,
    loss_on,
    parameters,
    to_float,
)

SIDE, LATENT = 96, 200
CHANNELS = (3, 48, 48, 96, 96, 192, 192, 384, 384)
STRIDES = (1, 1, 2, 1, 2, 1, 2, 1)
DROPOUT = 0.2
ARMS = {  # name -> dropout, least value of the data range
    "original": (0.0, 0.0),
    "dropout": (DROPOUT, 0.0),
    "normalised": (0.0, -1.0),
    "both": (DROPOUT, -1.0),
}


@dataclass(frozen=True)
class Size:
    """One round of four trainings."""

    narrow: int  # divides the channels
    train: int
    epochs: int
    test: int
    steps: tuple[float, ...] = RATIOS


FULL = {"full width": Size(1, 320, 4, 96, (2.0, 1.0, 0.25)), "quarter width": Size(4, 768, 12, 96)}
QUICK = {"quarter width": Size(4, 256, 3, 64)}


def network(dropout: float = 0.0, low: float = 0.0, narrow: int = 1) -> Autoencoder:
    """x [B, 3, 96, 96] -> y [B, 200] -> x_hat; Xavier's weights, biases of 0.01."""
    channels = [3, *(channel // narrow for channel in CHANNELS[1:])]
    corner = SIDE // 8
    forth: list[nn.Module] = []
    back: list[nn.Module] = []
    for inner, outer, stride in zip(channels, channels[1:], STRIDES, strict=False):
        drop = [nn.Dropout2d(dropout)] if dropout and stride == 2 else []
        forth += [*drop, nn.Conv2d(inner, outer, 3, stride, 1), nn.ReLU()]
        transposed = nn.ConvTranspose2d(outer, inner, 3, stride, 1, output_padding=stride - 1)
        back = [*drop, transposed, nn.ReLU(), *back]
    values = channels[-1] * corner**2
    encoder = nn.Sequential(*forth, nn.Flatten(), nn.Linear(values, LATENT))
    unflatten = nn.Unflatten(1, (channels[-1], corner, corner))
    decoder = nn.Sequential(nn.Linear(LATENT, values), unflatten, nn.ReLU(), *back[:-1])
    return Autoencoder(encoder.apply(initialise), decoder.apply(initialise), low)


def initialise(module: nn.Module) -> None:
    """Xavier (Glorot and Bengio 2010), uniform; biases 0.01."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        assert module.bias is not None
        nn.init.constant_(module.bias, 0.01)


def run(study: Study) -> dict[str, Any]:
    """Rounds of four trainings, PCA of the same size, and real bytes."""
    rounds = QUICK if study.quick else FULL
    held_out = sets(study, next(iter(rounds.values())).test)
    results: dict[str, Any] = {"rounds": {}}
    for name, size in rounds.items():
        train = train_set(study, size.train)
        arms, model = four(study, size, train, held_out)
        about = {"pictures": len(train), "epochs": size.epochs, "parameters": counts(model)}
        rate = rate_curve(model, train, study.kodak(), Split(SIDE), size.steps)
        results["rounds"][name] = {**about, "arms": arms, "rate": rate}
        show(study, model, f"stl10-{name.split()[0]}")
    linear = pca(train, LATENT)
    test = {name: loss_on(linear, x, Recipe(1)) for name, x in held_out.items()}
    rate = rate_curve(linear, train, study.kodak(), Split(SIDE))
    return {**results, "pca": {"pictures": len(train), **test, "rate": rate}}


def four(
    study: Study, size: Size, train: Tensor, held_out: dict[str, Tensor]
) -> tuple[dict[str, Any], Autoencoder]:
    """-> the four trainings, and the network of the best by validation loss in equal units."""
    recipe = Recipe(size.epochs, half=True)
    arms: dict[str, Any] = {}
    models: dict[str, Autoencoder] = {}
    for name, (dropout, low) in ARMS.items():
        models[name] = network(dropout, low, size.narrow)
        rows = study.train(f"stl10-{name}-{size.narrow}", models[name], train, held_out, recipe)
        arms[name] = outcome(rows, (1 - low) ** 2)
    curves = {name: arm["rows"] for name, arm in arms.items()}
    draw_curves(curves, study.out / f"stl10-loss-{size.narrow}.svg", "MSE, network's own range")
    return arms, models[min(arms, key=lambda name: float(arms[name]["valid"]))]


def outcome(rows: Rows, scale: float) -> dict[str, Any]:
    """The best epoch: losses as the text has them ("own"), and in the units of [0, 1]."""
    best = min(rows, key=lambda row: row["valid"])
    own = {f"own_{name}": best[name] for name in ("train", "valid", "test")}
    same = {name: best[name] / scale for name in ("train", "valid", "test")}
    return {"epoch": best["epoch"], **own, **same, "rows": rows}


def counts(model: Autoencoder) -> list[int]:
    return [parameters(part) for part in (model.encoder, model.decoder)]


def show(study: Study, model: Autoencoder, name: str) -> None:
    """Originals and reconstructions of six parts of Kodak's first photos."""
    x = torch.cat([Split(SIDE).to_blocks(to_float(photo))[17:20] for photo in study.kodak()[:2]])
    draw_grid([x, in_batches(model, x)], study.out / f"{name}.png")


def train_set(study: Study, count: int) -> Tensor:
    """STL-10's pictures where they are there, else crops of photographs."""
    found = study.data.stl10("train")
    return study.crops("train", SIDE, count) if found is None else found[:count]


def sets(study: Study, count: int) -> dict[str, Tensor]:
    """Validation and test pictures, of photographs that are not trained on."""
    found = study.data.stl10("test")
    if found is None:
        return {part: study.crops(part, SIDE, count) for part in ("valid", "test")}
    return {"valid": found[:count], "test": found[count : 2 * count]}
