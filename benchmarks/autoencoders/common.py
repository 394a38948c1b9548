"""The common ground: all studies, PCA, JPEG and aecodec, real bits against PSNR on Kodak's photos.

What the studies have measured is read from their results. One more network is trained here: the
convolutional one of study 4 with what makes a codec of it, quantization in the loop, an entropy
model and a rate-distortion loss.
"""

import json
from typing import Any

import torch
from torch import Tensor, nn

from aecodec.bench.bd_rate import bd_rate, overlap
from aecodec.errors import AecodecError
from aecodec.model.entropy_model import gaussian_bits
from benchmarks.autoencoders import resolutions
from benchmarks.autoencoders.anchors import mean_curve
from benchmarks.autoencoders.coding import at_rate, rate_curve, rounded
from benchmarks.autoencoders.figures import draw_lines
from benchmarks.autoencoders.networks import decoder, encoder
from benchmarks.autoencoders.resolutions import CROP
from benchmarks.autoencoders.study import Study
from benchmarks.autoencoders.trainer import Autoencoder

LMBDA = 1500.0
"""bits per pixel + LMBDA * MSE on [0, 1]; about the product's lambda of a rate near 0.5 bpp."""
RATES = (0.25, 0.5, 1.0, 2.0)
"""bpp at which the table reads the curves."""
PLOT_BPP = 6.0
CODEC = "4 convolutional, trained as a codec"
GAIN = 50.0
"""Steps to a unit of the encoder's output, which starts near a tenth."""
Curve = list[tuple[float, float]]


def codec() -> Autoencoder:
    """Study 4's network; a step of y is 1 / GAIN of what its encoder gives."""
    return Autoencoder(
        nn.Sequential(encoder(), Scale(GAIN)), nn.Sequential(Scale(1 / GAIN), decoder())
    )


class Scale(nn.Module):
    """Times a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def rate_distortion(model: Autoencoder, x: Tensor) -> Tensor:
    """bpp + LMBDA * MSE. Uniform noise stands for rounding (Balle, Laparra and Simoncelli 2017);
    the entropy model is a Gaussian for each channel, fitted to the batch.
    """
    y = model.encode(x)
    noisy = y + torch.rand_like(y) - 0.5
    mean = noisy.mean(dim=(0, 2, 3), keepdim=True)
    log2_scale = noisy.var(dim=(0, 2, 3), keepdim=True).log2() / 2
    bits = gaussian_bits(noisy - mean, log2_scale).sum() / x[:, 0].numel()
    return bits + LMBDA * (model.decode(noisy) - x).square().mean()


def run(study: Study) -> dict[str, Any]:
    """Train the codec, gather every curve, plot and tabulate them."""
    size = resolutions.QUICK if study.quick else resolutions.FULL
    train, valid = study.crops("train", CROP, size.train), study.crops("valid", CROP, size.valid)
    model = codec()
    recipe = resolutions.recipe(size.epochs)
    loss = study.train("common-codec", model, train, {"valid": valid}, recipe, rate_distortion)
    found = {
        name: read(study, name) for name in ("stl10", "cifar10", "ycbcr", "resolutions", "mnist")
    }
    ours = gather(found) | {CODEC: curve(rate_curve(model, train, study.kodak()))}
    names = [photo.name for photo in study.photos()]
    anchors = {codec: mean_curve(codec, names) for codec in ("jpeg", "aec")}
    curves = ours | {codec: points for codec, points in anchors.items() if points}
    rows = {name: row(points, anchors["jpeg"]) for name, points in curves.items()}
    lines = {name: [p for p in points if p[0] < PLOT_BPP] for name, points in curves.items()}
    labels = ("bits per pixel (of the whole file, log scale)", "PSNR, RGB (dB)")
    draw_lines({n: p for n, p in lines.items() if p}, study.out / "common.png", labels, False)
    return {"photos": names, "lmbda": LMBDA, "loss": loss, "curves": curves, "table": rows}


def read(study: Study, name: str) -> dict[str, Any]:
    """The results of another study, of this run or an earlier one in the same folder."""
    path = study.out / f"{name}.json"
    if not path.is_file():
        raise AecodecError(f"{path}: not there; run the study {name} first")
    results: dict[str, Any] = json.loads(path.read_text())
    return results


def curve(rows: list[dict[str, float]]) -> Curve:
    return [(row["bpp"], row["psnr"]) for row in rows]


def gather(found: dict[str, dict[str, Any]]) -> dict[str, Curve]:
    """The curves on Kodak's photos, by name."""
    stl, mnist, variants = found["stl10"], found["mnist"], found["resolutions"]["variants"]
    rates = {f"1 STL-10 bottleneck, {name}": each["rate"] for name, each in stl["rounds"].items()}
    rates["PCA, 200 of 96x96"] = stl["pca"]["rate"]
    for name, each in found["cifar10"]["real"].items():
        rates[f"2 CIFAR-10 {name}"] = each["kodak"]
    rates["3 YCbCr"] = found["ycbcr"]["arms"]["other photographs"]["rate"]
    for name in ("convolutional", "variational"):
        rates[f"4 {name}"] = variants[name]["kodak"]
    rates[f"5 bottleneck of 16x16, {mnist['photographs']['latent']}"] = mnist["photographs"]["rate"]
    rates[f"PCA, {mnist['photographs']['latent']} of 16x16"] = mnist["photographs"]["pca_rate"]
    return {name: curve(points) for name, points in rates.items()}


def row(points: Curve, anchor: Curve) -> dict[str, Any]:
    """PSNR at RATES, the range of rates and of PSNR, BD-rate against JPEG where they overlap."""
    psnrs = {str(bpp): at_rate(points, bpp) for bpp in RATES}
    ends = {"bpp": [f(b for b, _ in points) for f in (min, max)]}
    ends["psnr"] = [f(p for _, p in points) for f in (min, max)]
    rate = bd_rate(anchor, points) if anchor else None
    common = overlap(anchor, points) if rate is not None else None
    return {**psnrs, **ends, "bd_rate": rate if rate is None else rounded(rate), "over": common}
