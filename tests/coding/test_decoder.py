"""Encoder and decoder: tiles, regions, gray and alpha, at 1/2, 1/4 and 1/8 of the size too, and
files that are damaged or have only begun to arrive."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image

import aecodec
from aecodec.codec import Codec
from aecodec.coding import transform
from aecodec.coding.effort import reduction_for
from aecodec.coding.planes import Pixels
from aecodec.coding.transform import analyze
from aecodec.format.box import Box
from aecodec.format.constants import DEFAULT_TILE, REDUCTIONS
from aecodec.format.container import Container, Payload, read_container, write_container
from aecodec.format.info import info
from aecodec.image.picture import Picture
from aecodec.image.psnr import psnr
from tests.payloads import codec, loaded, pixels_of
from tests.photos import levels_apart, photo

WIDTH, HEIGHT = 301, 203
PIXELS = photo(WIDTH, HEIGHT)
SMALL = REDUCTIONS[1:]


@cache
def coded(quality: int = 60, tile: int = 128) -> bytes:
    """With tiles of 128 six of them, the outer ones cut by the edges."""
    return codec().encode(PIXELS, quality, tile, effort=0)


@cache
def decoded(scale: int = 1) -> Pixels:
    return codec().decode_picture(coded(), scale=scale).pixels


def made_small(pixels: Pixels, scale: int) -> Pixels:
    """Means of scale x scale samples, the last row and column repeated as the codec does."""
    height, width = pixels.shape[:2]
    ends = [(0, -height % scale), (0, -width % scale)] + [(0, 0)] * (pixels.ndim - 2)
    return np.asarray(Image.fromarray(np.pad(pixels, ends, "edge")).reduce(scale))


# Tiles and regions


def test_tiles_show_no_seam() -> None:
    """What is lost at the edges of tiles is no more than elsewhere."""
    assert len(read_container(coded()).payloads) == 6
    refined = codec().decode_picture(codec().encode(PIXELS, tile=128)).pixels
    for pixels in (refined, decoded()):
        error = np.square(pixels.astype(float) - PIXELS).mean(axis=2)
        assert error[:, 124:132].mean() < 1.5 * error.mean()
    whole = coded(tile=DEFAULT_TILE)
    assert psnr(PIXELS, decoded()) > psnr(PIXELS, codec().decode_picture(whole).pixels) - 0.05
    assert len(coded()) < 1.1 * len(whole)


def test_pieces_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the piece, latents and pixels are those of the picture transformed at once."""
    model = loaded().model
    y, z = analyze(model, PIXELS, 40)
    at_once = pixels_of(model, y, WIDTH, HEIGHT, 40)
    monkeypatch.setattr(transform, "PIECE", 64)
    assert len(list(Box(0, 0, HEIGHT, WIDTH).parts(64))) == 20
    again = analyze(model, PIXELS, 40)
    assert torch.allclose(again[0], y, atol=1e-3)
    assert torch.allclose(again[1], z, atol=1e-3)
    assert levels_apart(pixels_of(model, y, WIDTH, HEIGHT, 40), at_once) <= 1


@pytest.mark.parametrize("scale", REDUCTIONS)
@pytest.mark.parametrize(
    "box", [Box(0, 0, 1, 1), Box(121, 129, 140, 133), Box(3, 60, 203, 301), Box(128, 128, 200, 256)]
)
def test_a_region_is_a_part_of_the_whole(box: Box, scale: int) -> None:
    part = codec().decode_picture(coded(), box, scale).pixels
    rows = slice(box.top // scale, -(-box.bottom // scale))
    columns = slice(box.left // scale, -(-box.right // scale))
    expected = decoded(scale)[rows, columns]
    assert part.shape == expected.shape
    assert levels_apart(part, expected) <= 1


@pytest.mark.parametrize(("scale", "size"), [(1, (140, 60)), (4, (35, 15))])
def test_a_region_decodes_only_the_tiles_it_touches(scale: int, size: tuple[int, int]) -> None:
    container = read_container(coded())
    payloads = (*container.payloads[:2], *[Payload(b"\1\2\3")] * 4)
    forged = write_container(Container(container.header, payloads))
    assert codec().decode(forged, Box(0, 0, 60, 140), scale).size == size
    with pytest.raises(aecodec.FormatError, match=r"tile 2 \(column 2, row 0\): "):
        codec().decode(forged, Box(0, 0, 60, 240), scale)


@pytest.mark.parametrize("box", [Box(0, 0, 204, 1), Box(0, 301, 1, 302), Box(5, 5, 5, 9)])
def test_a_region_that_sticks_out_is_refused(box: Box) -> None:
    with pytest.raises(aecodec.ImageError, match="is not within 301x203 pixels"):
        codec().decode(coded(), box)


def test_gray_is_coded_as_gray() -> None:
    gray = np.asarray(Image.fromarray(PIXELS).convert("L"))
    data = codec().encode(gray, quality=50)
    assert info(data).mode == "gray"
    plain, colour = (codec().encode(x, effort=0) for x in (gray, np.dstack([gray] * 3)))
    assert len(plain) <= len(colour)
    assert len(data) < len(codec().encode(PIXELS, quality=50))
    picture = codec().decode_picture(data)
    assert picture.gray and psnr(gray, picture.pixels) > 30
    assert codec().decode(data).mode == "L"


def test_alpha_is_kept_losslessly() -> None:
    alpha = PIXELS[..., 0].copy()
    data = codec().encode(Picture(PIXELS, alpha), tile=128)
    picture = codec().decode_picture(data)
    assert picture.alpha is not None and np.array_equal(picture.alpha, alpha)
    part = codec().decode_picture(data, Box(10, 20, 30, 60))
    assert part.alpha is not None and np.array_equal(part.alpha, alpha[10:30, 20:60])
    assert codec().decode(data).mode == "RGBA"
    la = np.dstack([alpha, alpha])
    assert codec().decode(codec().encode(la)).mode == "LA"


def test_too_many_pixels_are_refused_before_any_work() -> None:
    small = Codec(max_pixels=WIDTH * HEIGHT - 1)
    with pytest.raises(aecodec.ImageError, match="over the limit of 61102 pixels"):
        small.decode(coded())
    with pytest.raises(aecodec.ImageError, match="over the limit of 61102 pixels"):
        small.encode(PIXELS)


# At a part of the size


@pytest.mark.parametrize("scale", SMALL)
@pytest.mark.parametrize("size", [(1, 1), (8, 7), (64, 65), (17, 130)])
def test_sizes(scale: int, size: tuple[int, int]) -> None:
    width, height = size
    data = codec().encode(photo(width, height), effort=0)
    assert codec().decode(data, scale=scale).size == (-(-width // scale), -(-height // scale))


@pytest.mark.parametrize("scale", SMALL)
def test_a_small_picture_is_the_whole_one_made_small(scale: int) -> None:
    """At the edges too, and nowhere nearer to it when it is shifted: the phase is right."""
    whole, small = made_small(decoded(), scale), decoded(scale)
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
def test_quality_at_a_part_of_the_size(scale: int, quality: int) -> None:
    """Against the photo made small: hardly worse than the whole decode made small."""
    original = made_small(PIXELS, scale)
    whole = made_small(codec().decode_picture(coded(quality)).pixels, scale)
    small = codec().decode_picture(coded(quality), scale=scale).pixels
    assert psnr(original, small) > psnr(original, whole) - 0.8


def test_alpha_and_gray_at_a_part_of_the_size() -> None:
    alpha = PIXELS[..., 0].copy()
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


def test_the_reduction_for_a_size() -> None:
    assert reduction_for((800, 600), (100, 75)) == 8
    assert reduction_for((800, 600), (100, 76)) == 4
    assert reduction_for((799, 600), (100, 75)) == 4
    assert reduction_for((10, 10), (20, 20)) == 1


# Damaged, or cut


def test_keep_going_leaves_a_damaged_tile_gray() -> None:
    damaged = bytearray(coded())
    damaged[-20] ^= 1
    with pytest.raises(aecodec.FormatError, match=r"tile 5 \(column 2, row 1\): damaged chunk"):
        codec().decode(bytes(damaged))
    picture = codec().decode_picture(bytes(damaged), keep_going=True)
    assert picture.notes == (
        "tile 5 (column 2, row 1) is damaged and left gray: its chunk is damaged",
    )
    assert np.array_equal(picture.pixels[:64], decoded()[:64])
    assert np.array_equal(picture.pixels[:, :192], decoded()[:, :192])
    assert levels_apart(picture.pixels[140:, 270:], np.full((63, 31, 3), 127)) <= 2


def first_payload_byte(data: bytes) -> int:
    """Of the last tile."""
    return len(data) - 4 - info(data).chunks[-1].bytes


def test_more_bytes_give_a_better_picture() -> None:
    data = coded(tile=DEFAULT_TILE)
    cuts = [data[: int(share * len(data))] for share in (0.05, 0.3, 0.6, 0.9, 1)]
    *cut, whole = [codec().decode_picture(data, partial=True) for data in cuts]
    found = [psnr(PIXELS, picture.pixels) for picture in cut]
    assert found == sorted(found) and found[-1] > found[0] + 10
    assert all(picture.notes == ("cut off: detail is missing",) for picture in cut)
    assert not whole.notes
    assert np.array_equal(whole.pixels, codec().decode_picture(data).pixels)
    small = codec().decode_picture(cuts[2], scale=4, partial=True)
    assert small.pixels.shape == (51, 76, 3) and small.notes


def test_nothing_is_shown_before_the_first_tile() -> None:
    data = coded(tile=DEFAULT_TILE)
    begin = first_payload_byte(data)
    with pytest.raises(aecodec.FormatError, match="cut"):
        codec().decode(data[: begin - 1], partial=True)
    picture = codec().decode_picture(data[:begin], partial=True)
    assert np.ptp(picture.pixels) <= 3


def test_damage_is_still_refused() -> None:
    data = bytearray(coded())
    data[first_payload_byte(coded()) - 300] ^= 1
    with pytest.raises(aecodec.FormatError, match="damaged chunk"):
        codec().decode(bytes(data[:-2]), partial=True)


def test_tiles_arrive_one_after_the_other() -> None:
    sizes = [chunk.bytes for chunk in info(coded()).chunks if chunk.type == "TILE"]
    start = len(coded()) - sum(sizes[1:]) - 5 * 12
    cut = coded()[: start + 8 + sizes[1] // 2]
    picture = codec().decode_picture(cut, partial=True)
    assert picture.notes == ("cut off: detail is missing in 5 of 6 tiles",)
    assert np.array_equal(picture.pixels[:64, :64], decoded()[:64, :64])
    container = read_container(cut, partial=True)
    assert [payload.state for payload in container.payloads] == ["whole"] + 5 * ["cut"]
    assert [len(payload.data) for payload in container.payloads[1:]] == [sizes[1] // 2, 0, 0, 0, 0]
    part = codec().decode_picture(cut, Box(0, 0, 40, 40), partial=True)
    assert not part.notes
