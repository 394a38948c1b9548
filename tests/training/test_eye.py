"""The differentiable SSIMULACRA2 against the package of that name, and its slopes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ssimulacra2.ssimulacra2 import weights as published
from torch import Tensor

from aecodec.bench.metrics import ssimulacra2
from aecodec.coding.planes import Pixels
from aecodec.training.eye import WEIGHTS, EyeError, score
from tests.photos import jpeg, photo

CPU = torch.device("cpu")


def planes(pixels: Pixels) -> Tensor:
    """uint8 [H, W, 3] -> float [1, 3, H, W] in [-0.5, 0.5], not padded."""
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / 255 - 0.5


@pytest.mark.parametrize("quality", (5, 20, 50, 80, 95))
@pytest.mark.parametrize("size", ((451, 300), (256, 256)))
def test_scores_are_those_of_the_package(quality: int, size: tuple[int, int]) -> None:
    pixels = photo(*size)
    found = jpeg(pixels, quality)
    height, width = pixels.shape[:2]
    ours = score(EyeError(height, width, CPU)(planes(pixels), planes(found)).raw)
    assert float(ours) == pytest.approx(ssimulacra2(pixels, found), abs=0.1)


def test_a_batch_is_its_pictures() -> None:
    pixels = photo(128, 128)
    pairs = [planes(jpeg(pixels, quality)) for quality in (10, 90)]
    error = EyeError(128, 128, CPU)
    both = error(planes(pixels).expand(2, -1, -1, -1), torch.cat(pairs))
    each = [error(planes(pixels), x) for x in pairs]
    for together, apart in zip(both, zip(*each, strict=True), strict=True):
        assert torch.allclose(together, torch.cat(apart), rtol=1e-4)


def test_identical_pictures_have_100_and_finite_slopes() -> None:
    x = planes(photo(128, 128))
    x_hat = x.clone().requires_grad_()
    errors = EyeError(128, 128, CPU)(x, x_hat)
    sum(each.sum() for each in errors).backward()
    assert float(score(errors.raw.detach())) > 99 and x_hat.grad is not None
    assert not errors.contrast.any() and not errors.squares.any()
    assert x_hat.grad.isfinite().all()


def test_it_is_learnt_from() -> None:
    """A few steps down its slope from a blurred picture raise the score."""
    x = planes(photo(128, 128))
    error = EyeError(128, 128, CPU)
    x_hat = torch.nn.functional.avg_pool2d(x, 5, 1, 2, count_include_pad=False).requires_grad_()
    optimizer = torch.optim.Adam([x_hat], lr=0.003)
    before = float(score(error(x, x_hat.detach()).raw))
    for _ in range(20):
        optimizer.zero_grad()
        error(x, x_hat).raw.sum().backward()
        optimizer.step()
    assert float(score(error(x, x_hat.detach()).raw)) > before + 20


def test_weights_are_those_published_but_for_the_smallest() -> None:
    ours = np.zeros((3, 6, 2, 3))  # component, scale, norm, map
    for scale, components in enumerate(WEIGHTS):
        for name, kinds in components.items():
            ours["XYB".index(name), scale] = np.transpose(kinds)
    left_out = published.reshape(ours.shape) - ours
    assert left_out.min() >= 0 and left_out.max() < 0.01 and left_out.sum() < 0.02
