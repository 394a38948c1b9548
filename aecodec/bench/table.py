"""The report as tables: aligned text for a terminal, markdown for a file."""

from collections.abc import Sequence

from aecodec.bench.report import CodecResult, RDPoint, Report

Rows = list[list[str]]  # the first row holds the headings

ANCHORS = ("jpeg", "jpeg2000", "bpg", "vtm")
"""The columns of BD-rate; report.json and report.html have all others."""
EYE_ANCHORS = ("jpeg", "avif", "jxl")
"""The same where quality is what the eye sees."""
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
    """The same as markdown, then BD-rates by MS-SSIM and SSIMULACRA2, every RD point and what each
    codec was."""
    lines = ["### BD-rate by MS-SSIM", "", "Ranges: -10 log10(1 - MS-SSIM), in dB.", ""]
    lines += markdown(eye_rows(report, "ms_ssim"))
    lines += ["", "### BD-rate by SSIMULACRA2", "", "Ranges: points, 100 is identical.", ""]
    lines += markdown(eye_rows(report, "ssimulacra2"))
    sections = [f"### {codec.label}\n\n{markdown_points(codec)}" for codec in report.codecs]
    return "\n".join([markdown_summary(report), *lines, "", "\n".join(sections)])


def markdown_summary(report: Report) -> str:
    """What was measured, the codecs, one a line, and the notes, as markdown."""
    lines = [f"{report.photos}: {len(report.photo_names)} photos, {report.machine}.", ""]
    lines += markdown(codec_rows(report))
    lines += ["", EXPLANATION, "", *(f"* {note}" for note in report.notes)]
    return "\n".join(lines) + "\n"


def markdown_points(codec: CodecResult) -> str:
    """What a codec was, and its RD points, one a line, as markdown."""
    version = f"{codec.version}: " if codec.version else ""
    return "\n".join([f"{version}{codec.settings}", "", *markdown(point_rows(codec))]) + "\n"


def codec_rows(report: Report) -> Rows:
    """One row a codec: ranges, BD-rates, speeds, peak memory, failures."""
    anchors = _anchors(report, ANCHORS)
    header = ["codec", "status", "bpp", "PSNR dB", *(f"BD-rate vs {name}" for name in anchors)]
    header += ["encode MP/s", "decode MP/s", "peak MiB", "failures"]
    return [header, *(_codec_row(codec, anchors) for codec in report.codecs)]


def eye_rows(report: Report, metric: str) -> Rows:
    """One row a codec that has the metric: its BD-rates by that."""
    anchors = _anchors(report, EYE_ANCHORS)
    rows = []
    for codec in report.codecs:
        if any(getattr(point, metric) for point in codec.points):
            cells = [_bd_rate_cell(codec, metric, name) for name in anchors]
            rows.append([codec.label, *cells])
    return [["codec", *(f"BD-rate vs {name}" for name in anchors)], *rows]


def point_rows(codec: CodecResult) -> Rows:
    """One row an RD point of one codec."""
    header = ["setting", "bpp", "PSNR dB", "MS-SSIM", "SSIMULACRA2", "encode s", "decode s"]
    return [header, *(_point_row(point) for point in codec.points)]


def _anchors(report: Report, wanted: Sequence[str]) -> list[str]:
    """Those of `wanted` that were run; else those for the eye; else the first codec."""
    names = [codec.name for codec in report.codecs]
    choices = ([name for name in some if name in names] for some in (wanted, EYE_ANCHORS))
    return next(filter(None, choices), names[:1]) if len(names) > 1 else []


def _codec_row(codec: CodecResult, anchors: Sequence[str]) -> list[str]:
    rates = [point.bpp for point in codec.points]
    psnrs = [point.psnr for point in codec.points]
    return [
        codec.name,
        codec.status,
        f"{min(rates):.2f}..{max(rates):.2f}" if rates else "-",
        f"{min(psnrs):.1f}..{max(psnrs):.1f}" if psnrs else "-",
        *(_bd_rate_cell(codec, "psnr", anchor) for anchor in anchors),
        _figure(codec.encode_mp_s, 2),
        _figure(codec.decode_mp_s, 2),
        _figure(codec.peak_mib, 0),
        str(len(codec.failures)) if codec.status == "run" else "-",
    ]


def _point_row(point: RDPoint) -> list[str]:
    return [
        "-" if point.setting is None else f"{point.setting:g}",
        f"{point.bpp:.4f}",
        f"{point.psnr:.2f}",
        _figure(point.ms_ssim, 4),
        _figure(point.ssimulacra2, 1),
        _figure(point.encode_s, 3),
        _figure(point.decode_s, 3),
    ]


def _bd_rate_cell(codec: CodecResult, metric: str, anchor: str) -> str:
    if codec.name == anchor:
        return "-"
    rate = codec.bd_rates[metric][anchor]
    if rate is None:
        return "no overlap"
    return f"{rate.percent:+.1f} % [{rate.low:.1f}..{rate.high:.1f}]"


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
