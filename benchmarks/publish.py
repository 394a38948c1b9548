"""Derive all that is published from the results that are kept.

The tables and plots of the benchmarks' pages; of README.md the tables and the plot of the published
run; the model cards. What stands between markers in those pages, and the cards, is never written by
hand.
"""

import argparse
import json

from aecodec.bench.plot import draw, save
from aecodec.bench.table import markdown_summary
from aecodec.model.store import TUNED, find_model
from benchmarks import memory, monotone
from benchmarks.autoencoders import tables
from benchmarks.browser import measure as browser
from benchmarks.cards import read_reports, write_card
from benchmarks.effort import measure as effort
from benchmarks.firstday import measure as firstday
from benchmarks.multiresolution import channels
from benchmarks.multiresolution import measure as multiresolution
from benchmarks.pages import RESULTS, ROOT, fill
from benchmarks.speed import measure as speed
from benchmarks.training import diagnosis, experiments, throughput

MEASURED = (
    *(effort, speed, multiresolution, channels, memory, monotone),
    *(diagnosis, experiments, throughput, firstday, browser),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(options: argparse.Namespace) -> None:
    """Write everything. Raises AecodecError where a report is missing or of other models."""
    models = [find_model(tune=tune) for tune in TUNED]
    reports = read_reports(models)
    for benchmark in MEASURED:
        benchmark.PAGE.publish()
    tables.publish()
    report = reports["Kodak"]
    save(draw(report), RESULTS / "rd.png")
    short = speed.short_table(json.loads(speed.PAGE.file("kodak-size").read_text()))
    fill(ROOT / "README.md", {"kodak": markdown_summary(report).rstrip(), "speed": short})
    for model in models:
        write_card(model, reports, short)
