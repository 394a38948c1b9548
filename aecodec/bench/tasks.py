"""Many tasks in several processes, their results kept in a file: stop and run again, it goes on.

A process that dies (a codec that crashes) fails its own task and no other.
"""

import contextlib
import hashlib
import json
import multiprocessing
import os
import signal
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

from aecodec.bench import measure
from aecodec.bench.codecs import BenchCodec, InGray
from aecodec.bench.metrics import tools
from aecodec.bench.naming import name_of, settings_of
from aecodec.bench.photos import Photo
from aecodec.coding.effort import OnProgress
from aecodec.process import cores, prepare

FUNCTIONS = {
    "measure": measure.measure_photo,
    "view": measure.view_photo,
    "memory": measure.measure_memory,
}
MEASURING = ("measure", "metrics", "cvvdp")
"""The modules here that a result depends on, beside the codec's version."""


@dataclass(frozen=True)
class Task:
    """One call of one of `FUNCTIONS`."""

    kind: str
    codec: BenchCodec
    version: str
    step: float
    photo: Photo

    def key(self, machine: str) -> str:
        """Changes with everything that the result may depend on; 64 hexadecimal digits."""
        facts = [self.kind, name_of(self.codec), settings_of(self.codec), self.version, self.step]
        facts += [self.photo.name, self.photo.sha256, machine, _measuring()]
        facts += ["gray"] * self.photo.gray + list(self.photo.changes)
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def run(self) -> dict[str, Any] | str:
        """-> result, or what is wrong in one line, whatever a foreign codec raises."""
        in_gray = self.photo.gray and self.codec.has_gray
        codec = InGray(self.codec) if in_gray else self.codec
        try:
            return FUNCTIONS[self.kind](codec, self.step, self.photo)
        except Exception as error:
            return " ".join(f"{error}".split()) or type(error).__name__


def _measuring() -> str:
    """A digest of what measures, code and tools: results of others are not taken up."""
    sources = [Path(__file__).with_name(f"{name}.py").read_bytes() for name in MEASURING]
    return hashlib.sha256(b"".join(sources) + " ".join(tools()).encode()).hexdigest()


class Results:
    """The results so far, in a file that grows by one line with every result."""

    def __init__(self, path: Path, machine: str) -> None:
        """Raises OSError for a file that cannot be read."""
        self._path, self._machine = path, machine
        self._rows: dict[str, dict[str, Any]] = {}
        for line in path.read_text("utf-8", "replace").splitlines() if path.exists() else []:
            with contextlib.suppress(ValueError, KeyError, TypeError):  # a line cut off by a kill
                entry = json.loads(line)
                self._rows[entry["key"]] = entry["row"]

    def get(self, task: Task) -> dict[str, Any] | None:
        """What an earlier run found, if it did."""
        return self._rows.get(task.key(self._machine))

    def put(self, task: Task, row: dict[str, Any]) -> None:
        """Keep a result. Raises OSError."""
        key = task.key(self._machine)
        self._rows[key] = row
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" * (file.tell() > 0 and not self._ends_in_newline()))
            file.write(json.dumps({"key": key, "row": row}) + "\n")

    def _ends_in_newline(self) -> bool:
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"


def run_tasks(
    tasks: Sequence[Task],
    results: Results,
    jobs: int,
    on_progress: OnProgress,
) -> dict[Task, dict[str, Any] | str]:
    """-> for every task its result, or in one line what went wrong.

    jobs: processes; 0: all in this one, where a codec that crashes ends the run. `on_progress` is
    told how many of how many tasks are done. Raises OSError where results cannot be kept.
    """
    done: dict[Task, dict[str, Any] | str] = {}
    for task in tasks:
        row = results.get(task)
        if row is not None:
            done[task] = row
    waiting = [task for task in tasks if task not in done]
    on_progress(len(done), len(tasks))
    for task, row_or_error in _in_processes(waiting, jobs) if jobs else _here(waiting):
        done[task] = row_or_error
        if isinstance(row_or_error, dict):
            results.put(task, row_or_error)
        on_progress(len(done), len(tasks))
    return done


def _here(tasks: Iterable[Task]) -> Iterator[tuple[Task, dict[str, Any] | str]]:
    for task in tasks:
        yield task, task.run()


def _in_processes(tasks: Sequence[Task], jobs: int) -> Iterator[tuple[Task, dict[str, Any] | str]]:
    """As many tasks at a time as there are processes, each process on cores of its own."""
    waiting, suspects = deque(tasks), deque[Task]()
    while waiting:
        with _pool(jobs) as pool, contextlib.suppress(BrokenProcessPool):
            yield from _drain(pool, waiting, jobs, suspects)
        while suspects:  # one of them crashed: each alone shows which
            yield suspects[0], run_alone(suspects[0], jobs)
            suspects.popleft()


def _drain(
    pool: ProcessPoolExecutor, waiting: deque[Task], jobs: int, running: deque[Task]
) -> Iterator[tuple[Task, dict[str, Any] | str]]:
    """Run what is waiting; `running` holds what a broken pool leaves. Raises BrokenProcessPool."""
    futures: dict[Future[dict[str, Any] | str], Task] = {}
    while waiting or futures:
        while waiting and len(futures) < jobs:
            task = waiting.popleft()
            running.append(task)
            futures[pool.submit(Task.run, task)] = task
        finished, _ = wait(futures, return_when=FIRST_COMPLETED)
        broken: BrokenProcessPool | None = None
        for future in finished:
            task = futures.pop(future)
            try:
                row = future.result()
            except BrokenProcessPool as error:
                broken = error
                continue
            running.remove(task)
            yield task, row
        if broken:
            raise broken


def run_alone(task: Task, jobs: int) -> dict[str, Any] | str:
    """Run a task in a fresh process of its own."""
    with _pool(1, of=jobs) as pool:
        try:
            return pool.submit(Task.run, task).result()
        except BrokenProcessPool:
            return "crashed: the process that ran it died"


@contextlib.contextmanager
def _pool(processes: int, of: int = 0) -> Iterator[ProcessPoolExecutor]:
    """Processes that ignore Ctrl-C, which is for this one; ended without waiting for more work.

    On Ctrl-C and SIGTERM not even for what they are doing.
    """
    context = multiprocessing.get_context("spawn")
    shares: SimpleQueue[list[int]] = context.SimpleQueue()
    for share in core_shares(of or processes)[:processes]:
        shares.put(share)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        pool = ProcessPoolExecutor(processes, context, _begin, (shares, folder))
        try:
            yield pool
        except (KeyboardInterrupt, SystemExit):
            for process in multiprocessing.active_children():
                process.kill()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def core_shares(processes: int) -> list[list[int]]:
    """Which cores each process keeps to; empty lists where the system cannot say."""
    if not hasattr(os, "sched_getaffinity"):
        return [[]] * processes
    kept = sorted(os.sched_getaffinity(0))
    each = max(1, cores() // processes)
    return [[kept[(n * each + k) % len(kept)] for k in range(each)] for n in range(processes)]


def _begin(shares: SimpleQueue[list[int]], folder: str) -> None:
    """In each process, first: its cores, for whatever starts threads; where temporary files go."""
    tempfile.tempdir = folder
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare()
    share = shares.get()
    if share:
        os.sched_setaffinity(0, share)
        os.environ["OMP_NUM_THREADS"] = str(len(share))  # torch, when it is imported
