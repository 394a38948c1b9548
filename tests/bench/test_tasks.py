"""Tasks in processes: results that are kept, failures and crashes that stop nothing else."""

import multiprocessing
import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from PIL import Image

pytest.importorskip("skimage")

from aecodec import process
from aecodec.bench.codecs import CLASSES, Jpeg
from aecodec.bench.tasks import Results, Task, core_shares, run_tasks
from tests.bench.synthetic import synthetic
from tests.processes import run_python


@dataclass(frozen=True)
class Fragile:
    """BMP; raises at step 1, ends its process at step 2."""

    q: tuple[float, ...] = (0, 1, 2)
    version: str = "1"
    suffix: ClassVar[str] = ".bmp"
    has_gray: ClassVar[bool] = False

    def encode(self, picture: Image.Image, step: float, path: Path) -> None:
        if step == 1:
            raise ValueError("no\nluck")
        if step == 2:
            os._exit(5)
        picture.save(path)

    def decode(self, path: Path) -> Image.Image:
        with Image.open(path) as picture:
            picture.load()
            return picture


if multiprocessing.parent_process():  # a process that a test here started
    CLASSES["fragile"] = Fragile


@pytest.fixture(autouse=True)
def fragile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CLASSES, "fragile", Fragile)


def tasks(*steps: float, codec: Any = None) -> list[Task]:
    return [Task("measure", codec or Jpeg(), "1", step, synthetic(20, 30)) for step in steps]


def silent(*_: int) -> None:
    pass


def test_results_are_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cache.jsonl"
    seen: list[tuple[int, int]] = []
    first = run_tasks(tasks(20, 50), Results(path, "here"), 0, lambda *done: seen.append(done))
    assert seen == [(0, 2), (1, 2), (2, 2)] and len(path.read_text().splitlines()) == 2
    with path.open("a") as file:
        file.write('{"key": "cut o')  # as after a kill
    monkeypatch.setattr(Jpeg, "encode", None)  # nothing is coded again
    seen.clear()
    again = run_tasks(tasks(20, 50), Results(path, "here"), 0, lambda *done: seen.append(done))
    assert again == first and seen == [(2, 2)]
    monkeypatch.undo()
    run_tasks(tasks(70), Results(path, "here"), 0, silent)
    assert Results(path, "here").get(tasks(70)[0]) is not None


def test_what_a_result_depends_on_is_in_its_key(tmp_path: Path) -> None:
    task = tasks(20)[0]
    others = [
        tasks(21)[0],
        Task("view", task.codec, "1", 20, task.photo),
        Task("measure", task.codec, "2", 20, task.photo),
        Task("measure", Jpeg(chroma="444"), "1", 20, task.photo),
        Task("measure", task.codec, "1", 20, synthetic(20, 30, seed=1)),
        Task("measure", task.codec, "1", 20, replace(task.photo, gray=True)),
        Task("measure", task.codec, "1", 20, replace(task.photo, changes=("turned",))),
    ]
    keys = {each.key("here") for each in [task, *others]} | {task.key("there")}
    assert len(keys) == 9 and task.key("here") == tasks(20)[0].key("here")


def test_results_without_a_metric_are_not_taken_where_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = tasks(20)[0]
    keys = []
    for found in (["ssimulacra2"], ["ssimulacra2", "pycvvdp"]):
        monkeypatch.setattr("aecodec.bench.tasks.tools", lambda found=found: found)
        keys.append(task.key("here"))
    assert keys[0] != keys[1]


def test_a_failure_is_one_line_and_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "cache.jsonl"
    found = run_tasks(tasks(1, 0, codec=Fragile()), Results(path, ""), 0, silent)
    assert list(found.values())[0] == "no luck" and isinstance(list(found.values())[1], dict)
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.slow
def test_a_crash_fails_its_own_task_only(tmp_path: Path) -> None:
    asked = tasks(0, 2, codec=Fragile()) + tasks(20, 50, 70)
    found = run_tasks(asked, Results(tmp_path / "cache.jsonl", ""), 2, silent)
    assert found.keys() == set(asked)
    assert found[asked[1]] == "crashed: the process that ran it died"
    assert all(isinstance(found[task], dict) for task in asked if task is not asked[1])


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs affinities")
def test_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2, 3, 5})
    assert core_shares(2) == [[0, 2], [3, 5]]
    assert core_shares(1) == [[0, 2, 3, 5]]
    assert core_shares(5) == [[0], [2], [3], [5], [0]]
    monkeypatch.setattr(process, "quota", lambda: 2.0)
    assert core_shares(2) == [[0], [2]]


INTERRUPTED = """
import os, signal, sys, tempfile, threading, time
from aecodec.bench.tasks import _pool
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
number = int(sys.argv[1])
with _pool(2) as pool:
    print(pool.submit(tempfile.mkdtemp).result(), flush=True)
    threading.Timer(0.5, os.kill, (os.getpid(), number)).start()
    pool.submit(time.sleep, 60).result()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -2), (signal.SIGTERM, 143)])
def test_a_signal_ends_what_the_processes_do(number: signal.Signals, code: int) -> None:
    start = time.perf_counter()
    done = run_python(INTERRUPTED, str(int(number)))
    assert time.perf_counter() - start < 30
    assert done.returncode == code
    assert not os.path.exists(done.stdout.strip())
