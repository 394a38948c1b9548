"""All results of a benchmark as one object, and as the JSON that `bench --json` prints."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from aecodec.bench.scales import METRICS, Metric

Curve = Sequence[tuple[float, float]]  # RD points (bpp, quality), in any order


@dataclass(frozen=True)
class Measurement:
    """One photo through one codec at one setting."""

    codec: str
    setting: float
    image: str
    bytes: int  # the whole file, as it lies on disk
    bpp: float
    psnr: float  # dB
    ms_ssim: float | None
    ssimulacra2: float | None
    cvvdp: float | None = field(default=None, kw_only=True)  # JOD
    butteraugli: float | None = field(default=None, kw_only=True)  # 0 is identical
    butteraugli_3norm: float | None = field(default=None, kw_only=True)
    encode_s: float
    decode_s: float
    pixels: int


@dataclass(frozen=True)
class Failure:
    """One photo that a codec could not do at one setting, and why, in one line."""

    codec: str
    setting: float
    image: str
    what: str


@dataclass(frozen=True)
class RDPoint:
    """Means over all photos at one setting, medians of the seconds.

    A published point has rate and PSNR only.
    """

    setting: float | None
    bpp: float
    psnr: float  # dB
    ms_ssim: float | None = None
    ssimulacra2: float | None = None
    cvvdp: float | None = None
    butteraugli: float | None = None
    butteraugli_3norm: float | None = None
    encode_s: float | None = None
    decode_s: float | None = None


@dataclass(frozen=True)
class BdRate:
    """A BD-rate in percent of the mean curves, the range of quality that it was computed over, on
    the metric's even scale, and the BD-rate of every photo that has one."""

    percent: float
    low: float
    high: float
    images: dict[str, float]


BdRates = dict[str, BdRate | None]
"""By anchor; None: no common range of quality."""


@dataclass(frozen=True)
class CodecResult:
    """One codec's RD curve, rows and failures, and its BD-rates against all other codecs."""

    name: str
    version: str | None
    settings: str
    status: Literal["run", "published"]
    points: tuple[RDPoint, ...]
    measurements: tuple[Measurement, ...] = ()
    failures: tuple[Failure, ...] = ()
    encode_mp_s: float | None = None
    decode_mp_s: float | None = None
    peak_mib: float | None = None
    bd_rates: dict[str, BdRates] = field(default_factory=dict)
    """by the name of the metric"""

    @property
    def label(self) -> str:
        """The name a reader sees."""
        return self.name if self.status == "run" else f"{self.name} (published)"

    @property
    def curve(self) -> list[tuple[float, float]]:
        """(bpp, PSNR in dB) of every point."""
        return curve(self.points, "psnr")


@dataclass(frozen=True)
class Report:
    """What one run of the benchmark found."""

    photos: str  # where the photos came from
    photo_names: tuple[str, ...]
    machine: str
    command: str
    codecs: tuple[CodecResult, ...]
    notes: tuple[str, ...]  # what was left out or changed, and why
    headline: str = ""  # what was found, in a sentence; "" where there is nothing to say

    @property
    def metrics(self) -> list[Metric]:
        """Those that any codec was measured by; PSNR at least."""
        return metrics_of(*self.codecs) or [METRICS["psnr"]]

    def to_json(self) -> str:
        """Everything but the rows per photo; BD-rates are keyed by anchor."""
        content = {
            "headline": self.headline,
            "photos": self.photos,
            "photo_names": list(self.photo_names),
            "machine": self.machine,
            "command": self.command,
            "notes": list(self.notes),
            "codecs": [_codec_json(codec) for codec in self.codecs],
        }
        return json.dumps(content, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, measurements: Sequence[Measurement] = ()) -> "Report":
        """The inverse of `to_json`, to which the rows per photo come from elsewhere.

        Figures are as rounded as the text has them.
        """
        content = json.loads(text)
        rows: dict[str, list[Measurement]] = {codec["name"]: [] for codec in content["codecs"]}
        for row in measurements:
            rows[row.codec].append(row)
        codecs = tuple(_codec_from_json(each, rows[each["name"]]) for each in content["codecs"])
        lists = {name: tuple(content[name]) for name in ("photo_names", "notes")}
        return cls(**content | lists | {"codecs": codecs})


def curve(rows: Sequence[RDPoint | Measurement], metric: str) -> list[tuple[float, float]]:
    """(bpp, quality on the metric's even scale) of the rows that have it."""
    found = [(row.bpp, METRICS[metric].even(getattr(row, metric))) for row in rows]
    return [(bpp, value) for bpp, value in found if value is not None]


def metrics_of(*codecs: CodecResult) -> list[Metric]:
    """Those that any of these codecs was measured by."""
    points = [point for codec in codecs for point in codec.points]
    return [
        metric
        for name, metric in METRICS.items()
        if any(getattr(point, name) is not None for point in points)
    ]


def mean_point(rows: Sequence[Measurement]) -> RDPoint:
    """One setting's rows -> the mean over photos of each figure (PSNR in dB, as published curves
    do), the median of the seconds.

    A metric's mean is that over the photos which have it.
    """
    means = {name: _mean([getattr(row, name) for row in rows]) for name in METRICS}
    return RDPoint(
        setting=rows[0].setting,
        bpp=statistics.fmean(row.bpp for row in rows),
        encode_s=statistics.median(row.encode_s for row in rows),
        decode_s=statistics.median(row.decode_s for row in rows),
        **means,  # type: ignore[arg-type]
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def speed(rows: Sequence[Measurement], direction: Literal["encode_s", "decode_s"]) -> float | None:
    """Megapixels a second, the median over photos and settings."""
    speeds = [row.pixels / 1e6 / getattr(row, direction) for row in rows]
    return statistics.median(speeds) if speeds else None


def _codec_json(codec: CodecResult) -> dict[str, Any]:
    """One codec of the JSON."""
    return {
        "name": codec.name,
        "version": codec.version,
        "settings": codec.settings,
        "status": codec.status,
        "points": [rounded(asdict(point)) for point in codec.points],
        "encode_mp_s": _round(codec.encode_mp_s),
        "decode_mp_s": _round(codec.decode_mp_s),
        "peak_mib": _round(codec.peak_mib),
        "failures": [asdict(failure) for failure in codec.failures],
    } | {key: value for each in codec.bd_rates for key, value in _bd_json(codec, each).items()}


def _bd_json(codec: CodecResult, metric: str) -> dict[str, Any]:
    """The three objects of one metric, which all but PSNR's name."""
    rates, end = codec.bd_rates[metric], METRICS[metric].end
    found = {anchor: rate for anchor, rate in rates.items() if rate}
    return {
        f"bd_rate{end}": {anchor: rate and _round(rate.percent) for anchor, rate in rates.items()},
        f"bd_range{end}": {
            anchor: rate and [_round(rate.low), _round(rate.high)] for anchor, rate in rates.items()
        },
        f"bd_rate_images{end}": {anchor: rounded(rate.images) for anchor, rate in found.items()},
    }


def _codec_from_json(content: dict[str, Any], rows: Sequence[Measurement]) -> CodecResult:
    """The inverse of `_codec_json`, with the codec's rows per photo."""
    return CodecResult(
        name=content["name"],
        version=content["version"],
        settings=content["settings"],
        status=content["status"],
        points=tuple(RDPoint(**point) for point in content["points"]),
        measurements=tuple(rows),
        failures=tuple(Failure(**failure) for failure in content["failures"]),
        encode_mp_s=_unrounded(content["encode_mp_s"], speed(rows, "encode_s")),
        decode_mp_s=_unrounded(content["decode_mp_s"], speed(rows, "decode_s")),
        peak_mib=content["peak_mib"],
        bd_rates={name: _bd_from_json(content, each.end) for name, each in METRICS.items()},
    )


def _unrounded(told: float | None, again: float | None) -> float | None:
    """A figure of three decimals with those that computing it again from rounded rows adds."""
    return told if told is None or again is None else min(max(again, told - 49e-5), told + 49e-5)


def _bd_from_json(content: dict[str, Any], end: str) -> BdRates:
    """The inverse of `_bd_json`; nothing where the report is from before that metric."""
    rates: BdRates = {}
    for anchor, percent in content.get(f"bd_rate{end}", {}).items():
        rates[anchor] = None
        if percent is not None:
            low, high = content[f"bd_range{end}"][anchor]
            rates[anchor] = BdRate(percent, low, high, content[f"bd_rate_images{end}"][anchor])
    return rates


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Floats with six decimals: finer than any of them is known."""
    return {key: round(each, 6) if isinstance(each, float) else each for key, each in row.items()}
