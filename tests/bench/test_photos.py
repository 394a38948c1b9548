"""Which photos the benchmark takes, and which it leaves out aloud."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

pytest.importorskip("matplotlib")

from aecodec.bench.kodak import SHA256, differences
from aecodec.bench.photos import Photo, read_bundled, read_folder
from aecodec.bench.runner import is_kodak
from aecodec.errors import AecodecError, ImageError


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.png", "a.ppm"):
        Image.new("RGB", (5, 4), "red").save(tmp_path / name)
    (tmp_path / "readme.txt").write_text("no photo")
    photos = read_folder(tmp_path, lambda _: None)
    assert [photo.name for photo in photos] == ["a.ppm", "b.png"]
    assert photos[0].image.shape == (4, 5, 3) and photos[0].pixels == 20


def test_photos_of_every_mode_are_taken_as_compress_does(tmp_path: Path) -> None:
    Image.new("CMYK", (5, 4), (0, 255, 255, 0)).save(tmp_path / "cmyk.tif")
    Image.fromarray(np.full((4, 5), 51 * 257, np.uint16)).save(tmp_path / "deep.png")
    Image.new("L", (5, 4), 51).save(tmp_path / "gray.png")
    for mode in ("LA", "RGBA"):
        Image.new(mode, (5, 4), (51,) * len(mode)).save(tmp_path / f"{mode}.png")
    gray = Image.new("P", (5, 4), 1)
    gray.putpalette([0, 0, 0, 51, 51, 51])
    gray.save(tmp_path / "palette.gif")
    messages: list[str] = []
    photos = {photo.name: photo for photo in read_folder(tmp_path, messages.append)}
    grays = {name for name, photo in photos.items() if photo.gray}
    assert grays == {"LA.png", "deep.png", "gray.png", "palette.gif"}
    for name, photo in photos.items():
        assert photo.image.shape == (4, 5, 3) and photo.image.dtype == np.uint8
        assert np.all(photo.image == ([255, 0, 0] if name == "cmyk.tif" else 51))
    assert messages == [
        "LA.png, RGBA.png: alpha was left out",
        "cmyk.tif: CMYK was converted to RGB",
        "deep.png: 16-bit samples were reduced to 8 bits",
    ]


def test_photos_are_turned_upright_and_metadata_left_out_without_a_word(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    text = PngInfo()
    text.add_text("source", "a camera")
    for name in "abcde":
        Image.new("RGB", (5, 4)).save(tmp_path / f"{name}.png", exif=exif)
    Image.new("RGB", (5, 4)).save(tmp_path / "plain.png", pnginfo=text)
    messages: list[str] = []
    photos = read_folder(tmp_path, messages.append)
    assert [photo.image.shape for photo in photos] == [(5, 4, 3)] * 5 + [(4, 5, 3)]
    assert messages == ["a.png, b.png, c.png and 2 more: turned upright, as EXIF says"]
    assert not photos[-1].changes


def test_other_files_are_told_once(tmp_path: Path) -> None:
    Image.new("RGB", (5, 4)).save(tmp_path / "a.jfif", "JPEG")
    for name in ("b.svg", "c.SVG", "d.psd", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "._a.png").write_bytes(bytes.fromhex("00051607") + bytes(50))
    (tmp_path / "folder.png").mkdir()
    messages: list[str] = []
    assert [photo.name for photo in read_folder(tmp_path, messages.append)] == ["a.jfif"]
    assert messages == ["3 files were skipped: 2 .svg, 1 .psd"]


def test_a_name_that_is_no_utf8_can_be_written_into_a_report(tmp_path: Path) -> None:
    Image.new("RGB", (5, 4)).save(tmp_path / os.fsdecode(b"\xff.png"))
    assert [photo.name for photo in read_folder(tmp_path, lambda _: None)] == [r"\xff.png"]


def test_a_folder_without_photos_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AecodecError, match="no photos"):
        read_folder(tmp_path, lambda _: None)
    with pytest.raises(AecodecError, match="not a folder"):
        read_folder(tmp_path / "missing", lambda _: None)


def test_a_broken_photo_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with pytest.raises(ImageError, match=r"broken\.png: not a picture of a known format"):
        read_folder(tmp_path, lambda _: None)


def test_the_bundled_photos_need_no_network() -> None:
    pytest.importorskip("skimage")
    photos = read_bundled()
    assert len(photos) == 5
    assert all(photo.image.ndim == 3 and photo.image.dtype == np.uint8 for photo in photos)
    assert all(len(photo.sha256) == 64 for photo in photos)


def test_kodak_is_known_by_its_checksums() -> None:
    assert len(SHA256) == 24 and len(set(SHA256.values())) == 24
    assert all(len(value) == 64 for value in SHA256.values())
    assert differences(SHA256) == []
    changed = SHA256 | {"kodim07.png": "ab" * 32}
    assert differences(changed) == [
        "kodim07.png: SHA-256 abababababababab... is not Kodak's, b77d3f006f42414b..."
    ]
    fewer = {name: value for name, value in SHA256.items() if name != "kodim24.png"}
    assert differences(fewer) == ["1 of the 24 Kodak photos are missing: kodim24.png"]
    (line,) = differences({"kodim01.png": SHA256["kodim01.png"]})
    assert line.startswith("23 of the 24") and line.endswith("kodim03.png, kodim04.png, ...")
    assert differences(SHA256 | {"a.png": ""}) == ["not of the Kodak photos: a.png"]


def test_only_folders_that_look_like_kodak_are_told_how_they_differ() -> None:
    lines: list[str] = []
    pixels = np.zeros((2, 2, 3), np.uint8)
    assert not is_kodak([Photo("a.png", pixels)], lines.append) and lines == []
    kodak = [Photo(name, pixels, value) for name, value in SHA256.items()]
    assert is_kodak(kodak, lines.append) and lines == []
    assert not is_kodak(kodak[:23], lines.append) and len(lines) == 1
