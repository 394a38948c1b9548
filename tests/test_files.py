"""files.py and outputs.py: inputs of any kind, outputs whole or not at all."""

import io
import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aecodec import files, outputs
from aecodec.errors import AecodecError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test here runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_pipe_can_be_read() -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, b"through a pipe")
    os.close(write_end)
    assert files.read_bytes(f"/dev/fd/{read_end}") == b"through a pipe"
    os.close(read_end)


def test_a_pipe_that_does_not_wait_is_read_to_its_end() -> None:
    """As processes of Node.js hand theirs on."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)

    def write_later() -> None:
        for part in (b"late, ", b"and later"):
            time.sleep(0.05)
            os.write(write_end, part)
        os.close(write_end)

    thread = threading.Thread(target=write_later)
    thread.start()
    with os.fdopen(read_end, "rb") as stream:
        assert files.read_stream(stream) == b"late, and later"
    thread.join()


@contextmanager
def opened(name: str, flags: int) -> Iterator[int]:
    """A descriptor of a file, as a shell's 3> opens it."""
    number = os.open(name, flags | os.O_CREAT, 0o644)
    yield number
    os.close(number)


@pytest.mark.parametrize("place", ["/dev/fd/{}", "/proc/self/fd/{}", "/proc/{pid}/fd/{}"])
def test_an_open_file_is_written_where_it_stands(place: str) -> None:
    """Never replaced, which whoever opened it would not see, and never cut off."""
    Path("out").write_bytes(b"before")
    with opened("out", os.O_RDWR | os.O_APPEND) as number:
        name = place.format(number, pid=os.getpid())
        os.symlink(name, "link")
        for target in (name, "link"):
            assert files.descriptor(target) == number and files.is_stream(target)
            outputs.check_output(target, "-", force=False)
            outputs.write_bytes(target, b", aft", b"er")
            outputs.keep_time(__file__, target)
        assert os.fstat(number).st_ino == Path("out").stat().st_ino
    assert Path("out").read_bytes() == b"before, after, after"
    assert time.time() - Path("out").stat().st_mtime < 60


def test_an_open_file_without_a_name_is_written() -> None:
    with opened("out", os.O_RDWR) as number:
        os.unlink("out")
        outputs.write_bytes(f"/dev/fd/{number}", b"gone")
        assert os.pread(number, 9, 0) == b"gone" and os.listdir() == []
        os.lseek(number, 2, os.SEEK_SET)
        assert files.read_bytes(f"/dev/fd/{number}") == b"ne"


def test_names_of_standard_streams() -> None:
    os.symlink("/dev/stdout", "link")
    for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link", "-"):
        assert files.standard(name, 1) == "-"
    assert files.standard("/proc/thread-self/fd/0", 0) == files.standard("/dev/stdin", 0) == "-"
    for name in ("/dev/stderr", "/dev/fd", "/dev/fd/x", "/dev/null", "1", "none/1", ""):
        assert files.standard(name, 1) == name


def test_a_named_pipe_is_written_and_read() -> None:
    os.mkfifo("pipe.aec")
    assert files.is_stream("pipe.aec")
    outputs.check_output("pipe.aec", "-", force=False)
    thread = threading.Thread(target=outputs.write_bytes, args=("pipe.aec", b"through it"))
    thread.start()
    assert files.read_bytes("pipe.aec") == b"through it"
    thread.join()
    assert stat.S_ISFIFO(os.stat("pipe.aec").st_mode)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Zoë 🐱\u200d.aec", "Zoë 🐱\u200d.aec"),
        ("a  b\nc\td\u2028e", "a  b c d e"),
        ("\x1b[31mred\x07\x9b", r"\x1b[31mred\x07\x9b"),
        (os.fsdecode(b"\xff.aec"), r"\xff.aec"),
        ("\ud83d.aec", r"\ud83d.aec"),
    ],
)
def test_any_name_can_be_shown_in_a_line(name: str, shown: str) -> None:
    assert files.readable(name) == shown
    assert len(shown.splitlines()) == 1 and shown.encode()


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
        outputs.check_output(output, "in", force=True)


def test_the_input_is_not_written_through_an_open_file_either() -> None:
    Path("in").write_bytes(b"mine")
    with (
        opened("in", os.O_RDWR | os.O_APPEND) as number,
        pytest.raises(AecodecError, match="is the input too"),
    ):
        outputs.check_output(f"/dev/fd/{number}", "in", force=True)


def test_an_output_that_is_there_needs_force() -> None:
    Path("out").touch()
    outputs.check_output("out", "-", force=True)
    outputs.check_output("new", "-", force=False)
    outputs.check_output(os.devnull, "-", force=False)
    outputs.check_output("-", "-", force=False)
    with pytest.raises(AecodecError, match="^exists already; -f overwrites it, --skip"):
        outputs.check_output("out", "-", force=False)


def test_an_output_that_cannot_be() -> None:
    Path("folder").mkdir()
    with pytest.raises(AecodecError, match="^is a folder$"):
        outputs.check_output("folder", "-", force=True)
    with pytest.raises(AecodecError, match="^there is no folder none$"):
        outputs.check_output("none/out", "-", force=True)
    with pytest.raises(AecodecError, match="^no such file or directory$"):
        outputs.write_bytes("none/out", b"")
    os.symlink("none/out", "dangling")
    os.symlink("circle", "circle")
    with pytest.raises(AecodecError, match="^there is no folder .*none$"):
        outputs.check_output("dangling", "-", force=True)
    with pytest.raises(AecodecError, match="^too many levels of symbolic links$"):
        outputs.check_output("circle", "-", force=True)
    with pytest.raises(AecodecError, match="^file name too long$"):
        outputs.check_output("a" * 300, "-", force=True)
    with pytest.raises(AecodecError, match="^bad file descriptor$"):
        outputs.check_output("/dev/fd/999", "-", force=True)


def test_writing_replaces_the_whole_file() -> None:
    Path("out").write_bytes(b"a longer text before")
    outputs.write_bytes("out", b"new")
    assert Path("out").read_bytes() == b"new"
    assert os.listdir() == ["out"]


def test_a_link_is_written_through_and_a_device_stays() -> None:
    Path("target").write_bytes(b"old")
    Path("link").symlink_to("target")
    outputs.write_bytes("link", b"new")
    outputs.write_bytes(os.devnull, b"new")
    assert Path("link").is_symlink()
    assert Path("target").read_bytes() == b"new"
    assert Path(os.devnull).is_char_device()


def test_the_output_has_the_usual_permissions() -> None:
    Path("usual").touch()
    outputs.write_bytes("out", b"new")
    assert Path("out").stat().st_mode == Path("usual").stat().st_mode


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o060, 0o777])
def test_an_old_file_keeps_its_permissions(mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the new bytes are never more open than they will be."""
    Path("out").touch()
    Path("out").chmod(mode)
    seen: list[int] = []

    class Watching(io.FileIO):
        def write(self, data: Any) -> int:
            seen.append(os.fstat(self.fileno()).st_mode)
            return super().write(data)

    monkeypatch.setattr(outputs, "open", Watching, raising=False)
    outputs.write_bytes("out", b"new")
    assert stat.S_IMODE(os.stat("out").st_mode) == mode
    assert seen and not any(stat.S_IMODE(each) & ~mode for each in seen)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_an_old_file_keeps_owner_and_group(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("out").touch()
    os.chown("out", 12, 34)
    outputs.write_bytes("out", b"new")
    assert (os.stat("out").st_uid, os.stat("out").st_gid) == (12, 34)

    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "fchown", forbidden)
    Path("out").chmod(0o664)
    outputs.write_bytes("out", b"newer")
    facts = os.stat("out")
    assert (facts.st_gid, stat.S_IMODE(facts.st_mode)) == (os.getegid(), 0o644)


@pytest.mark.parametrize("new", [b"new", b"longer than what was there"])
def test_hard_links_stay_links(new: bytes) -> None:
    Path("out").write_bytes(b"old as it was")
    Path("out").chmod(0o604)
    os.link("out", "other")
    outputs.write_bytes("out", new[:2], memoryview(new)[2:])
    assert Path("out").samefile("other") and Path("other").read_bytes() == new
    assert stat.S_IMODE(os.stat("out").st_mode) == 0o604
    assert sorted(os.listdir()) == ["other", "out"]


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()])
def test_hard_links_keep_the_old_bytes_on_an_error(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("out").write_bytes(b"old as it was")
    os.link("out", "other")
    rewrite = outputs._rewrite

    def fails_once(stream: io.FileIO, parts: outputs.Parts) -> None:
        monkeypatch.setattr(outputs, "_rewrite", rewrite)
        rewrite(stream, [b"half"])
        raise error

    monkeypatch.setattr(outputs, "_rewrite", fails_once)
    with pytest.raises((AecodecError, KeyboardInterrupt)):
        outputs.write_bytes("out", b"new")
    assert Path("other").read_bytes() == Path("out").read_bytes() == b"old as it was"
    assert sorted(os.listdir()) == ["other", "out"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    Path("out").write_bytes(b"old")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(AecodecError, match="^no space left on device$"):
        outputs.write_bytes("out", b"new")
    assert Path("out").read_bytes() == b"old"
    assert os.listdir() == ["out"]
