"""Study 5: how small can the code of an MNIST digit be, in numbers and in bits?

One hidden layer each way around a latent of 392, 78, 39 or 8 numbers, for 50, 90, 95 and 99 %
"compression" of the 784 pixels; PCA of the same sizes beside it. The same network around 16x16
blocks of photographs (768 values) takes the study to the common ground.
"""

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from benchmarks.autoencoders.coding import Split, rate_curve, rounded
from benchmarks.autoencoders.data import Labelled
from benchmarks.autoencoders.figures import draw_curves, draw_grid, draw_lines, draw_scatters
from benchmarks.autoencoders.networks import pca
from benchmarks.autoencoders.study import Study
from benchmarks.autoencoders.trainer import Autoencoder, Recipe, Rows, in_batches, to_float

PERCENTS = (50, 90, 95, 99)
HIDDEN = 512
BLOCK, BLOCK_LATENT = 16, 77  # 90 % fewer numbers than a block's 768
INKS = 5  # groups of digits of like ink
SPOTLIGHT = 99  # percent, for t-SNE


@dataclass(frozen=True)
class Size:
    """How much to train."""

    train: int
    test: int
    epochs: int
    blocks: int
    points: int  # of t-SNE


FULL, QUICK = Size(8000, 2000, 40, 40_000, 1500), Size(2000, 500, 5, 4000, 300)


def network(shape: tuple[int, int, int], latent: int) -> Autoencoder:
    """x [B, C, H, W] -> y [B, latent], one hidden layer of ReLU each way, a sigmoid at the end."""
    values = int(np.prod(shape))
    forth = (nn.Flatten(), nn.Linear(values, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, latent))
    back = (nn.Linear(latent, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, values), nn.Sigmoid())
    return Autoencoder(nn.Sequential(*forth), nn.Sequential(*back, nn.Unflatten(1, shape)))


def latent_size(percent: int, values: int = 784) -> int:
    """Numbers left after that much "compression"."""
    return round(values * (100 - percent) / 100)


def run(study: Study) -> dict[str, Any]:
    """The sweep, its errors by digit and ink, t-SNE, real bits; then photographs."""
    size = QUICK if study.quick else FULL
    digits = study.data.mnist()
    train = digits.images[: size.train]
    test = Labelled(digits.images[-size.test :], digits.labels[-size.test :], digits.names)
    sweep, curves, decoded = {}, {}, {}
    for percent in PERCENTS:
        model = network((1, 28, 28), latent_size(percent))
        recipe = Recipe(size.epochs, 128, anneal=True)
        valid = {"valid": test.images}
        curves[f"{percent} %"] = study.train(f"mnist-{percent}", model, train, valid, recipe)
        linear = pca(train, latent_size(percent))
        decoded[percent] = in_batches(model, to_float(test.images))
        sweep[str(percent)] = {
            "latent": latent_size(percent),
            "autoencoder": errors(decoded[percent], test),
            "pca": errors(in_batches(linear, to_float(test.images)), test),
            "rate": per_digit(rate_curve(model, train, [test.images]), size.test),
            "pca_rate": per_digit(rate_curve(linear, train, [test.images]), size.test),
        }
    draw(study, curves, sweep, test, decoded)
    study.say("mnist: t-SNE")
    tsne(study, test, decoded[SPOTLIGHT], size.points)
    about = {"train": size.train, "test": size.test, "epochs": size.epochs}
    real = {"raw_bits": 784 * 8, "deflate_bits": deflate_bits(test.images)}
    return {
        **about,
        **real,
        "sweep": sweep,
        "loss": curves,
        "photographs": photographs(study, size),
    }


def errors(x_hat: Tensor, test: Labelled) -> dict[str, Any]:
    """MSE on [0, 1]: of all, by digit, and by ink (mean brightness) in groups of equal number."""
    x = to_float(test.images)
    each = (x_hat - x).square().mean(dim=(1, 2, 3))
    ink = x.mean(dim=(1, 2, 3))
    groups = ink.argsort().chunk(INKS)
    return {
        "mse": rounded(float(each.mean())),
        "digits": [rounded(float(each[test.labels == label].mean())) for label in range(10)],
        "ink": [rounded(float(ink[group].mean())) for group in groups],
        "ink_mse": [rounded(float(each[group].mean())) for group in groups],
    }


def per_digit(points: list[dict[str, float]], count: int) -> list[dict[str, float]]:
    """Real bits of one digit, of a file of `count`, against MSE."""
    return [{"bits": rounded(8 * point["bytes"] / count), "mse": point["mse"]} for point in points]


def deflate_bits(images: Tensor) -> float:
    """Bits a digit of the test digits packed by zlib, without any loss."""
    return rounded(8 * len(zlib.compress(images.numpy().tobytes(), 9)) / len(images))


def draw(
    study: Study,
    curves: dict[str, Rows],
    sweep: dict[str, Any],
    test: Labelled,
    decoded: dict[int, Tensor],
) -> None:
    """Loss, MSE against numbers and against bits, and a digit of each kind."""
    draw_curves(curves, study.out / "mnist-loss.svg", "MSE")
    kinds = ("autoencoder", "pca")
    sizes = {kind: [(row["latent"], row[kind]["mse"]) for row in sweep.values()] for kind in kinds}
    draw_lines(sizes, study.out / "mnist-latent.svg", ("numbers in the latent", "MSE"))
    bits = {
        f"{name}, {row['latent']}": [(point["bits"], point["mse"]) for point in row[key]]
        for name, key in (("autoencoder", "rate"), ("pca", "pca_rate"))
        for row in sweep.values()
    }
    draw_lines(bits, study.out / "mnist-bits.svg", ("real bits a digit", "MSE"))
    first = [int((test.labels == label).nonzero()[0]) for label in range(10)]
    rows = [to_float(test.images[first]), *(x_hat[first] for x_hat in decoded.values())]
    draw_grid(rows, study.out / "mnist.png", zoom=2)


def tsne(study: Study, test: Labelled, x_hat: Tensor, count: int) -> None:
    """Originals and reconstructions in the plane (van der Maaten and Hinton 2008)."""
    from sklearn.manifold import TSNE

    panels = {
        name: TSNE(init="pca", random_state=0, max_iter=500).fit_transform(
            x[:count].flatten(1).numpy()
        )
        for name, x in (
            ("originals", to_float(test.images)),
            (f"reconstructions from {latent_size(SPOTLIGHT)} numbers", x_hat),
        )
    }
    draw_scatters(panels, test.labels[:count], study.out / "mnist-tsne.png")


def photographs(study: Study, size: Size) -> dict[str, Any]:
    """The same network and PCA of the same size around blocks of photographs."""
    train, valid = (study.crops(part, BLOCK, size.blocks) for part in ("train", "valid"))
    model = network((3, BLOCK, BLOCK), BLOCK_LATENT)
    recipe = Recipe(size.epochs // 4 + 1, 128, anneal=True)
    study.train("mnist-photographs", model, train, {"valid": valid[:1000]}, recipe)
    split = Split(BLOCK)
    return {
        "latent": BLOCK_LATENT,
        "blocks": size.blocks,
        "rate": rate_curve(model, train, study.kodak(), split),
        "pca_rate": rate_curve(pca(train, BLOCK_LATENT), train, study.kodak(), split),
    }
