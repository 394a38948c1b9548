"""benchmarks/autoencoders: the networks, the trainer, the codes in real bytes, the tables."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aecodec.errors import FormatError
from benchmarks.__main__ import main
from benchmarks.autoencoders import (
    cifar10,
    common,
    mnist,
    networks,
    resolutions,
    stl10,
    tables,
    ycbcr,
)
from benchmarks.autoencoders.coding import HEADER, Split, at_rate, fit_coder, rate_curve, symbols_of
from benchmarks.autoencoders.data import DataFolder
from benchmarks.autoencoders.study import Study, to_json
from benchmarks.autoencoders.trainer import (
    Autoencoder,
    Loss,
    Recipe,
    fit,
    loss_on,
    own_mse,
    parameters,
    to_float,
)


def shades(count: int, channels: int, side: int) -> Tensor:
    """Smooth uint8 pictures [count, channels, side, side], no two alike."""
    random = np.random.default_rng(1)
    slopes = torch.from_numpy(random.uniform(-1, 1, (3, count, channels, 1, 1))).float()
    ramp = torch.linspace(-1, 1, side)
    x = slopes[0] * ramp[:, None] + slopes[1] * ramp + slopes[2] * 0.5
    return ((x / 5 + 0.5) * 255).byte()


def convolutional() -> Autoencoder:
    return Autoencoder(networks.encoder(), networks.decoder())


NETWORKS: dict[str, tuple[Any, tuple[int, ...], tuple[int, ...], Loss]] = {
    "stl10": (lambda: stl10.network(narrow=8), (3, 96), (200,), own_mse),
    "stl10 both": (lambda: stl10.network(0.2, -1.0, narrow=8), (3, 96), (200,), own_mse),
    "cifar10 model 1": (cifar10.model_1, (3, 32), (2, 8, 8), own_mse),
    "cifar10 model 2": (cifar10.model_2, (3, 32), (64 + 32, 16, 16), own_mse),
    "ycbcr": (ycbcr.YcbcrAutoencoder, (3, 32), (128, 8, 8), ycbcr.ycbcr_mse),
    "convolutional": (convolutional, (3, 32), (32, 4, 4), own_mse),
    "variational": (networks.Variational, (3, 32), (32, 4, 4), resolutions.elbo),
    "mnist": (lambda: mnist.network((1, 28, 28), 39), (1, 28), (39,), own_mse),
    "codec": (common.codec, (3, 32), (32, 4, 4), common.rate_distortion),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_shapes_and_one_step_lowers_the_loss(name: str) -> None:
    make, (channels, side), latent, loss = NETWORKS[name]
    torch.manual_seed(3)
    model, images = make(), shades(8, channels, side)
    x = to_float(images)
    assert model.encode(x).shape == (8, *latent)
    assert model(x).shape == x.shape
    recipe = Recipe(epochs=1, batch=8, rate=3e-4)
    before = loss_on(model, images, recipe, loss)
    rows = fit(model, images, {"valid": images}, recipe, loss)
    assert len(rows) == 1 and math.isclose(rows[0]["epoch"], 1)
    assert loss_on(model, images, recipe, loss) < before


def test_stl10_parameters() -> None:
    with torch.device("meta"):
        model = stl10.network()
    assert stl10.counts(model) == [13_695_608, 13_750_323]
    assert sum(isinstance(layer, nn.Conv2d) for layer in model.encoder.modules()) == 8


def test_stl10_starts_as_told() -> None:
    for parameter in stl10.network(narrow=8).parameters():
        if parameter.ndim == 1:
            assert torch.equal(parameter, torch.full_like(parameter, 0.01))


def test_ycbcr_parameters_and_colours() -> None:
    assert parameters(ycbcr.YcbcrAutoencoder()) == 316_355
    x = torch.rand(2, 3, 4, 4)
    planes = ycbcr.to_ycbcr(x)
    assert float(planes.min()) >= 0 and float(planes.max()) <= 1
    assert torch.allclose(ycbcr.from_ycbcr(planes), x, atol=1e-5)
    gray = ycbcr.to_ycbcr(torch.full((1, 3, 1, 1), 0.25)).flatten()
    assert torch.allclose(gray, torch.tensor([0.25, 0.5, 0.5]), atol=1e-5)


def test_a_fully_connected_network_cannot_be_built() -> None:
    counted = resolutions.connected()
    values = 3 * 344**2
    assert counted["hidden"] == 2 * values * 4096 + 4096 + values
    assert counted["hidden_bytes"] > 40e9


def test_second_decoder_leaves_the_encoder_alone() -> None:
    model = convolutional()
    small, images = resolutions.second(model), shades(4, 3, 32)
    weights = [weight.clone() for weight in model.encoder.parameters()]
    fit(small, images, {"valid": images}, Recipe(1, 4), resolutions.medium_mse)
    assert all(map(torch.equal, weights, model.encoder.parameters()))
    assert small(to_float(images)).shape == (4, 3, 16, 16)


def test_unpooling_is_torchs() -> None:
    """Model 2's positions say the same as the indices of PyTorch's max-pooling."""
    model, x = cifar10.model_2(), torch.rand(2, 3, 8, 8)
    y, encoder, decoder = model.encode(x), model.encoder, model.decoder
    assert isinstance(encoder, cifar10.PoolingEncoder)
    assert isinstance(decoder, cifar10.UnpoolingDecoder)
    _, indices = F.max_pool2d(encoder.first(x).relu(), 2, return_indices=True)
    wide = F.max_unpool2d(decoder.second(y[:, :64]).relu(), indices, [2, 2])
    assert torch.allclose(torch.sigmoid(decoder.first(wide)), model.decode(y), atol=1e-6)


def test_range_changes_the_loss_not_the_picture() -> None:
    """The loss of [-1, 1] is four times that of [0, 1] for the same error."""
    same, x = nn.Identity(), torch.rand(2, 3, 4, 4)
    error = nn.Conv2d(3, 3, 1)
    for low, factor in ((0.0, 1.0), (-1.0, 4.0)):
        model = Autoencoder(same, same, low)
        assert torch.allclose(model(x), x, atol=1e-6)
        off = Autoencoder(same, error, low)
        expected = factor * (off(x) - x).square().mean()
        assert torch.isclose(own_mse(off, x), expected)


def test_best_epoch_is_kept() -> None:
    """A rate far too high makes the loss rise: the weights kept are not the last."""
    model, images = mnist.network((1, 28, 28), 8), shades(16, 1, 28)
    recipe = Recipe(6, 4, "adam", rate=0.3)
    rows = fit(model, images, {"valid": images}, recipe)
    best = min(row["valid"] for row in rows)
    assert loss_on(model, images, recipe) == pytest.approx(best, rel=1e-4)


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    study = Study(DataFolder(tmp_path), tmp_path, True, print)
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    rows = study.kept("stl10-arm", first, lambda: [{"epoch": 1.0}])
    assert study.kept("stl10-arm", second, list) == rows
    assert torch.equal(first.weight, second.weight)
    study.forget("mnist")
    assert study.kept("stl10-arm", second, list) == rows
    study.forget("stl10")
    assert study.kept("stl10-arm", second, list) == []


@pytest.mark.parametrize("shape", [(40, 12), (6, 12, 5, 4)])
@pytest.mark.parametrize("ratio", [2.0, 0.1])
def test_codes_survive_their_bytes(shape: tuple[int, ...], ratio: float) -> None:
    torch.manual_seed(1)
    y = torch.randn(shape) * torch.linspace(0.1, 3, 12).view(12, *(1,) * (len(shape) - 2)) + 5
    coder = fit_coder(y, ratio)
    fresh = y[:3] * 1.5 + 0.3  # beyond what the tables were counted from: escapes
    data = coder.encode(fresh)
    y_hat = coder.decode(data)
    assert y_hat.shape == fresh.shape
    limit = float(coder.step[0]) * (0.5 + 1 / 32) + 1e-4
    assert float((y_hat - fresh).abs().max()) <= limit
    assert coder.encode(y_hat) == data


def test_bytes_are_near_the_entropy() -> None:
    torch.manual_seed(1)
    y = torch.randn(20_000, 1)
    coder = fit_coder(y, 1.0)
    counts = np.unique(symbols_of(y, coder.step, coder.median).numpy(), return_counts=True)[1]
    entropy = -float((counts * np.log2(counts / len(y))).sum()) / 8
    assert entropy <= len(coder.encode(y)) - HEADER.size < 1.01 * entropy + 8


def test_positions_of_maxima_are_exact() -> None:
    y = torch.cat([torch.randn(4, 2, 3, 3), torch.randint(0, 4, (4, 2, 3, 3)).float()], dim=1)
    coder = fit_coder(y, 4.0, positions=2)
    assert torch.equal(coder.decode(coder.encode(y))[:, 2:], y[:, 2:])


def test_another_step_or_damage_is_refused() -> None:
    y = torch.randn(30, 4)
    coder, other = fit_coder(y, 1.0, number=0), fit_coder(y, 0.5, number=1)
    with pytest.raises(FormatError, match="another step"):
        other.decode(coder.encode(y))
    with pytest.raises(FormatError):
        coder.decode(coder.encode(y)[:-4])


@pytest.mark.parametrize("size", [0, 4, 5])
def test_blocks_and_back(size: int) -> None:
    x, split = torch.rand(2, 3, 8, 11), Split(size)
    blocks = split.to_blocks(x)
    if size == 4:
        assert blocks.shape == (2 * 2 * 3, 3, 4, 4)
        assert torch.equal(blocks[1], x[0, :, :4, 4:8])
    assert torch.equal(split.from_blocks(blocks, x.shape), x)


def test_pca_finds_few_dimensions() -> None:
    images = shades(64, 1, 16)
    model = networks.pca(images, 3)  # two slopes and a level
    assert loss_on(model, images, Recipe(1)) < 1e-5
    points = rate_curve(model, images, [images[:9], images[9:]])
    assert [point["psnr"] for point in points] == sorted(point["psnr"] for point in points)
    assert points[-1]["psnr"] > 35
    assert points[0]["bpp"] < points[-1]["bpp"]


def test_rates_between_points() -> None:
    points = [(0.5, 30.0), (2.0, 34.0)]
    assert at_rate(points, 1.0) == pytest.approx(32.0)
    assert at_rate(points, 0.4) is None and at_rate([], 1.0) is None


def test_json_is_short() -> None:
    text = to_json({"rows": [{"a": 1, "b": [1.5, 2]}], "c": "d"})
    assert json.loads(text) == {"rows": [{"a": 1, "b": [1.5, 2]}], "c": "d"}
    assert "[ 1.5, 2 ]" in text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["stl11"], "no study 'stl11'"), (["--data", "nowhere"], "nowhere: not a folder")],
)
def test_bad_input_is_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["autoencoders", *arguments])
    assert stop.value.code == 1
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1


def test_missing_data_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for study in ("mnist", "ycbcr", "common"):
        with pytest.raises(SystemExit):
            main(["autoencoders", study, "--data", str(tmp_path), "--out", str(tmp_path / "out")])
        assert capsys.readouterr().err.splitlines()[-1].startswith("autoencoders: error: ")


def test_pages_hold_the_results() -> None:
    found = tables.read_results(tables.RESULTS)
    for name in ("README.md", "codec.md"):
        text = (tables.HERE / name).read_text()
        assert tables.filled(text, found) == text
