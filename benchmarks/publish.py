"""Write the numbers of README.md and of a model card from the files that commands left.

    aecodec bench KODAK -o benchmarks/results/kodak
    python benchmarks/speed.py --json-file benchmarks/results/speed.json
    python benchmarks/publish.py

Reads benchmarks/results/kodak/table.md, benchmarks/results/speed.json and the log of the
training run, weights/<model>/log.jsonl; rewrites what stands between the markers in README.md,
and weights/<model>/card.md. Nothing in those places is written by hand.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from aecodec.weights import InstalledModel, find_model, load_weights

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def main() -> None:
    """Rewrite README.md's tables and the default model's card."""
    kodak, *codecs = (RESULTS / "kodak" / "table.md").read_text().split("\n### ")
    aec = next(section for section in codecs if section.startswith("aec\n"))
    speed = json.loads((RESULTS / "speed.json").read_text())
    readme = ROOT / "README.md"
    text = readme.read_text()
    text = between(text, "kodak", kodak)
    text = between(text, "speed", speed_table(speed))
    readme.write_text(text)
    model = find_model(None)
    folder = ROOT / "weights" / model.name
    (folder / "card.md").write_text(card(model, folder, kodak + aec.removeprefix("aec\n"), speed))


def between(text: str, name: str, content: str) -> str:
    """Replace what stands between the markers of that name."""
    pattern = rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
    changed, count = re.subn(pattern, lambda m: m[1] + content + m[2], text, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"README.md: no markers {name}:begin and {name}:end")
    return changed


def speed_table(speed: dict[str, Any]) -> str:
    """Seconds and multiply-adds of one photo."""
    width, height = speed["size"]
    lines = [
        f"| {width}x{height} photo, {speed['threads']} threads | median s | kMAC/px "
        "| time / time of the same MACs as matrix products |",
        "|---|---|---|---|",
    ]
    for row in speed["speeds"]:
        lines.append(
            f"| {row['direction']} | {row['seconds']:.2f} | {row['kmac_per_pixel']:.0f} "
            f"| {row['ratio']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def card(model: InstalledModel, folder: Path, kodak: str, speed: dict[str, Any]) -> str:
    """The model card: one page of markdown."""
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    network = load_weights(model.path)[0]
    numbers = sum(tensor.numel() for tensor in network.state_dict().values())
    notes = (folder / "notes.md").read_text().strip()
    recipe = (folder / "train.toml").read_text().strip()
    if model.model_id not in kodak:
        raise SystemExit(f"results/kodak/table.md is not of model {model.model_id}")
    return f"""# Model {model.name}

Written by `python benchmarks/publish.py`; the notes are those of `notes.md`.

| | |
|---|---|
| id | `{model.model_id}` |
| size | {model.size}, {numbers / 1e6:.1f} million numbers, {model.bytes / 1e6:.1f} MB |
| configuration | `{json.dumps(network.config.to_dict())}` |
| tuned for | PSNR of RGB (mean squared error) |
| rates | 64, q 0 to 63 |

{notes}

## Recipe

`python -m aecodec.training weights/{model.name}/train.toml \\
    --data TRAIN --valid VALID --out OUT --budget TIME`

```toml
{recipe}
```

## Loss over time

Estimated rate and PSNR of 16 validation crops of 256x256: the loss, a mean over five q, and
bpp/dB at q 5, 20, 35, 50 and 62.
Rows in the order of the log; where the clock starts again, another run went on from the last.

{loss_table(log)}

## Kodak, real files

{kodak}
## Speed

{speed_table(speed)}"""


def loss_table(log: list[dict[str, Any]]) -> str:
    """Validation entries of the log."""
    lines = ["| seconds | step | phase | loss | bpp / dB |", "|---|---|---|---|---|"]
    for entry in log:
        if "valid" in entry:
            points = ", ".join(f"{p['bpp']:.3f}/{p['psnr']:.2f}" for p in entry["valid"]["points"])
            lines.append(
                f"| {entry['elapsed']:.0f} | {entry['step']} | {entry['phase']} "
                f"| {entry['valid']['loss']:.4f} | {points} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
