"""The files of a report: written, and what holds all of it read back."""

import csv
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from aecodec.bench.html import html_report
from aecodec.bench.plot import write_plots
from aecodec.bench.report import CodecResult, Failure, Measurement, RDPoint, Report
from aecodec.bench.table import markdown_table
from aecodec.bench.view import Views


def write_report(report: Report, views: Views, folder: Path) -> None:
    """Write report.html, report.json, table.md, points.csv, images.csv, failures.csv, rd.png,
    rd.svg and compressai/CODEC.json into `folder`."""
    (folder / "report.html").write_text(html_report(report, views), encoding="utf-8")
    (folder / "report.json").write_text(report.to_json() + "\n", encoding="utf-8")
    (folder / "table.md").write_text(markdown_table(report), encoding="utf-8")
    point_fields = ["codec", "status", *(each.name for each in fields(RDPoint))]
    points = (
        {"codec": codec.name, "status": codec.status, **asdict(point)}
        for codec in report.codecs
        for point in codec.points
    )
    _write_csv(folder / "points.csv", point_fields, points)
    images = (asdict(row) for codec in report.codecs for row in codec.measurements)
    _write_csv(folder / "images.csv", [each.name for each in fields(Measurement)], images)
    failures = (asdict(row) for codec in report.codecs for row in codec.failures)
    _write_csv(folder / "failures.csv", [each.name for each in fields(Failure)], failures)
    write_plots(report, folder)
    _write_compressai(report, folder / "compressai")


def read_report(folder: Path) -> Report:
    """The report that `write_report` left in report.json and images.csv, as rounded as these are.

    Raises OSError where one of them cannot be read.
    """
    with (folder / "images.csv").open(encoding="utf-8", newline="") as file:
        rows = [_measurement(row) for row in csv.DictReader(file)]
    return Report.from_json((folder / "report.json").read_text(encoding="utf-8"), rows)


def _write_compressai(report: Report, folder: Path) -> None:
    """A file for every codec that was run, as those of CompressAI's results/image/kodak."""
    folder.mkdir(exist_ok=True)
    for codec in report.codecs:
        if codec.status == "run":
            path = folder / f"{re.sub(r'[^a-z0-9]+', '-', codec.name)}.json"
            path.write_text(json.dumps(compressai(codec), indent=2) + "\n", encoding="utf-8")


def compressai(codec: CodecResult) -> dict[str, Any]:
    """A codec in the schema of CompressAI's published results, by rising rate."""
    points = sorted(codec.points, key=lambda point: point.bpp)
    columns: dict[str, list[float] | list[float | None]] = {
        "bpp": [point.bpp for point in points],
        "psnr-rgb": [point.psnr for point in points],
        "ms-ssim-rgb": [point.ms_ssim for point in points],
        "encoding_time": [point.encode_s for point in points],
        "decoding_time": [point.decode_s for point in points],
    }
    return {
        "name": codec.name,
        "description": f"{codec.version}; {codec.settings}",
        "results": {name: column for name, column in columns.items() if None not in column},
    }


def _write_csv(path: Path, header: list[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Comma-separated, a header line first; floats with six decimals, unknown figures empty."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: _cell(row[key]) for key in header})


def _cell(value: Any) -> Any:
    return f"{value:.6f}" if isinstance(value, float) else value


def _measurement(row: dict[str, str]) -> Measurement:
    """A row of images.csv."""
    words = ("codec", "image")
    cells: dict[str, Any] = {key: row[key] if key in words else _number(row[key]) for key in row}
    return Measurement(**cells)


def _number(cell: str) -> float | None:
    """The inverse of `_cell`: whole numbers have no decimals, unknown figures are empty."""
    return None if not cell else float(cell) if "." in cell else int(cell)
