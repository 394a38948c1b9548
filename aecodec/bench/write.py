"""The files of a report."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from aecodec.bench.plot import write_plots
from aecodec.bench.report import Measurement, RDPoint, Report
from aecodec.bench.table import markdown_table


def write_report(report: Report, folder: Path) -> None:
    """Write report.json, table.md, points.csv, images.csv, rd.png and rd.svg into `folder`."""
    (folder / "report.json").write_text(report.to_json() + "\n", encoding="utf-8")
    (folder / "table.md").write_text(markdown_table(report), encoding="utf-8")
    point_fields = ["codec", "status", *(each.name for each in fields(RDPoint))]
    points = (
        {"codec": codec.name, "status": codec.status, **asdict(point)}
        for codec in report.codecs
        for point in codec.points
    )
    _write_csv(folder / "points.csv", point_fields, points)
    image_fields = [each.name for each in fields(Measurement)]
    images = (asdict(row) for codec in report.codecs for row in codec.measurements)
    _write_csv(folder / "images.csv", image_fields, images)
    write_plots(report, folder)


def _write_csv(path: Path, header: list[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Comma-separated, a header line first; floats with six decimals, unknown figures empty."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: _cell(row[key]) for key in header})


def _cell(value: Any) -> Any:
    return f"{value:.6f}" if isinstance(value, float) else value
