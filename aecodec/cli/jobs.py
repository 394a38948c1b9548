"""Many files in one run: a task over its jobs, what is said of each file, and the exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import click

from aecodec.cli.console import Failure, failing_for, leave, say
from aecodec.cli.progress import show_files, show_progress
from aecodec.cli.summary import Stopwatch, counted, total
from aecodec.cli.tasks import Compress, LateCodec, Outcome, Task
from aecodec.coding.effort import OnProgress
from aecodec.outputs import exists, keep_time, make_folder, same_time
from aecodec.plan import Job, Plan
from aecodec.process import cores


def run_task(task: Task, plan: Plan) -> int:
    """Do the jobs and speak of them; returns the exit code. Raises Failure for a single input.

    Ctrl-C and SIGTERM end the process here.
    """
    for note in plan.notes:
        say(f"warning: {note}")
    jobs = [job for job in plan.jobs if not (task.skip_existing and _is_done(job))]
    if there := len(plan.jobs) - len(jobs):
        say(f"{counted(there)} skipped: the output exists already")
    if not jobs:
        return 0
    tally = _Tally(len(jobs))
    try:
        return _run_many(task, jobs, tally) if plan.many else _run_one(task, jobs[0])
    except (KeyboardInterrupt, SystemExit) as stop:
        if plan.many:
            done = f"{tally.done} of {counted(tally.jobs)} done"
            say(f"interrupted: {done}; --skip-existing leaves out what is there")
        leave(stop)


def _is_done(job: Job) -> bool:
    """Whether its output is there. It may be of another input of that name: then the times tell."""
    return exists(job.target) and (not job.contested or same_time(job.source, job.target))


@dataclass
class _Tally:
    """How a run's files have fared so far."""

    jobs: int
    done: int = 0
    failed: int = 0

    def failures(self) -> str:
        """What is said in the end, of those that were not tried after a failure too."""
        left = self.jobs - self.done - self.failed
        also = f", {left} {'was' if left == 1 else 'were'} not tried" if left else ""
        return f"{self.failed} of {counted(self.jobs)} could not be processed{also}"


def _run_one(task: Task, job: Job) -> int:
    """By a thread, as with many: this one is free for Ctrl-C."""
    codec = LateCodec(task, cores())
    with show_progress() if task.slow else nullcontext((None, None)) as (_, on_progress):
        work = partial(_work, task, codec=codec, on_progress=on_progress)
        ((_, future),) = _run_jobs([job], work, 1, keep_going=False)
    outcome = future.result()
    _report(outcome, task.as_json, told=task.verbose or isinstance(task, Compress))
    return 1 if outcome.errors else 0


def _run_many(task: Task, jobs: Sequence[Job], tally: _Tally) -> int:
    """Failures are told as they come, and every output gets the time of its input."""
    workers = min(task.workers, len(jobs))
    codec = LateCodec(task, max(1, cores() // workers), len(jobs))

    def work(job: Job) -> Outcome:
        outcome = _work(task, job, codec)
        with failing_for(job.target):
            keep_time(job.source, job.target)
        return outcome

    summaries = []
    with Stopwatch() as watch, show_files(jobs) as on_done:
        for job, future in _run_jobs(jobs, work, workers, task.keep_going):
            on_done(job)
            try:
                outcome = future.result()
            except Failure as error:
                error.show()
                tally.failed += 1
                continue
            _report(outcome, task.as_json, told=task.verbose)
            summaries += [outcome.summary] if outcome.summary else []
            tally.failed += bool(outcome.errors)
            tally.done += not outcome.errors
    if summaries and not task.as_json:
        say(total(summaries, watch.seconds))
    if tally.failed:
        say(f"error: {tally.failures()}")
    return 1 if tally.failed else 0


def _work(task: Task, job: Job, codec: LateCodec, on_progress: OnProgress | None = None) -> Outcome:
    if job.into:
        with failing_for(job.target):
            make_folder(job.target)
    return task(job, codec, on_progress)


def _report(outcome: Outcome, as_json: bool, told: bool) -> None:
    """Say what went wrong and, where it is to be told, what was done."""
    for warning in outcome.warnings:
        say(f"warning: {warning}")
    for error in outcome.errors:
        say(f"error: {error}")
    if outcome.summary and as_json:
        click.echo(outcome.summary.to_json())
    elif outcome.summary and told:
        say(outcome.summary.text())


def _run_jobs(
    jobs: Sequence[Job], work: Callable[[Job], Outcome], workers: int, keep_going: bool
) -> Iterator[tuple[Job, Future[Outcome]]]:
    """Do the jobs by `workers` threads; yields each with its future, done, as they end.

    Without `keep_going` no job starts after the first error. On Ctrl-C, nobody waits for those that
    have started: the process has to end.
    """
    left = iter(jobs)
    running: dict[Future[Outcome], Job] = {}
    pool = ThreadPoolExecutor(workers)
    try:
        while True:
            while len(running) < workers and (job := next(left, None)):
                running[pool.submit(work, job)] = job
            if not running:
                pool.shutdown()
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                if future.exception() and not keep_going:
                    left = iter(())
                yield running.pop(future), future
    except BaseException:
        pool.shutdown(wait=False)
        raise
