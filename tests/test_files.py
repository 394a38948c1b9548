"""files.py: inputs of any kind, outputs whole or not at all."""

import io
import os
from pathlib import Path

import pytest

from aecodec import files
from aecodec.errors import AecodecError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test here runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_default_output_is_beside_the_input() -> None:
    assert files.output_for("a/photo.png", ".aec") == "a/photo.aec"
    assert files.output_for("a.b/photo", ".aec") == "a.b/photo.aec"
    assert files.output_for("photo.v2.aec", ".png") == "photo.v2.png"
    assert files.output_for("-", ".aec") == "-"


def test_a_pipe_can_be_read() -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, b"through a pipe")
    os.close(write_end)
    assert files.read_bytes(f"/dev/fd/{read_end}") == b"through a pipe"
    os.close(read_end)


def test_an_endless_input_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_INPUT_BYTES", 5)
    assert files.read_stream(io.BytesIO(b"12345")) == b"12345"
    with pytest.raises(AecodecError, match="more than 5 bytes"):
        files.read_bytes("/dev/zero")


@pytest.mark.parametrize("output", ["in", "./in", "link", "hard"])
def test_the_input_is_never_the_output(output: str) -> None:
    Path("in").write_bytes(b"mine")
    Path("link").symlink_to("in")
    os.link("in", "hard")
    with pytest.raises(AecodecError, match="is the input too"):
        files.check_output(output, "in", force=True)


def test_an_output_that_is_there_needs_force() -> None:
    Path("out").touch()
    files.check_output("out", "-", force=True)
    files.check_output("new", "-", force=False)
    files.check_output(os.devnull, "-", force=False)
    files.check_output("-", "-", force=False)
    with pytest.raises(AecodecError, match="^exists already; -f overwrites it$"):
        files.check_output("out", "-", force=False)


def test_an_output_that_cannot_be() -> None:
    Path("folder").mkdir()
    with pytest.raises(AecodecError, match="^is a folder$"):
        files.check_output("folder", "-", force=True)
    with pytest.raises(AecodecError, match="^there is no folder none$"):
        files.check_output("none/out", "-", force=True)
    with pytest.raises(AecodecError, match="^no such file or directory$"):
        files.write_bytes("none/out", b"")


def test_writing_replaces_the_whole_file() -> None:
    Path("out").write_bytes(b"a longer text before")
    files.write_bytes("out", b"new")
    assert Path("out").read_bytes() == b"new"
    assert os.listdir() == ["out"]


def test_a_link_is_written_through_and_a_device_stays() -> None:
    Path("target").write_bytes(b"old")
    Path("link").symlink_to("target")
    files.write_bytes("link", b"new")
    files.write_bytes(os.devnull, b"new")
    assert Path("link").is_symlink()
    assert Path("target").read_bytes() == b"new"
    assert Path(os.devnull).is_char_device()


def test_the_output_has_the_usual_permissions() -> None:
    Path("usual").touch()
    files.write_bytes("out", b"new")
    assert Path("out").stat().st_mode == Path("usual").stat().st_mode


def test_a_full_disk_leaves_the_old_file_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    Path("out").write_bytes(b"old")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(AecodecError, match="^no space left on device$"):
        files.write_bytes("out", b"new")
    assert Path("out").read_bytes() == b"old"
    assert os.listdir() == ["out"]
