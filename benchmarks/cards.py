"""The model cards: what a model is, how it was trained, what it does.

Of weights/<model> they read the recipe, the log of the last training run, log.jsonl, and the hours
and steps of those before, earlier.json; notes.md is written by hand. The results are those of
`REPORTS`, which hold both tunes, and of the default model those of speed/kodak-size.json.
"""

import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from aecodec.bench.bd_rate import bd_rate
from aecodec.bench.files import read_report
from aecodec.bench.plot import save
from aecodec.bench.report import CodecResult, Report
from aecodec.bench.scales import METRICS
from aecodec.bench.table import against_rows, markdown, markdown_points
from aecodec.errors import AecodecError
from aecodec.model.store import InstalledModel
from aecodec.model.weights import load_weights
from aecodec.training.config import TrainConfig
from benchmarks.pages import RESULTS, ROOT, plot

WEIGHTS = ROOT / "weights"
REPORTS = {"Kodak": RESULTS, "Validation": RESULTS.parent / "valid"}
"""What cards tell of real files: the title and the folder of the report."""
SETS = REPORTS | {"scikit-image": RESULTS.parent / "skimage"}
"""All sets of photos that were measured, likewise."""
TRAINED = {"psnr": ("psnr",), "visual": ("psnr", "ssimulacra2")}
"""By tune: the metrics that were trained on. All others were held out."""
DOUBLINGS_MIN = 0.1
"""Of the time spent: fewer, as of minutes on a GPU after hours on a CPU, foretell nothing."""
UNITS = {False: "bpp/dB", True: "bpp/dB/SSIMULACRA2"}


def read_reports(
    models: Sequence[InstalledModel], folders: Mapping[str, Path]
) -> dict[str, Report]:
    """Those of the folders, each of all these models, by title. Raises AecodecError."""
    again = "measure again, see benchmarks/README.md"
    reports = {}
    for title, folder in folders.items():
        try:
            reports[title] = read_report(folder)
        except OSError as error:
            raise AecodecError(f"{folder}: no report; {again}") from error
        for model in models:
            if codec_of(model, reports[title]) is None:
                told = f"{model.name} ({model.model_id})"
                raise AecodecError(f"{folder}: the report is not of {told}; {again}")
    return reports


def codec_of(model: InstalledModel, report: Report) -> CodecResult | None:
    """What a report has of a model."""
    found = (codec for codec in report.codecs if model.model_id in (codec.version or ""))
    return next(found, None)


def write_card(model: InstalledModel, reports: Mapping[str, Report], speed: str) -> None:
    """Write a model's card and its plot; speed: the table of the default model."""
    folder = WEIGHTS / model.name
    save(plot_loss(validations(read_log(folder))), folder / "loss.svg")
    (folder / "card.md").write_text(card(model, results(model, reports, speed)))


def results(model: InstalledModel, reports: Mapping[str, Report], speed: str) -> str:
    """The card's sections about real files, and of the default model about speed."""
    parts = [
        f"## {title}, real files\n\n{real_files(model, report)}"
        for title, report in reports.items()
    ]
    return "\n".join([*parts, f"## Speed\n\n{speed}\n"] if model.default else parts)


def real_files(model: InstalledModel, report: Report) -> str:
    """What a report has of a model: BD-rates against the others there by every metric, points."""
    codec = codec_of(model, report)
    assert codec is not None
    table = "\n".join(markdown(against_rows(report, codec)))
    return f"""`{codec.name}` in a run over {report.photos}: {len(report.photo_names)} photos,
{report.machine}.
BD-rate against each other codec of that run, by every metric; negative is smaller files:

{table}

{markdown_points(codec)}"""


def learnt(model: InstalledModel) -> str:
    """What the model was trained on, and which metrics were held out of that: a row of its card."""
    visual = TrainConfig.read(WEIGHTS / model.name / "train.toml").visual
    curves = asdict(visual).items() if visual else ()
    mix = ", ".join(f"{name} {' '.join(map(str, curve))}" for name, curve in curves)
    on = f"MSE and SSIMULACRA2 (`[visual]`: {mix})" if visual else "MSE"
    others = [each.title for name, each in METRICS.items() if name not in TRAINED[model.tune]]
    return f"| trained on | rate and {on} |\n| held out | {', '.join(others)} |"


def card(model: InstalledModel, results: str) -> str:
    """The model card: one page of markdown."""
    folder = WEIGHTS / model.name
    log = read_log(folder)
    network = load_weights(model.path)[0]
    numbers = sum(tensor.numel() for tensor in network.state_dict().values())
    notes = (folder / "notes.md").read_text().strip()
    recipe = (folder / "train.toml").read_text().strip()
    rounds = validations(log)[-1]["valid"]["rounds"]
    visual = model.tune == "visual"
    chosen = ", the default" if model.default else ""
    return f"""# Model {model.name}

Written by `python -m benchmarks publish`; the notes are those of `notes.md`.

| | |
|---|---|
| id | `{model.model_id}` |
| size | {model.size}, {numbers / 1e6:.1f} million numbers, {model.bytes / 1e6:.1f} MB |
| configuration | `{json.dumps(network.config.to_dict())}` |
| encodes with | `--tune {model.tune}`{chosen} |
{learnt(model)}
| rates | 64, q 0 to 63 |

{notes}

## Recipe

`python -m aecodec.training weights/{model.name}/train.toml \\
    --data TRAIN --valid VALID --out OUT --budget TIME`

```toml
{recipe}
```

## Compute and what more of it would bring

{compute(log, json.loads((folder / "earlier.json").read_text()), visual)}
## Loss over time

Estimated rate and quality of 16 validation crops of 256x256, after {rounds} rounds of refinement:
the loss, a mean over five q, and {UNITS[visual]} at q 5, 20, 35, 50 and 62. The last row is
the model's curve on validation pictures.

![Loss over time](loss.svg)

{loss_table(validations(log), visual)}

{results}"""


def read_log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def validations(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those after as many rounds of refinement as the last one."""
    found = [entry for entry in log if "valid" in entry]
    return [each for each in found if each["valid"]["rounds"] == found[-1]["valid"]["rounds"]]


def compute(log: list[dict[str, Any]], earlier: list[dict[str, Any]], visual: bool) -> str:
    """Hours and steps, and what the run's own ends say of the next doubling."""
    start, end = validations(log)[0], validations(log)[-1]
    after = sum(run["hours"] for run in earlier) + end["elapsed"] / 3600
    cost = next(entry for entry in log if "fixed_point_cost" in entry)
    lines = ["| run | hours | steps |", "|---|---|---|"]
    lines += [f"| {run['what']} | {run['hours']:.2f} | {run['steps']} |" for run in earlier]
    lines += [f"| `train.toml` | {end['elapsed'] / 3600:.2f} | {end['step']} |"]
    told = [
        f"{after:.1f} hours in all. The last run lowered the validation loss (of latents after "
        f"{end['valid']['rounds']} rounds of refinement) from {start['valid']['loss']:.4f} to "
        f"{end['valid']['loss']:.4f}" + gain(log, after, visual),
        f"The integer entropy side costs {cost['fixed_point_cost']:+.3%} of a crop's rate against "
        "the floating-point network it was rounded from, at worst "
        f"{cost['fixed_point_worst']:+.2%} (ideal code lengths of every validation crop at every "
        "rate, measured by the export).",
    ]
    return "\n".join(lines) + "\n\n" + "\n\n".join(textwrap.fill(text, 100) for text in told) + "\n"


def gain(log: list[dict[str, Any]], hours: float, visual: bool) -> str:
    """The end of a sentence: by how much the rate fell, and what the next doubling would bring.

    A run started from annealed weights and ended annealed. Between these two points loss and
    rate are taken as powers of the total time spent; where the aim has changed, nothing is.
    """
    start, end = validations(log)[0], validations(log)[-1]
    metric, name = ("ssimulacra2", "SSIMULACRA2") if visual else ("psnr", "PSNR")
    rate = bd_rate(*(curve(entry, metric) for entry in (start, end)))
    assert rate is not None
    fell = f", and the rate at equal {name} by {-rate:.1f} %"
    before = hours - end["elapsed"] / 3600
    doublings = math.log2(hours / before) if before > 0 else 0.0
    if visual or doublings < DOUBLINGS_MIN:
        return fell + "."
    loss = (end["valid"]["loss"] / start["valid"]["loss"]) ** (1 / doublings) - 1
    each = (1 + rate / 100) ** (1 / doublings) - 1
    return (
        f"{fell}, in {doublings:.2f} doublings of the time. Extrapolated as powers of the "
        f"time, the next doubling would bring {loss:+.1%} of loss and {each:+.1%} of rate."
    )


def curve(entry: dict[str, Any], metric: str) -> list[tuple[float, float]]:
    return [(point["bpp"], point[metric]) for point in entry["valid"]["points"]]


def plot_loss(entries: list[dict[str, Any]]) -> Figure:
    """Validation loss over hours."""
    figure, axes = plot("hours", "validation loss", size=(6, 3.5))
    hours = [entry["elapsed"] / 3600 for entry in entries]
    axes.plot(hours, [entry["valid"]["loss"] for entry in entries], marker=".")
    return figure


def loss_table(log: list[dict[str, Any]], visual: bool) -> str:
    """One row a validation."""
    head = f"| seconds | step | phase | loss | {UNITS[visual].replace('/', ' / ')} |"
    lines = [head, "|---|---|---|---|---|"]
    for entry in log:
        cells = [f"{p['bpp']:.3f}/{p['psnr']:.2f}" for p in entry["valid"]["points"]]
        if visual:
            scores = [point["ssimulacra2"] for point in entry["valid"]["points"]]
            cells = [f"{cell}/{score:.1f}" for cell, score in zip(cells, scores, strict=True)]
        lines.append(
            f"| {entry['elapsed']:.0f} | {entry['step']} | {entry['phase']} "
            f"| {entry['valid']['loss']:.4f} | {', '.join(cells)} |"
        )
    return "\n".join(lines)
