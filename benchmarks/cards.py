"""The model cards: what a model is, how it was trained, what it does.

Of weights/<model> they read the recipe, the log of the last training run, log.jsonl, and the hours
and steps of those before, earlier.json; notes.md is written by hand. The results are those of
benchmarks/results/<version> and speed/kodak-size.json for the default model, and of
benchmarks/results/<model> and <model>-valid for others.
"""

import json
import math
import textwrap
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from aecodec.bench.bd_rate import bd_rate
from aecodec.bench.files import read_report
from aecodec.bench.plot import save
from aecodec.bench.report import Report
from aecodec.bench.table import markdown_points, markdown_summary, markdown_table
from aecodec.model.store import InstalledModel
from aecodec.model.weights import load_weights
from aecodec.training.config import TrainConfig
from benchmarks.pages import RESULTS, ROOT, plot

WEIGHTS = ROOT / "weights"
DOUBLINGS_MIN = 0.1
"""Of the time spent: fewer, as of minutes on a GPU after hours on a CPU, foretell nothing."""
UNITS = {False: "bpp/dB", True: "bpp/dB/SSIMULACRA2"}


def write_card(model: InstalledModel, speed: str) -> None:
    """Write a model's card and its plot; speed: the table of the default model."""
    folder = WEIGHTS / model.name
    save(plot_loss(validations(read_log(folder))), folder / "loss.svg")
    (folder / "card.md").write_text(card(model, results(model, speed)))


def results(model: InstalledModel, speed: str) -> str:
    """The card's sections about real files, and of the default model about speed."""
    if not model.default:
        parts = {"Kodak": model.name, "Validation": f"{model.name}-valid"}
        return "\n".join(
            f"## {title}, real files\n\n{markdown_table(report_of(model, RESULTS.parent / name))}"
            for title, name in parts.items()
        )
    report = report_of(model, RESULTS)
    ours = next(codec for codec in report.codecs if codec.name == "aec")
    tables = f"{markdown_summary(report)}\n{markdown_points(ours)}"
    return f"## Kodak, real files\n\n{tables}\n## Speed\n\n{speed}\n"


def report_of(model: InstalledModel, folder: Path) -> Report:
    """A report, which must be of this model."""
    report = read_report(folder)
    if not any(model.model_id in (codec.version or "") for codec in report.codecs):
        raise SystemExit(f"{folder} is not of {model.name}, {model.model_id}")
    return report


def card(model: InstalledModel, results: str) -> str:
    """The model card: one page of markdown."""
    folder = WEIGHTS / model.name
    log = read_log(folder)
    network = load_weights(model.path)[0]
    numbers = sum(tensor.numel() for tensor in network.state_dict().values())
    notes = (folder / "notes.md").read_text().strip()
    recipe = (folder / "train.toml").read_text().strip()
    rounds = validations(log)[-1]["valid"]["rounds"]
    visual = TrainConfig.read(folder / "train.toml").tune == "visual"
    aim = (
        "the eye: MSE of RGB mixed with SSIMULACRA2"
        if visual
        else "PSNR of RGB (mean squared error)"
    )
    return f"""# Model {model.name}

Written by `python -m benchmarks publish`; the notes are those of `notes.md`.

| | |
|---|---|
| id | `{model.model_id}` |
| size | {model.size}, {numbers / 1e6:.1f} million numbers, {model.bytes / 1e6:.1f} MB |
| configuration | `{json.dumps(network.config.to_dict())}` |
| tuned for | {aim} |
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
    cost = next(entry["fixed_point_cost"] for entry in log if "fixed_point_cost" in entry)
    lines = ["| run | hours | steps |", "|---|---|---|"]
    lines += [f"| {run['what']} | {run['hours']:.2f} | {run['steps']} |" for run in earlier]
    lines += [f"| `train.toml` | {end['elapsed'] / 3600:.2f} | {end['step']} |"]
    told = [
        f"{after:.1f} hours in all. The last run lowered the validation loss (of latents after "
        f"{end['valid']['rounds']} rounds of refinement) from {start['valid']['loss']:.4f} to "
        f"{end['valid']['loss']:.4f}" + gain(log, after, visual),
        f"The integer entropy side costs {cost:+.3%} of rate against the floating-point network "
        "it was rounded from (ideal code lengths on the validation crops, measured by the export).",
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
