"""Previews of large pictures: how they are made and decoded, and who shows them."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import aecodec.pillow
from aecodec import AecodecError, Codec, FormatError, ImageError
from aecodec.cli.main import main
from aecodec.coding import encoder, preview
from aecodec.coding.preview import FROM_PIXELS, SHARE, best_preview
from aecodec.format.container import Container, Payload, read_container, write_container
from aecodec.format.info import info
from aecodec.format.preview import Preview, read_preview, write_preview
from aecodec.image.photo_file import read_picture
from aecodec.image.picture import Picture, reduced
from aecodec.image.psnr import psnr
from tests.payloads import codec
from tests.photos import photo

PIXELS = photo(601, 300)
ALPHA = np.tile(np.linspace(0, 255, 601).round().astype(np.uint8), (300, 1))
PICTURES = {
    "RGB": Picture(PIXELS, exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0"),
    "gray": Picture(PIXELS[..., 0]),
    "alpha": Picture(PIXELS, ALPHA),
}


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of a tenth of a megapixel have previews, which may be a quarter as large."""
    monkeypatch.setattr(encoder, "FROM_PIXELS", 100_000)
    monkeypatch.setattr(preview, "SHARE", 4)


@cache
def coded(name: str) -> bytes:
    return codec().encode(PICTURES[name], effort=0)


def with_bad_tiles(data: bytes) -> bytes:
    """Right CRCs, but what is not decoded by the preview is an error."""
    return write_container(replace(read_container(data), payloads=(Payload(b"odd"),)))


@pytest.mark.parametrize("name", PICTURES)
def test_a_preview_is_the_picture_small(name: str) -> None:
    picture, data = PICTURES[name], coded(name)
    found = codec().decode_preview(with_bad_tiles(data))
    expected = reduced(picture, 2)
    assert found.pixels.shape[:2] == (150, 301) and found.gray == picture.gray
    seen = slice(None) if picture.alpha is None else slice(40, None)
    assert psnr(expected.pixels[:, seen], found.pixels[:, seen]) > 27
    assert (found.alpha is None) == (picture.alpha is None)
    if found.alpha is not None and expected.alpha is not None:
        assert np.array_equal(found.alpha, expected.alpha)
    assert found.exif == picture.exif
    facts = info(data)
    assert 0 < facts.preview <= preview.MAX_BYTES + 3 and facts.preview < facts.bytes / 4


def test_a_preview_changes_nothing_else() -> None:
    without = codec().encode(PICTURES["RGB"], effort=0, preview=False)
    with pytest.raises(AecodecError, match="the file has no preview"):
        codec().decode_preview(without)
    assert read_container(without) == replace(read_container(coded("RGB")), preview=None)
    refined = read_container(codec().encode(PICTURES["RGB"], verify=True))
    assert refined.preview and refined.filter


def test_only_large_pictures_have_one_and_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "FROM_PIXELS", FROM_PIXELS)
    monkeypatch.setattr(preview, "SHARE", SHARE)
    pixels = photo(1025, 1024)
    assert codec().encode(pixels[:1024, :1024], effort=0, tile=64).find(b"prvw") < 0
    facts = info(codec().encode(pixels[:1024, :1025], 90, effort=0))
    assert 100 < facts.preview <= min(2048, facts.bytes // 100) + 3


def test_the_best_in_reach_is_taken() -> None:
    """Of sizes that are 10 q, and a tenth more once refined."""

    def encode(q: int, refined: bool) -> bytes:
        return bytes(11 * q + 11 if refined else 10 * q + 10)

    assert best_preview(encode, 3, 4 * 330) == Preview(3, 29, bytes(330))
    assert best_preview(encode, 3, 4 * 10**6) == Preview(3, 63, bytes(704))
    assert best_preview(encode, 3, 4 * 11) == Preview(3, 0, bytes(11))
    assert best_preview(encode, 3, 4 * 10) is None


def test_means_by_what_is_seen() -> None:
    """In strips as all at once, the last row and column of fewer samples."""
    picture = Picture(photo(101, 75), ALPHA[:75, :101])
    found, whole = reduced(picture, 3), np.dstack([picture.pixels, ALPHA[:75, :101]])
    expected = np.asarray(Image.fromarray(whole).reduce(3))
    assert found.alpha is not None
    assert np.array_equal(np.dstack([found.pixels, found.alpha]), expected)


def test_pillow_takes_it_where_it_is_large_enough() -> None:
    aec = io.BytesIO(with_bad_tiles(coded("alpha")))
    image = Image.open(aec)
    image.thumbnail((256, 256))
    assert (image.size, image.mode) == ((256, 128), "RGBA")
    image = Image.open(aec)
    assert image.draft(None, (300, 150)) == ("RGBA", (0, 0, 300.5, 150))
    assert image.size == (301, 150) == image.convert("RGB").size
    for size in ((301, 150), (300, 151)):
        image = Image.open(aec)
        assert image.draft(None, size) == ("RGBA", (0, 0, 601, 300))
        with pytest.raises(OSError):
            image.load()
    with pytest.raises(OSError):
        Image.open(aec).thumbnail((302, 302))


def test_the_command_s_thumbnails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.aec"
    path.write_bytes(with_bad_tiles(coded("gray")))
    line = ["decompress", "-f", str(path), "--thumbnail"]
    assert main([*line, "301"]) == 0
    assert read_picture(path.with_suffix(".png")).pixels.shape == (150, 301)
    assert main([*line, "302"]) == main([*line, "100", "--region", "0,0,300,300"]) == 1
    container = read_container(coded("gray"))
    assert container.preview
    bad = write_preview(read_preview(container.preview, container.header)._replace(payload=b"bad"))
    path.write_bytes(write_container(replace(container, preview=bad)))
    capsys.readouterr()
    assert main([*line, "100"]) == 1
    assert capsys.readouterr().err.startswith(f"aecodec: error: {path}: the preview: tile 0")
    assert main([*line, "302"]) == 0


def test_damaged_tiles_are_told_all_the_same() -> None:
    data = bytearray(coded("RGB"))
    data[-9] ^= 1
    with pytest.raises(FormatError, match="tile 0"):
        codec().decode_preview(bytes(data))
    cut = bytes(coded("RGB")[:-200])
    assert codec().decode_preview(bytes(data), keep_going=True)
    assert codec().decode_preview(cut, partial=True)


def test_the_limit_of_pixels_is_that_of_the_picture() -> None:
    with pytest.raises(ImageError, match="601x300 is over the limit of 180299 pixels"):
        Codec(max_pixels=180_299).decode_preview(coded("RGB"))


def test_it_comes_before_the_tiles() -> None:
    file = Container(read_container(coded("RGB")).header, (Payload(b"x"),), preview=b"\0\2\0")
    assert write_container(file)[36:40] == b"prvw"


assert aecodec.pillow
