"""The product's binary32 kernels against the plain integers of integer_reference.py."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from aecodec.coding.encoder import encode_latents
from aecodec.coding.torch_engine import symbol_reader
from aecodec.format.constants import MAX_TILE, PER_STEP
from aecodec.format.container import read_container
from aecodec.format.payload import SymbolDecoder
from aecodec.format.quality import q_to_quality
from aecodec.model.store import TUNED, find_model
from tests.model.integer_reference import Batch, Reference, step_positions
from tests.payloads import codec, loaded
from tests.photos import photo


@cache
def reference(name: str) -> Reference:
    return Reference(find_model(name).path)


@torch.inference_mode()
def product_batches(
    name: str, payload: bytes, width: int, height: int, q: int
) -> tuple[list[Batch], NDArray[np.float64]]:
    """What the product predicts and decodes, hyper-latent and four steps; y_r in 1/256 steps."""
    model = loaded(name)
    batches, decoder = [], SymbolDecoder(model.tables, payload)
    read = symbol_reader(decoder)

    def recorded(batch: int, mean: Tensor, index: Tensor) -> Tensor:
        symbols = read(batch, mean, index)
        batches.append(Batch(*(a[0].to(torch.int64).numpy() for a in (symbols, mean, index))))
        return symbols

    y_hat = model.model.walk_symbols(model.hyper_shape(width, height), q, recorded)
    return batches, PER_STEP * y_hat[0].numpy()


def compare(name: str, payload: bytes, size: tuple[int, int], q: int) -> None:
    """Both decoders predict and decode the same, in every step."""
    (hyper, *steps), y_r = reference(name).decode(payload, *size, q)
    (found_hyper, *found), found_y_r = product_batches(name, payload, *size, q)
    assert len(found) == len(steps) == 4
    coded = [step_positions(step, y_r.shape) for step in range(4)]
    for field in ("mean", "index", "symbols"):
        assert np.array_equal(getattr(found_hyper, field), getattr(hyper, field))
        for ours, theirs, chosen in zip(found, steps, coded, strict=True):
            assert np.array_equal(getattr(ours, field).ravel(), getattr(theirs, field)[chosen])
    assert np.array_equal(found_y_r, y_r)


@pytest.mark.parametrize("tune", TUNED)
@pytest.mark.parametrize("q", [3, 40, 63])
@pytest.mark.parametrize(
    ("width", "height", "tile", "count"), [(96, 80, MAX_TILE, 1), (100, 60, 64, 2)]
)
def test_a_picture(width: int, height: int, tile: int, count: int, q: int, tune: str) -> None:
    data = codec().encode(photo(width, height), q_to_quality(q), tile, tune=tune)
    container = read_container(data)
    assert container.header.q == q and len(container.payloads) == count
    for box, payload in zip(container.header.tiles(), container.payloads, strict=True):
        compare(TUNED[tune], payload.data, (box.width, box.height), q)


@pytest.mark.parametrize("tune", TUNED)
@pytest.mark.parametrize("size", [3.0, 300.0, 30_000.0])
def test_latents_that_no_picture_has(size: float, tune: str) -> None:
    """Every symbol an escape, every layer at its limits."""
    model = loaded(TUNED[tune])
    generator, config = torch.Generator().manual_seed(1), model.model.config
    y = size * torch.randn(1, config.latent, 4, 8, generator=generator)
    z = size * torch.randn(1, config.hyper, 1, 2, generator=generator)
    with torch.inference_mode():
        payload, _, _ = encode_latents(model, y, z, 30)
    compare(TUNED[tune], payload, (128, 64), 30)
