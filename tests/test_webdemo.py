"""The photos of the demo page: three files each, and what photos.json tells about them."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("skimage")

import aecodec
from aecodec.errors import AecodecError
from benchmarks.webdemo import SOURCES, Source, best_jpeg, read, write_photos
from tests.photos import photo


def test_three_files_a_photo_and_their_real_bytes(tmp_path: Path) -> None:
    image = Image.fromarray(photo(144, 112))
    folder = tmp_path / "photos"
    told = write_photos([(SOURCES[0], image)], folder)
    assert told == json.loads((folder / "photos.json").read_text(encoding="utf-8"))
    (entry,) = told["photos"]
    listed = entry["files"]
    assert {each["file"] for each in listed.values()} | {"photos.json"} == {
        path.name for path in folder.iterdir()
    }
    for each in listed.values():
        assert each["bytes"] == (folder / each["file"]).stat().st_size
    assert listed["jpeg"]["bytes"] <= listed["aec"]["bytes"] < listed["original"]["bytes"]
    assert (entry["width"], entry["height"], entry["author"]) == (144, 112, SOURCES[0].author)

    with Image.open(folder / listed["original"]["file"]) as original:
        assert np.array_equal(np.asarray(original), np.asarray(image))
    assert (folder / listed["aec"]["file"]).read_bytes() == aecodec.encode(image)
    with Image.open(folder / listed["jpeg"]["file"]) as small:
        assert small.size == image.size and small.info["progressive"]


def test_the_jpeg_is_the_best_that_fits() -> None:
    image = Image.fromarray(photo(96, 80))
    limit = 2000
    data, quality = best_jpeg(image, limit)
    assert len(data) <= limit
    larger = io.BytesIO()
    image.save(
        larger,
        "JPEG",
        quality=quality + 1,
        progressive=True,
        optimize=True,
        subsampling="4:2:0",
    )
    assert larger.tell() > limit
    with pytest.raises(AecodecError, match="no JPEG of 96 x 80 pixels has 100 bytes"):
        best_jpeg(image, 100)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.file)
def test_bundled_photos_are_rgb_without_metadata(source: Source) -> None:
    image = read(source.file)
    assert image.mode == "RGB" and not image.info
    assert min(image.size) >= 300
