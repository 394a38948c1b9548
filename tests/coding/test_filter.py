"""filter.py: numbers to bytes and back, what they do, and that they are sent where they pay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from aecodec.coding.filter import FilterFit, apply_filter
from aecodec.coding.planes import Pixels
from aecodec.format.box import Box
from aecodec.format.constants import FILTER_LIMITS
from aecodec.format.container import read_container, write_container
from aecodec.format.filter import NEIGHBOURS, Filter, feature_count, read_filter, write_filter
from aecodec.image.psnr import psnr
from aecodec.model.store import find_model
from tests.model.integer_reference import Coder, Reference
from tests.payloads import codec, loaded
from tests.photos import levels_apart, photo

COLOURS = np.array([[0.8, 0.15, 0.05], [0.1, 0.8, 0.1], [0.0, 0.2, 0.8]])
"""Those of a camera that no training photo came from."""


def strange_photo(width: int, height: int) -> Pixels:
    return (photo(width, height) @ COLOURS.T).round().astype(np.uint8)


def some_filter(limits: tuple[float, ...]) -> Filter:
    shape = (3, feature_count(limits))
    return Filter(np.random.default_rng(len(limits)).integers(-9, 10, shape).astype(np.int32))


@pytest.mark.parametrize("limits", FILTER_LIMITS)
def test_bytes_and_back(limits: tuple[float, ...]) -> None:
    filter = some_filter(limits)
    filter.coefficients[0, 0] = 900  # far beyond the others: it escapes
    data = write_filter(loaded().tables, filter)
    again = read_filter(loaded().tables, data)
    assert np.array_equal(again.coefficients, filter.coefficients) and again.limits == limits


@pytest.mark.parametrize("limits", FILTER_LIMITS)
def test_it_does_what_the_specification_says(limits: tuple[float, ...]) -> None:
    """SPEC 3.7, sample by sample, edges included."""
    filter = some_filter(limits)
    numbers = filter.coefficients
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 6, 7)) * 0.2
    found = apply_filter(filter, torch.from_numpy(x).float()[None])[0]
    for c, r, k in np.ndindex(x.shape):
        n, m = numbers[c, :24].reshape(3, 8), numbers[c, 24:-4].reshape(len(limits), 3, 8)
        value = x[c, r, k] + numbers[c, -1] / 8192 + numbers[c, -4:-1] @ x[:, r, k] / 4096
        for d, p in np.ndindex(3, 8):
            down, right = NEIGHBOURS[p]
            there = x[d, np.clip(r + down, 0, 5), np.clip(k + right, 0, 6)]
            difference = there - x[d, r, k]
            value += n[d, p] * difference / 64
            for number, limit in zip(m[:, d, p], limits, strict=True):
                value += number * min(max(difference, -limit), limit) / 64
        assert float(found[c, r, k]) == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize("scale", [4, 8])
@pytest.mark.parametrize("limits", FILTER_LIMITS)
def test_a_parabola_is_filtered_alike_at_every_scale(limits: tuple[float, ...], scale: int) -> None:
    """As long as no difference is limited and none counts half."""
    filter, n = some_filter(limits), torch.arange(5.0 * scale) / (5 * scale)
    rows, columns = 0.3 * n.square() - 0.2 * n, 0.1 * n - 0.4 * n.square()
    x_hat = (rows[:, None] + columns) * torch.tensor([1.0, -0.5, 2.0])[:, None, None] * 0.1
    filter.coefficients[:, 24:-4] *= 2
    small = apply_filter(filter, F.avg_pool2d(x_hat[None], scale), scale)
    filter.coefficients[:, 24:-4] //= 2
    whole = F.avg_pool2d(apply_filter(filter, x_hat[None]), scale)
    torch.testing.assert_close(small[:, :, 1:-1, 1:-1], whole[:, :, 1:-1, 1:-1])


def test_least_squares_finds_a_filter() -> None:
    """What was filtered away comes back, as far as whole numbers allow."""
    pixels = photo(96, 80)
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255 - 0.5
    numbers = np.zeros((3, feature_count(FILTER_LIMITS[1])), np.int32)
    numbers[0, 1], numbers[1, 30], numbers[1, -4], numbers[2, -1] = 6, 9, 90, 50
    x_hat = apply_filter(Filter(-numbers), x)
    fit = FilterFit()
    fit.add(x_hat, pixels)
    data = fit.best(loaded().tables, 1e6, "psnr")
    assert data is not None
    again = apply_filter(read_filter(loaded().tables, data), x_hat)
    assert float((again - x).square().mean()) < 0.05 * float((x_hat - x).square().mean())
    assert fit.best(loaded().tables, 1e-3, "psnr") is None  # not worth its bytes
    part = fit.best(loaded().tables, 1e6, "visual")
    assert part is not None
    between = apply_filter(read_filter(loaded().tables, part), x_hat)
    assert float((between - x_hat.lerp(x, 0.6)).abs().max()) < 0.3 * float((x_hat - x).abs().max())


def test_codec_sends_a_filter_where_it_pays() -> None:
    """Colours that go together as in no training photo; not at effort 0, nor in gray."""
    strange = strange_photo(320, 256)
    data = codec().encode(strange, 80)
    container = read_container(data)
    assert container.filter is not None
    assert read_container(codec().encode(strange, 80, effort=0)).filter is None
    assert read_container(codec().encode(strange[..., 0], 80)).filter is None
    assert read_filter(loaded().tables, container.filter).coefficients.any()
    plain = codec().decode_picture(without_filter(data)).pixels
    assert psnr(strange, codec().decode_picture(data).pixels) > psnr(strange, plain)


def test_several_tiles_share_a_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which fits all of them; any part of the picture comes out as of the whole."""
    strange = strange_photo(300, 280)
    data = codec().encode(strange, 80, tile=192)
    whole = codec().decode_picture(data).pixels
    assert psnr(strange, whole) > psnr(strange, codec().decode_picture(without_filter(data)).pixels)
    smaller = {1: whole}
    for scale in (2, 4, 8):
        smaller[scale] = codec().decode_picture(data, scale=scale).pixels
        means = np.asarray(Image.fromarray(whole).reduce(scale))
        assert psnr(means, smaller[scale]) > 34
    monkeypatch.setattr("aecodec.coding.transform.PIECE", 64)
    for scale, pixels in smaller.items():
        for box in (Box(0, 0, 280, 300), Box(120, 130, 140, 131), Box(190, 60, 200, 195)):
            part, at = codec().decode_picture(data, box, scale).pixels, box.shrunk(scale)
            assert levels_apart(part, pixels[at.pixel_slices()]) <= 1


def test_too_small_tiles_go_without() -> None:
    strange = strange_photo(300, 280)[64:128, 64:]
    assert read_container(codec().encode(strange, 80, tile=64)).filter is None


def test_the_numbers_as_plain_integers_read_them() -> None:
    """SPEC 3.7: order, tables and coder, by code that shares nothing with ours."""
    filter = some_filter(FILTER_LIMITS[2])
    data = write_filter(loaded().tables, filter)
    table = np.repeat(list(data[1:5]), (24, 48, 3, 1))
    coder = Coder(data[5:], Reference(find_model(None).path).tables)
    assert coder.symbols(np.tile(table, 3)).tolist() == filter.coefficients.flatten().tolist()


def without_filter(data: bytes) -> bytes:
    return write_container(replace(read_container(data), filter=None))
