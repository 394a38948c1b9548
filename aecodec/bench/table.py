"""The report as tables: aligned text for a terminal, markdown for a file."""

import statistics
from collections.abc import Sequence

from aecodec.bench.report import CodecResult, RDPoint, Report

Rows = list[list[str]]  # the first row holds the headings

EXPLANATION = (
    "BD-rate: rate at equal PSNR against the anchor, in percent; negative is smaller files. "
    "In brackets the PSNR range (dB) it was computed over."
)


def text_table(report: Report) -> str:
    """The codecs, one a line, under aligned columns; then the notes."""
    lines = [f"{report.photos}: {len(report.photo_names)} photos, {report.machine}", ""]
    lines += _aligned(codec_rows(report))
    lines += ["", EXPLANATION, *report.notes]
    return "\n".join(lines)


def markdown_table(report: Report) -> str:
    """The same as markdown, then every RD point and what each codec was."""
    lines = [f"{report.photos}: {len(report.photo_names)} photos, {report.machine}.", ""]
    lines += _markdown(codec_rows(report))
    lines += ["", EXPLANATION, ""]
    lines += [f"* {note}" for note in report.notes]
    for codec in report.codecs:
        version = f"{codec.version}: " if codec.version else ""
        lines += ["", f"### {codec.label}", "", f"{version}{codec.settings}", ""]
        lines += _markdown(point_rows(codec))
    return "\n".join(lines) + "\n"


def codec_rows(report: Report) -> Rows:
    """One row a codec: ranges, a BD-rate for every anchor in the report, mean seconds."""
    anchors = sorted(
        {anchor for codec in report.codecs for anchor in codec.bd_rates},
        key=[codec.name for codec in report.codecs].index,
    )
    header = ["codec", "status", "bpp", "PSNR dB"]
    header += [f"BD-rate vs {anchor}" for anchor in anchors] + ["encode s", "decode s"]
    return [header, *(_codec_row(codec, anchors) for codec in report.codecs)]


def point_rows(codec: CodecResult) -> Rows:
    """One row an RD point of one codec."""
    header = ["setting", "bpp", "PSNR dB", "MS-SSIM", "encode s", "decode s"]
    return [header, *(_point_row(point) for point in codec.points)]


def _codec_row(codec: CodecResult, anchors: Sequence[str]) -> list[str]:
    rates = [point.bpp for point in codec.points]
    psnrs = [point.psnr for point in codec.points]
    return [
        codec.name,
        codec.status,
        f"{min(rates):.2f}..{max(rates):.2f}",
        f"{min(psnrs):.1f}..{max(psnrs):.1f}",
        *(_bd_rate_cell(codec, anchor) for anchor in anchors),
        _seconds([point.encode_s for point in codec.points]),
        _seconds([point.decode_s for point in codec.points]),
    ]


def _point_row(point: RDPoint) -> list[str]:
    return [
        "-" if point.setting is None else str(point.setting),
        f"{point.bpp:.4f}",
        f"{point.psnr:.2f}",
        "-" if point.ms_ssim is None else f"{point.ms_ssim:.4f}",
        _seconds([point.encode_s]),
        _seconds([point.decode_s]),
    ]


def _bd_rate_cell(codec: CodecResult, anchor: str) -> str:
    if codec.name == anchor:
        return "-"
    rate = codec.bd_rates[anchor]
    if rate is None:
        return "no overlap"
    return f"{rate.percent:+.1f} % [{rate.low:.1f}..{rate.high:.1f}]"


def _seconds(values: Sequence[float | None]) -> str:
    """The mean in seconds; "-" where nothing was timed."""
    known = [value for value in values if value is not None]
    return f"{statistics.fmean(known):.3f}" if known else "-"


def _aligned(rows: Rows) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _markdown(rows: Rows) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]
