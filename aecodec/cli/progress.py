"""What a person at a terminal sees of slow work on its way; elsewhere nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aecodec.coding.effort import OnProgress
from aecodec.files import STANDARD, readable
from aecodec.plan import Job

if TYPE_CHECKING:
    from rich.progress import Progress


@contextmanager
def show_progress() -> Iterator[tuple[Callable[[str], None], OnProgress]]:
    """Yields what prints one line above the bar, and what moves the bar."""
    with _bar() as bar:
        if bar is None:
            yield lambda line: None, lambda done, total: None
            return
        task = bar.add_task("", total=None)
        yield (
            lambda line: bar.console.print(
                f"aecodec: {readable(line)}", markup=False, highlight=False
            ),
            lambda done, total: bar.update(task, completed=done, total=total),
        )


@contextmanager
def show_files(jobs: Sequence[Job]) -> Iterator[Callable[[Job], None]]:
    """A bar with files, MB/s and the time left; yields what is called with every job done."""
    with _bar("files, {task.fields[rate]:.2f} MB/s,") as bar:
        if bar is None:
            yield lambda job: None
            return
        sizes = {job: _size(job) for job in jobs}
        task = bar.add_task("", total=len(jobs), rate=0.0)
        seen = 0

        def on_done(job: Job) -> None:
            nonlocal seen
            seen += sizes[job]
            elapsed = bar.tasks[0].elapsed or 1e-9
            bar.update(task, advance=1, rate=seen / 1e6 / elapsed)

        yield on_done


@contextmanager
def _bar(*between: str) -> Iterator[Progress | None]:
    """A bar, how many of how many, texts `between` and the time left; None but on a terminal."""
    if not (sys.stderr and sys.stderr.isatty()):
        yield None
        return
    from rich import console, progress  # needed on a terminal only

    columns = [progress.BarColumn(), progress.MofNCompleteColumn()]
    columns += [*map(progress.TextColumn, between), progress.TimeRemainingColumn()]
    columns.append(progress.TextColumn("left"))
    error = console.Console(stderr=True)
    with progress.Progress(*columns, console=error, transient=True) as bar:
        yield bar


def _size(job: Job) -> int:
    """Bytes of the input, as far as they are known before it is read."""
    try:
        return 0 if job.source == STANDARD else os.stat(job.source).st_size
    except OSError:
        return 0
