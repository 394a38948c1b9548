"""Many files in one run: which output belongs to which input, and the work shared by threads.

It imports neither torch nor numpy and prints nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from aecodec.errors import AecodecError
from aecodec.files import STANDARD, output_for

Result = TypeVar("Result")


class InputError(AecodecError):
    """An input that no job can be made of; `source` names it."""

    def __init__(self, source: str, what: str) -> None:
        super().__init__(what)
        self.source = source


@dataclass(frozen=True)
class Job:
    """One file to make of another; `-` is a standard stream."""

    source: str
    target: str
    into: bool = False
    """Whether the target goes into a folder that may have to be made."""


@dataclass(frozen=True)
class Done(Generic[Result]):
    """What became of a job: a result or the error that ended it."""

    job: Job
    result: Result | None
    error: Exception | None


def plan(
    sources: Sequence[str],
    output: str | None,
    suffix: str,
    taken: Sequence[str],
    recursive: bool,
) -> list[Job]:
    """The jobs for the arguments of a command, by their order; files of folders by name.

    One input goes to `output` as it is. More than one, or one from a folder, go into the folder
    `output`, those from folders with their path in them; without `output`, beside the inputs.
    Of folders, which need `recursive`, the files are taken whose suffix is in `taken`.
    Raises InputError.
    """
    found = [pair for source in sources for pair in _expand(source, taken, recursive)]
    into = output is not None and (len(sources) > 1 or _is_folder(output) or _is_folder(sources[0]))
    jobs = []
    for source, inside in found:
        if into and source == STANDARD:
            raise InputError(source, "cannot go into a folder: name an output file with -o")
        if output is None:
            target = output_for(source, suffix)
        else:
            target = str((Path(output) / inside).with_suffix(suffix)) if into else output
        jobs.append(Job(source, target, into))
    _check_targets(jobs)
    return jobs


def _expand(source: str, taken: Sequence[str], recursive: bool) -> Iterator[tuple[str, Path]]:
    """The files that an argument stands for, each with its path inside of the output folder."""
    if source == STANDARD or not Path(source).is_dir():
        yield source, Path(Path(source).name)
        return
    if not recursive:
        raise InputError(source, "is a folder; -r takes the files in it")
    files = [path for path in sorted(Path(source).rglob("*")) if path.is_file()]
    files = [path for path in files if path.suffix.lower() in taken]
    if not files:
        raise InputError(source, f"no files in it ({' '.join(taken)})")
    for path in files:
        yield str(path), path.relative_to(source)


def _is_folder(name: str) -> bool:
    return name.endswith(("/", os.sep)) or (name != STANDARD and Path(name).is_dir())


def _check_targets(jobs: Sequence[Job]) -> None:
    sources: dict[str, str] = {}
    for job in jobs:
        if job.target in sources and job.target != STANDARD:
            raise InputError(
                job.source, f"and {sources[job.target]} would both be written as {job.target}"
            )
        sources[job.target] = job.source


def default_workers() -> int:
    """A file on every core, but not more than four: each needs its own memory."""
    return min(4, os.cpu_count() or 1)


def run_jobs(
    jobs: Sequence[Job], work: Callable[[Job], Result], workers: int, keep_going: bool
) -> Iterator[Done[Result]]:
    """Do the jobs by `workers` threads; yields them as they end.

    Without `keep_going` the first error is the last job to start. Ctrl-C, too, lets the jobs end
    that have started.
    """
    left = iter(jobs)
    with ThreadPoolExecutor(workers) as pool:
        running: dict[Future[Result], Job] = {}
        while True:
            while len(running) < workers and (job := next(left, None)):
                running[pool.submit(work, job)] = job
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                done = _done(running.pop(future), future)
                if done.error and not keep_going:
                    left = iter(())
                yield done


def _done(job: Job, future: Future[Result]) -> Done[Result]:
    error = future.exception()
    if error is None:
        return Done(job, future.result(), None)
    if not isinstance(error, Exception):
        raise error
    return Done(job, None, error)


def keep_time(job: Job) -> None:
    """Give the target the source's time of modification. Raises AecodecError."""
    try:
        facts = os.stat(job.source)
        os.utime(job.target, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    except OSError as error:
        raise AecodecError(f"its time cannot be set: {error.strerror}") from error
