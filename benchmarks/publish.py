"""Derive all that is published from the results that are kept.

The tables and plots of the benchmarks' pages; README's numbers; of docs/ the tables and the plot of
the published run; the model cards. What stands between markers in those pages, and the cards, is
never written by hand.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aecodec.bench.plot import draw, save
from aecodec.bench.report import Report
from aecodec.bench.table import markdown_summary
from aecodec.model.store import TUNED, find_model
from benchmarks import load, losses, memory, monotone, numbers, sizes
from benchmarks.autoencoders import tables
from benchmarks.browser import measure as browser
from benchmarks.cards import REPORTS, SETS, read_reports, write_card
from benchmarks.effort import measure as effort
from benchmarks.firstday import measure as firstday
from benchmarks.multiresolution import channels
from benchmarks.multiresolution import measure as multiresolution
from benchmarks.pages import DOCS, RESULTS, ROOT, fill
from benchmarks.speed import measure as speed
from benchmarks.training import diagnosis, experiments, throughput

MEASURED = (
    *(effort, speed, multiresolution, channels, memory, load, monotone),
    *(diagnosis, experiments, throughput, firstday, browser, sizes),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(options: argparse.Namespace) -> None:
    """Write everything. Raises AecodecError where a report is missing or of other models."""
    models = [find_model(tune=tune) for tune in TUNED]
    sets = read_reports(models, SETS)
    for benchmark in MEASURED:
        benchmark.PAGE.publish()
    tables.publish()
    save(draw(sets["Kodak"]), RESULTS / "rd.png")
    short = speed.short_table(kept(speed, "kodak-size"))
    for path, shown in shown_by_pages(sets, short).items():
        fill(path, shown)
    for model in models:
        write_card(model, {title: sets[title] for title in REPORTS}, short)


def shown_by_pages(sets: Mapping[str, Report], short: str) -> dict[Path, dict[str, str]]:
    """What README and docs/ show of the reports on all sets, and of speed in short: markdown by
    page and by the name of its markers."""
    report = sets["Kodak"]
    told = numbers.numbers(
        report, kept(browser, "times"), kept(firstday, "day"), kept(sizes, "sizes")
    )
    summary = {"kodak": markdown_summary(report).rstrip(), "sets": numbers.sets(sets)}
    return {
        ROOT / "README.md": {"numbers": told},
        DOCS / "results.md": summary | {"speed": short},
        DOCS / "losses.md": losses.tables(report),
    }


def kept(benchmark: Any, name: str) -> Any:
    """A result that a page shows."""
    return json.loads(benchmark.PAGE.file(name).read_text())
