"""Pictures decoded at 1/2, 1/4 and 1/8 of their size."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

import aecodec
from aecodec.coding.effort import reduction_for
from aecodec.coding.planes import Pixels
from aecodec.format.box import Box
from aecodec.format.constants import REDUCTIONS
from aecodec.format.container import Container, Payload, read_container, write_container
from aecodec.image.picture import Picture
from aecodec.image.psnr import psnr
from aecodec.model.transforms import LappedTransform, mean_of_pixels
from tests.payloads import codec
from tests.photos import photo

WIDTH, HEIGHT = 301, 203
SMALL = REDUCTIONS[1:]


@cache
def coded(quality: int = 60) -> bytes:
    return codec().encode(photo(WIDTH, HEIGHT), quality=quality, tile=128, effort=0)


@cache
def decoded(scale: int) -> Pixels:
    return codec().decode_picture(coded(), scale=scale).pixels


def made_small(pixels: Pixels, scale: int) -> Pixels:
    """Means of scale x scale samples, the last row and column repeated as the codec does."""
    height, width = pixels.shape[:2]
    ends = [(0, -height % scale), (0, -width % scale)] + [(0, 0)] * (pixels.ndim - 2)
    return np.asarray(Image.fromarray(np.pad(pixels, ends, "edge")).reduce(scale))


@pytest.mark.parametrize("scale", SMALL)
@pytest.mark.parametrize("size", [(1, 1), (8, 7), (64, 65), (17, 130)])
def test_sizes(scale: int, size: tuple[int, int]) -> None:
    width, height = size
    data = codec().encode(photo(width, height), effort=0)
    image = codec().decode(data, scale=scale)
    assert image.size == (-(-width // scale), -(-height // scale))


@pytest.mark.parametrize("scale", SMALL)
def test_a_small_picture_is_the_whole_one_made_small(scale: int) -> None:
    """At the edges too, and nowhere nearer to it when it is shifted: the phase is right."""
    whole, small = made_small(decoded(1), scale), decoded(scale)
    assert small.shape == whole.shape
    assert psnr(whole, small) > 36
    assert psnr(whole[:2], small[:2]) > 34 and psnr(whole[:, -2:], small[:, -2:]) > 34
    error = np.square(whole.astype(float) - small).mean()
    for axis in (0, 1):
        for shift in (-1, 1):
            between = (whole.astype(float) + np.roll(whole.astype(float), shift, axis)) / 2
            assert error < np.square(between - small)[2:-2, 2:-2].mean() / 2


@pytest.mark.parametrize("quality", [1, 40, 100])
@pytest.mark.parametrize("scale", SMALL)
def test_quality(scale: int, quality: int) -> None:
    """Against the photo made small: hardly worse than the whole decode made small."""
    original = made_small(photo(WIDTH, HEIGHT), scale)
    whole = made_small(codec().decode_picture(coded(quality)).pixels, scale)
    small = codec().decode_picture(coded(quality), scale=scale).pixels
    assert psnr(original, small) > psnr(original, whole) - 0.8


@pytest.mark.parametrize("scale", SMALL)
@pytest.mark.parametrize("box", [Box(0, 0, 1, 1), Box(121, 129, 140, 133), Box(3, 60, 203, 301)])
def test_a_region_is_a_part_of_the_small_picture(box: Box, scale: int) -> None:
    part = codec().decode_picture(coded(), box, scale).pixels
    rows = slice(box.top // scale, -(-box.bottom // scale))
    columns = slice(box.left // scale, -(-box.right // scale))
    expected = decoded(scale)[rows, columns]
    assert part.shape == expected.shape
    assert np.abs(part.astype(int) - expected).max() <= 1


def test_a_small_region_decodes_only_the_tiles_it_touches() -> None:
    container = read_container(coded())
    payloads = tuple(
        p if n in (0, 1) else Payload(b"\1\2\3") for n, p in enumerate(container.payloads)
    )
    forged = write_container(Container(container.header, payloads))
    assert codec().decode(forged, Box(0, 0, 60, 140), 4).size == (35, 15)


def test_alpha_and_gray() -> None:
    alpha = photo(WIDTH, HEIGHT)[..., 0].copy()
    data = codec().encode(Picture(alpha, alpha, icc=b"profile"), effort=0)
    picture = codec().decode_picture(data, Box(8, 16, 100, 203), 8)
    expected = np.asarray(Image.fromarray(alpha).reduce(8))[1:13, 2:26]
    assert picture.alpha is not None and np.array_equal(picture.alpha, expected)
    assert picture.gray and picture.icc == b"profile"
    assert psnr(expected[:, :-1], picture.pixels[:, :-1]) > 30


@pytest.mark.parametrize("scale", [0, 3, 16, -1])
def test_other_scales_are_refused(scale: int) -> None:
    with pytest.raises(aecodec.AecodecError, match=f"not 1/{scale}$"):
        codec().decode(coded(), scale=scale)


def test_scale_for() -> None:
    assert reduction_for((800, 600), (100, 75)) == 8
    assert reduction_for((800, 600), (100, 76)) == 4
    assert reduction_for((799, 600), (100, 75)) == 4
    assert reduction_for((10, 10), (20, 20)) == 1


@pytest.mark.parametrize("scale", SMALL)
def test_the_linear_part_is_exact(scale: int) -> None:
    torch.manual_seed(0)
    transform = LappedTransform(48)
    transform.basis.data.normal_()
    transform.overlap.copy_(torch.linalg.qr(torch.randn(16, 16))[0])
    u = torch.randn(2, 48, 3, 4)
    with torch.no_grad():
        whole, small = transform.inverse(u), transform.inverse(u, scale)
    assert torch.allclose(F.avg_pool2d(whole, scale), small, atol=1e-4)


def test_means_of_pixels() -> None:
    rows = torch.arange(192.0)[:, None]
    means = mean_of_pixels(rows, 4).view(2, 2, 3)
    assert torch.equal(means[1, 0], rows.view(8, 8, 3)[4:, :4].mean(dim=(0, 1)))
