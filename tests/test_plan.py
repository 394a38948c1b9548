"""plan.py: which files are taken, and which output belongs to which input."""

import os
import pickle
import socket
import time
from pathlib import Path

import pytest

from aecodec.bench.programs import NotInstalled
from aecodec.cli.console import Failure
from aecodec.errors import AecodecError
from aecodec.image.formats import PHOTO_SUFFIXES
from aecodec.plan import InputError, Plan, output_for, plan

TAKEN = (".png", ".jpg")
APPLE = b"\0\5\x16\7\0\2\0\0Mac OS X        "


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test here runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names: str) -> None:
    """Make empty files, and the folders that they are in."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def planned(*sources: str, output: str | None = None, tells_others: bool = True) -> Plan:
    return plan(sources, output, ".aec", TAKEN, recursive=True, tells_others=tells_others)


def targets(found: Plan) -> dict[str, str]:
    return {job.source: job.target for job in found.jobs}


@pytest.mark.parametrize(
    "error",
    [InputError("a.png", "is a folder"), Failure("a.png", "is a folder"), NotInstalled("x")],
)
def test_errors_come_back_from_other_processes(error: Exception) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error) and str(back) == str(error) and vars(back) == vars(error)
    assert not isinstance(error, InputError) or str(error) == "is a folder"


def test_the_default_output_is_beside_the_input() -> None:
    assert output_for("a/photo.png", ".aec") == "a/photo.aec"
    assert output_for("a.b/photo", ".aec") == "a.b/photo.aec"
    assert output_for("photo.v2.aec", ".png") == "photo.v2.png"
    assert output_for("-", ".aec") == "-"


def test_many_are_several_inputs_or_a_folder() -> None:
    touch("a.png", "b.png", "one/a.png")
    assert not planned("a.png").many and not planned("a.png", output="one").many
    assert planned("a.png", "b.png").many and planned("one").many and planned("one").jobs[0]
    assert planned("a.png", "a.png").many


def test_what_is_not_taken_is_told_in_one_line() -> None:
    touch(
        "in/a.png", "in/B.PNG", "in/c.HEIC", "in/d/e.heic", "in/d/f.avif", "in/README", "in/g.aec"
    )
    touch("in/.DS_Store", "in/._c.HEIC", "in/.cache/x.heic")
    os.symlink("none", "in/h.png")
    os.symlink("d", "in/linked")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("in/i.png")
    found = planned("in")
    assert targets(found) == {"in/B.PNG": "in/B.aec", "in/a.png": "in/a.aec"}
    (note,) = found.notes
    kinds = "1 .avif, 1 broken link, 1 link to a folder, 1 no regular file, 1 without suffix"
    assert note == f"in: 7 files were skipped: 2 .heic, {kinds}"
    assert planned("in", tells_others=False).notes == ()


def test_a_folder_with_nothing_to_take_says_what_it_has() -> None:
    touch("in/a.heic", "in/.b.heic")
    for tells_others in (True, False):
        with pytest.raises(InputError, match=r"^no files in it \(.png .jpg\); 1 file was skipped"):
            planned("in", tells_others=tells_others)
    os.unlink("in/a.heic")
    with pytest.raises(InputError, match=r"^no files in it \(.png .jpg\)$"):
        planned("in")


@pytest.mark.parametrize("start", [b"\0\5\x16\7", b"\0\5\x16\0"])
def test_what_macos_leaves_beside_files_is_skipped(start: bytes) -> None:
    touch("in/a.png", "in/__MACOSX/x", "in/._own.png")
    for name in ("in/._a.png", "in/__MACOSX/._b.png"):
        Path(name).write_bytes(start + bytes(20))
    os.unlink("in/__MACOSX/x")
    found = planned("in")
    assert list(targets(found)) == ["in/._own.png", "in/a.png"] and found.notes == ()
    Path("in/._a.png").rename("in/b.png")  # only by that name
    assert "in/b.png" in targets(planned("in"))


def test_a_folder_that_cannot_be_looked_into_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    touch("in/a.png", "in/closed/b.png")
    scandir = os.scandir

    def refusing(name: str) -> object:
        if name.endswith("closed"):
            raise PermissionError(13, "Permission denied", name)
        return scandir(name)

    monkeypatch.setattr(os, "scandir", refusing)
    found = planned("in", tells_others=False)
    assert list(targets(found)) == ["in/a.png"]
    assert found.notes == ("in/closed: was skipped: permission denied",)
    with pytest.raises(InputError, match="^permission denied$"):
        planned("in/closed")


@pytest.mark.parametrize("suffix", ["jfif", "JPE", "jif", "jfi", "mpo", "jpg_large", "jpg-large"])
@pytest.mark.parametrize(
    "more", ["png_large", "pnm", "pbm", "dib", "apng", "heic", "HIF", "avif", "jxl", "j2k", "jpf"]
)
def test_other_names_of_formats_are_taken(suffix: str, more: str) -> None:
    touch(f"in/a.{suffix}", f"in/b.{more}")
    found = plan(["in"], "out", ".aec", PHOTO_SUFFIXES, recursive=True)
    assert sorted(os.listdir("in")) == [Path(job.source).name for job in found.jobs]
    assert [job.target for job in found.jobs] == ["out/a.aec", "out/b.aec"]


def test_two_outputs_of_one_name() -> None:
    touch("in/a.gif", "in/a.jpg", "in/a.png", "in/A.png", "in/a.png.jpg", "in/b.jpg")
    found = planned("in", output="out")
    assert targets(found) == {
        "in/A.png": "out/A.aec",
        "in/a.jpg": "out/a.jpg.aec",
        "in/a.png": "out/a.png.aec",
        "in/a.png.jpg": "out/a.png.jpg.aec",
        "in/b.jpg": "out/b.aec",
    }
    assert found.notes[1:] == (
        "in/a.jpg: written as out/a.jpg.aec, for in/A.png is written as out/A.aec",
        "in/a.png: written as out/a.png.aec, for in/A.png is written as out/A.aec",
        "in/a.png.jpg: written as out/a.png.jpg.aec, for in/a.png is written as out/a.png.aec",
    )


def test_the_same_name_from_several_folders() -> None:
    names = [f"d{n}/a.png" for n in range(4)]
    touch(*names)
    wanted = ["out/a.aec", "out/a.png.aec", "out/a.png.2.aec", "out/a.png.3.aec"]
    found = planned(*names, output="out")
    assert [job.target for job in found.jobs] == wanted and len(found.notes) == 3
    assert [job.target for job in planned("d0", "d1", output="out").jobs] == wanted[:2]
    assert planned(*names).notes == ()


def test_names_that_only_some_disks_tell_apart() -> None:
    names = ["d1/Zoe\u0308.png", "d2/Zo\u00eb.png", "d3/ZO\u00cb.png"]
    touch(*names)
    assert len(planned(*names, output="out").notes) == 2


def test_outputs_beside_inputs_and_through_links() -> None:
    touch("d/a.png", "d/a.jpg", "out/x")
    os.symlink("d", "link")
    found = planned("d/a.png", "link/a.jpg")
    assert targets(found) == {"d/a.png": "d/a.aec", "link/a.jpg": "link/a.jpg.aec"}
    os.symlink("a.aec", "out/b.aec")
    touch("b.png")
    found = planned("d/a.png", "b.png", output="out")
    assert targets(found)["b.png"] == "out/b.png.aec"


def test_outputs_that_are_hard_links_of_each_other() -> None:
    """Those are written into: the second would overwrite the first."""
    touch("a.png", "b.png", "a.aec", "c.png")
    os.link("a.aec", "b.aec")
    os.link("a.png", "c.aec")
    found = planned("a.png", "b.png", "c.png")
    assert list(targets(found).values()) == ["a.aec", "b.png.aec", "c.png.aec"]


def test_an_input_is_not_another_s_output() -> None:
    touch("a.png", "a.aec", "b.aec")
    found = planned("a.png", "a.aec")
    assert targets(found)["a.png"] == "a.png.aec"
    assert found.notes[0] == "a.png: written as a.png.aec, for a.aec is an input"


def test_a_file_given_twice_is_done_once() -> None:
    touch("d/a.png", "d/b.png", "c.png")
    os.symlink("d/a.png", "a.png")
    found = planned("d/a.png", "./d/a.png")
    assert list(targets(found)) == ["d/a.png"]
    assert found.notes == ("./d/a.png: given more than once, done once",)
    found = planned("d", "c.png", "d", "a.png", output="out")
    assert list(targets(found)) == ["d/a.png", "d/b.png", "c.png"]
    assert found.notes == ("d/a.png and 2 more: given more than once, done once",)
    assert len(planned("d/a.png", "a.png").jobs) == 2  # of which each has a place of its own


def test_streams_have_no_default_output() -> None:
    os.mkfifo("pipe.png")
    for source in ("pipe.png", "/dev/null", "/dev/fd/0", "/proc/self/fd/99"):
        with pytest.raises(InputError, match="name an output file with -o"):
            planned(source)
        assert targets(planned(source, output="x.aec")) == {source: "x.aec"}
    assert targets(planned("-")) == {"-": "-"}
    assert targets(planned("pipe.png", output="out/")) == {"pipe.png": "out/pipe.aec"}
    for source in ("-", "/dev/fd/0"):
        with pytest.raises(InputError, match="cannot go into a folder"):
            planned(source, output="out/")


def test_a_folder_named_like_a_stream_is_none() -> None:
    touch("-/a.png", "b.png")
    assert targets(planned("-")) == {"-": "-"}
    assert targets(planned("b.png", output="-")) == {"b.png": "-"}
    assert targets(planned("./-")) == {"-/a.png": "-/a.aec"}


@pytest.mark.parametrize("output", ["file", "/dev/null"])
def test_several_inputs_need_a_folder(output: str) -> None:
    touch("file", "in/a.png")
    with pytest.raises(InputError, match="^is no folder"):
        planned("in", output=output)


def test_names_that_are_none() -> None:
    touch("a.png")
    with pytest.raises(InputError, match="empty name"):
        planned("")
    with pytest.raises(InputError, match="empty name"):
        planned("a.png", output="")
    assert isinstance(InputError("", ""), AecodecError)


def test_many_files_of_one_name_take_no_time(tmp_path: Path) -> None:
    sources = []
    for number in range(400):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        (folder / "IMG.png").touch()
        sources.append(str(folder / "IMG.png"))
    start = time.perf_counter()
    found = plan([*sources, sources[7]], str(tmp_path / "out"), ".aec", (".png",), False)
    assert time.perf_counter() - start < 1
    names = [Path(job.target).name for job in found.jobs]
    assert names[:3] == ["IMG.aec", "IMG.png.aec", "IMG.png.2.aec"]
    assert len(set(names)) == len(names) == 400
    assert found.notes[-1] == f"{sources[7]}: given more than once, done once"


def test_one_of_several_folders_may_be_empty(tmp_path: Path) -> None:
    for name in ("empty", "full"):
        (tmp_path / name).mkdir()
    (tmp_path / "full/a.png").touch()
    folders = [str(tmp_path / name) for name in ("empty", "full")]
    found = plan(folders, None, ".aec", (".png",), True)
    assert len(found.jobs) == 1
    assert found.notes == (f"{folders[0]}: no files in it (.png)",)
    with pytest.raises(InputError, match="no files in it"):
        plan(folders[:1], None, ".aec", (".png",), True)
