"""Study 3: the YCbCr autoencoder on Kodak's photos.

316,355 parameters: 3-32-pool-64-pool-128-128-up-64-up-3, all 3x3. Its code, 128 channels at a
quarter of the resolution, holds 8 numbers a pixel where the photo has 3.
"""

from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aecodec.bench.metrics import psnr
from benchmarks.autoencoders.anchors import KODAK_COUNT, mean_curve, measured, published
from benchmarks.autoencoders.coding import Point, as_row, at_rate, mean_point, rate_points, rounded
from benchmarks.autoencoders.figures import draw_curves, draw_grid
from benchmarks.autoencoders.study import Study
from benchmarks.autoencoders.trainer import Autoencoder, Recipe, parameters, to_bytes, to_float

CROP = 64
STANDARDS = ("jpeg", "jpeg2000")
MATCHED_BPP = 1.0
"""The rate at which photos are compared: the nearest of our points, of every photo its own."""
STEPS = (16.0, 8.0, 4.0, 2.0, 1.0)
"""Coarse ones: with 8 numbers a pixel, anything finer is dearer than the raw photo."""
TEXT = {"autoencoder": [22, 29], "standards": [8, 14]}
"""PSNR in dB that the text's Table 1 gives, without bit rates."""
YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""JPEG's (ITU-T T.871); Cb and Cr are shifted by 1/2, so that all lie in [0, 1]."""


@dataclass(frozen=True)
class Size:
    """How much to train."""

    train: int
    valid: int
    epochs: int


FULL, QUICK = Size(1536, 128, 8), Size(512, 32, 2)


def to_ycbcr(x: Tensor) -> Tensor:
    """RGB in [0, 1] -> Y, Cb, Cr in [0, 1]: [B, 3, H, W]."""
    shift = torch.tensor([0.0, 0.5, 0.5]).view(3, 1, 1)
    return torch.einsum("ij,bjhw->bihw", torch.tensor(YCBCR), x) + shift


def from_ycbcr(x: Tensor) -> Tensor:
    """Inverse of `to_ycbcr`."""
    shift = torch.tensor([0.0, 0.5, 0.5]).view(3, 1, 1)
    return torch.einsum("ij,bjhw->bihw", torch.tensor(YCBCR).inverse(), x - shift)


class YcbcrAutoencoder(Autoencoder):
    """The text's network; RGB outside, YCbCr inside."""

    def __init__(self) -> None:
        forth = (*conv(3, 32), nn.MaxPool2d(2), *conv(32, 64), nn.MaxPool2d(2), *conv(64, 128))
        up = nn.Upsample(scale_factor=2)
        back = (*conv(128, 128), up, *conv(128, 64), up, nn.Conv2d(64, 3, 3, padding=1))
        super().__init__(nn.Sequential(*forth), nn.Sequential(*back))

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(to_ycbcr(x))

    def decode(self, y: Tensor) -> Tensor:
        return from_ycbcr(self.decoder(y))


def conv(inner: int, outer: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inner, outer, 3, padding=1), nn.ReLU()


def ycbcr_mse(model: Autoencoder, x: Tensor) -> Tensor:
    """MSE over Y, Cb and Cr in [0, 1]."""
    return (to_ycbcr(model(x)) - to_ycbcr(x)).square().mean()


def run(study: Study) -> dict[str, Any]:
    """Trained on other photographs and on Kodak's; the standards; the text's errors."""
    size = QUICK if study.quick else FULL
    sets = {
        "other photographs": study.crops("train", CROP, size.train),
        "Kodak": torch.cat(
            [kodak_crops(x, size.train // len(study.photos())) for x in study.kodak()]
        ),
    }
    valid = {"valid": study.crops("valid", CROP, size.valid)}
    arms, curves = {}, {}
    for name, train in sets.items():
        model = YcbcrAutoencoder()
        recipe = Recipe(size.epochs, 16, half=True, anneal=True)
        curves[name] = study.train(f"ycbcr-{name}", model, train, valid, recipe, ycbcr_mse)
        points = rate_points(model, train, study.kodak(), ratios=STEPS)
        rate = [as_row(mean_point(row)) for row in points]
        arms[name] = {
            "rate": rate,
            "unrounded": unrounded(study, model),
            "photos": photos(study, points),
        }
        arms[name]["means"] = at_means(study, rate)
        if name == "other photographs":
            show(study, model)
    draw_curves(curves, study.out / "ycbcr-loss.svg", "MSE, YCbCr in [0, 1]")
    about = {"parameters": parameters(model), "train": size.train, "epochs": size.epochs}
    return {**about, "arms": arms, "text": TEXT, "wrong": wrong(study), "loss": curves}


def kodak_crops(x: Tensor, count: int) -> Tensor:
    """Random pieces of one photo [1, 3, H, W]."""
    random = np.random.default_rng(int(x.sum()))
    corners = zip(
        *(random.integers(0, side - CROP + 1, count) for side in x.shape[2:]), strict=True
    )
    return torch.cat([x[:, :, top : top + CROP, left : left + CROP] for top, left in corners])


@torch.no_grad()
def unrounded(study: Study, model: Autoencoder) -> dict[str, float]:
    """PSNR as the text has it: the code as floats, 32 bits each."""
    found, bits = [], 0.0
    for x in study.kodak():
        y = model.encode(to_float(x))
        bits = 32 * y.numel() / x[0, 0].numel()
        found.append(psnr(*(pixels(each) for each in (x, to_bytes(model.decode(y))))))
    return {"bpp": bits, "psnr": rounded(fmean(found))}


def photos(study: Study, points: list[list[Point]]) -> list[dict[str, Any]]:
    """Each photo at its own rate nearest to MATCHED_BPP, and the standards at that very rate."""
    curves = {codec: measured(codec) for codec in STANDARDS}
    rows = []
    for number, photo in enumerate(study.photos()):
        point = min((row[number] for row in points), key=lambda p: abs(np.log(p.bpp / MATCHED_BPP)))
        others = {
            codec: at_rate(curves[codec].get(photo.name, []), point.bpp) for codec in STANDARDS
        }
        rows.append({"photo": photo.name, "bpp": point.bpp, "psnr": point.psnr, **others})
    return rows


def at_means(study: Study, rate: list[dict[str, float]]) -> list[dict[str, Any]]:
    """The same for the means over all photos, at all our rates; BPG's are published."""
    names = [photo.name for photo in study.photos()]
    curves = {codec: mean_curve(codec, names) for codec in (*STANDARDS, "aec")}
    if len(names) == KODAK_COUNT:
        curves["bpg"] = published("bpg")
    return [
        {"bpp": point["bpp"], "psnr": point["psnr"]}
        | {codec: at_rate(curve, point["bpp"]) for codec, curve in curves.items()}
        for point in rate
    ]


def wrong(study: Study) -> dict[str, float]:
    """Ways to get 8 to 14 dB from a good picture: PSNR between things that do not belong together.

    A photo against itself as YCbCr, BGR, mirrored, and against its own mean colour; means in dB.
    """
    found: dict[str, list[float]] = {}
    for x in study.kodak():
        others = {
            "RGB against YCbCr": to_bytes(to_ycbcr(to_float(x))),
            "RGB against BGR": x.flip(1),
            "photo against its mirror image": x.flip(3),
            "photo against its mean colour": x.float()
            .mean((2, 3), keepdim=True)
            .expand_as(x)
            .byte(),
        }
        for name, other in others.items():
            found.setdefault(name, []).append(psnr(pixels(x), pixels(other)))
    return {name: rounded(fmean(values)) for name, values in found.items()}


def pixels(x: Tensor) -> np.typing.NDArray[np.uint8]:
    """[1, 3, H, W] -> [H, W, 3]"""
    return x[0].permute(1, 2, 0).numpy()


@torch.no_grad()
def show(study: Study, model: Autoencoder) -> None:
    """A part of three photos, before and after, the code unrounded."""
    x = torch.cat([to_float(x)[:, :, 200:328, 200:328] for x in study.kodak()[:6:2]])
    draw_grid([x, model(x)], study.out / "ycbcr.png")
