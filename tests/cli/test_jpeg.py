"""Where JPEG would do better."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from aecodec.cli.jpeg import (
    BLOCK,
    BLOCKS_ACROSS,
    JPEG_SIDE_MAX,
    is_unlike_photos,
    jpeg_psnr,
    jpeg_warning,
    places,
    sample,
)
from aecodec.cli.main import main
from aecodec.image.modes import Pixels
from aecodec.image.picture import Picture
from tests.cli.stand_in import PIXELS, StandIn
from tests.photos import photo as a_photo

NOISE = np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)


class Worse(StandIn):
    """Decodes badly, and counts how often."""

    decoded = 0

    def decode_picture(self, *_: Any, **__: Any) -> Picture:
        Worse.decoded += 1
        return Picture(PIXELS ^ np.uint8(64))


@pytest.fixture
def worse(photo: Path, monkeypatch: pytest.MonkeyPatch) -> type[Worse]:
    """In the place of the codec."""
    monkeypatch.setattr(sys.modules["aecodec.codec"], "Codec", Worse)
    monkeypatch.setattr(Worse, "decoded", 0)
    return Worse


def test_no_warning_where_jpeg_is_not_better(photo: Path, capsys: Any) -> None:
    assert main(["compress", "photo.png"]) == 0
    assert "JPEG" not in capsys.readouterr().err


def test_a_warning_where_jpeg_is_better(worse: type[Worse], capsys: Any) -> None:
    assert main(["compress", "photo.png"]) == 0
    err = capsys.readouterr().err
    assert err.startswith("aecodec: warning: photo.aec has 12.01 dB; JPEG has ")
    assert main(["compress", "photo.png", "-f", "--effort", "0"]) == 0
    assert "JPEG" not in capsys.readouterr().err
    assert worse.decoded == 1


def test_it_is_decoded_once_at_most(worse: type[Worse], capsys: Any) -> None:
    assert main(["compress", "photo.png", "-v"]) == 0
    err = capsys.readouterr().err
    assert "has 12.01 dB; JPEG has" in err and " 12.01 dB, " in err
    assert worse.decoded == 1


def test_what_looks_like_a_photo_is_not_decoded(
    worse: type[Worse], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aecodec.cli.jpeg.is_unlike_photos", lambda *_: False)
    assert main(["compress", "photo.png"]) == 0
    assert not worse.decoded


def test_metadata_make_no_room_for_a_jpeg(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def asked(pixels: Pixels, size: int, quality: int) -> bool:
        sizes.append(size)
        return False

    monkeypatch.setattr("aecodec.cli.jpeg.is_unlike_photos", asked)
    for count in (1, 100_000):
        Image.fromarray(PIXELS).save(photo, icc_profile=b"x" * count)
        assert main(["compress", "photo.png", "-f"]) == 0
    assert max(sizes) - min(sizes) < 50


def drawing(kind: str) -> Pixels:
    """A picture of 480x320 pixels that no camera takes."""
    random = np.random.default_rng(0)
    if kind == "blocks":
        return random.integers(0, 256, (20, 30, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
    ink, paper = ((230, 200, 90), (30, 30, 40)) if kind == "screen" else ("black", "white")
    image = Image.new("RGB", (480, 320), paper)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    if kind == "lines":
        for line in random.integers(0, 320, (60, 4)):
            pen.line([int(place) for place in line], ink, 2)
    else:
        for row in range(0, 320, 16):
            pen.text((4 - row % 48, row), "the quick brown fox jumps over it " * 3, ink, font)
    return np.asarray(image)


@pytest.mark.parametrize("kind", ["lines", "text", "screen", "blocks"])
@pytest.mark.parametrize(("bpp", "quality"), [(0.4, 20), (2.2, 60), (4.0, 85)])
def test_drawings_are_unlike_photos(kind: str, bpp: float, quality: int) -> None:
    """In about the bytes that the models make of such pictures."""
    pixels = drawing(kind)
    size = int(bpp * pixels.size / 3 / 8)
    assert is_unlike_photos(pixels, size, quality)
    assert is_unlike_photos(pixels[..., 0].copy(), size, quality)


def test_noise_is_unlike_photos() -> None:
    assert is_unlike_photos(NOISE, NOISE.size // 3, 85)
    gray = NOISE[..., 0].copy()
    assert is_unlike_photos(gray, int(4.4 * gray.size / 8), 60)


@pytest.mark.parametrize("size", [(600, 400), (1200, 800)])
@pytest.mark.parametrize(("bpp", "quality"), [(0.1, 20), (0.5, 60), (1.3, 85)])
def test_a_photo_is_like_photos(size: tuple[int, int], bpp: float, quality: int) -> None:
    pixels = a_photo(*size)
    assert not is_unlike_photos(pixels, int(bpp * pixels.size / 3 / 8), quality)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7, 3), (9, 1)])
def test_tiny_pictures_are_something(shape: tuple[int, ...]) -> None:
    assert is_unlike_photos(np.zeros(shape, np.uint8), 40, 50)


def test_a_sample_is_of_all_of_the_picture() -> None:
    """In whole blocks where JPEG has its own; a small picture is its own sample."""
    most = BLOCK * BLOCKS_ACROSS
    assert sample(NOISE).shape == NOISE.shape
    for side in (most + 1, most + 100, 4000):
        found = places(side)
        assert len(found) == most and not (found[::BLOCK] % 16).any()
        assert found[0] == 0 and side - 16 <= found[-1] + 1 <= side
        assert (np.diff(found) > 0).all()
    assert sample(np.zeros((3000, 300, 3), np.uint8)).shape == (most, 300, 3)


def test_the_best_jpeg_of_a_size() -> None:
    """Noise too, which takes JPEG more bytes than pixels."""
    for pixels in (NOISE, np.zeros_like(NOISE), NOISE[..., 0].copy()):
        found = [jpeg_psnr(pixels, size) for size in (10, 5_000, 30_000, 200_000)]
        assert found[0] is None and found[-1] is not None
        known = [value for value in found if value is not None]
        assert known == sorted(known)


def test_a_picture_that_jpeg_cannot_hold_has_no_warning() -> None:
    drawing = np.zeros((2, JPEG_SIDE_MAX + 1, 3), np.uint8)
    assert jpeg_psnr(drawing, 10**6) is None
    assert jpeg_warning("x.aec", drawing, 10**5, 60, lambda: 10.0) == []
