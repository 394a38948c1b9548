"""What is installed for desktops and their tools, used as they would, and the manual page."""

from __future__ import annotations

import configparser
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import click
import numpy as np
import pytest
from PIL import Image

from aecodec.cli.main import aecodec, main
from aecodec.desktop.__main__ import HERE
from aecodec.desktop.man import manual
from aecodec.format.header import SIGNATURE
from aecodec.image.picture import Picture
from tests.payloads import codec
from tests.photos import photo
from tests.processes import INHERITED


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


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file of ours, with metadata."""
    exif = Image.Exif()
    exif[271] = "a maker"
    xmp = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:d="http://purl.org/dc/elements/1.1/"
        xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description d:source="a source"/>
        </r:RDF></x:xmpmeta>"""
    path = tmp_path / "photo.aec"
    picture = Picture(photo(40, 30), exif=exif.tobytes().removeprefix(b"Exif\0\0"), xmp=xmp)
    path.write_bytes(codec().encode(picture, 60, effort=0))
    return str(path)


@pytest.mark.skipif(not shutil.which("file"), reason="needs file(1)")
def test_file_tells_what_it_is(file: str) -> None:
    def told(*options: str) -> str:
        line = ["file", "-b", "-m", str(HERE / "aecodec.magic"), *options, file]
        return subprocess.run(line, check=True, capture_output=True, text=True).stdout

    assert told() == "aecodec image, version 1, 40 x 30, RGB, q 38\n"
    assert told("--mime-type") == "image/x-aec\n"


@pytest.mark.skipif(not shutil.which("exiftool"), reason="needs exiftool")
def test_exiftool_tells_what_is_in_it(file: str) -> None:
    config = str(HERE / "aecodec.ExifTool_config")
    line = ["exiftool", "-config", config, "-json", file]
    (told,) = json.loads(subprocess.run(line, check=True, capture_output=True).stdout)
    expected = {
        "MIMEType": "image/x-aec",
        "AecFormatVersion": 1,
        "AecColorMode": "RGB",
        "AecRateIndex": 38,
        "ImageSize": "40x30",
        "Make": "a maker",
        "Source": "a source",
    }
    assert {key: told.get(key) for key in expected} == expected


def test_the_manual_says_what_help_says(installed: Path) -> None:
    page = (installed / "man" / "man1" / "aecodec.1").read_text("ascii")
    for name, command in aecodec.commands.items():
        assert '.SS "aecodec {} '.format(name.replace("-", "\\-")) in page
        options = [each for each in command.params if isinstance(each, click.Option)]
        assert all(option.help and option.help in page_text(page) for option in options)
    assert "\\fB\\-h, \\-\\-help\\fR" in page
    if shutil.which("groff"):
        line = ["groff", "-man", "-ww", "-z", "-Tutf8"]
        assert subprocess.run(line, input=page.encode(), capture_output=True).stderr == b""


def page_text(page: str) -> str:
    """Without the escapes of what our help texts hold."""
    for escape, sign in (("\\-", "-"), ("\\(aq", "'"), ("\\(ga", "`")):
        page = page.replace(escape, sign)
    return page


@click.group()
def odd() -> None:
    """A 'title'.

    .SH "no" \\fBrequest\\fR ~ ^ ` -
    and \N{CAT FACE}

    \b
    as   it
      stands
    """


@pytest.mark.skipif(not shutil.which("groff"), reason="needs groff")
def test_help_of_any_text() -> None:
    line = ["groff", "-man", "-ww", "-Tutf8", "-P-cbou"]
    page = manual(odd, "o-d", '1 "2"').encode()
    done = subprocess.run(line, input=page, check=True, capture_output=True)
    lines = [line.strip() for line in done.stdout.decode().splitlines()]
    assert done.stderr == b"" and "o-d - A 'title'" in lines
    assert '.SH "no" \\fBrequest\\fR ~ ^ ` - and \N{CAT FACE}' in lines
    assert lines[lines.index("as   it") + 1] == "stands"


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "no-folder").touch()
    line = [sys.executable, "-m", "aecodec.desktop"]
    env = INHERITED | {"XDG_DATA_HOME": str(tmp_path / "no-folder")}
    done = subprocess.run(line, env=env, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "no-folder/" in done.stderr
