"""The facts that the command prints, for people and for programs."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from aecodec.format.info import Info
from aecodec.format.quality import qualities_of
from aecodec.model.store import InstalledModel

TUNED_FOR = {"visual": "the eye", "psnr": "PSNR"}


class Stopwatch:
    """`with Stopwatch() as watch: ...`, then `watch.seconds`."""

    seconds: float

    def __enter__(self) -> Stopwatch:
        self._start = perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = perf_counter() - self._start


@dataclass(frozen=True)
class Summary:
    """One file in, one file out; one of the two is the .aec file that `info` is about."""

    source: str
    source_bytes: int
    target: str
    target_bytes: int
    info: Info
    seconds: float  # of coding alone, without loading the model or touching files
    quality: int  # 1..100, as it was asked for where it was
    psnr: float | None = None  # dB of the photo that the decoder will see; None: not measured
    ssimulacra2: float | None = None  # of the same, where that was the target

    @property
    def grew(self) -> bool:
        """Whether coding made the file no smaller."""
        return self.target_bytes >= self.source_bytes

    def text(self) -> str:
        """One line for people."""
        reached = "" if self.psnr is None else f", {self.psnr:.2f} dB"
        if self.ssimulacra2 is not None:
            reached += f", SSIMULACRA2 {self.ssimulacra2:.2f}"
        return (
            f"{self.source} -> {self.target}: {self.source_bytes:,} -> {self.target_bytes:,} bytes"
            f" ({self.source_bytes / self.target_bytes:.2f}:1), {self.info.bpp:.3f} bpp,"
            f" quality {self.quality}{reached}, {self.seconds:.2f} s"
        )

    def to_json(self) -> str:
        """One JSON object. `psnr` is null where it was not measured or the pixels are the same.

        `ssimulacra2` is there where it was the target.
        """
        finite = self.psnr is not None and math.isfinite(self.psnr)
        facts = {
            "input": self.source,
            "output": self.target,
            "input_bytes": self.source_bytes,
            "output_bytes": self.target_bytes,
            "ratio": self.source_bytes / self.target_bytes,
            "bpp": self.info.bpp,
            "q": self.info.q,
            "quality": self.quality,
            "model": self.info.model,
            "width": self.info.width,
            "height": self.info.height,
            "psnr": self.psnr if finite else None,
            "seconds": self.seconds,
        }
        if self.ssimulacra2 is not None:
            facts["ssimulacra2"] = self.ssimulacra2
        return json.dumps(facts)


def total(summaries: Sequence[Summary], seconds: float) -> str:
    """One line on many files."""
    source = sum(summary.source_bytes for summary in summaries)
    target = sum(summary.target_bytes for summary in summaries)
    pixels = sum(summary.info.width * summary.info.height for summary in summaries)
    return (
        f"{counted(len(summaries))}: {source:,} -> {target:,} bytes ({source / target:.2f}:1),"
        f" {seconds:.1f} s, {source / 1e6 / seconds:.2f} MB/s, {pixels / 1e6 / seconds:.2f} MP/s"
    )


def counted(files: int) -> str:
    """How many files, for people."""
    return f"{files} file{'s' * (files != 1)}"


def tuned_for(model: InstalledModel) -> str:
    """What a model is good at, for people."""
    return f"tuned for {TUNED_FOR.get(model.tune, model.tune)}"


def describe(info: Info, model: InstalledModel | None) -> str:
    """What a file says about itself, a few lines for people; model: what it needs, if installed."""
    named = f"{info.model}, not installed"
    if model:
        named = f"{model.name} ({info.model}), {tuned_for(model)}"
    count = Counter(chunk.type for chunk in info.chunks)
    total: Counter[str] = Counter()
    for chunk in info.chunks:
        total[chunk.type] += chunk.bytes
    chunks = ", ".join(
        f"{f'{n} ' if n > 1 else ''}{kind} {total[kind]:,}" for kind, n in count.items()
    )
    return "\n".join(
        (
            f"  picture  {info.width} x {info.height} {info.mode}",
            f"  quality  {' or '.join(map(str, qualities_of(info.q)))} (q {info.q})",
            f"  size     {info.bytes:,} bytes, {info.bpp:.3f} bpp",
            f"  tiles    {info.tiles} of {info.tile} x {info.tile}",
            f"  model    {named}",
            f"  format   version {info.format_version}",
            f"  chunks   {chunks}",
        )
    )
