"""`python -m aecodec.training CONFIG --data FOLDER --budget 25m --out FOLDER`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aecodec.engines import check_torch
from aecodec.errors import AecodecError
from aecodec.training.config import WAYS, TrainConfig

if TYPE_CHECKING:
    from aecodec.training.trainer import Trainer

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)


def line(values: dict[str, Any]) -> str:
    """One entry of the log for people."""
    head = "{elapsed:8.0f} s  {share:6.1%}  step {step:6d}  {phase}".format(**values)
    if "valid" in values:
        form = "{bpp:.3f}/{psnr:.2f}/{ssimulacra2:.1f}"
        points = "  ".join(form.format(**point) for point in values["valid"]["points"])
        return f"{head}  valid loss {values['valid']['loss']:.4f}  bpp/dB/SSIMULACRA2 {points}"
    if "fixed_point_cost" in values:
        cost = "{fixed_point_cost:.3%} of a crop's rate, {fixed_point_worst:.2%} at worst".format(
            **values
        )
        return f"{head}  model {values['id']}, integers cost {cost}"
    loss, bpp, mse, *error = values["train"]
    shown = "".join(f"  raw error {value:.2f}" for value in error)
    return f"{head}  loss {loss:.4f}  bpp {bpp:.3f}  mse {mse:.2e}{shown}  {values['steps']} steps"


@contextmanager
def reporting() -> Iterator[Callable[[dict[str, Any]], None]]:
    """A progress bar on a terminal, log lines elsewhere."""
    if not sys.stderr.isatty() or find_spec("rich") is None:
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


UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def read_budget(context: click.Context, option: click.Parameter, value: str | None) -> float | None:
    """'90s', '25m' or '1.5h' -> seconds; a click callback."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", value)
    if not match:
        raise click.BadParameter(f"{value!r} is not a time such as 90s, 25m or 1.5h")
    return float(match[1]) * UNITS[match[2]]


@click.command()
@click.argument("config", type=FILE)
@click.option("--data", required=True, type=FOLDER, help="pictures, or tars of pictures")
@click.option("--valid", type=FOLDER, help="pictures to validate on")
@click.option("--out", required=True, type=FOLDER, help="log, checkpoint and weights")
@click.option("--budget", callback=read_budget, help="wall-clock time, e.g. 25m")
@click.option("--until", type=float, help="instead: Unix time by which all is written")
@click.option("--start", type=FILE, help="weights or carry.pt to go on from, perhaps smaller ones")
@click.option("--device", default="cpu", show_default=True)
@click.option(
    "--way", type=click.Choice(WAYS), default="graph", show_default=True, help="of taking steps"
)
@click.option("--threads", type=click.IntRange(1), help="CPU threads (default: all)")
def main(
    config: Path,
    data: Path,
    valid: Path | None,
    out: Path,
    budget: float | None,
    until: float | None,
    start: Path | None,
    device: str,
    way: str,
    threads: int | None,
) -> None:
    """Train the model of CONFIG (a TOML file) on the pictures of --data.

    For --budget, which does not count time in which the process is stopped: an interrupted run goes
    on from the checkpoint in --out; a finished one, given a larger budget, from the weights before
    the anneal. Ends with OUT/model.safetensors and OUT/before-anneal.safetensors.

    With --until all time counts, start-up too, and there is no export: the run ends with
    OUT/carry.pt, which is small. As OUT/checkpoint.pt of another run that has no time left it is
    exported; as --start it goes on at full rates. (With both, --budget is left unused.)
    """
    if budget is None and until is None:
        raise click.UsageError("one of --budget and --until is needed")
    try:
        check_torch("training")
        import torch

        from aecodec.training.start import load_for_training
        from aecodec.training.trainer import Trainer

        if threads:
            torch.set_num_threads(threads)
        recipe = TrainConfig.read(config)
        model = load_for_training(start) if start else None
        train(Trainer(recipe, data, valid, out, budget or 0.0, device, model, way, until))
    except AecodecError as error:
        click.echo(f"aecodec: error: {error}", err=True)
        sys.exit(1)


def train(trainer: Trainer) -> None:
    """A run to its end, and what it writes then. Raises AecodecError."""
    before = trainer.learner.step
    with reporting() as report:
        trainer.run(report)
        if trainer.until is None:
            if trainer.learner.step == before:  # it was trained where less could be measured
                trainer.validate(report)
            write(trainer, report)


def write(trainer: Trainer, report: Callable[[dict[str, Any]], None]) -> None:
    """The average of a run's weights as a weights file, and what goes on at full rates.

    Raises AecodecError for weights that fixed point cannot hold.
    """
    from aecodec.model.weights import load_weights
    from aecodec.training.export import COST_MAX, FIT_PICTURES, export, fixed_point_cost
    from aecodec.training.start import save_full_rate
    from aecodec.training.validate import VALID_PICTURES

    config, learner, out = trainer.config, trainer.learner, trainer.out
    path, fitted = out / "model.safetensors", trainer.tiles.some(FIT_PICTURES)
    identity = export(learner.ema, config.name, path, fitted, config.tune)
    full_rate = learner.full_rate or learner.model.state_dict()
    save_full_rate(out / "before-anneal.safetensors", config.name, full_rate, learner.model.config)
    held_out = trainer.valid or trainer.tiles.some(VALID_PICTURES)
    cost = fixed_point_cost(learner.ema, load_weights(path)[0], held_out[:VALID_PICTURES])
    facts = {
        "id": identity,
        "fixed_point_cost": cost.mean,
        "fixed_point_worst": cost.worst,
        "fixed_point_decibels": cost.decibels,
    }
    trainer.log(facts, report)
    if not max(abs(cost.worst), abs(cost.decibels)) < COST_MAX:
        raise AecodecError(
            f"{path}: no use, integers cost a crop {cost.worst:.1%}, pixels {cost.decibels:.2f} dB"
        )


if __name__ == "__main__":
    main()
