"""A task over its jobs: what is said of each file, progress, and the exit code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

from aecodec.cli.console import Failure, failing_for, say
from aecodec.cli.jobs import Job, default_workers, keep_time, run_jobs
from aecodec.cli.progress import progress_bar, show_advance
from aecodec.cli.summary import Stopwatch, total
from aecodec.cli.tasks import Compress, Decompress, Outcome
from aecodec.coding.effort import SLOW_EFFORT
from aecodec.files import STANDARD, make_folder


def run_task(
    task: Compress | Decompress,
    jobs: Sequence[Job],
    workers: int | None,
    keep_going: bool,
    as_json: bool,
    tell: bool,
) -> int:
    """Do the jobs and speak of them; -> exit code."""
    if len(jobs) == 1:
        outcome = _alone(task, jobs[0])
        _tell(outcome, as_json, tell)
        return 1 if outcome.errors else 0
    workers = min(workers or default_workers(), len(jobs))
    if workers > 1:
        task.threads = max(1, (os.cpu_count() or 1) // workers)
    return _run_many(task, jobs, workers, keep_going, as_json, tell)


def _run_many(
    task: Compress | Decompress,
    jobs: Sequence[Job],
    workers: int,
    keep_going: bool,
    as_json: bool,
    tell: bool,
) -> int:
    def work(job: Job) -> Outcome:
        outcome = _work(task, job)
        with failing_for(job.target):
            keep_time(job)
        return outcome

    failed, summaries = 0, []
    with Stopwatch() as watch, _progress(jobs) as advance:
        for done in run_jobs(jobs, work, workers, keep_going):
            advance(done.job)
            if isinstance(done.error, Failure):
                done.error.show()
            elif done.error:
                raise done.error
            if done.result:
                _tell(done.result, as_json, task.verbose and tell)
                summaries += [done.result.summary] if done.result.summary else []
            failed += bool(done.error or (done.result and done.result.errors))
    if summaries and not as_json:
        say(total(summaries, watch.seconds))
    if failed:
        say(f"error: {failed} of {len(jobs)} files could not be processed")
    return 1 if failed else 0


def _alone(task: Compress | Decompress, job: Job) -> Outcome:
    """A single file; where that is slow, with a bar on a terminal."""
    if isinstance(task, Compress) and task.effort >= SLOW_EFFORT and not task.target:
        with show_advance() as (_, task.advance):
            return _work(task, job)
    return _work(task, job)


def _work(task: Compress | Decompress, job: Job) -> Outcome:
    if job.into:
        with failing_for(job.target):
            make_folder(job.target)
    return task(job)


def _tell(outcome: Outcome, as_json: bool, tell: bool) -> None:
    for warning in outcome.warnings:
        say(f"warning: {warning}")
    for error in outcome.errors:
        say(f"error: {error}")
    if outcome.summary and as_json:
        click.echo(outcome.summary.to_json())
    elif outcome.summary and tell:
        say(outcome.summary.text())


@contextmanager
def _progress(jobs: Sequence[Job]) -> Iterator[Callable[[Job], None]]:
    """A bar with files, MB/s and time left, on a terminal only."""
    with progress_bar("files, {task.fields[rate]:.2f} MB/s,") as bar:
        if bar is None:
            yield lambda job: None
            return
        sizes = {job: _size(job) for job in jobs}
        task = bar.add_task("", total=len(jobs), rate=0.0)
        seen = 0

        def advance(job: Job) -> None:
            nonlocal seen
            seen += sizes[job]
            elapsed = bar.tasks[0].elapsed or 1e-9
            bar.update(task, advance=1, rate=seen / 1e6 / elapsed)

        yield advance


def _size(job: Job) -> int:
    try:
        return 0 if job.source == STANDARD else os.stat(job.source).st_size
    except OSError:
        return 0
