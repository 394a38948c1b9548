"""What a GPU does in training, on the CPU: crops, steps that wait for nothing, larger sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aecodec.coding.planes import Pixels, to_planes
from aecodec.errors import AecodecError
from aecodec.model.config import SIZES, ModelConfig
from aecodec.model.model import Model
from aecodec.training.data import Tiles, random_taps
from aecodec.training.grow import grow
from aecodec.training.initialise import initialise, lmbda_table
from aecodec.training.loss import rate_distortion
from aecodec.training.optimizer import Muon
from aecodec.training.start import load_for_training
from aecodec.training.trainer import Trainer
from tests.photos import photo
from tests.training.tiny import TINY, WEIGHTS, recipe

WIDER = ModelConfig("XS", 32, 12, 24, 2, 32, 3, 20, 24, 2, 32, 2)
CPU = torch.device("cpu")


def save(folder: Path, *pictures: Pixels) -> Path:
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_crops_of_the_device_are_pieces_of_the_tiles(tmp_path: Path) -> None:
    tiles = Tiles(save(tmp_path, photo(128, 96), photo(200, 100)), 64, CPU)
    assert tiles.tiles.shape == (2 + 6, 3, 96, 96)
    assert [pixels.shape for pixels in tiles.some(4)] == [(96, 96, 3)] * 4
    pieces = tiles.tiles.unfold(2, 64, 1).unfold(3, 64, 1).float().mean(dim=(4, 5))
    for crop in tiles.draw(20, 96):  # cannot be scaled: a tile, turned and mirrored
        sums = crop.float().sum(dim=(1, 2))
        assert (sums == tiles.tiles.float().sum(dim=(2, 3))).all(dim=1).any()
    means = tiles.draw(20, 64).float().mean(dim=(2, 3))
    assert pieces.amin() - 1 < means.min() and means.max() < pieces.amax() + 1


def test_every_sample_of_a_window_counts_the_same() -> None:
    torch.manual_seed(0)
    sizes = (64, 77, 128)
    counts = torch.zeros(3, 128)
    for place, weight in random_taps(torch.tensor(sizes).float(), 128, 64):
        counts.scatter_add_(1, place, weight)
    for window, size in zip(counts, sizes, strict=True):
        expected = torch.full((size,), 64 / size)
        assert torch.allclose(window[window > 1e-3], expected, atol=1e-4)


@pytest.mark.parametrize("decay", (0.0, 0.1))
def test_muon_of_many_matrices_is_muon_of_each(decay: float) -> None:
    torch.manual_seed(0)
    shapes = [(32, 16), (32, 16), (16, 32), (24, 24), (32, 16)]
    start = [torch.randn(shape) for shape in shapes]
    ours, theirs = ([torch.nn.Parameter(value.clone()) for value in start] for _ in range(2))
    each = torch.optim.Muon(theirs, 1e-2, decay, adjust_lr_fn="match_rms_adamw")
    steps = (Muon(ours, 1e-2, decay), each)
    for _ in range(5):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        for optimizer in steps:
            optimizer.step()
    for a, b, value in zip(ours, theirs, start, strict=True):
        assert (a - b).norm() < 0.01 * (b - value).norm()


@pytest.mark.parametrize("value", (float("nan"), 1e9))
def test_an_absurd_gradient_changes_nothing(value: float, tmp_path: Path) -> None:
    folder = save(tmp_path, photo(64, 64))
    learner = Trainer(recipe(), folder, None, tmp_path, 100.0, "cpu").learner
    batch = torch.randint(0, 256, (8, 3, 64, 64), dtype=torch.uint8)
    learner.train_step(batch, 0.0)

    def state() -> list[torch.Tensor]:
        parts = [part.state[p] for part in learner.optimizers.parts for p in part.state]
        moments = [moment for part in parts for moment in part.values()]
        weights = [*learner.model.parameters(), *learner.ema.parameters()]
        return [tensor.detach().clone() for tensor in (*weights, *moments)]

    for part in learner.optimizers.parts:
        for parameter in part.state:
            parameter.grad = torch.full_like(parameter, value)
    before = state()
    learner.update()
    assert all(map(torch.equal, before, state())) and learner.skipped == 1
    learner.train_step(batch, 0.0)
    assert not all(map(torch.equal, before, state())) and learner.skipped == 1


def test_s1_grows_to_m_with_the_same_pictures_and_rate() -> None:
    """And learns on: only within new blocks, which start at zero, some have no slope yet."""
    model = load_for_training(WEIGHTS)
    larger = grow(model, SIZES["M"])
    x, q = to_planes(np.ascontiguousarray(photo(128, 128))), torch.tensor([40])
    with torch.no_grad():
        bpp, mse = rate_distortion(model, x, q, "decoder")
        larger_bpp, larger_mse = rate_distortion(larger, x, q, "decoder")
    decibels = [float(-10 * value.log10()) for value in (mse, larger_mse)]
    assert decibels[0] == pytest.approx(decibels[1], abs=0.002)
    assert 0 <= float(larger_bpp - bpp) < 0.001
    bpp, mse = rate_distortion(larger, x, q, "joint")
    (bpp + larger.lmbda[q] * mse).sum().backward()
    slopes = {name: p.grad for name, p in larger.named_parameters() if p.grad is not None}
    known = {name for name, _ in model.named_parameters() if not name.startswith("small.")}
    assert known <= {name for name, slope in slopes.items() if slope.any()}
    assert all(slope.any() for name, slope in slopes.items() if "_out.weight" in name)


def test_a_larger_model_begins_as_the_smaller_one() -> None:
    torch.manual_seed(0)
    model = Model.untrained(TINY)
    model.lmbda.copy_(lmbda_table(50, 12000))
    initialise(model, [photo(256, 256)], model.lmbda)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        larger = grow(model, WIDER)
        x, q = to_planes(np.ascontiguousarray(photo(128, 128))), torch.tensor([30])
        bpp, mse = rate_distortion(model, x, q, "decoder")
        larger_bpp, larger_mse = rate_distortion(larger, x, q, "decoder")
    assert torch.allclose(mse, larger_mse, rtol=1e-3)
    assert 0 <= larger_bpp - bpp < 0.001
    with pytest.raises(AecodecError, match="do not grow"):
        grow(larger, TINY)
