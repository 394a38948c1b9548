"""What a person at a terminal sees of slow work on its way; elsewhere nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tell = Callable[[str], None]
Advance = Callable[[int, int], None]


@contextmanager
def show_advance() -> Iterator[tuple[Tell, Advance]]:
    """-> what tells one line, and what tells how many of how many tasks are done."""
    if not sys.stderr.isatty():
        yield lambda line: None, lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("left"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield (
            lambda line: bar.console.print(f"aecodec: {line}", markup=False, highlight=False),
            lambda done, total: bar.update(task, completed=done, total=total),
        )
