"""The RD plot: rate against PSNR and against SSIMULACRA2, published curves dashed."""

from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aecodec.bench.report import CodecResult, Report, curve
from aecodec.bench.scales import Metric

PANELS = ("psnr", "ssimulacra2")
"""Side by side; one that nobody measured is left out."""
BPP_TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 4)
# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#444444", "#CC79A7", "#E69F00", "#56B4E9", "#999933")
MARKERS = "osD^vP*X<"
DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = ("-", "-", "-.", ":", (0, (9, 2)))


def write_plots(report: Report, folder: Path) -> None:
    """Write rd.png and rd.svg; the same report gives the same bytes."""
    figure = draw(report)
    for name in ("rd.png", "rd.svg"):
        save(figure, folder / name)


def save(figure: Figure, path: Path, dpi: int = 150) -> None:
    """Write a figure as PNG or SVG; the same figure gives the same bytes."""
    metadata = {"Date": None} if path.suffix == ".svg" else None
    with matplotlib.rc_context({"svg.hashsalt": "aecodec"}):
        figure.savefig(path, dpi=dpi, metadata=metadata)


def draw(report: Report) -> Figure:
    """Draw all RD curves on logarithmic rate axes, a panel for each metric of `PANELS`."""
    metrics = [metric for metric in report.metrics if metric.name in PANELS]
    figure = Figure(figsize=(6 * len(metrics), 5), layout="constrained")
    figure.suptitle(f"{report.photos}: mean over {len(report.photo_names)} photos")
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        _draw_panel(axes, report, metric)
    panels[-1].legend(loc="lower right", fontsize="small")
    return figure


def _draw_panel(axes: Axes, report: Report, metric: Metric) -> None:
    """All RD curves by one metric."""
    for index, codec in enumerate(report.codecs):
        _draw_curve(axes, codec, index, metric)
    axes.set_xscale("log")
    axes.set_xticks(BPP_TICKS, [f"{tick:g}" for tick in BPP_TICKS])
    axes.set_xticks([], minor=True)
    _limit_to_run(axes, report, metric)
    axes.set_xlabel("bits per pixel (of the whole file, log scale)")
    axes.set_ylabel(metric.scale)
    axes.grid(alpha=0.3)


def _draw_curve(axes: Axes, codec: CodecResult, index: int, metric: Metric) -> None:
    """One codec; ours are thicker and on top."""
    points = sorted(curve(codec.points, metric.name))
    ours, published = codec.name.partition(":")[0] == "aec", codec.status == "published"
    axes.plot(
        [bpp for bpp, _ in points],
        [quality for _, quality in points],
        label=codec.label,
        color=COLOURS[index % len(COLOURS)],
        marker=MARKERS[index % len(MARKERS)],
        markersize=4,
        linewidth=2.5 if ours else 1.5,
        linestyle="--" if published else DASHES[index % len(DASHES)],
        fillstyle="none" if published else "full",
        zorder=3 if ours else 2,
    )


def _limit_to_run(axes: Axes, report: Report, metric: Metric) -> None:
    """Show what was run here: a published curve may reach far beyond it."""
    run = [codec for codec in report.codecs if codec.status == "run"]
    points = [point for codec in run for point in curve(codec.points, metric.name)]
    if not points:
        return
    rates, qualities = zip(*points, strict=True)
    margin = max(1, 0.03 * (max(qualities) - min(qualities)))
    axes.set_xlim(min(rates) / 1.15, max(rates) * 1.15)
    axes.set_ylim(min(qualities) - margin, max(qualities) + margin)
