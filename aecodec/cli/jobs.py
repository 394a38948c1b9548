"""Many files in one run: a task over its jobs, what is said of each file, and the exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import click

from aecodec.cli.console import Failure, failing_for, say
from aecodec.cli.progress import show_files, show_progress
from aecodec.cli.summary import Stopwatch, counted, total
from aecodec.cli.tasks import Compress, LateCodec, Outcome, Task
from aecodec.coding.effort import OnProgress
from aecodec.files import keep_time, make_folder
from aecodec.plan import Job, Plan
from aecodec.process import cores


def run_task(task: Task, plan: Plan) -> int:
    """Do the jobs and speak of them; returns the exit code. Raises Failure for a single input."""
    for note in plan.notes:
        say(f"warning: {note}")
    return _run_many(task, plan.jobs) if plan.many else _run_one(task, plan.jobs[0])


def _run_one(task: Task, job: Job) -> int:
    codec = LateCodec(task, cores())
    if task.slow:
        with show_progress() as (_, on_progress):
            outcome = _work(task, job, codec, on_progress)
    else:
        outcome = _work(task, job, codec)
    _report(outcome, task.as_json, told=task.verbose or isinstance(task, Compress))
    return 1 if outcome.errors else 0


def _run_many(task: Task, jobs: Sequence[Job]) -> int:
    """Failures are told as they come, and every output gets the time of its input."""
    workers = min(task.workers, len(jobs))
    codec = LateCodec(task, max(1, cores() // workers))

    def work(job: Job) -> Outcome:
        outcome = _work(task, job, codec)
        with failing_for(job.target):
            keep_time(job.source, job.target)
        return outcome

    failed, summaries = 0, []
    with Stopwatch() as watch, show_files(jobs) as on_done:
        for job, future in _run_jobs(jobs, work, workers, task.keep_going):
            on_done(job)
            try:
                outcome = future.result()
            except Failure as error:
                error.show()
                failed += 1
                continue
            _report(outcome, task.as_json, told=task.verbose)
            summaries += [outcome.summary] if outcome.summary else []
            failed += bool(outcome.errors)
    if summaries and not task.as_json:
        say(total(summaries, watch.seconds))
    if failed:
        say(f"error: {failed} of {counted(len(jobs))} could not be processed")
    return 1 if failed else 0


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

    Without `keep_going` no job starts after the first error. Ctrl-C, too, lets the jobs end that
    have started.
    """
    left = iter(jobs)
    with ThreadPoolExecutor(workers) as pool:
        running: dict[Future[Outcome], Job] = {}
        while True:
            while len(running) < workers and (job := next(left, None)):
                running[pool.submit(work, job)] = job
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                if future.exception() and not keep_going:
                    left = iter(())
                yield running.pop(future), future
