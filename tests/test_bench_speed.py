"""benchmarks/speed.py, with a stand-in whose multiply-adds are known."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from PIL import Image

pytest.importorskip("skimage")

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "speed.py"


class FakeCodec:
    """Encodes by one convolution and decodes by one matrix product."""

    def encode(self, image: Image.Image, quality: int, effort: int = 2) -> bytes:
        x = torch.zeros(1, 3, image.height, image.width)
        with torch.inference_mode():
            torch.nn.functional.conv2d(x, torch.zeros(4, 3, 1, 1))  # 12 multiply-adds a pixel
        return b"file"

    def decode(self, data: bytes) -> Image.Image:
        torch.mm(torch.zeros(64 * 32, 10), torch.zeros(10, 5))  # 50 multiply-adds a pixel
        return Image.new("RGB", (64, 32))


@pytest.fixture(scope="module")
def speed() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("speed", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["speed"] = module
    spec.loader.exec_module(module)
    return module


def test_multiply_adds_are_counted_per_pixel(speed: ModuleType) -> None:
    speeds = speed.measure(FakeCodec(), Image.new("RGB", (64, 32)), quality=60, repeats=2)
    assert [each.direction for each in speeds] == ["encode, effort 0", "decode"]
    assert [each.kmac_per_pixel for each in speeds] == [0.012, 0.05]
    for each in speeds:
        assert each.ratio == pytest.approx(each.seconds / each.product_seconds)
    table = speed.table(speeds, Image.new("RGB", (64, 32)), threads=2)
    assert "64x32 photo, 2 threads" in table and "| encode, effort 0 |" in table


def test_a_codec_without_multiply_adds_is_not_believed(speed: ModuleType) -> None:
    with pytest.raises(SystemExit, match="counted no multiply-adds"):
        speed.count_macs(lambda: None)


def test_the_default_photo(speed: ModuleType) -> None:
    picture = speed.read_photo(None)
    assert picture.size == (768, 512) and picture.mode == "RGB"
    assert 0 < speed.peak_rss_mib() < 100_000
