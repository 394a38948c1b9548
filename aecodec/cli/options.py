"""Options that several commands have, and what is read out of their values."""

from __future__ import annotations

import os
import re
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from aecodec.coding.target import Target
from aecodec.errors import AecodecError
from aecodec.format.box import Box
from aecodec.format.constants import MAX_PIXELS
from aecodec.image.formats import PHOTO_SUFFIXES
from aecodec.plan import names_folder
from aecodec.process import cores


class Name(click.ParamType):  # type: ignore[type-arg]
    """The name of a file or folder, which shells complete; the command says what is wrong with it.

    `click.Path` has words and an exit code of its own for that, and echoes names that are no UTF-8
    to the shell, which fails.
    """

    name = "name"

    def __init__(self, kind: Literal["file", "dir"] = "file") -> None:
        self.kind = kind

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """What tells a shell to complete names by itself."""
        return [CompletionItem(os.fsencode(incomplete).decode(errors="replace"), self.kind)]


def default_workers() -> int:
    """A file on every core, but not more than four: each needs its own memory."""
    return min(4, cores())


def read_region(context: click.Context, option: click.Parameter, value: str | None) -> Box | None:
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


def read_size(context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """'50k', '50 kB' or '50KiB' -> bytes; a click callback."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+\.?\d*|\.\d+) ?(?:([kmg])(i?))?b?", value.strip(), re.IGNORECASE)
    if not found:
        raise click.BadParameter(f"{value!r} is not a number of bytes, like 50000, 50k or 50KiB")
    number, prefix, binary = found.groups()
    size = float(number) * (1024 if binary else 1000) ** " kmg".index((prefix or " ").lower())
    if not 1 <= size < 2**40:
        raise click.BadParameter(f"{value!r} is not a size of a file")
    return int(size)


def take_target(options: dict[str, Any]) -> Target | None:
    """What to reach instead of the quality, if anything, out of the options of `compress`."""
    targets = {field.name: options.pop(f"target_{field.name}") for field in fields(Target)}
    given = {name: value for name, value in targets.items() if value is not None}
    chosen = click.get_current_context().get_parameter_source("quality") != ParameterSource.DEFAULT
    if len(given) + chosen > 1:
        names = [f"--target-{name}" for name in targets]
        raise click.UsageError(f"one of -q, {', '.join(names[:-1])} and {names[-1]}")
    try:
        return Target(**given) if given else None
    except AecodecError as error:
        raise click.UsageError(str(error)) from error


def check_name(output: str, many: bool, suffix: str) -> None:
    """Raises UsageError for an output that is named as what it will not be.

    many: whether it is a folder; suffix: of what the command writes, or ".png" for any photo.
    """
    named = Path(output).suffix.lower()
    if named not in (".aec", *PHOTO_SUFFIXES) or names_folder(output):
        return
    if many:
        raise click.UsageError(
            f"-o {output}: several files go into a folder; for one of that name, write {output}/"
        )
    if suffix == ".aec" != named:
        own = Path(output).with_suffix(".aec")
        raise click.UsageError(f"-o {output}: compress writes .aec files; name it {own}")


inputs = click.argument("sources", metavar="INPUT...", nargs=-1, required=True, type=Name())
output = click.option(
    "-o",
    "--output",
    metavar="OUT",
    type=Name(),
    help="Output file, or folder for several; - is stdout.",
)
force = click.option("-f", "--force", is_flag=True, help="Overwrite outputs.")
skip_existing = click.option(
    "--skip-existing", is_flag=True, help="Leave out files whose output exists already."
)
recursive = click.option(
    "-r", "--recursive", is_flag=True, help="Take the files in folders; same tree under OUT."
)
workers = click.option(
    "-j",
    "--jobs",
    "workers",
    metavar="N",
    type=click.IntRange(1, 256),
    default=default_workers,
    help="Files at a time; each takes up to 3 GB of memory, 1 GB at effort 0.  "
    "[default: the cores, at most 4]",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
device = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Where the networks run.",
)
exact_pixels = click.option(
    "--exact-pixels",
    is_flag=True,
    help="Compute in binary32 even where the processor is faster in bfloat16, which moves a few "
    "samples in a hundred by one level of 255. To compare pixels of different machines.",
)
max_pixels = click.option(
    "--max-pixels",
    type=click.IntRange(1),
    default=MAX_PIXELS,
    show_default=True,
    help="Refuse larger pictures.",
)
