"""Colours under alpha 0: they cost nothing, and bleed nowhere."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from aecodec import pillow  # noqa: F401  so that Image.open knows .aec
from aecodec.format.alpha import write_alpha
from aecodec.format.box import Box
from aecodec.image import hidden
from aecodec.image.hidden import without_hidden_colours
from aecodec.image.picture import Picture, as_picture
from tests.fuzz import codec
from tests.photos import photo

RANDOM = np.random.default_rng(0)


def disc(height: int, width: int) -> NDArray[np.bool_]:
    y, x = np.mgrid[0:height, 0:width]
    return np.hypot(y - height / 2, x - width / 2) < min(height, width) / 3


def cut_out(channels: int) -> NDArray[np.uint8]:
    """A disc of a photo, and noise around it under alpha 0."""
    pixels = photo(160, 120)[..., : channels - 1].copy()
    seen = disc(120, 160)
    pixels[~seen] = RANDOM.integers(0, 256, pixels[~seen].shape)
    return np.dstack([pixels, np.where(seen, 255, 0).astype(np.uint8)])


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("effort", [0, 1])
def test_they_cost_no_more_than_a_flat_colour(channels: int, effort: int) -> None:
    noisy = cut_out(channels)
    flat = noisy.copy()
    flat[flat[..., -1] == 0, :-1] = 128
    size = len(codec().encode(Picture(flat[..., 0] if channels == 2 else flat[..., :3].copy())))
    alpha = len(write_alpha(noisy[..., -1].copy()))
    assert len(codec().encode(noisy, effort=effort)) - alpha < 1.1 * size


def test_what_is_seen_and_alpha_stay() -> None:
    before = as_picture(cut_out(4))
    after = without_hidden_colours(before)
    assert after.alpha is before.alpha and before.alpha is not None
    seen = before.alpha > 0
    assert np.array_equal(after.pixels[seen], before.pixels[seen])
    assert not np.array_equal(after.pixels, before.pixels)
    again = without_hidden_colours(after)
    assert np.array_equal(again.pixels, after.pixels)


def test_faint_pixels_are_seen() -> None:
    pixels = RANDOM.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    picture = Picture(pixels, np.full((8, 8), 1, np.uint8))
    assert without_hidden_colours(picture) is picture
    assert without_hidden_colours(Picture(pixels)).pixels is pixels


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 5, 3), (33, 64, 3)])
def test_of_nothing_seen_there_is_nothing(shape: tuple[int, ...]) -> None:
    pixels = RANDOM.integers(0, 256, shape, dtype=np.uint8)
    after = without_hidden_colours(Picture(pixels, np.zeros(shape[:2], np.uint8)))
    assert (after.pixels == hidden.NOTHING_SEEN).all()


@pytest.mark.parametrize("shape", [(1, 9), (13, 1), (37, 50), (64, 64)])
def test_one_seen_pixel_fills_everything(shape: tuple[int, int]) -> None:
    pixels = RANDOM.integers(0, 256, (*shape, 3), dtype=np.uint8)
    alpha = np.zeros(shape, np.uint8)
    alpha[0, 0], pixels[0, 0] = 9, (10, 200, 77)
    assert (without_hidden_colours(Picture(pixels, alpha)).pixels == (10, 200, 77)).all()


def test_large_pictures_are_filled_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hidden, "BLOCK", 16)
    before = as_picture(cut_out(4))
    after = without_hidden_colours(before)
    assert before.alpha is not None
    assert np.array_equal(after.pixels[before.alpha > 0], before.pixels[before.alpha > 0])
    assert (after.pixels[:16, :16] == hidden.NOTHING_SEEN).all()


def test_nothing_bleeds_where_it_is_decoded_small() -> None:
    """A white disc on black that nobody sees, at every scale and as a thumbnail."""
    pixels = np.where(disc(192, 192)[..., None], 255, 0).repeat(3, 2).astype(np.uint8)
    alpha = pixels[..., 0].copy()
    data = codec().encode(Picture(pixels, alpha), 90)
    for scale in (1, 2, 4, 8):
        small = codec().decode_picture(data, scale=scale)
        assert small.alpha is not None
        assert small.pixels[small.alpha > 0].min() > 240
    with Image.open(io.BytesIO(data)) as image:
        image.thumbnail((50, 50))
        samples = np.asarray(image)
        assert samples[samples[..., 3] > 8, :3].min() > 240


def test_halves_are_means_by_alpha() -> None:
    """What is nearly invisible hardly counts: dark of alpha 5 beside bright of alpha 250."""
    rows = np.where(np.arange(130) % 2, 190, 70).astype(np.uint8)
    pixels = np.broadcast_to(rows[:, None, None], (130, 130, 3)).copy()
    alpha = np.where(pixels[..., 0] > 99, 250, 5).astype(np.uint8)
    data = codec().encode(Picture(pixels, alpha), 100)
    for region in (None, Box(31, 17, 97, 120)):
        whole = codec().decode_picture(data, region).pixels.astype(float)
        half = codec().decode_picture(data, region, scale=2).pixels
        top = 0 if region is None else region.top % 2
        left = 0 if region is None else region.left % 2
        pairs = whole[top:, left:]
        pairs = pairs[: len(pairs) // 2 * 2, : pairs.shape[1] // 2 * 2]
        weighted = (pairs[0::2] * 5 + pairs[1::2] * 250) / 255
        wanted = (weighted[:, 0::2] + weighted[:, 1::2]) / 2
        inner = half[top:, left:][: len(wanted), : wanted.shape[1]]
        assert np.abs(inner - wanted).max() <= 2
