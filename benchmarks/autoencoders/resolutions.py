"""Study 4: one code, several resolutions: 344x344 pixels and, by a second decoder, 172x172.

A fully connected network cannot be built at this size (`connected`). The convolutional one codes
32 channels at an eighth of the resolution; the variational one adds noise of a learned width to
them and pays for what they tell (KL). Both decode to 344, and a second decoder, trained with the
encoder fixed, to 172. All layers are convolutions, so training uses smaller crops.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from aecodec import Codec
from benchmarks.autoencoders.coding import (
    RATIOS,
    Point,
    as_row,
    fit_coder,
    mean_point,
    measure,
    rate_curve,
    training_latents,
)
from benchmarks.autoencoders.figures import draw_curves, draw_grid, draw_lines
from benchmarks.autoencoders.networks import LATENT, Variational, decoder, encoder
from benchmarks.autoencoders.study import Study, planes
from benchmarks.autoencoders.trainer import (
    Autoencoder,
    Loss,
    Recipe,
    own_mse,
    parameters,
    to_float,
)
from benchmarks.measuring import PSNR_MODEL

HIGH, MEDIUM = 344, 172
CROP = 64
HIDDEN = 4096  # of the fully connected network: 1/87 of its input
SIGMA = 8 / 255
"""The variational network's error in the picture: its loss is MSE + 2 SIGMA^2 KL / values."""
SCALED = "--scale 1/2"
QUALITIES = (10, 30, 50, 70)
"""The product's, for the comparison."""


@dataclass(frozen=True)
class Size:
    """How much to train; the second decoders train `again` epochs."""

    train: int
    valid: int
    epochs: int
    again: int


FULL, QUICK = Size(4096, 256, 8, 4), Size(512, 64, 2, 1)


def elbo(model: Autoencoder, x: Tensor) -> Tensor:
    """Negative evidence lower bound (Kingma and Welling 2014), times 2 SIGMA^2 / values."""
    mean, log_variance = model.encoder(x).float().chunk(2, dim=1)
    log_variance = log_variance.clamp(-20, 5)
    y = mean + torch.randn_like(mean) * (log_variance / 2).exp()
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
    return (model.decode(y) - x).square().mean() + 2 * SIGMA**2 * kl / x.numel()


def medium_mse(model: Autoencoder, x: Tensor) -> Tensor:
    """For the second decoder: against the picture at half the resolution."""
    return (model(x) - halved(x)).square().mean()


def halved(x: Tensor) -> Tensor:
    """Means of 2x2 pixels."""
    return F.avg_pool2d(x, 2)


def run(study: Study) -> dict[str, Any]:
    """Counts of the fully connected network, both others, their second decoders, the product."""
    size = QUICK if study.quick else FULL
    train = study.crops("train", CROP, size.train)
    valid = {"valid": study.crops("valid", CROP, size.valid)}
    losses: dict[str, tuple[Autoencoder, Loss]] = {
        "convolutional": (Autoencoder(encoder(), decoder()), own_mse),
        "variational": (Variational(), elbo),
    }
    pictures = [at_344(photo.picture()) for photo in study.photos()]
    results, curves = {}, {}
    for name, (model, loss) in losses.items():
        title = f"resolutions-{name}"
        curves[name] = study.train(title, model, train, valid, recipe(size.epochs), loss)
        small = second(model)
        title = f"resolutions-{name}, second decoder"
        again = study.train(title, small, train, valid, recipe(size.again), medium_mse)
        curves[f"{name}, second decoder"] = again
        kodak = rate_curve(model, train, study.kodak())
        results[name] = sizes(model, small) | coded(model, small, train, pictures)
        results[name]["kodak"] = kodak
    draw_curves(curves, study.out / "resolutions-loss.svg", "loss")
    show(study, model, small, pictures)
    study.say("resolutions: aecodec")
    results["aecodec"] = product(pictures)
    draw_medium(study, results)
    about = {"train": len(train), "epochs": size.epochs, "second_epochs": size.again}
    return {**about, "connected": connected(), "variants": results, "loss": curves}


def recipe(epochs: int) -> Recipe:
    return Recipe(epochs, batch=16, half=True, anneal=True)


def second(model: Autoencoder) -> Autoencoder:
    """The same encoder, fixed, and a fresh decoder to half the resolution."""
    small = Autoencoder(model.encoder, decoder(steps=2))
    small.encode = model.encode  # type: ignore[method-assign]
    small.encoder.requires_grad_(False)
    return small


def connected() -> dict[str, Any]:
    """What a fully connected network would need: parameters, and bytes to train it with Adam."""
    values, code = 3 * HIGH**2, LATENT * (HIGH // 8) ** 2
    with torch.device("meta"):
        layers = [nn.Linear(values, HIDDEN), nn.Linear(HIDDEN, values)]
        one = [nn.Linear(values, code), nn.Linear(code, values)]
    sizes = {"hidden": layers, "same_code": one}
    counted = {name: sum(parameters(layer) for layer in pair) for name, pair in sizes.items()}
    train_bytes = {f"{name}_bytes": 16 * count for name, count in counted.items()}
    return {"values": values, "hidden_units": HIDDEN, "code": code, **counted, **train_bytes}


def sizes(model: Autoencoder, small: Autoencoder) -> dict[str, Any]:
    parts = {"encoder": model.encoder, "decoder": model.decoder, "second": small.decoder}
    return {f"{name}_parameters": parameters(part) for name, part in parts.items()}


def at_344(photo: Image.Image) -> Tensor:
    """The middle square of a photo, area-downscaled: uint8 [1, 3, 344, 344]."""
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    square = photo.crop((left, top, left + side, top + side))
    return pixels_of(square.resize((HIGH, HIGH), Image.Resampling.BOX))


def pixels_of(picture: Image.Image) -> Tensor:
    return planes(np.asarray(picture))


Decode = Callable[[Tensor], Tensor]


@torch.no_grad()
def coded(
    model: Autoencoder, small: Autoencoder, train: Tensor, pictures: list[Tensor]
) -> dict[str, Any]:
    """One file of the 344 code a picture and step; three decodings of it -> curves.

    All rates are of that file, in bits per pixel of the 344x344 picture.
    """
    decodings: dict[str, tuple[bool, Decode]] = {
        "high": (False, model.decode),
        "second decoder": (True, small.decode),
        "high, halved": (True, lambda y: halved(model.decode(y))),
    }
    fitted = training_latents(model, train)
    coders = [fit_coder(fitted, ratio, number=i) for i, ratio in enumerate(RATIOS)]
    rows: dict[str, list[list[Point]]] = {name: [[] for _ in RATIOS] for name in decodings}
    for image in pictures:
        y = model.encode(to_float(image))
        for step, (ratio, coder) in enumerate(zip(RATIOS, coders, strict=True)):
            data = coder.encode(y)
            y_hat = coder.decode(data)
            for name, (half, decode) in decodings.items():
                rows[name][step].append(at_size(ratio, data, image, decode(y_hat), half))
    return {name: [as_row(mean_point(row)) for row in steps] for name, steps in rows.items()}


def at_size(ratio: float, data: bytes, image: Tensor, x_hat: Tensor, half: bool) -> Point:
    """As `measure`; against the halved picture for a halved reconstruction, at the whole's rate."""
    target = (halved(image.float())).round().byte() if half else image
    point = measure(ratio, len(data), target, x_hat)
    bpp = 8 * len(data) / image[0, 0].numel()
    return Point(ratio, len(data), bpp, point.mse, point.psnr)


def product(pictures: list[Tensor]) -> dict[str, Any]:
    """aecodec's files of the same pictures, decoded whole, whole and halved, and to half size."""
    codec = Codec(PSNR_MODEL)
    rows: dict[str, list[dict[str, float]]] = {}
    for quality in QUALITIES:
        points: dict[str, list[Point]] = {}
        for image in pictures:
            data = codec.encode(Image.fromarray(image[0].permute(1, 2, 0).numpy()), quality)
            for name, x_hat in product_decodings(codec, data).items():
                point = at_size(quality, data, image, x_hat, name != "high")
                points.setdefault(name, []).append(point)
        for name, found in points.items():
            rows.setdefault(name, []).append(as_row(mean_point(found)))
    return rows


def product_decodings(codec: Codec, data: bytes) -> dict[str, Tensor]:
    """The whole, the whole made small, and `--scale 1/2`."""
    x_hat = to_float(pixels_of(codec.decode(data)))
    half = to_float(pixels_of(codec.decode(data, scale=2)))
    return {"high": x_hat, "high, halved": halved(x_hat), SCALED: half}


def draw_medium(study: Study, results: dict[str, Any]) -> None:
    """PSNR at 172 pixels against the rate of the 344 code."""
    lines = {
        f"{variant}: {name}": [(point["bpp"], point["psnr"]) for point in rows[name]]
        for variant, rows in results.items()
        for name in ("second decoder", "high, halved", SCALED)
        if name in rows
    }
    labels = ("bits per pixel of 344x344", "PSNR at 172x172 (dB)")
    draw_lines(lines, study.out / "resolutions.svg", labels, logarithmic=False)


@torch.no_grad()
def show(study: Study, model: Autoencoder, small: Autoencoder, pictures: list[Tensor]) -> None:
    """One picture, its middle at 344 and the whole at 172, before and after; code unrounded."""
    x = to_float(pictures[0])
    y = model.encode(x)
    part = slice(HIGH // 4, HIGH // 4 + MEDIUM)
    both = torch.cat([x, model.decode(y)])[:, :, part, part]
    draw_grid([both], study.out / "resolutions-344.png")
    draw_grid([torch.cat([halved(x), small.decode(y)])], study.out / "resolutions-172.png")
