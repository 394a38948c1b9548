"""Commands beside one another: the same photos one after the other, and several at a time.

Each is an `aecodec` of its own, with threads as it sets them itself, so that several at a time ask
for more of them than there are cores. Threads that spin while they wait would make that several
times as slow.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aecodec.bench.photos import read_folder, spread
from benchmarks.pages import BENCHMARKS, RESULTS, Page, table
from benchmarks.trees import finish, machine, start

Command = Sequence[str | Path]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Photos, and how many commands."""
    parser.add_argument("photos", type=Path, help="folder")
    parser.add_argument("--count", type=int, default=8, help="of photos (%(default)s)")
    parser.add_argument("--at-a-time", type=int, default=4, help="%(default)s")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure."""
    photos = spread(read_folder(options.photos, print), options.count)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [folder / f"{photo.name}.aec" for photo in photos]
        commands: dict[str, list[Command]] = {
            "compress": [
                ["compress", "-f", options.photos.resolve() / photo.name, "-o", file]
                for photo, file in zip(photos, files, strict=True)
            ],
            "decompress": [["decompress", "-f", file] for file in files],
        }
        for verb, lines in commands.items():
            together(lines, 1)  # warms up, and makes what is decompressed
            seconds = [together(lines, count) for count in (1, options.at_a_time)]
            rows.append({"command": verb, "alone": seconds[0], "beside": seconds[1]})
    about = {"photos": [photo.name for photo in photos], "at_a_time": options.at_a_time}
    return about | {"machine": machine(), "rows": rows}


def together(lines: Sequence[Command], count: int) -> float:
    """Seconds that all commands take, so many at a time."""
    began = time.monotonic()
    for place in range(0, len(lines), count):
        for process in [start(line) for line in lines[place : place + count]]:
            finish(process)
    return round(time.monotonic() - began, 2)


def tables(name: str, result: dict[str, Any]) -> dict[str, str]:
    """One line a command."""
    count, rows = len(result["photos"]), []
    for row in result["rows"]:
        shown = [f"{row[key] / count:.2f}" for key in ("alone", "beside")]
        rows.append([row["command"], *shown, f"{row['beside'] / row['alone']:.2f}"])
    beside = f"{result['at_a_time']} at a time"
    titles = ("command", "s a photo, one after the other", f"s a photo, {beside}", "ratio")
    return {name: f"{count} photos, {result['machine']}.\n\n{table(titles, rows)}"}


PAGE = Page(BENCHMARKS / "README.md", ("load",), tables, folder=RESULTS)
