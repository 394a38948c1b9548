"""`python -m aecodec.training CONFIG --data FOLDER --budget 25m --out FOLDER`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from aecodec.errors import AecodecError
from aecodec.training.config import TrainConfig
from aecodec.training.schedule import read_budget

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)


def line(values: dict[str, Any]) -> str:
    """One entry of the log for people."""
    head = "{elapsed:8.0f} s  {share:6.1%}  step {step:6d}  {phase}".format(**values)
    if "valid" in values:
        points = "  ".join("{bpp:.3f}/{psnr:.2f}".format(**p) for p in values["valid"]["points"])
        return f"{head}  valid loss {values['valid']['loss']:.4f}  bpp/dB {points}"
    if "fixed_point_cost" in values:
        return f"{head}  model {values['id']}, fixed point costs {values['fixed_point_cost']:.4%}"
    loss, bpp, mse = values["train"]
    return f"{head}  loss {loss:.4f}  bpp {bpp:.3f}  mse {mse:.2e}  {values['steps']} steps"


@contextmanager
def reporting() -> Iterator[Callable[[dict[str, Any]], None]]:
    """A progress bar on a terminal, log lines elsewhere."""
    if not sys.stderr.isatty():
        yield lambda values: click.echo(line(values), err=True)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("training", total=1.0)

        def report(values: dict[str, Any]) -> None:
            progress.update(task, completed=values["share"])
            progress.console.print(line(values), highlight=False)

        yield report


@click.command()
@click.argument("config", type=FILE)
@click.option("--data", required=True, type=FOLDER, help="pictures, or tars of pictures")
@click.option("--valid", type=FOLDER, help="pictures to validate on")
@click.option("--out", required=True, type=FOLDER, help="log, checkpoint and weights")
@click.option("--budget", required=True, callback=read_budget, help="wall-clock time, e.g. 25m")
@click.option("--start", type=FILE, help="weights file to go on from")
@click.option("--device", default="cpu", show_default=True)
@click.option("--threads", type=click.IntRange(1), help="CPU threads (default: all)")
def main(
    config: Path,
    data: Path,
    valid: Path | None,
    out: Path,
    budget: float,
    start: Path | None,
    device: str,
    threads: int | None,
) -> None:
    """Train the model of CONFIG (a TOML file) on the pictures of --data for --budget.

    An interrupted run goes on from the checkpoint in --out; a finished one, given a larger
    budget, warms up to its rates again. Ends with OUT/model.safetensors.
    """
    import torch

    from aecodec.training.export import export, fixed_point_cost, load_for_training
    from aecodec.training.trainer import Trainer
    from aecodec.training.validate import VALID_PICTURES

    if threads:
        torch.set_num_threads(threads)
    try:
        recipe = TrainConfig.read(config)
        model = load_for_training(start) if start else None
        trainer = Trainer(recipe, data, valid, out, budget, device, model)
        with reporting() as report:
            trainer.run(report)
            path = out / "model.safetensors"
            identity = export(trainer.ema, recipe.name, path, trainer.pictures.items)
            held_out = (trainer.valid or trainer.pictures).items[:VALID_PICTURES]
            cost = fixed_point_cost(trainer.ema, held_out)
            trainer.log({"id": identity, "fixed_point_cost": cost}, report)
    except AecodecError as error:
        click.echo(f"aecodec: error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
