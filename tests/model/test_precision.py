"""Networks in bfloat16: who gets them, and what they change."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
import torch

from aecodec.coding.encoder import Encoder, Settings
from aecodec.coding.transform import analyze
from aecodec.format.constants import MAX_Q
from aecodec.image.picture import Picture
from aecodec.image.psnr import psnr
from aecodec.model import precision
from aecodec.model.loaded import LoadedModel, load_model
from aecodec.model.model import LEAST_FAST_Q
from aecodec.model.precision import CAPABILITIES, LIMITS, has_bfloat16
from aecodec.model.store import TUNED, find_model
from aecodec.training.start import load_for_training
from tests.payloads import pixels_of
from tests.photos import levels_apart, photo

RATES = (LEAST_FAST_Q, 38, MAX_Q)
CROPS = [photo(600, 400)[top : top + 100, left : left + 130] for top, left in ((0, 0), (200, 300))]


@pytest.fixture(autouse=True)
def fresh_answer() -> Iterator[None]:
    """Of what the processor can do."""
    has_bfloat16.cache_clear()
    yield
    has_bfloat16.cache_clear()


@cache
def both(tune: str) -> tuple[LoadedModel, LoadedModel]:
    """Exact, and with fast networks whatever the processor: elsewhere they are only slow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "has_bfloat16", lambda: True)
        return load_model(TUNED[tune], exact_pixels=True), load_model(TUNED[tune])


@pytest.mark.parametrize("q", RATES)
@pytest.mark.parametrize("tune", TUNED)
def test_no_sample_moves_by_more_than_a_level(tune: str, q: int) -> None:
    exact, fast = both(tune)
    for crop in CROPS:
        y = analyze(exact.model, crop, q)[0].round()
        a, b = (pixels_of(loaded.model, y, 130, 100, q) for loaded in (exact, fast))
        assert levels_apart(a, b) == 1
        assert float((a != b).mean()) < 0.09
        assert abs(psnr(crop, a) - psnr(crop, b)) < 0.01


@pytest.mark.parametrize("q", RATES)
def test_latents_hardly_move(q: int) -> None:
    exact, fast = both("psnr")
    a, b = (analyze(loaded.model, CROPS[0], q)[0] for loaded in (exact, fast))
    assert 0 < float((a - b).square().mean().sqrt()) < 0.02


def test_low_rates_and_what_must_be_exact_stay_as_they_are() -> None:
    exact, fast = both("visual")
    y = analyze(exact.model, CROPS[0], LEAST_FAST_Q - 1)[0]
    assert torch.equal(y, analyze(fast.model, CROPS[0], LEAST_FAST_Q - 1)[0])
    states = [loaded.model.state_dict() for loaded in (exact, fast)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())
    assert fast.float_model.fast and not exact.float_model.fast


def test_training_never_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)
    assert not load_for_training(find_model().path).fast


@pytest.mark.parametrize("effort", [0, 2])
def test_the_same_bytes_and_pixels_by_any_number_of_threads(effort: int) -> None:
    model, before, files = both("visual")[1], torch.get_num_threads(), set()
    try:
        for threads in (1, 2, 3, 4):
            torch.set_num_threads(threads)
            data = Encoder(model, Picture(photo(330, 200)), Settings(effort=effort)).encode(38)
            y = analyze(model.model, photo(330, 200), 38)[0].round()
            files.add((data, pixels_of(model.model, y, 330, 200, 38).tobytes()))
    finally:
        torch.set_num_threads(before)
    assert len(files) == 1


@pytest.mark.parametrize("name", CAPABILITIES)
def test_what_counts_as_having_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in LIMITS:
        monkeypatch.delenv(each, raising=False)
    for each in CAPABILITIES:
        monkeypatch.delattr(torch.cpu, each, raising=False)
    assert not has_bfloat16()
    monkeypatch.setattr(torch.cpu, name, lambda: True, raising=False)
    has_bfloat16.cache_clear()
    assert has_bfloat16()
    monkeypatch.setenv(LIMITS[0], "AVX2")
    has_bfloat16.cache_clear()
    assert not has_bfloat16()
