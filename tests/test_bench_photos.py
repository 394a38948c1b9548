"""Which photos the benchmark takes, and which it leaves out aloud."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aecodec.bench.photos import (
    KODAK_NAMES,
    KODAK_PORTRAITS,
    Photo,
    is_kodak,
    read_bundled,
    read_folder,
)
from aecodec.errors import AecodecError, ImageError


def kodak_like(suffix: str = ".png") -> list[Photo]:
    """24 black photos with the names and sizes of Kodak's."""
    shapes = [(768, 512, 3) if name in KODAK_PORTRAITS else (512, 768, 3) for name in KODAK_NAMES]
    return [
        Photo(name + suffix, np.zeros(shape, np.uint8))
        for name, shape in zip(KODAK_NAMES, shapes, strict=True)
    ]


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.png", "a.ppm"):
        Image.new("RGB", (5, 4), "red").save(tmp_path / name)
    (tmp_path / "readme.txt").write_text("no photo")
    photos = read_folder(tmp_path, lambda _: None)
    assert [photo.name for photo in photos] == ["a.ppm", "b.png"]
    assert photos[0].image.shape == (4, 5, 3) and photos[0].pixels == 20


def test_other_modes_are_left_out_with_a_message(tmp_path: Path) -> None:
    Image.new("RGB", (5, 4)).save(tmp_path / "colour.png")
    Image.new("L", (5, 4)).save(tmp_path / "gray.png")
    Image.new("RGBA", (5, 4)).save(tmp_path / "alpha.png")
    messages: list[str] = []
    assert [photo.name for photo in read_folder(tmp_path, messages.append)] == ["colour.png"]
    assert messages == [
        "alpha.png: left out, mode RGBA instead of RGB",
        "gray.png: left out, mode L instead of RGB",
    ]


def test_a_folder_without_photos_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AecodecError, match="no RGB photos"):
        read_folder(tmp_path, lambda _: None)
    with pytest.raises(AecodecError, match="not a folder"):
        read_folder(tmp_path / "missing", lambda _: None)


def test_a_broken_photo_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with pytest.raises(ImageError, match=r"broken\.png: cannot be read"):
        read_folder(tmp_path, lambda _: None)


def test_the_bundled_photos_need_no_network() -> None:
    pytest.importorskip("skimage")
    photos = read_bundled()
    assert len(photos) == 5
    assert all(photo.image.ndim == 3 and photo.image.dtype == np.uint8 for photo in photos)
    assert not is_kodak(photos)


def test_kodak_is_known_by_names_and_sizes() -> None:
    photos = kodak_like()
    assert is_kodak(photos)
    assert not is_kodak(photos[:23])
    assert not is_kodak([*photos[:23], Photo("kodim24.png", np.zeros((512, 767, 3), np.uint8))])
    assert not is_kodak(kodak_like(".jpg"))
