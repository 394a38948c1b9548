"""benchmarks/speed, with a stand-in whose multiply-adds are known."""

from typing import cast

import pytest
import torch
from PIL import Image

from aecodec.codec import Codec
from benchmarks.speed import measure as speed

pytest.importorskip("skimage")


class FakeCodec:
    """Encodes by one convolution and decodes by one matrix product."""

    def encode(self, image: Image.Image, quality: int, effort: int = 2) -> bytes:
        x = torch.zeros(1, 3, image.height, image.width)
        with torch.inference_mode():
            torch.nn.functional.conv2d(x, torch.zeros(4, 3, 1, 1))  # 12 multiply-adds a pixel
        return b"file"

    def decode(self, data: bytes) -> Image.Image:
        pixels = torch.zeros(64 * 32, 10, dtype=torch.float64)
        torch.mm(pixels, torch.zeros(10, 5, dtype=torch.float64))  # 50 multiply-adds a pixel
        return Image.new("RGB", (64, 32))


def test_multiply_adds_are_counted_per_pixel() -> None:
    speeds = speed.measure(
        cast(Codec, FakeCodec()), Image.new("RGB", (64, 32)), quality=60, data=b"", repeats=2
    )
    assert [each["direction"] for each in speeds] == ["encode, effort 0", "decode"]
    assert [each["kmac_per_pixel"] for each in speeds] == [0.012, 0.05]
    for each in speeds:
        assert each["ratio"] == pytest.approx(each["seconds"] / each["product_seconds"])
    assert speeds[0]["ratio_binary32"] == pytest.approx(speeds[0]["ratio"])
    assert speeds[1]["ratio_binary32"] > 0


def test_a_codec_without_multiply_adds_is_not_believed() -> None:
    with pytest.raises(SystemExit, match="counted no multiply-adds"):
        speed.count_macs(lambda: None)


def test_the_default_photo() -> None:
    picture = speed.read_photo(None)
    assert picture.size == (768, 512) and picture.mode == "RGB"
