"""The `aecodec` command. It only speaks: the work is the library's.

Importing this module must stay cheap: --help, --version, info and models answer without torch,
numpy or Pillow, so the library is imported inside the commands that need it.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from click.core import ParameterSource

from aecodec import __version__, files
from aecodec.cli.console import Failure, failing_for, name_of, run
from aecodec.cli.jobs import InputError, Job, default_workers, plan
from aecodec.cli.runner import run_task
from aecodec.cli.summary import describe
from aecodec.cli.tasks import Compress, Decompress, View
from aecodec.coding.effort import DEFAULT_EFFORT, MAX_EFFORT
from aecodec.coding.target import Target
from aecodec.format.box import Box
from aecodec.format.constants import DEFAULT_TILE, HYPER_STRIDE, MAX_PIXELS, MAX_TILE, SCALES
from aecodec.format.info import info


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `aecodec` with these arguments, or the process's, and return its exit code."""
    return run(aecodec, arguments)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def aecodec() -> None:
    """Photos in few bytes: a learned image codec.

    \b
    aecodec compress photo.png       writes photo.aec
    aecodec decompress photo.aec     writes photo.png
    """


PHOTO_SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".tif",
    ".tiff",
    ".webp",
    ".ppm",
    ".pgm",
    ".bmp",
    ".gif",
)
"""What `compress -r` takes from a folder."""

_inputs = click.argument("sources", metavar="INPUT...", nargs=-1, required=True)
_output = click.option(
    "-o",
    "--output",
    metavar="OUT",
    help="Output file, or folder for several; - is stdout.",
)
_force = click.option("-f", "--force", is_flag=True, help="Overwrite outputs.")
_recursive = click.option(
    "-r", "--recursive", is_flag=True, help="Take the files in folders; same tree under OUT."
)
_workers = click.option(
    "-j",
    "--jobs",
    "workers",
    metavar="N",
    type=click.IntRange(1, 256),
    help="Files at a time; each takes up to 3 GB of memory, 1 GB at effort 0.  "
    "[default: the cores, at most 4]",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
_device = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Where the networks run.",
)


_max_pixels = click.option(
    "--max-pixels",
    type=click.IntRange(1),
    default=MAX_PIXELS,
    show_default=True,
    help="Refuse larger pictures.",
)


def _read_region(context: click.Context, option: click.Parameter, value: str | None) -> Box | None:
    """'X,Y,W,H' in pixels -> Box; a click callback."""
    if value is None:
        return None
    try:
        left, top, width, height = (int(number) for number in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not X,Y,W,H, four whole numbers") from None
    if left < 0 or top < 0 or width < 1 or height < 1:
        raise click.BadParameter(f"{value!r} holds no pixels")
    return Box(top, left, top + height, left + width)


def _read_size(context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """'50k' -> bytes; a click callback."""
    if value is None:
        return None
    units = {"k": 1_000, "M": 1_000_000}
    number, unit = (value[:-1], units[value[-1]]) if value[-1:] in units else (value, 1)
    try:
        size = float(number) * unit
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a number of bytes, like 50000 or 50k") from None
    if not 1 <= size < 2**40:
        raise click.BadParameter(f"{value!r} is not a size of a file")
    return int(size)


@aecodec.command()
@_inputs
@_output
@click.option(
    "-q",
    "--quality",
    type=click.IntRange(1, 100),
    default=60,
    show_default=True,
    help="1 is the smallest file, 100 the best picture.",
)
@click.option(
    "--target-size",
    metavar="BYTES",
    callback=_read_size,
    help="The best quality in so many bytes (50000, 50k, 2M), metadata included.",
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
    "--verify",
    is_flag=True,
    help="Decode every tile as it is coded and compare the symbols.",
)
@click.option("--model", metavar="ID", help="A name or id that `aecodec models` lists.")
@_max_pixels
@_recursive
@_workers
@click.option("--keep-going", is_flag=True, help="After a failure go on with the other files.")
@_force
@click.option("-v", "--verbose", is_flag=True, help="Tell the PSNR that the decoder will see.")
@_json
@_device
def compress(
    sources: tuple[str, ...],
    output: str | None,
    quality: int,
    target_size: int | None,
    target_bpp: float | None,
    target_psnr: float | None,
    effort: int,
    strip: bool,
    tile: int,
    verify: bool,
    model: str | None,
    max_pixels: int,
    recursive: bool,
    workers: int | None,
    keep_going: bool,
    force: bool,
    verbose: bool,
    as_json: bool,
    device: str,
) -> int:
    """Code photos as .aec files beside them. INPUT is a file, - for standard input, or a folder."""
    if tile % HYPER_STRIDE:
        raise click.UsageError(f"--tile: {tile} is not a multiple of {HYPER_STRIDE}")
    targets = {"size": target_size, "bpp": target_bpp, "psnr": target_psnr}
    given = {name: value for name, value in targets.items() if value is not None}
    context = click.get_current_context()
    chosen = context.get_parameter_source("quality") != ParameterSource.DEFAULT
    if len(given) + chosen > 1:
        raise click.UsageError("one of -q, --target-size, --target-bpp and --target-psnr")
    target = Target(**given) if given else None  # type: ignore[arg-type]
    task = Compress(
        model, device, max_pixels, force, verbose, quality, strip, tile, verify, effort, target
    )
    jobs = _plan(sources, output, ".aec", PHOTO_SUFFIXES, recursive, as_json)
    return run_task(task, jobs, workers, keep_going, as_json, tell=True)


@aecodec.command()
@_inputs
@_output
@click.option(
    "--region",
    metavar="X,Y,W,H",
    callback=_read_region,
    help="Decode these pixels only: left, top, width, height.",
)
@click.option(
    "--scale",
    type=click.Choice([f"1/{scale}" if scale > 1 else "1" for scale in SCALES]),
    default="1",
    help="Decode at this part of width and height.",
)
@click.option(
    "--thumbnail",
    metavar="N",
    type=click.IntRange(1),
    help="A PNG that fits into N by N pixels, upright.",
)
@_max_pixels
@_recursive
@_workers
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
@_force
@click.option("-v", "--verbose", is_flag=True, help="Tell sizes and seconds.")
@_json
@_device
def decompress(
    sources: tuple[str, ...],
    output: str | None,
    region: Box | None,
    scale: str,
    thumbnail: int | None,
    max_pixels: int,
    recursive: bool,
    workers: int | None,
    keep_going: bool,
    partial: bool,
    force: bool,
    verbose: bool,
    as_json: bool,
    device: str,
) -> int:
    """Decode .aec files to photos beside them. INPUT is a file, - for standard input, or a folder.

    The suffix of OUT says its format: png, jpg, webp, tiff, ppm, pgm or bmp; in a folder, png.
    """
    if thumbnail and scale != "1":
        raise click.UsageError("one of --scale and --thumbnail")
    view = View(region, int(scale.removeprefix("1/")), partial, keep_going)
    task = Decompress(None, device, max_pixels, force, verbose, view, thumbnail)
    jobs = _plan(sources, output, ".png", (".aec",), recursive, as_json)
    return run_task(task, jobs, workers, keep_going, as_json, tell=verbose)


@aecodec.command("info")
@click.argument("sources", metavar="FILE...", nargs=-1, required=True)
@_json
def info_command(sources: tuple[str, ...], as_json: bool) -> None:
    """Check .aec files and tell what is in them, without decoding.

    With --json, one object a line.
    """
    for source in sources:
        with failing_for(source):
            facts = info(files.read_bytes(source))
        if as_json:
            click.echo(json.dumps({"file": source} | asdict(facts)))
        else:
            click.echo(f"{name_of(source)}\n{describe(facts)}")


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
    default="aecodec-bench",
    show_default=True,
    help="Folder for the report; a run that was stopped goes on from what is there.",
)
@click.option(
    "-j",
    "--jobs",
    metavar="N",
    type=click.IntRange(1, 256),
    help="Photos at a time; each has its share of the cores.  [default: the cores, at most 4]",
)
@_json
@_device
def bench(
    folder: str | None,
    codecs: str | None,
    output: str,
    jobs: int | None,
    as_json: bool,
    device: str,
) -> None:
    """Compare codecs on the photos in FOLDER, or on a few that come along without it.

    Look at report.html in REPORT_DIR. The Kodak photos are known by their checksums; see
    benchmarks/README.md for where they are.
    """
    from aecodec.bench import DEFAULT_CODECS
    from aecodec.bench import run as run_bench
    from aecodec.cli.progress import show_advance

    photos = None if folder is None else Path(folder)
    command = shlex.join(["aecodec", *sys.argv[1:]])
    with failing_for(folder or "bench"), show_advance() as (tell, advance):
        report = run_bench(
            photos,
            codecs or DEFAULT_CODECS,
            Path(output),
            device,
            jobs or default_workers(),
            command,
            tell,
            advance,
        )
    click.echo(report.to_json() if as_json else report.table())


@aecodec.command()
@_json
def models(as_json: bool) -> None:
    """List the installed models and their files; * marks the default."""
    from aecodec.model.store import installed_models

    with failing_for("models"):
        found = installed_models()
    if as_json:
        click.echo(json.dumps([asdict(model) for model in found], default=str))
        return
    for model in found:
        mark = "*" if model.default else " "
        click.echo(
            f"{mark} {model.name}  {model.model_id}  size {model.size}  {model.bytes:,} bytes"
            f"  {model.path}"
        )


def _plan(
    sources: tuple[str, ...],
    output: str | None,
    suffix: str,
    taken: tuple[str, ...],
    recursive: bool,
    as_json: bool,
) -> list[Job]:
    """The jobs, checked before any work is done."""
    if len(sources) > 1 and files.STANDARD in (*sources, output):
        raise click.UsageError("- stands for one file only")
    try:
        jobs = plan(sources, output, suffix, taken, recursive)
    except InputError as error:
        raise Failure(error.source, str(error)) from error
    if as_json and any(job.target == files.STANDARD for job in jobs):
        raise click.UsageError("--json and the output file cannot both go to standard output")
    return jobs
