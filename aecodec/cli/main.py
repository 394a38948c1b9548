"""The commands of `aecodec`. They only speak: the work is the library's.

This module imports neither torch nor numpy nor Pillow: --help, --version, info and models answer
without them. `compress` and `decompress` import what they need of those when they are called.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aecodec import __version__, files
from aecodec import bench as benchmark
from aecodec.bench.table import text_table
from aecodec.cli import options
from aecodec.cli.console import Failure, failing_for, name_of, run, say
from aecodec.cli.progress import show_progress
from aecodec.cli.summary import describe, tuned_for
from aecodec.coding.effort import DEFAULT_EFFORT, MAX_EFFORT
from aecodec.errors import ModelError
from aecodec.format.constants import DEFAULT_TILE, HYPER_STRIDE, MAX_TILE, REDUCTIONS
from aecodec.format.info import info
from aecodec.format.quality import DEFAULT_QUALITY, MAX_QUALITY
from aecodec.image.formats import PHOTO_SUFFIXES
from aecodec.model import store
from aecodec.model.store import InstalledModel
from aecodec.plan import InputError, is_folder, plan
from aecodec.process import prepare

if TYPE_CHECKING:
    from aecodec.cli.tasks import Task


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `aecodec` with these arguments, or the process's, and return its exit code."""
    prepare()
    return run(aecodec, arguments)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def aecodec() -> None:
    """Photos in few bytes: a learned image codec.

    \b
    aecodec compress photo.png       writes photo.aec
    aecodec decompress photo.aec     writes photo.png
    """


@aecodec.command()
@options.inputs
@options.output
@click.option(
    "-q",
    "--quality",
    type=click.IntRange(1, MAX_QUALITY),
    default=DEFAULT_QUALITY,
    show_default=True,
    help="1 is the smallest file, 100 the best picture.",
)
@click.option(
    "--target-size",
    metavar="BYTES",
    callback=options.read_size,
    help="The best quality in so many bytes (50000, 50k, 2MB, 50KiB), metadata included.",
)
@click.option(
    "--target-bpp",
    metavar="BPP",
    type=click.FloatRange(0, min_open=True),
    help="The best quality in so many bits per pixel.",
)
@click.option(
    "--target-psnr",
    metavar="DB",
    type=click.FloatRange(0, min_open=True),
    help="The smallest file of at least this PSNR, in dB over RGB.",
)
@click.option(
    "--target-ssimulacra2",
    metavar="S",
    type=click.FloatRange(-100, 100, min_open=True, max_open=True),
    help="The smallest file of at least this SSIMULACRA2: 50 is medium, 70 high, 90 looks like the "
    "photo. Takes 0.5 GB of memory a megapixel.",
)
@click.option(
    "--tune",
    type=click.Choice([*store.TUNED]),
    help="visual looks best at its size, psnr has the highest PSNR.  "
    "[default: visual, or psnr with --target-psnr]",
)
@click.option(
    "--effort",
    type=click.IntRange(0, MAX_EFFORT),
    default=DEFAULT_EFFORT,
    show_default=True,
    help="More time makes files smaller at equal quality; 0 also leaves out the warning where JPEG "
    "would look better.",
)
@click.option("--strip", is_flag=True, help="Leave out ICC profile, EXIF and XMP.")
@click.option(
    "--tile",
    metavar="N",
    type=click.IntRange(HYPER_STRIDE, MAX_TILE),
    default=DEFAULT_TILE,
    show_default=True,
    help=f"Side of a tile in pixels, a multiple of {HYPER_STRIDE}.",
)
@click.option(
    "--verify", is_flag=True, help="Decode every tile as it is coded and compare the symbols."
)
@click.option(
    "--no-preview",
    "preview",
    flag_value=False,
    default=True,
    help="Leave out the preview for thumbnails, up to 2 KiB, of pictures over a megapixel.",
)
@click.option("--model", metavar="ID", help="A name or id that `aecodec models` lists.")
@options.max_pixels
@options.recursive
@options.workers
@click.option("--keep-going", is_flag=True, help="After a failure go on with the other files.")
@options.skip_existing
@options.force
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Tell the PSNR that the decoder will see, and the SSIMULACRA2 that was to be reached.",
)
@options.as_json
@options.device
@options.exact_pixels
def compress(**given: Any) -> int:
    """Code photos as .aec files beside them. INPUT is a file, - for standard input, or a folder."""
    from aecodec.cli.tasks import Compress  # late: numpy and Pillow

    if given["tile"] % HYPER_STRIDE:
        raise click.UsageError(f"--tile: {given['tile']} is not a multiple of {HYPER_STRIDE}")
    if given["tune"] and given["model"]:
        raise click.UsageError("one of --tune and --model")
    target = options.take_target(given)
    return _run(Compress(**given, target=target), ".aec", PHOTO_SUFFIXES, tells_others=True)


@aecodec.command()
@options.inputs
@options.output
@click.option(
    "--region",
    metavar="X,Y,W,H",
    callback=options.read_region,
    help="Decode these pixels only: left, top, width, height, of the picture as it is shown.",
)
@click.option(
    "--scale",
    type=click.Choice([f"1/{scale}" if scale > 1 else "1" for scale in REDUCTIONS]),
    default="1",
    callback=lambda context, option, value: int(value.removeprefix("1/")),
    help="Decode at this part of width and height.",
)
@click.option(
    "--thumbnail",
    metavar="N",
    type=click.IntRange(1),
    help="A PNG that fits into N by N pixels, upright.",
)
@options.max_pixels
@options.recursive
@options.workers
@click.option(
    "--keep-going",
    is_flag=True,
    help="Leave damaged tiles gray, and go on with the other files; the exit code is still 1.",
)
@click.option(
    "--partial",
    is_flag=True,
    help="Decode as much of a file as has arrived; a damaged one is still an error.",
)
@options.skip_existing
@options.force
@click.option("-v", "--verbose", is_flag=True, help="Tell sizes and seconds.")
@options.as_json
@options.device
@options.exact_pixels
def decompress(**given: Any) -> int:
    """Decode .aec files to photos beside them. INPUT is a file, - for standard input, or a folder.

    The suffix of OUT says its format: png, jpg, webp, tiff, ppm, pgm or bmp; in a folder, png.
    """
    from aecodec.cli.tasks import Decompress  # late: numpy and Pillow

    if given["thumbnail"] and given["scale"] != 1:
        raise click.UsageError("one of --scale and --thumbnail")
    return _run(Decompress(**given), ".png", (".aec",), tells_others=False)


def _run(task: Task, suffix: str, taken: tuple[str, ...], tells_others: bool) -> int:
    """Plan the jobs, which are checked before any work is done, and do them."""
    from aecodec.cli.jobs import run_task  # late: numpy and Pillow

    sources = [files.standard(source, 0) for source in task.sources]
    output = None if task.output is None else files.standard(task.output, 1)
    if files.STANDARD in (*sources, output) and (len(sources) > 1 or is_folder(sources[0])):
        raise click.UsageError("standard input or output stands for one file only")
    if task.skip_existing and task.force:
        raise click.UsageError("one of --skip-existing and --force")
    try:
        planned = plan(sources, output, suffix, taken, task.recursive, tells_others)
    except InputError as error:
        raise Failure(error.source, str(error)) from error
    if output is not None:
        options.check_name(output, planned.many, suffix)
    if task.as_json and any(job.target == files.STANDARD for job in planned.jobs):
        raise click.UsageError("--json and the output file cannot both go to standard output")
    return run_task(task, planned)


@aecodec.command("info")
@click.argument("sources", metavar="FILE...", nargs=-1, required=True, type=options.Name())
@options.as_json
def info_command(sources: tuple[str, ...], as_json: bool) -> None:
    """Check .aec files and tell what is in them, without decoding.

    With --json, one object a line.
    """
    for source in sources:
        with failing_for(source):
            facts = info(files.read_bytes(source))
        model = _installed(facts.model)
        if as_json:
            named = {"model_name": model and model.name, "tune": model and model.tune}
            click.echo(json.dumps({"file": source} | asdict(facts) | named))
        else:
            click.echo(f"{files.readable(name_of(source))}\n{describe(facts, model)}")


def _installed(model_id: str) -> InstalledModel | None:
    """What `info` adds to a file's own words: it needs no model, and none that is whole."""
    try:
        return store.find_model(model_id)
    except ModelError:
        return None


@aecodec.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False))
@click.option(
    "--codecs",
    metavar="CODECS",
    help="With commas, and settings after a colon: aec,jpeg:q=20/50/80,avif:q=60,speed=4."
    "  [default: all that are installed]",
)
@click.option(
    "-o",
    "--output",
    metavar="REPORT_DIR",
    type=options.Name("dir"),
    default="aecodec-bench",
    show_default=True,
    help="Folder for the report; a run that was stopped goes on from what is there.",
)
@click.option(
    "-j",
    "--jobs",
    metavar="N",
    type=click.IntRange(1, 256),
    default=options.default_workers,
    help="Photos at a time; each has its share of the cores.  [default: the cores, at most 4]",
)
@options.as_json
@options.device
def bench(
    folder: str | None, codecs: str | None, output: str, jobs: int, as_json: bool, device: str
) -> None:
    """Compare codecs on the photos in FOLDER, or on a few that come along without it.

    Look at report.html in REPORT_DIR. The Kodak photos are known by their checksums; see
    benchmarks/README.md for where they are.
    """
    photos = Path(folder) if folder else None
    codecs = codecs or benchmark.DEFAULT_CODECS
    command = files.readable(shlex.join(["aecodec", *sys.argv[1:]]))
    with failing_for(folder or "bench"), show_progress() as (say, on_progress):
        report = benchmark.run(
            photos, codecs, Path(output), device, jobs, command, say, on_progress
        )
    click.echo(report.to_json() if as_json else text_table(report))


@aecodec.command()
@options.as_json
def models(as_json: bool) -> None:
    """List the installed models and their files; * marks the default."""
    with failing_for("models"):
        found = store.installed_models()
    if as_json:
        click.echo(json.dumps([asdict(model) for model in found], default=str))
        return
    for model in found:
        mark = "*" if model.default else " "
        click.echo(
            f"{mark} {model.name}  {model.model_id}  {tuned_for(model)}  size {model.size}"
            f"  {model.bytes:,} bytes  {model.path}"
        )


@aecodec.command("export-onnx")
@click.argument("model")
@click.argument("folder", metavar="OUT", type=options.Name("dir"))
@options.force
def export_onnx(model: str, folder: str, force: bool) -> None:
    """Write the decoder of a MODEL, by name or id, as ONNX graphs and a JSON into a folder.

    Networks, tables and layouts: all that it takes beside an entropy coder (formats/SPEC.md, 4.4).
    """
    from aecodec.cli.export import export  # late: it reads weights

    click.echo(export(model, folder, force))


@aecodec.command()
@options.as_json
def doctor(as_json: bool) -> int:
    """Check the installation, and tell what it runs on: paste that into reports of bugs.

    The exit code is 1 where something that pictures need is broken.
    """
    from aecodec.cli.doctor import diagnose, text  # late: it looks for packages

    found = diagnose()
    click.echo(json.dumps(asdict(found)) if as_json else text(found))
    for problem in found.problems:
        say(f"error: {problem}")
    return 1 if found.problems else 0
