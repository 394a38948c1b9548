"""The plugin, used as Pillow's users use any other."""

from __future__ import annotations

import copy
import gc
import io
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile

import aecodec.pillow  # noqa: F401 (registers the format)
from aecodec.format.info import info
from aecodec.image.psnr import psnr
from aecodec.model.store import TUNED, find_model
from tests.photos import photo, saved
from tests.processes import run_python

PIXELS = photo(200, 120)


def test_save_and_open(tmp_path: Path) -> None:
    path = tmp_path / "photo.aec"
    Image.fromarray(PIXELS).save(path, quality=80)
    with Image.open(path) as image:
        assert (image.format, image.mode, image.size) == ("AEC", "RGB", (200, 120))
        assert image.get_format_mimetype() == "image/x-aec"
        assert psnr(PIXELS, np.asarray(image)) > 30
        image.thumbnail((50, 50))
        assert image.size == (50, 30)


def coded(pixels: NDArray[np.uint8], **options: Any) -> io.BytesIO:
    return io.BytesIO(saved(Image.fromarray(pixels), "AEC", **options))


def test_opening_decodes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    file = coded(PIXELS)
    monkeypatch.setattr("aecodec.codec.Codec.decode_picture", None)
    assert Image.open(file).size == (200, 120)


def test_imageio_reads_and_writes_by_pillow(tmp_path: Path) -> None:
    imageio = pytest.importorskip("imageio.v3")
    imageio.imwrite(tmp_path / "photo.aec", PIXELS, quality=80)
    data = (tmp_path / "photo.aec").read_bytes()
    for source in (tmp_path / "photo.aec", data):
        assert np.array_equal(imageio.imread(source), np.asarray(Image.open(io.BytesIO(data))))


def test_draft_decodes_small() -> None:
    file = coded(PIXELS[:, :199], effort=0)
    image = Image.open(file)
    assert image.draft(None, (49, 30)) == ("RGB", (0, 0, 49.75, 30.0))
    assert image.size == (50, 30)
    assert image.draft(None, (10, 10)) is None
    small = Image.fromarray(PIXELS[:, :199]).reduce(4)
    assert psnr(np.asarray(small), np.asarray(image)) > 28
    thumbnail = Image.open(file)
    thumbnail.thumbnail((20, 20))
    assert thumbnail.size == (20, 12)
    smaller = small.resize((20, 12), Image.Resampling.BICUBIC)
    assert psnr(np.asarray(smaller), np.asarray(thumbnail)) > 26


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_modes(mode: str) -> None:
    image = Image.open(io.BytesIO(saved(Image.fromarray(PIXELS).convert(mode), "AEC")))
    assert image.mode == mode
    image.load()
    assert image.mode == mode and len(image.getbands()) == len(mode)


def test_quality_and_metadata() -> None:
    exif = Image.Exif()
    exif[274] = 6
    small = coded(PIXELS, quality=10, exif=exif, icc_profile=b"a profile", xmp=b"<x/>")
    large = coded(PIXELS, quality=90)
    assert len(small.getvalue()) < len(large.getvalue())
    back = Image.open(small)
    assert back.getexif()[274] == 6
    assert (back.info["icc_profile"], back.info["xmp"]) == (b"a profile", b"<x/>")
    again = Image.open(io.BytesIO(saved(back, "AEC")))
    assert again.info["icc_profile"] == b"a profile"
    assert "exif" not in Image.open(large).info


def test_tune() -> None:
    names = {tune: coded(PIXELS, effort=0, tune=tune).getvalue() for tune in TUNED}
    assert {tune: find_model(info(data).model).name for tune, data in names.items()} == TUNED
    assert coded(PIXELS, effort=0).getvalue() == names["visual"]
    with pytest.raises(OSError, match="tune 'ear' unknown"):
        coded(PIXELS, tune="ear")


def test_what_saving_changes_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="CMYK was converted to RGB"):
        Image.new("CMYK", (8, 8)).save(io.BytesIO(), "AEC")


def test_truncated_files_as_pillow_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data = coded(PIXELS).getvalue()
    image = Image.open(io.BytesIO(data[:-9]))
    with pytest.raises(OSError, match="cut inside the chunk TILE"):
        image.load()
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    image.load()
    assert psnr(PIXELS, np.asarray(image)) > 25
    with pytest.raises(OSError, match="damaged header"):
        Image.open(io.BytesIO(data[:20] + b"!" + data[21:]))


def test_import_alone_loads_no_torch() -> None:
    code = "import sys, aecodec.pillow; sys.exit('torch' in sys.modules)"
    assert run_python(code).returncode == 0


def pickled(image: Image.Image) -> Image.Image:
    return pickle.loads(pickle.dumps(image))


@pytest.mark.parametrize("again", [pickled, copy.deepcopy, copy.copy, Image.Image.copy])
def test_copies_have_pixels_and_metadata(again: Callable[[Image.Image], Image.Image]) -> None:
    file = coded(PIXELS, effort=0, icc_profile=b"a profile")
    for before in (lambda image: None, lambda image: image.load(), reduced):
        expected, image = Image.open(file), Image.open(file)
        for each in (expected, image):
            before(each)
        copied = again(image)
        assert copied.info["icc_profile"] == b"a profile" and copied.size == expected.size
        assert np.array_equal(np.asarray(copied), np.asarray(expected))
        assert np.array_equal(np.asarray(again(copied)), np.asarray(image))


def reduced(image: Image.Image) -> None:
    image.draft(None, (50, 30))


def test_threads_load_one_image() -> None:
    image, expected = Image.open(coded(PIXELS, effort=0)), Image.open(coded(PIXELS, effort=0))
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: image.tobytes(), range(4)))
    assert found == {expected.tobytes()}


def test_verify() -> None:
    data = coded(PIXELS, effort=0).getvalue()
    image = Image.open(io.BytesIO(data))
    image.verify()
    image.load()
    image.verify()
    for bad in (data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], data[:-20], data + b"!"):
        with pytest.raises(OSError):
            Image.open(io.BytesIO(bad)).verify()


def test_what_is_closed_is_not_loaded(tmp_path: Path) -> None:
    image = Image.open(coded(PIXELS, effort=0))
    assert not image.getexif()
    image.close()
    with pytest.raises(ValueError, match="closed image"):
        image.load()


def test_files_are_closed_once_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "photo.aec"
    path.write_bytes(coded(PIXELS, effort=0).getvalue())
    Image.open(path).load()
    Image.open(path).verify()
    pickled(Image.open(path))
    with Image.open(path):
        pass
    gc.collect()  # a ResourceWarning is an error in tests
    with path.open("rb") as file:
        Image.open(file).load()
        assert not file.closed


def test_a_file_that_arrives_in_pieces() -> None:
    data, parser = coded(PIXELS, effort=0).getvalue(), ImageFile.Parser()
    for start in range(0, len(data), 1000):
        parser.feed(data[start : start + 1000])
    assert parser.close().tobytes() == Image.open(io.BytesIO(data)).tobytes()
