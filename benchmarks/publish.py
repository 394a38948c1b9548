"""Write the numbers of README.md and of the model cards from the files that commands left.

    aecodec bench KODAK -o benchmarks/results/1.0.0
    python -m benchmarks.speed --name kodak-size
    aecodec bench KODAK --codecs aec:effort=0,model=v1,avif -o benchmarks/results/v1
    aecodec bench VALID --codecs aec:effort=0,aec:effort=0,model=v1 -o benchmarks/results/v1-valid
    python benchmarks/publish.py

Reads table.md in benchmarks/results/<version> and benchmarks/speed/kodak-size.json, for models that
are not the default benchmarks/results/<model> and <model>-valid; of weights/<model> the log of the
last training run, log.jsonl, and the hours and steps of those before, earlier.json.
Rewrites what stands between the markers in README.md, weights/<model>/card.md and its plot.
Nothing in those places is written by hand.
"""

from __future__ import annotations

import json
import math
import re
import textwrap
from pathlib import Path
from typing import Any

from aecodec import __version__
from aecodec.bench.bd_rate import bd_rate
from aecodec.model.store import InstalledModel, installed_models
from aecodec.model.weights import load_weights
from aecodec.training.config import TrainConfig

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / __version__
DOUBLINGS_MIN = 0.1
"""Of the time spent: fewer, as of minutes on a GPU after hours on a CPU, foretell nothing."""
UNITS = {False: "bpp/dB", True: "bpp/dB/SSIMULACRA2"}


def main() -> None:
    """Rewrite README.md's tables and the models' cards."""
    kodak, *codecs = (RESULTS / "table.md").read_text().split("\n### ")
    aec = next(section for section in codecs if section.startswith("aec\n"))
    speed = json.loads((ROOT / "benchmarks" / "speed" / "kodak-size.json").read_text())
    readme = ROOT / "README.md"
    text = readme.read_text()
    text = between(text, "kodak", kodak)
    text = between(text, "speed", speed_table(speed))
    readme.write_text(text)
    for model in installed_models():
        folder = ROOT / "weights" / model.name
        plot_loss(validations(read_log(folder)), folder / "loss.svg")
        if model.default:
            table_of(model, RESULTS / "table.md")  # or it is of another model
            found = kodak + aec.removeprefix("aec\n")
            results = f"## Kodak, real files\n\n{found}\n## Speed\n\n{speed_table(speed)}"
        else:
            results = "\n".join(
                f"## {title}, real files\n\n{table_of(model, RESULTS.parent / name / 'table.md')}"
                for title, name in (("Kodak", model.name), ("Validation", f"{model.name}-valid"))
            )
        (folder / "card.md").write_text(card(model, folder, results))


def table_of(model: InstalledModel, path: Path) -> str:
    """A report's tables, which must be of this model."""
    text = path.read_text()
    if model.model_id not in text:
        raise SystemExit(f"{path} is not of {model.name}, {model.model_id}")
    return text


def between(text: str, name: str, content: str) -> str:
    """Replace what stands between the markers of that name."""
    pattern = rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
    changed, count = re.subn(pattern, lambda m: m[1] + content + m[2], text, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"no markers {name}:begin and {name}:end")
    return changed


def speed_table(speed: dict[str, Any]) -> str:
    """Seconds and multiply-adds of one photo, those of the products in their own precision."""
    width, height = speed["size"]
    lines = [
        f"| {width}x{height} photo, {speed['threads']} threads | median s | kMAC/px "
        "| time / time of the same MACs as matrix products, each in its precision |",
        "|---|---|---|---|",
    ]
    for row in speed["speeds"]:
        lines.append(
            f"| {row['direction']} | {row['seconds']:.2f} | {row['kmac_per_pixel']:.0f} "
            f"| {row['ratio']:.2f} |"
        )
    seconds = speed["default_effort_encode_seconds"]
    lines.append(f"| encode, effort {speed['default_effort']} (default) | {seconds:.2f} | | |")
    return "\n".join(lines) + "\n"


def card(model: InstalledModel, folder: Path, results: str) -> str:
    """The model card: one page of markdown."""
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

Written by `python benchmarks/publish.py`; the notes are those of `notes.md`.

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


def plot_loss(entries: list[dict[str, Any]], path: Path) -> None:
    """Validation loss over hours."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "aecodec"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    axes.plot(
        [entry["elapsed"] / 3600 for entry in entries],
        [entry["valid"]["loss"] for entry in entries],
        marker=".",
    )
    axes.set(xlabel="hours", ylabel="validation loss")
    axes.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


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


if __name__ == "__main__":
    main()
