"""How results are kept and shown: once, as JSON, from which tables and plots are derived.

A benchmark says by a `Page` where its results are kept and what is derived from them. A run and
`python -m benchmarks publish` use the same functions of it.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aecodec import __version__
from aecodec.bench.table import markdown

if TYPE_CHECKING:  # matplotlib only where something is drawn: some benchmarks measure memory
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = ROOT / "benchmarks"
DOCS = ROOT / "docs"
RESULTS = BENCHMARKS / "results" / __version__
"""The published run of this version, and what was measured once for it."""
TRIAL = "trial"
"""The name of a result that no page shows, and git ignores."""


def no_plots(name: str, result: Any) -> dict[str, Figure]:
    """For pages without plots."""
    return {}


@dataclass(frozen=True)
class Page:
    """A page of markdown, whose tables and plots are derived from results."""

    path: Path
    names: tuple[str, ...]
    """Results that the page shows."""
    tables: Callable[[str, Any], dict[str, str]]
    """Name and result -> markdown by the name of its markers in the page."""
    plots: Callable[[str, Any], dict[str, Figure]] = no_plots
    """Name and result -> figures by the name of their file beside the results."""
    folder: Path | None = None
    """Of the results; default: that of the page."""

    def add_name(self, parser: argparse.ArgumentParser) -> None:
        """The option `--name`."""
        what = f"keep the result as NAME.json; the page shows {', '.join(self.names)} (%(default)s)"
        parser.add_argument("--name", default=TRIAL, help=what)

    def file(self, name: str) -> Path:
        """Where a result is kept."""
        return (self.folder or self.path.parent) / f"{name}.json"

    def keep(self, name: str, result: Any) -> None:
        """Write a result and what is derived from it; print its tables."""
        self.write(name, result)
        print("\n\n".join(self.derive(name).values()))

    def write(self, name: str, result: Any) -> None:
        """Only the JSON."""
        self.file(name).write_text(json.dumps(result, indent=1) + "\n")

    def derive(self, name: str) -> dict[str, str]:
        """Draw a result's plots and write its tables into the page, if it shows them."""
        from aecodec.bench.plot import save

        result = json.loads(self.file(name).read_text())
        for file, figure in self.plots(name, result).items():
            save(figure, self.file(name).with_name(file))
        tables = self.tables(name, result)
        if name in self.names:
            fill(self.path, tables)
        return tables

    def publish(self) -> None:
        """All that the page shows."""
        for name in self.names:
            self.derive(name)


def fill(path: Path, tables: Mapping[str, str]) -> None:
    """Write markdown between the markers of a page, by their names."""
    text = path.read_text()
    for name, content in tables.items():
        text = between(text, name, content + "\n")
    path.write_text(text)


def between(text: str, name: str, content: str) -> str:
    """Replace what stands between the markers of that name."""
    pattern = rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
    changed, count = re.subn(pattern, lambda m: m[1] + content + m[2], text, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"no markers {name}:begin and {name}:end")
    return changed


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Markdown; floats with three decimals."""
    cells = [[f"{x:.3f}" if isinstance(x, float) else str(x) for x in row] for row in rows]
    return "\n".join(markdown([list(head), *cells]))


def table_of(rows: Sequence[Mapping[str, object]]) -> str:
    """The same of rows by the names of their columns."""
    return table(rows[0], [row.values() for row in rows])


def format_rate(percent: float | None, decimals: int = 1) -> str:
    """A BD-rate; None is that of curves which share no range of quality."""
    return "no overlap" if percent is None else f"{percent:+.{decimals}f} %"


def plot(x: str, y: str, size: tuple[float, float] = (5, 3.5)) -> tuple[Figure, Axes]:
    """An empty plot with labelled axes; size: in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    return figure, axes
