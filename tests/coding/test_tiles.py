"""Tiles, regions, gray and alpha through the codec."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image

import aecodec
from aecodec.codec import Codec
from aecodec.coding import transform
from aecodec.coding.transform import analyze
from aecodec.format.box import Box
from aecodec.format.constants import DEFAULT_TILE
from aecodec.format.container import Container, Payload, read_container, write_container
from aecodec.image.picture import Picture
from aecodec.image.psnr import psnr
from tests.payloads import codec, loaded, pixels_of
from tests.photos import photo

WIDTH, HEIGHT = 300, 200


@cache
def tiled() -> bytes:
    """Nine tiles, the outer ones cut by the edges."""
    return codec().encode(photo(WIDTH, HEIGHT), tile=128)


def levels_apart(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b).max())


def test_tiles_show_no_seam() -> None:
    """What is lost at the edges of tiles is no more than elsewhere."""
    pixels = photo(WIDTH, HEIGHT)
    decoded = codec().decode_picture(tiled()).pixels
    assert len(read_container(tiled()).payloads) == 6
    error = np.square(decoded.astype(float) - pixels).mean(axis=2)
    assert error[:, 124:132].mean() < 1.5 * error.mean()
    tiles, whole = (codec().encode(pixels, tile=tile, effort=0) for tile in (128, DEFAULT_TILE))
    found = [psnr(pixels, codec().decode_picture(data).pixels) for data in (tiles, whole)]
    assert found[0] > found[1] - 0.05
    assert len(tiles) < 1.1 * len(whole)


def test_pieces_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the piece, latents and pixels are those of the picture transformed at once."""
    pixels, model = photo(WIDTH, HEIGHT), loaded().model
    y, z = analyze(model, pixels, 40)
    at_once = pixels_of(model, y, WIDTH, HEIGHT, 40)
    monkeypatch.setattr(transform, "PIECE", 64)
    assert len(list(Box(0, 0, HEIGHT, WIDTH).pieces(transform.PIECE))) == 20
    again = analyze(model, pixels, 40)
    assert torch.allclose(again[0], y, atol=1e-3)
    assert torch.allclose(again[1], z, atol=1e-3)
    in_pieces = pixels_of(model, y, WIDTH, HEIGHT, 40)
    assert levels_apart(in_pieces, at_once) <= 1


@pytest.mark.parametrize(
    "box", [Box(0, 0, 1, 1), Box(120, 130, 140, 131), Box(3, 60, 199, 300), Box(128, 128, 200, 256)]
)
def test_a_region_is_a_part_of_the_whole(box: Box) -> None:
    whole = codec().decode_picture(tiled()).pixels
    part = codec().decode_picture(tiled(), box).pixels
    assert part.shape == (box.height, box.width, 3)
    assert levels_apart(part, whole[box.top : box.bottom, box.left : box.right]) <= 1


def test_a_region_decodes_only_the_tiles_it_touches() -> None:
    container = read_container(tiled())
    payloads = tuple(
        p if n in (0, 1) else Payload(b"\1\2\3") for n, p in enumerate(container.payloads)
    )
    forged = write_container(Container(container.header, payloads))
    assert codec().decode(forged, Box(0, 0, 60, 140)).size == (140, 60)
    with pytest.raises(aecodec.FormatError, match=r"tile 2 \(column 2, row 0\): "):
        codec().decode(forged, Box(0, 0, 60, 240))


@pytest.mark.parametrize("box", [Box(0, 0, 201, 1), Box(0, 300, 1, 301), Box(5, 5, 5, 9)])
def test_a_region_that_sticks_out_is_refused(box: Box) -> None:
    with pytest.raises(aecodec.ImageError, match="is not within 300x200 pixels"):
        codec().decode(tiled(), box)


def test_keep_going_leaves_a_damaged_tile_gray() -> None:
    whole = codec().decode_picture(tiled()).pixels
    damaged = bytearray(tiled())
    damaged[-20] ^= 1
    with pytest.raises(aecodec.FormatError, match=r"tile 5 \(column 2, row 1\): damaged chunk"):
        codec().decode(bytes(damaged))
    picture = codec().decode_picture(bytes(damaged), keep_going=True)
    assert picture.notes == (
        "tile 5 (column 2, row 1) is damaged and left gray: its chunk is damaged",
    )
    assert np.array_equal(picture.pixels[:64], whole[:64])
    assert np.array_equal(picture.pixels[:, :192], whole[:, :192])
    assert levels_apart(picture.pixels[140:, 270:], np.full((60, 30, 3), 127)) <= 2


def test_gray_is_coded_as_gray() -> None:
    gray = np.asarray(Image.fromarray(photo(WIDTH, HEIGHT)).convert("L"))
    data = codec().encode(gray, quality=50)
    assert aecodec.info(data).mode == "gray"
    assert len(data) <= len(codec().encode(np.dstack([gray] * 3), quality=50))
    assert len(data) < len(codec().encode(photo(WIDTH, HEIGHT), quality=50))
    decoded = codec().decode_picture(data)
    assert decoded.gray and psnr(gray, decoded.pixels) > 30
    assert codec().decode(data).mode == "L"


def test_alpha_is_kept_losslessly() -> None:
    alpha = photo(WIDTH, HEIGHT)[..., 0].copy()
    data = codec().encode(Picture(photo(WIDTH, HEIGHT), alpha), tile=128)
    decoded = codec().decode_picture(data)
    assert decoded.alpha is not None and np.array_equal(decoded.alpha, alpha)
    part = codec().decode_picture(data, Box(10, 20, 30, 60))
    assert part.alpha is not None and np.array_equal(part.alpha, alpha[10:30, 20:60])
    assert codec().decode(data).mode == "RGBA"
    la = np.dstack([alpha, alpha])
    assert codec().decode(codec().encode(la)).mode == "LA"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda png: png[:20], "ALPH is cut"),
        (lambda png: b"x" + png[1:], "ALPH is not a PNG file"),
        (lambda png: png[:19] + b"\x41" + png[20:], "ALPH is not 8-bit gray of 64x48 pixels"),
        (lambda png: png[:50], "ALPH cannot be decoded"),
    ],
)
def test_a_bad_alpha_is_refused(change, message: str) -> None:  # type: ignore[no-untyped-def]
    alpha = photo(64, 48)[..., 0].copy()
    container = read_container(codec().encode(Picture(photo(64, 48), alpha)))
    assert container.alpha is not None
    forged = Container(container.header, container.payloads, alpha=change(container.alpha))
    with pytest.raises(aecodec.FormatError, match=message):
        codec().decode(write_container(forged))


def test_too_many_pixels_are_refused_before_any_work() -> None:
    small = Codec(max_pixels=WIDTH * HEIGHT - 1)
    with pytest.raises(aecodec.ImageError, match="over the limit of 59999 pixels"):
        small.decode(tiled())
    with pytest.raises(aecodec.ImageError, match="over the limit of 59999 pixels"):
        small.encode(photo(WIDTH, HEIGHT))
