"""The short tables: README's numbers beside their peers, and several sets of photos."""

from collections.abc import Mapping
from typing import Any

from aecodec.bench.report import CodecResult, Report, metrics_of
from aecodec.bench.scales import METRICS
from aecodec.bench.table import described_photos
from benchmarks.browser.measure import COMMAND, LARGE
from benchmarks.cards import TRAINED
from benchmarks.losses import OURS, SHOWN, named
from benchmarks.pages import format_rate, table

PEERS = {"jpeg": "JPEG", "jxl": "JPEG XL", "avif": "AVIF"}
BYTES: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("ssimulacra2", "aec", {}),
    ("cvvdp", "aec", {}),
    ("psnr", "aec:tune=psnr", {"avif": "avif:tune=psnr"}),
)
"""Metric, codec, the peers' other tunes."""
AGAINST = {"aec": ("aec:tune=psnr", "jpeg", "jxl", "avif"), "aec:tune=psnr": ("avif:tune=psnr",)}
"""What the sets are compared by."""


def numbers(
    report: Report, times: Mapping[str, Any], day: Mapping[str, Any], sizes: Mapping[str, int]
) -> str:
    """Bytes, seconds and megabytes, in the units of a reader who has one photo.

    times: of the browser's page; day: the first day; sizes: of other packages.
    """
    pixels = report.codecs[0].measurements[0].pixels
    rows = [bytes_row(report, *each) for each in BYTES]
    for direction, verb in (("decode", "open"), ("encode", "make")):
        codecs = [named(report, name) for name in ("aec", *PEERS)]
        seconds = [pixels / 1e6 / getattr(codec, f"{direction}_mp_s") for codec in codecs]
        what = f"seconds to {verb} a file of {pixels / 1e6:.1f} megapixels, one thread"
        rows.append([what, *(f"{each:.2g}" for each in seconds)])
    opens, makes = environments(day)
    peers = [sizes[package] for package in ("pillow", "pillow-jxl-plugin", "pillow")]
    ours = f"{opens}, to make files {makes}"
    rows.append(["MB on disk, Python's environment with it", ours, *map(str, peers)])
    large = next(r for r in times["rows"] if r["size"] == LARGE and r["by"] == COMMAND)
    note = (
        f"{described_photos(report)}; {report.machine}. Bytes: BD-rate, the mean over qualities. "
        f"12 megapixels are opened by the command in {large['seconds']:.1f} s, with "
        f"{large['threads']} threads. The others by Pillow and imagecodecs."
    )
    return f"{table(['', 'aecodec', *PEERS.values()], rows)}\n\n{note}"


def bytes_row(report: Report, metric: str, name: str, tunes: Mapping[str, str]) -> list[str]:
    """The bytes of each peer at equal quality, where ours are 100."""
    rates = [named(report, tunes.get(peer, peer)).bd_rates[metric].get(name) for peer in PEERS]
    cells = ["-" if rate is None else f"{100 + rate.percent:.0f}" for rate in rates]
    told = "which it is trained with" if metric in TRAINED["visual"] else "held out of training"
    aim = "tuned for it, AVIF too" if tunes else told
    return [f"bytes at equal {METRICS[metric].title}, {aim}", "100", *cells]


def environments(day: Mapping[str, Any]) -> tuple[int, int]:
    """Megabytes before and after PyTorch is installed."""
    lines = [each for each in day["chapters"]["Installing"] if each["line"].startswith("du ")]
    opens, makes = (int(each["printed"].split()[0]) for each in lines)
    return opens, makes


def sets(reports: Mapping[str, Report]) -> str:
    """BD-rates on every set of photos, by the metrics of `SHOWN`; the titles are the keys'."""
    head = ("photos", "codec", "against", *(METRICS[name].title for name in SHOWN))
    rows = [
        [f"{title} ({len(report.photo_names)})", f"`{name}`", f"`{rival}`", *cells]
        for title, report in reports.items()
        for name in OURS
        for rival in AGAINST[name]
        if (cells := rates(named(report, name), rival))
    ]
    return table(head, rows)


def rates(codec: CodecResult, rival: str) -> list[str]:
    """By every metric of `SHOWN`, "-" where it was not measured; nothing without that rival."""
    if rival not in codec.bd_rates["psnr"]:
        return []
    measured = [metric.name for metric in metrics_of(codec)]
    found = {name: codec.bd_rates[name].get(rival) for name in SHOWN if name in measured}
    cells = {name: format_rate(rate.percent if rate else None) for name, rate in found.items()}
    return [cells.get(name, "-") for name in SHOWN]
