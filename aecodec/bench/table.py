"""The report as tables: aligned text for a terminal, markdown for a file."""

from collections.abc import Sequence

from aecodec.bench.report import CodecResult, RDPoint, Report, metrics_of
from aecodec.bench.scales import Metric

Rows = list[list[str]]  # the first row holds the headings

SUMMARY = {"psnr": ("jpeg", "avif", "bpg"), "ssimulacra2": ("jpeg", "avif")}
"""By metric the anchors of the BD-rates in the summary, as many as a page has room for."""
ANCHORS = ("jpeg", "avif", "avif:tune=psnr", "jxl")
"""Those of the tables by every metric; report.json and report.html have all others."""
EXPLANATION = (
    "vs: BD-rate, the rate at equal PSNR or SSIMULACRA2 against that codec, in percent; negative "
    "is smaller files."
)


def text_table(report: Report) -> str:
    """What was found; the codecs, one a line, under aligned columns; then the notes."""
    lines = [report.headline, ""] if report.headline else []
    lines += [f"{described_photos(report)}, {report.machine}", ""]
    lines += _aligned(codec_rows(report))
    lines += ["", EXPLANATION, *report.notes]
    return "\n".join(lines)


def markdown_table(report: Report) -> str:
    """The same as markdown, then BD-rates by every metric, costs, every RD point and what each
    codec was."""
    parts = [f"{report.headline}\n"] if report.headline else []
    parts.append(markdown_summary(report))
    for metric in report.metrics:
        range_ = f"In brackets the range that it was computed over: {metric.scale}."
        table = markdown(bd_rows(report, metric))
        parts.append("\n".join([f"### BD-rate by {metric.title}", "", range_, "", *table, ""]))
    parts.append("\n".join(["### Time, memory, failures", "", *markdown(cost_rows(report)), ""]))
    parts += [f"### {codec.label}\n\n{markdown_points(codec)}" for codec in report.codecs]
    return "\n".join(parts)


def markdown_summary(report: Report) -> str:
    """What was measured, the codecs, one a line, and the notes, as markdown."""
    lines = [f"{described_photos(report)}, {report.machine}.", ""]
    lines += markdown(codec_rows(report))
    lines += ["", EXPLANATION, "", *(f"* {note}" for note in report.notes)]
    return "\n".join(lines) + "\n"


def described_photos(report: Report) -> str:
    """'Kodak: 24 photos'."""
    count = len(report.photo_names)
    return f"{report.photos}: {count} photo{'s' * (count != 1)}"


def markdown_points(codec: CodecResult) -> str:
    """What a codec was, and its RD points, one a line, as markdown."""
    version = f"{codec.version}: " if codec.version else ""
    return "\n".join([f"{version}{codec.settings}", "", *markdown(point_rows(codec))]) + "\n"


def codec_rows(report: Report) -> Rows:
    """One row a codec: ranges, BD-rates, speeds."""
    metrics = [metric for metric in report.metrics if metric.name in SUMMARY]
    columns = [
        (metric, anchor)
        for metric in metrics
        for anchor in _anchors(report, metric, SUMMARY[metric.name])
    ]
    header = ["codec", "bpp", "PSNR dB", *(f"{metric.title} vs {name}" for metric, name in columns)]
    header += ["encode MP/s", "decode MP/s"]
    return [header, *(_codec_row(codec, columns) for codec in report.codecs)]


def bd_rows(report: Report, metric: Metric) -> Rows:
    """One row a codec that has the metric: its BD-rates by that."""
    anchors = _anchors(report, metric, ANCHORS)
    rows = [
        [codec.label, *(_bd_rate_cell(codec, metric, name, ranges=True) for name in anchors)]
        for codec in report.codecs
        if metric in metrics_of(codec)
    ]
    return [["codec", *(f"vs {name}" for name in anchors)], *rows]


def against_rows(report: Report, codec: CodecResult) -> Rows:
    """One row for each other codec: the BD-rates of this one against it, by every metric."""
    metrics = metrics_of(codec)
    rows = []
    for other in (each for each in report.codecs if each is not codec):
        known = metrics_of(other)
        cells = [
            _bd_rate_cell(codec, each, other.name) if each in known else "-" for each in metrics
        ]
        rows.append([other.label, *cells])
    return [["against", *(metric.title for metric in metrics)], *rows]


def cost_rows(report: Report) -> Rows:
    """One row a codec that was run: speeds, peak memory, failures."""
    rows = [
        [codec.name, *_speeds(codec), _figure(codec.peak_mib, 0), str(len(codec.failures))]
        for codec in report.codecs
        if codec.status == "run"
    ]
    return [["codec", "encode MP/s", "decode MP/s", "peak MiB", "failures"], *rows]


def point_rows(codec: CodecResult) -> Rows:
    """One row an RD point of one codec."""
    metrics = metrics_of(codec)
    titles = [f"{metric.title} {metric.unit}".rstrip() for metric in metrics]
    header = ["setting", "bpp", *titles, "encode s", "decode s"]
    return [header, *(_point_row(point, metrics) for point in codec.points)]


def _anchors(report: Report, metric: Metric, wanted: Sequence[str]) -> list[str]:
    """Those of `wanted` that have the metric; else the first codec that has it."""
    names = [codec.name for codec in report.codecs if metric in metrics_of(codec)]
    return [name for name in wanted if name in names] or names[:1] if len(names) > 1 else []


def _codec_row(codec: CodecResult, columns: Sequence[tuple[Metric, str]]) -> list[str]:
    rates = [point.bpp for point in codec.points]
    psnrs = [point.psnr for point in codec.points]
    return [
        codec.label,
        f"{min(rates):.2f}..{max(rates):.2f}" if rates else "-",
        f"{min(psnrs):.1f}..{max(psnrs):.1f}" if psnrs else "-",
        *(_bd_rate_cell(codec, metric, anchor) for metric, anchor in columns),
        *_speeds(codec),
    ]


def _speeds(codec: CodecResult) -> list[str]:
    return [_figure(codec.encode_mp_s, 2), _figure(codec.decode_mp_s, 2)]


def _point_row(point: RDPoint, metrics: Sequence[Metric]) -> list[str]:
    return [
        "-" if point.setting is None else f"{point.setting:g}",
        f"{point.bpp:.4f}",
        *(_figure(getattr(point, metric.name), metric.digits) for metric in metrics),
        _figure(point.encode_s, 3),
        _figure(point.decode_s, 3),
    ]


def _bd_rate_cell(codec: CodecResult, metric: Metric, anchor: str, ranges: bool = False) -> str:
    """ "-" against itself, and where one of the two lacks the metric."""
    rates = codec.bd_rates[metric.name]
    if anchor not in rates or metric not in metrics_of(codec):
        return "-"
    rate = rates[anchor]
    if rate is None:
        return "no overlap"
    return f"{rate.percent:+.1f} %" + (f" [{rate.low:.1f}..{rate.high:.1f}]" if ranges else "")


def _figure(value: float | None, digits: int) -> str:
    """ "-" for what was not measured."""
    return "-" if value is None else f"{value:.{digits}f}"


def _aligned(rows: Rows) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def markdown(rows: Rows) -> list[str]:
    """Lines of a markdown table."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]
