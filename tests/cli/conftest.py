"""An empty folder with a photo or more, and the stand-in for the codec."""

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from aecodec import engines
from aecodec.cli.main import main
from tests.cli.stand_in import PIXELS, StandIn, quickest_decoder


@pytest.fixture
def photo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A photo in the working folder, which is empty otherwise; the codec is the stand-in."""
    module = ModuleType("aecodec.codec")
    module.Codec = StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "aecodec.codec", module)
    monkeypatch.setattr(engines, "quickest_decoder", quickest_decoder)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "photo.png"
    Image.fromarray(PIXELS).save(path, icc_profile=b"a profile")
    return path


@pytest.fixture
def aec(photo: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """photo.aec beside photo.png, of which it was made."""
    assert main(["compress", "photo.png"]) == 0
    capsys.readouterr()
    return photo.with_suffix(".aec")


@pytest.fixture
def tree(photo: Path) -> Path:
    """photo.png, and a folder with two more, one of them in a folder of its own."""
    Path("in/deep").mkdir(parents=True)
    for name in ("in/a.png", "in/deep/b.bmp"):
        Image.fromarray(PIXELS).save(name)
        os.utime(name, (1_000_000, 1_000_000))
    Path("in/notes.txt").write_text("not a photo")
    return Path("in")
