"""The tables of README.md and codec.md from results/, for `python -m benchmarks publish`."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from aecodec.bench.table import markdown
from benchmarks.autoencoders.coding import at_rate
from benchmarks.autoencoders.resolutions import SCALED
from benchmarks.pages import between

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
Results = dict[str, Any]
NEAR = 1.05
"""Real bits are those of the coarsest step that raises the error by less than that factor."""


def publish() -> None:
    """Rewrite what stands between the markers of both pages."""
    found = read_results(RESULTS)
    for name in ("README.md", "codec.md"):
        page = HERE / name
        page.write_text(filled(page.read_text(), found))


def read_results(folder: Path) -> dict[str, Results]:
    """Study -> its results."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def filled(text: str, found: dict[str, Results]) -> str:
    """A page with the tables that it has markers for."""
    for name, make in TABLES.items():
        if f"<!-- {name}:begin -->" in text:
            text = between(text, name, make(found) + "\n")
    return text


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Markdown; None is "-"."""
    return "\n".join(markdown([[show(cell) for cell in row] for row in (head, *rows)]))


def show(value: object) -> str:
    """A cell: four digits for numbers below a thousand."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def decibels(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def runs(found: dict[str, Results]) -> str:
    """The commands and their times."""
    rows = [[f"`{each['command']}`", each["seconds"]] for each in found.values()]
    total = sum(each["seconds"] for each in found.values())
    return table(["command", "seconds"], [*rows, ["all", total]])


def common(found: dict[str, Results]) -> str:
    """PSNR at equal rates, the reach of each curve, BD-rate."""
    results = found["common"]["table"]
    rates = [key for key in next(iter(results.values())) if key[0].isdigit()]
    rows = []
    for name, row in results.items():
        reach = f"{row['bpp'][0]:.3f}..{row['bpp'][1]:.2f}"
        psnr = f"{row['psnr'][0]:.1f}..{row['psnr'][1]:.1f}"
        cells = [decibels(row[rate]) for rate in rates]
        rows.append([name, reach, psnr, *cells, bd_cell(row)])
    head = ["", "bpp", "PSNR dB", *(f"dB at {rate} bpp" for rate in rates), "BD-rate vs JPEG"]
    return table(head, rows)


def bd_cell(row: dict[str, Any]) -> str | None:
    """BD-rate and, in brackets, the range of PSNR that it is over."""
    if row["bd_rate"] is None:
        return None
    return f"{row['bd_rate']:+,.0f} % " + "[{:.1f}..{:.1f}]".format(*row["over"])


def stl10(found: dict[str, Results]) -> str:
    """Losses as the text has them, and in one unit."""
    parts = ("train", "valid", "test")
    rows: list[list[object]] = []
    for name, each in found["stl10"]["rounds"].items():
        about = f"{name}, {each['pictures']} pictures, {each['epochs']} epochs"
        for arm, row in each["arms"].items():
            own, same = ([row[f"{pre}{part}"] for part in parts] for pre in ("own_", ""))
            rows.append([about, arm, int(row["epoch"]), *own, *same])
    pca = found["stl10"]["pca"]
    rows.append([f"{pca['pictures']} pictures", "PCA", *[None] * 5, pca["valid"], pca["test"]])
    losses = [f"{part}, {unit}" for unit in ("own range", "[0, 1]") for part in parts]
    return table(["", "training", "best epoch", *losses], rows)


def cifar10(found: dict[str, Results]) -> str:
    """Validation MSE by arm."""
    results = found["cifar10"]
    keys = ("own_early", "own_last", "early", "last", "dark")
    rows: list[list[object]] = [
        [name, len(row["rows"]), *(row[key] for key in keys)]
        for name, row in results["arms"].items()
    ]
    for name, value in results["constants"].items():
        rows.append([f"no network: {name}", *[None] * 4, value, None])
    early = f"after {results['epochs']}"
    head = [
        *("", "epochs", f"own range, {early}", "own range, at the end"),
        *(f"[0, 1], {early}", "[0, 1], at the end", "colours stuck at 0"),
    ]
    return table(head, rows)


def cifar10_bits(found: dict[str, Results]) -> str:
    """What a code holds, and its real rate."""
    rows = []
    for name, each in found["cifar10"]["real"].items():
        best = coarsest(each["rate"], "mse")
        share = f"{each['bits'] / each['raw_bits']:.3g} x"
        numbers = [each["parameters"], each["values"], each["positions"], each["bits"], share]
        rows.append([name, *numbers, best["bpp"], best["mse"], decibels(best["psnr"])])
    head = [
        "",
        "parameters",
        "numbers",
        "positions of maxima",
        "bits as floats",
        "of the raw 24,576",
    ]
    return table([*head, "real bpp", "MSE", "PSNR dB"], rows)


def coarsest(rows: Sequence[dict[str, float]], key: str) -> dict[str, float]:
    """The coarsest step whose error is within NEAR of the least."""
    least = min(row[key] for row in rows)
    return next(row for row in rows if row[key] <= NEAR * least)


def ycbcr(found: dict[str, Results]) -> str:
    """Each photo at its own rate near one bit a pixel, both trainings."""
    arms = found["ycbcr"]["arms"]
    codecs = ("jpeg", "jpeg2000")
    rows = [
        [rows[0]["photo"].removesuffix(".png")]
        + [cell for row in rows for cell in (f"{row['bpp']:.2f}", *psnrs(row, codecs))]
        for rows in zip(*(arm["photos"] for arm in arms.values()), strict=True)
    ]
    head = ["photo"]
    for name in arms:
        head += [f"bpp, trained on {name}", "ours", "JPEG", "JPEG 2000"]
    return table(head, rows)


def psnrs(row: dict[str, float | None], codecs: Iterable[str]) -> list[str | None]:
    return [decibels(row.get(key)) for key in ("psnr", *codecs)]


def ycbcr_means(found: dict[str, Results]) -> str:
    """Means over the photos at every rate, and the text's numbers."""
    codecs = ("jpeg", "jpeg2000", "bpg", "aec")
    results = found["ycbcr"]
    rows: list[list[object]] = []
    for name, arm in results["arms"].items():
        floats = arm["unrounded"]
        label = f"trained on {name}"
        rows.append([f"{label}, code as floats", f"{floats['bpp']:.2f}", decibels(floats["psnr"])])
        rows += [[label, f"{row['bpp']:.2f}", *psnrs(row, codecs)] for row in arm["means"]]
    text = {key: "{}..{}".format(*value) for key, value in results["text"].items()}
    rows.append(["the text's Table 1", "not told", text["autoencoder"], *[text["standards"]] * 3])
    rows = [row + [None] * (7 - len(row)) for row in rows]
    return table(["", "bpp", "ours", "JPEG", "JPEG 2000", "BPG (published)", "aecodec"], rows)


def ycbcr_wrong(found: dict[str, Results]) -> str:
    rows = [[name, decibels(value)] for name, value in found["ycbcr"]["wrong"].items()]
    return table(["PSNR of a photo against something else", "dB"], rows)


def connected(found: dict[str, Results]) -> str:
    """The fully connected network's size, beside the others'."""
    each = found["resolutions"]["connected"]
    rows: list[list[object]] = [
        [f"fully connected, code of {each['hidden_units']:,}", each["hidden"]],
        [f"fully connected, code of {each['code']:,} as below", each["same_code"]],
    ]
    rows = [[name, count, f"{16 * int(str(count)) / 2**30:,.0f} GiB"] for name, count in rows]
    for name, variant in found["resolutions"]["variants"].items():
        if "encoder_parameters" in variant:
            count = sum(variant[f"{part}_parameters"] for part in ("encoder", "decoder", "second"))
            rows.append([f"{name}, both decoders", count, f"{16 * count / 2**20:,.0f} MiB"])
    return table(["", "parameters", "weights, gradients and Adam's state"], rows)


def resolutions(found: dict[str, Results]) -> str:
    """PSNR at 344 and 172 by rate of the one code."""
    rates = (0.2, 0.4, 0.8)
    rows = []
    for variant, each in found["resolutions"]["variants"].items():
        for name in ("high", "second decoder", "high, halved", SCALED):
            if name in each:
                points = [(row["bpp"], row["psnr"]) for row in each[name]]
                size = 344 if name == "high" else 172
                cells = [decibels(at_rate(points, rate)) for rate in rates]
                rows.append([variant, name, size, *cells, decibels(max(p for _, p in points))])
    head = ["", "decoded", "px", *(f"dB at {rate} bpp" for rate in rates), "best dB"]
    return table(head, rows)


def mnist(found: dict[str, Results]) -> str:
    """The sweep: numbers, floats, real bits."""
    raw, packed = found["mnist"]["raw_bits"], found["mnist"]["deflate_bits"]
    rows: list[list[object]] = [
        ["raw pixels", 784, None, 0, None, raw, None],
        ["packed by zlib, lossless", None, None, 0, None, f"{packed:.0f}", None],
    ]
    for percent, row in found["mnist"]["sweep"].items():
        errors = [row["autoencoder"]["mse"], row["pca"]["mse"]]
        real = [coarsest(row[key], "mse") for key in ("rate", "pca_rate")]
        bits = [f"{each['bits']:.0f} ({each['mse']:.4f})" for each in real]
        rows.append([f"{percent} %", row["latent"], 32 * row["latent"], *errors, *bits])
    head = ['"compression"', "numbers", "bits as floats", "MSE", "MSE of PCA"]
    return table([*head, "real bits (MSE)", "real bits of PCA (MSE)"], rows)


def mnist_digits(found: dict[str, Results]) -> str:
    sweep = found["mnist"]["sweep"]
    rows = [[f"{percent} %", *row["autoencoder"]["digits"]] for percent, row in sweep.items()]
    return table(["MSE by digit", *map(str, range(10))], rows)


def mnist_ink(found: dict[str, Results]) -> str:
    sweep = found["mnist"]["sweep"]
    rows = [[f"{percent} %", *row["autoencoder"]["ink_mse"]] for percent, row in sweep.items()]
    ink = next(iter(sweep.values()))["autoencoder"]["ink"]
    return table(["MSE by ink (mean brightness)", *(f"{each:.3f}" for each in ink)], rows)


def steps(found: dict[str, Results]) -> str:
    """One network from autoencoder to codec, at equal rates."""
    results = found["common"]["table"]
    rates = [key for key in next(iter(results.values())) if key[0].isdigit()]
    rows = [
        [
            told,
            *(decibels(results[name][rate]) for rate in rates),
            decibels(results[name]["psnr"][1]),
        ]
        for name, told in LADDER.items()
        if name in results
    ]
    return table(["on Kodak", *(f"dB at {rate} bpp" for rate in rates), "best dB"], rows)


LADDER = {
    "4 convolutional": "MSE alone, rounded afterwards",
    "4 variational": "noise and KL against a unit Gaussian",
    "4 convolutional, trained as a codec": "noise of one step, entropy model, rate-distortion loss",
    "PCA, 77 of 16x16": "PCA of 16x16 blocks, for comparison",
    "jpeg": "JPEG",
    "aec": "aecodec",
}
TABLES: dict[str, Callable[[dict[str, Results]], str]] = {
    "runs": runs,
    "common": common,
    "stl10": stl10,
    "cifar10": cifar10,
    "cifar10-bits": cifar10_bits,
    "ycbcr": ycbcr,
    "ycbcr-means": ycbcr_means,
    "ycbcr-wrong": ycbcr_wrong,
    "connected": connected,
    "resolutions": resolutions,
    "mnist": mnist,
    "mnist-digits": mnist_digits,
    "mnist-ink": mnist_ink,
    "steps": steps,
}
