"""benchmarks/speed, with stand-ins: a codec whose multiply-adds are known, trees in no time."""

import os
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
import torch
from PIL import Image

from aecodec.codec import Codec
from aecodec.errors import AecodecError
from benchmarks.pages import ROOT
from benchmarks.speed import against
from benchmarks.speed import measure as speed

pytest.importorskip("skimage")

PACKAGE = """
class Codec:
    def __init__(self{options}):
        pass

    def encode(self, image, quality, effort=2, tune=None):
        assert image.size == (64, 32) and quality == 60 and tune in (None, "visual", "psnr")
        return b"file"

    def decode(self, data, scale=1):
        assert data == b"file" and scale in (1, 8)
"""
COMMAND = """
import os, pathlib, sys

assert "OMP_WAIT_POLICY" not in os.environ and len(os.sched_getaffinity(0)) == 1
verb, source, _, target = sys.argv[1:5]
if verb == "decompress":
    assert target.startswith(os.path.splitext(source)[0])
pathlib.Path(target).write_bytes(pathlib.Path(source).read_bytes())
"""


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


def test_multiply_adds_count_in_the_precision_they_have() -> None:
    def call() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            torch.mm(torch.zeros(4, 10), torch.zeros(10, 5))

    assert speed.count_macs(call) == Counter({torch.bfloat16: 200})


def test_a_codec_without_multiply_adds_is_not_believed() -> None:
    with pytest.raises(SystemExit, match="counted no multiply-adds"):
        speed.count_macs(lambda: None)


def test_the_default_photo() -> None:
    picture = speed.read_photo(None)
    assert picture.size == (768, 512) and picture.mode == "RGB"


def tree(folder: Path, options: str = "", command: str = COMMAND) -> Path:
    """A tree whose `Codec` takes these options."""
    package = folder / "aecodec"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(PACKAGE.format(options=options))
    (package / "__main__.py").write_text(command)
    return folder


def compared(
    old: Path, new: Path, monkeypatch: pytest.MonkeyPatch, large: tuple[int, int] | None = None
) -> dict[str, object]:
    """What `--against` measures, with these trees for those of the commit and this one."""

    @contextmanager
    def checked_out(commit: str) -> Iterator[Path]:
        yield old

    monkeypatch.setattr(against, "ROOT", new)
    monkeypatch.setattr(against, "checked_out", checked_out)
    monkeypatch.setattr(against, "name_of", lambda commit: commit)
    monkeypatch.setattr(against, "name_of_this", lambda: "this")
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    options = Namespace(against="that", quality=60, repeats=1, threads=1)
    return against.compare(Image.new("RGB", (64, 32)), large, options)


@pytest.mark.parametrize("options", ["", ", exact_pixels=False"])
def test_an_old_commit_and_this_tree_take_turns(
    options: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cores = os.sched_getaffinity(0)
    old, new = tree(tmp_path / "old"), tree(tmp_path / "new", options)
    result = compared(old, new, monkeypatch, large=(96, 48))
    assert os.sched_getaffinity(0) == cores
    assert result["commits"] == {"old": "that", "new": "this"}
    codecs, commands, large = (
        {row["what"]: row for row in cast(list[against.Row], result[name])}
        for name in ("codecs", "commands", "large")
    )
    assert [*codecs] == [*against.ORDERS, "decode beside 2 busy processes"]
    assert {*commands} > {"compress", "decompress, 4 at once", "decompress beside 2 busy processes"}
    assert [*large] == ["compress 96x48", "decompress 96x48"]
    sides = ["old", "new", *(["exact"] if options else [])]
    assert all([*row["seconds"]] == sides for row in codecs.values())
    assert all(row["mib"]["old"] > 1 for row in large.values())
    table = speed.tables("trial", result)["trial"]
    assert f"that (old) and this (new) in turn, kept to 1 cores of {result['machine']}" in table
    assert ("new, exact pixels, s" in table) == bool(options)
    assert "| decompress 96x48 |" in table


def test_ratios_are_of_the_old_seconds() -> None:
    row = {"what": "decode", "seconds": {"old": 0.6, "new": 0.2, "exact": 0.3}}
    assert against.cells(row, "exact") == ["decode", "0.600", "0.200", "3.00", "0.300", "2.00"]


def test_a_command_that_fails_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = tree(tmp_path / "new", command="import sys; sys.exit('no such thing')")
    with pytest.raises(AecodecError, match="a command failed: no such thing"):
        compared(tree(tmp_path / "old"), new, monkeypatch)


def test_a_codec_that_fails_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = tree(tmp_path / "new", options=", needed")
    with pytest.raises(AecodecError, match=f"the codec of {new} ended"):
        compared(tree(tmp_path / "old"), new, monkeypatch)


def test_a_codec_of_another_tree_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old").mkdir()
    new = tree(tmp_path / "new")
    monkeypatch.setenv("PYTHONPATH", str(new))
    with pytest.raises(AecodecError, match=r"the codec is that of .*new, not of .*old"):
        compared(tmp_path / "old", new, monkeypatch)


@pytest.mark.slow
def test_this_trees_codec_takes_every_order(tmp_path: Path) -> None:
    Image.linear_gradient("L").resize((64, 48)).save(tmp_path / "photo.png")
    with against.worker(ROOT, tmp_path / "photo.png", 60, "no_such_option") as (ask, has):
        assert has == []
        for order in against.ORDERS.values():
            ask(order)
