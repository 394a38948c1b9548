"""The `aecodec` command. It only speaks: the work is the library's.

Importing this module must stay cheap: --help, --version, info and models answer without torch,
numpy or Pillow, so the library is imported inside the commands that need it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from aecodec import __version__, files
from aecodec.console import failing_for, name_of, run, say, show_progress
from aecodec.container import DEFAULT_TILE, MAX_PIXELS, MAX_TILE, TILE_UNIT, Box, info, read_header
from aecodec.summary import Stopwatch, Summary, describe


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


_input = click.argument("source", metavar="INPUT")
_output = click.option("-o", "--output", metavar="OUT", help="Output file; - is standard output.")
_force = click.option("-f", "--force", is_flag=True, help="Overwrite the output.")
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


@aecodec.command()
@_input
@_output
@click.option(
    "-q",
    "--quality",
    type=click.IntRange(1, 100),
    default=60,
    show_default=True,
    help="1 is the smallest file, 100 the best picture.",
)
@click.option("--strip", is_flag=True, help="Leave out ICC profile, EXIF and XMP.")
@click.option(
    "--tile",
    metavar="N",
    type=click.IntRange(TILE_UNIT, MAX_TILE),
    default=DEFAULT_TILE,
    show_default=True,
    help=f"Side of a tile in pixels, a multiple of {TILE_UNIT}.",
)
@click.option("--model", metavar="ID", help="A name or id that `aecodec models` lists.")
@_max_pixels
@_force
@click.option("-v", "--verbose", is_flag=True, help="Tell the PSNR that the decoder will see.")
@_json
@_device
def compress(
    source: str,
    output: str | None,
    quality: int,
    strip: bool,
    tile: int,
    model: str | None,
    max_pixels: int,
    force: bool,
    verbose: bool,
    as_json: bool,
    device: str,
) -> None:
    """Code the photo INPUT, or - for standard input, as an .aec file beside it."""
    if tile % TILE_UNIT:
        raise click.UsageError(f"--tile: {tile} is not a multiple of {TILE_UNIT}")
    target = _target(source, output, ".aec", force, as_json)
    with failing_for(source):
        photo = files.read_bytes(source)

        from PIL import Image

        from aecodec.picture import psnr, read_picture, without_metadata

        Image.MAX_IMAGE_PIXELS = max_pixels  # our limit, which read_picture checks, for Pillow's
        picture = read_picture(photo, max_pixels)
        picture = without_metadata(picture) if strip else picture

        from aecodec.codec import Codec

        codec = Codec(model, device, max_pixels)
        with Stopwatch() as watch:
            data = codec.encode(picture, quality, tile)
        decoded = codec.decode_picture(data) if verbose else None
        quality_db = psnr(picture.pixels, decoded.pixels) if decoded else None
    with failing_for(target):
        files.write_bytes(target, data)
    _warn(source, picture.notes)
    summary = Summary(source, len(photo), target, len(data), info(data), watch.seconds, quality_db)
    _tell(summary, as_json)
    if summary.grew:
        say(f"warning: {name_of(target)} is not smaller than {name_of(source)}")


@aecodec.command()
@_input
@_output
@click.option(
    "--region",
    metavar="X,Y,W,H",
    callback=_read_region,
    help="Decode these pixels only: left, top, width, height.",
)
@click.option("--keep-going", is_flag=True, help="Leave damaged tiles gray; exit code 1.")
@_max_pixels
@_force
@click.option("-v", "--verbose", is_flag=True, help="Tell sizes and seconds.")
@_json
@_device
def decompress(
    source: str,
    output: str | None,
    region: Box | None,
    keep_going: bool,
    max_pixels: int,
    force: bool,
    verbose: bool,
    as_json: bool,
    device: str,
) -> int:
    """Decode the .aec file INPUT, or - for standard input, to a photo beside it.

    The suffix of OUT says its format: png, jpg, webp, tiff, ppm, pgm or bmp.
    """
    target = _target(source, output, ".png", force, as_json)
    suffix = ".png" if target == files.STANDARD else Path(target).suffix
    with failing_for(source):
        data = files.read_bytes(source)
        header = read_header(data)

    from aecodec.picture import output_format, picture_file

    with failing_for(target):
        output_format(suffix)
    with failing_for(source):
        from aecodec.codec import Codec

        codec = Codec(header.model_id.hex(), device, max_pixels)
        with Stopwatch() as watch:
            picture = codec.decode_picture(data, region, keep_going)
    with failing_for(target):
        photo, left_out = picture_file(picture, suffix)
        files.write_bytes(target, photo)
    if left_out:
        say(f"warning: {name_of(target)} cannot hold: {', '.join(left_out)}")
    if (verbose or as_json) and not picture.notes:
        _tell(Summary(source, len(data), target, len(photo), info(data), watch.seconds), as_json)
    for damage in picture.notes:
        say(f"error: {name_of(source)}: {damage}")
    return 1 if picture.notes else 0


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
    default="aec,jpeg,jpeg2000,bpg",
    show_default=True,
    help="Which codecs to compare, with commas.",
)
@click.option(
    "-o",
    "--output",
    metavar="REPORT_DIR",
    default="aecodec-bench",
    show_default=True,
    help="Folder for the table, the rows and the plot.",
)
@_json
@_device
def bench(folder: str | None, codecs: str, output: str, as_json: bool, device: str) -> None:
    """Compare codecs on the photos in FOLDER, or on a few that come along without it."""
    from aecodec.bench import run as run_bench

    photos = None if folder is None else Path(folder)
    with failing_for(folder or "bench"):
        report = run_bench(photos, codecs.split(","), Path(output), device, show_progress)
    click.echo(report.to_json() if as_json else report.table())


@aecodec.command()
@_json
def models(as_json: bool) -> None:
    """List the installed models; * marks the default."""
    from aecodec.weights import installed_models

    with failing_for("models"):
        found = installed_models()
    if as_json:
        click.echo(json.dumps([asdict(model) for model in found], default=str))
        return
    for model in found:
        mark = "*" if model.default else " "
        click.echo(
            f"{mark} {model.name}  {model.model_id}  size {model.size}  {model.bytes:,} bytes"
        )


def _target(source: str, output: str | None, suffix: str, force: bool, as_json: bool) -> str:
    """Where the output goes, checked before any work is done."""
    target = files.output_for(source, suffix) if output is None else output
    if as_json and target == files.STANDARD:
        raise click.UsageError("--json and the output file cannot both go to standard output")
    with failing_for(target):
        files.check_output(target, source, force)
    return target


def _warn(file: str, notes: tuple[str, ...]) -> None:
    for note in notes:
        say(f"warning: {name_of(file)}: {note}")


def _tell(summary: Summary, as_json: bool) -> None:
    if as_json:
        click.echo(summary.to_json())
    else:
        say(summary.text())
