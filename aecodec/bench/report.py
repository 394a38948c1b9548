"""All results of a benchmark as one object, and as the JSON that `bench --json` prints."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Measurement:
    """One photo through one codec at one setting."""

    codec: str
    setting: int
    image: str
    bytes: int  # the whole file, as it lies on disk
    bpp: float
    psnr: float  # dB
    ms_ssim: float | None
    encode_s: float
    decode_s: float


@dataclass(frozen=True)
class RDPoint:
    """Means over all photos at one setting; a published point has rate and PSNR only."""

    setting: int | None
    bpp: float
    psnr: float  # dB
    ms_ssim: float | None = None
    encode_s: float | None = None
    decode_s: float | None = None


@dataclass(frozen=True)
class BdRate:
    """A BD-rate in percent and the PSNR range in dB that it was computed over."""

    percent: float
    low: float
    high: float


@dataclass(frozen=True)
class CodecResult:
    """One codec's RD curve, and its BD-rate against each anchor (None: no common PSNR range)."""

    name: str
    version: str | None
    settings: str
    status: Literal["run", "published"]
    points: tuple[RDPoint, ...]
    measurements: tuple[Measurement, ...] = ()
    bd_rates: dict[str, BdRate | None] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name a reader sees."""
        return self.name if self.status == "run" else f"{self.name} (published)"

    @property
    def curve(self) -> list[tuple[float, float]]:
        """(bpp, PSNR in dB) of every point."""
        return [(point.bpp, point.psnr) for point in self.points]


@dataclass(frozen=True)
class Report:
    """What one run of the benchmark found."""

    photos: str  # where the photos came from
    photo_names: tuple[str, ...]
    machine: str
    codecs: tuple[CodecResult, ...]
    notes: tuple[str, ...]  # what was left out, and why

    def table(self) -> str:
        """The codecs, one a line, as aligned plain text; then the notes."""
        from aecodec.bench.table import text_table

        return text_table(self)

    def to_json(self) -> str:
        """Everything but the rows per photo; `bd_rate` and `bd_range` are keyed by anchor."""
        content = {
            "photos": self.photos,
            "photo_names": list(self.photo_names),
            "machine": self.machine,
            "notes": list(self.notes),
            "codecs": [_codec_json(codec) for codec in self.codecs],
        }
        return json.dumps(content, indent=1, allow_nan=False)


def _codec_json(codec: CodecResult) -> dict[str, Any]:
    """One codec of the JSON."""
    rates = codec.bd_rates.items()
    return {
        "name": codec.name,
        "version": codec.version,
        "settings": codec.settings,
        "status": codec.status,
        "points": [_rounded(asdict(point)) for point in codec.points],
        "bd_rate": {anchor: rate and round(rate.percent, 3) for anchor, rate in rates},
        "bd_range": {
            anchor: rate and [round(rate.low, 3), round(rate.high, 3)] for anchor, rate in rates
        },
    }


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Floats with six decimals: finer than any of them is known."""
    return {key: round(each, 6) if isinstance(each, float) else each for key, each in row.items()}
