"""The product's float64 kernels against the plain integers of integer_reference.py."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from aecodec.codec import Codec
from aecodec.coding.tile import decode_latent, encode_latent, hyper_parameters
from aecodec.format.container import MAX_TILE, read_container
from aecodec.format.quality import q_to_quality
from aecodec.model.points import PER_STEP, Points
from aecodec.model.quantize import dequantize
from aecodec.model.weights import find_model
from tests.model.integer_reference import Batch, Reference, step_positions
from tests.photos import photo


@cache
def codec() -> Codec:
    return Codec()


@cache
def reference() -> Reference:
    return Reference(find_model(None).path)


def product_batches(
    monkeypatch: pytest.MonkeyPatch, payload: bytes, width: int, height: int, q: int
) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], list[Batch], Tensor]:
    """What the product's decoder predicts and decodes: symbols and means of the hyper-latent, all
    of the four steps, and y_hat in steps."""
    batches, forward = [], Points.forward
    hyper: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []

    def recorded(self: Points, symbols: Tensor, mean: Tensor, index: Tensor) -> Tensor:
        batches.append(Batch(*(a[0].to(torch.int64).numpy() for a in (symbols, mean, index))))
        return forward(self, symbols, mean, index)

    def recorded_first(symbols: Tensor, mean: Tensor) -> Tensor:
        hyper.append((symbols[0].numpy(), mean[0].numpy()))
        return dequantize(symbols, mean)

    with monkeypatch.context() as patch, torch.inference_mode():
        patch.setattr(Points, "forward", recorded)
        patch.setattr("aecodec.coding.tile.dequantize", recorded_first)
        y_hat = decode_latent(codec()._encoder, payload, width, height, q)
    return hyper[0], batches, y_hat


def compare(monkeypatch: pytest.MonkeyPatch, payload: bytes, size: tuple[int, int], q: int) -> None:
    """Both decoders predict and decode the same, in every step."""
    (hyper, *expected), y_r = reference().decode(payload, *size, q)
    found_hyper, found, in_steps = product_batches(monkeypatch, payload, *size, q)
    assert all(map(np.array_equal, found_hyper, (hyper.symbols, hyper.mean)))
    like = torch.empty(1, *hyper.mean.shape)
    _, index = hyper_parameters(codec()._encoder.model, torch.tensor([q]), like)
    assert np.array_equal(index[0].numpy(), hyper.index)
    assert len(found) == len(expected) == 4
    coded = [step_positions(step, y_r.shape) for step in range(4)]
    for ours, theirs, chosen in zip(found, expected, coded, strict=True):
        for field in ("mean", "index", "symbols"):
            assert np.array_equal(getattr(ours, field).ravel(), getattr(theirs, field)[chosen])
    assert np.array_equal(PER_STEP * in_steps[0].numpy(), y_r)


@pytest.mark.parametrize("q", [3, 40, 63])
@pytest.mark.parametrize(
    ("width", "height", "tile", "count"), [(96, 80, MAX_TILE, 1), (100, 60, 64, 2)]
)
def test_a_picture(
    monkeypatch: pytest.MonkeyPatch, width: int, height: int, tile: int, count: int, q: int
) -> None:
    container = read_container(codec().encode(photo(width, height), q_to_quality(q), tile))
    assert container.header.q == q and len(container.payloads) == count
    for box, payload in zip(container.header.tiles(), container.payloads, strict=True):
        assert payload
        compare(monkeypatch, payload, (box.width, box.height), q)


@pytest.mark.parametrize("size", [3.0, 300.0, 30_000.0])
def test_latents_that_no_picture_has(monkeypatch: pytest.MonkeyPatch, size: float) -> None:
    """Every symbol an escape, every layer at its limits."""
    loaded, generator = codec()._encoder, torch.Generator().manual_seed(1)
    config = loaded.model.config
    y = size * torch.randn(1, config.latent, 4, 8, generator=generator)
    z = size * torch.randn(1, config.hyper, 1, 2, generator=generator)
    with torch.inference_mode():
        payload, _, _ = encode_latent(loaded, y, z, 30)
    compare(monkeypatch, payload, (128, 64), 30)
