"""What a person at a terminal sees of slow work on its way; elsewhere nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

Tell = Callable[[str], None]
Advance = Callable[[int, int], None]


@contextmanager
def progress_bar(*between: str) -> Iterator[Progress | None]:
    """A bar, how many of how many, texts `between` and the time left; None but on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    texts = map(TextColumn, between)
    columns = (BarColumn(), MofNCompleteColumn(), *texts, TimeRemainingColumn(), TextColumn("left"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield bar


@contextmanager
def show_advance() -> Iterator[tuple[Tell, Advance]]:
    """-> what tells one line, and what tells how many of how many tasks are done."""
    with progress_bar() as bar:
        if bar is None:
            yield lambda line: None, lambda done, total: None
            return
        task = bar.add_task("", total=None)
        yield (
            lambda line: bar.console.print(f"aecodec: {line}", markup=False, highlight=False),
            lambda done, total: bar.update(task, completed=done, total=total),
        )
