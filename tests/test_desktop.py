"""MIME type and thumbnailer, as a freedesktop.org desktop would use them."""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from aecodec.cli.main import main
from aecodec.desktop.__main__ import HERE
from aecodec.format.header import SIGNATURE
from aecodec.image.picture import Picture
from tests.payloads import codec
from tests.photos import photo


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A user's data folder after the install command."""
    subprocess.run(
        [sys.executable, "-m", "aecodec.desktop"],
        check=True,
        env=os.environ | {"XDG_DATA_HOME": str(tmp_path)},
        capture_output=True,
    )
    return tmp_path


def test_the_mime_type_is_known(installed: Path) -> None:
    tree = ElementTree.parse(installed / "mime" / "packages" / "aecodec.xml")
    match = next(element for element in tree.iter() if element.tag.endswith("match"))
    assert match.attrib["value"].encode().decode("unicode_escape").encode("latin-1") == SIGNATURE
    if shutil.which("update-mime-database"):
        assert "image/x-aec:*.aec" in (installed / "mime" / "globs").read_text()
        assert SIGNATURE in (installed / "mime" / "magic").read_bytes()


def test_the_thumbnailer_s_own_command(installed: Path, tmp_path: Path) -> None:
    entry = configparser.RawConfigParser()
    entry.read(installed / "thumbnailers" / "aecodec.thumbnailer")
    exif = Image.Exif()
    exif[274] = 6  # to be turned by a quarter
    picture = Picture(photo(300, 200), exif=exif.tobytes().removeprefix(b"Exif\0\0"))
    (tmp_path / "a photo.aec").write_bytes(codec().encode(picture))
    words = {"%s": "128", "%i": str(tmp_path / "a photo.aec"), "%o": str(tmp_path / "thumb.XYZ")}
    command = shlex.split(entry["Thumbnailer Entry"]["Exec"])
    assert command[0] == entry["Thumbnailer Entry"]["TryExec"] == "aecodec"
    (tmp_path / "thumb.XYZ").touch()  # desktops make the file first
    assert main([words.get(word, word) for word in command[1:]]) == 0
    with Image.open(tmp_path / "thumb.XYZ") as thumb:
        assert (thumb.format, thumb.size) == ("PNG", (85, 128))
        expected = Image.fromarray(np.rot90(photo(300, 200), -1)).resize((85, 128))
        assert np.abs(np.asarray(thumb).astype(int) - np.asarray(expected)).mean() < 8


def test_the_files_travel_with_the_package() -> None:
    assert {path.name for path in HERE.iterdir()} >= {"aecodec.xml", "aecodec.thumbnailer"}
