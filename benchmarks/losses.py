"""Where the codec loses: the photos on which another codec needs fewer bytes at equal quality."""

import statistics
from dataclasses import dataclass

from aecodec.bench.report import BdRate, CodecResult, Report
from aecodec.bench.scales import METRICS, Metric
from aecodec.errors import AecodecError
from benchmarks.pages import format_rate, table

OURS = ("aec", "aec:tune=psnr")
SHOWN = ("psnr", "ssimulacra2", "cvvdp", "butteraugli_3norm")
"""The metrics of the tables."""
JUDGES = {"aec": "cvvdp", "aec:tune=psnr": "psnr"}
"""What the worst case of a tune goes by. Of the eye's metrics, one that nothing is trained for."""
NAMED = 3
"""photos of a row"""
LEAST = 0.05
"""The percent from which a photo is lost: what tables show as more than nothing."""


@dataclass(frozen=True)
class Case:
    """A photo on which `codec` needs `percent` more bytes than `rival` at an equal metric."""

    photo: str
    codec: str
    rival: str
    metric: str
    percent: float


def tables(report: Report) -> dict[str, str]:
    """Markdown by the names of its markers in the page."""
    told = {"losses-visual": OURS[0], "losses-psnr": OURS[1]}
    found = {marker: lost_by(report, named(report, name)) for marker, name in told.items()}
    lines = [f"{n}. {describe(case)}" for n, case in enumerate(worst(report), 1)]
    return found | {"losses-worst": "\n".join(lines)}


def named(report: Report, name: str) -> CodecResult:
    """The codec of that name. Raises AecodecError where the report has none."""
    for codec in report.codecs:
        if codec.name == name:
            return codec
    raise AecodecError(f"{report.photos}: the report has no {name}")


def lost_by(report: Report, codec: CodecResult) -> str:
    """A table with a row for each metric and codec that wins on a photo; then who wins on none."""
    head = ("metric", "against", "lost", "all photos", "the lost", "the worst")
    rows, none = [], []
    for metric in (METRICS[name] for name in SHOWN):
        found = rivals(report, codec, metric)
        rows += [_row(metric, rival, rate) for rival, rate in found if lost(rate)]
        beaten = [f"`{rival}`" for rival, rate in found if not lost(rate)]
        if beaten:
            none.append(f"* by {metric.title}: {', '.join(beaten)}")
    parts = [table(head, rows)] if rows else []
    parts += ["No photo is lost:\n\n" + "\n".join(none)] if none else []
    return "\n\n".join([*parts, *_published(report, codec)])


def rivals(report: Report, codec: CodecResult, metric: Metric) -> list[tuple[str, BdRate]]:
    """The codecs of others that were run, and the BD-rates of `codec` against each."""
    found = []
    for other in report.codecs:
        rate = codec.bd_rates[metric.name].get(other.name)
        if other.name not in OURS and rate and rate.images:
            found.append((other.name, rate))
    return found


def lost(rate: BdRate) -> dict[str, float]:
    """The photos that need more bytes, and how many percent, the worst first."""
    more = {photo: percent for photo, percent in rate.images.items() if percent >= LEAST}
    return dict(sorted(more.items(), key=lambda each: -each[1]))


def _row(metric: Metric, rival: str, rate: BdRate) -> list[str]:
    more = lost(rate)
    return [
        metric.title,
        f"`{rival}`",
        f"{len(more)} of {len(rate.images)}",
        format_rate(rate.percent),
        format_rate(statistics.fmean(more.values())),
        ", ".join(f"{_stem(photo)} {format_rate(more[photo])}" for photo in list(more)[:NAMED]),
    ]


def _published(report: Report, codec: CodecResult) -> list[str]:
    """Of published codecs there are mean curves alone."""
    told = [
        f"{format_rate(rate.percent)} against {other.name}"
        for other in report.codecs
        if other.status == "published" and (rate := codec.bd_rates["psnr"].get(other.name))
    ]
    if not told:
        return []
    return [f"Of these only mean curves are published, no photos: by PSNR {', '.join(told)}."]


def worst(report: Report) -> list[Case]:
    """For each tune the photo on which most bytes more are needed, by `JUDGES`; each photo once."""
    cases: list[Case] = []
    for name, metric in JUDGES.items():
        found = [
            Case(photo, name, rival, metric, percent)
            for rival, rate in rivals(report, named(report, name), METRICS[metric])
            for photo, percent in rate.images.items()
            if photo not in [case.photo for case in cases]
        ]
        if not found:
            raise AecodecError(f"{report.photos}: no photo has {name} by {METRICS[metric].title}")
        cases.append(max(found, key=lambda case: case.percent))
    return cases


def describe(case: Case) -> str:
    """A case in words."""
    rate, title = format_rate(case.percent), METRICS[case.metric].title
    return f"{_stem(case.photo)}: `{case.codec}` against `{case.rival}`, {rate} by {title}."


def _stem(photo: str) -> str:
    return photo.rpartition(".")[0] or photo
