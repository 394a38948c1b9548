"""Which files a command takes, and which output belongs to which input.

It imports neither torch nor numpy, and prints nothing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

from aecodec.errors import AecodecError
from aecodec.files import STANDARD, descriptor, is_stream, reason

APPLE_DOUBLE = (b"\0\5\x16\7", b"\0\5\x16\0")
"""What files begin with that macOS leaves beside others, as `._NAME`, on disks of other systems."""


class InputError(AecodecError):
    """An argument that no job can be made of; `source` names it."""

    def __init__(self, source: str, what: str) -> None:
        super().__init__(source, what)
        self.source = source

    def __str__(self) -> str:
        return str(self.args[1])


@dataclass(frozen=True)
class Job:
    """One file to make of another; `-` is a standard stream."""

    source: str
    target: str
    into: bool = False
    """Whether the target goes into a folder that may have to be made."""
    contested: bool = False
    """Whether another input's usual output has the same name, so that one there may be of that."""


@dataclass(frozen=True)
class Plan:
    """What a command's arguments come to."""

    jobs: tuple[Job, ...]
    many: bool
    """Whether several inputs or a folder were given, of which there may be one file only."""
    notes: tuple[str, ...]
    """What was skipped or is done otherwise than usual, a line each that names the file."""


def plan(
    sources: Sequence[str],
    output: str | None,
    suffix: str,
    taken: Sequence[str],
    recursive: bool,
    tells_others: bool = True,
) -> Plan:
    """The jobs for the arguments of a command, by their order; files of folders by name.

    One input goes to `output` as it is. More than one, or one from a folder, go into the folder
    `output`, those from folders with their path in them; without `output`, beside the inputs.
    Of folders, which need `recursive`, the files are taken whose suffix is in `taken`; with
    `tells_others` a note says how many others there are, but for those that have the suffix of
    outputs. Where two outputs would have one name, the second keeps its input's suffix. Raises
    InputError.
    """
    many = len(sources) > 1 or is_folder(sources[0])
    into = _goes_into(output, many)
    found: list[tuple[str, Path]] = []
    notes: list[str] = []
    empty: list[InputError] = []
    for source in sources:
        if is_folder(source):
            if not recursive:
                raise InputError(source, "is a folder; -r takes the files in it")
            paths, others = _files_in(source, taken, notes)
            found += [(str(path), path.relative_to(source)) for path in paths]
            if not paths:
                empty.append(InputError(source, _nothing(taken, others)))
            del others[suffix]
            if tells_others and others and paths:
                notes.append(f"{source}: {skipped(others)}")
        else:
            _check_name(source, output, into)
            found.append((source, Path(Path(source).name)))
    if output is not None and not into:
        return Plan((Job(sources[0], output),), many, ())
    if not found:
        raise empty[0]
    notes += [f"{error.source}: {error}" for error in empty]
    pairs = [
        (source, output_for(source if output is None else str(Path(output) / inside), suffix))
        for source, inside in found
    ]
    jobs, told = _apart(pairs, suffix, into)
    return Plan(tuple(jobs), many, (*notes, *told))


def _goes_into(output: str | None, many: bool) -> bool:
    """Whether an output is a folder. Raises InputError for a name that cannot be one, or is none.

    many: whether it has to be.
    """
    if output is None:
        return False
    if output == "":
        raise InputError(output, "an empty name is no output")
    into = many or names_folder(output)
    if into and os.path.exists(output) and not is_folder(output):
        raise InputError(output, "is no folder, which several files need")
    return into


def output_for(source: str, suffix: str) -> str:
    """The default output: the input's name with this suffix, or `-` for `-`."""
    return STANDARD if source == STANDARD else str(Path(source).with_suffix(suffix))


def names_folder(output: str) -> bool:
    """Whether an output is a folder that is there, or is named as one."""
    return output.endswith(("/", os.sep)) or is_folder(output)


def is_folder(name: str) -> bool:
    """Whether a file argument names a folder; `-` never does."""
    return name != STANDARD and os.path.isdir(name)


def _check_name(source: str, output: str | None, into: bool) -> None:
    """Raises InputError where no output can be named after an input."""
    if not source:
        raise InputError(source, "an empty name is no input")
    if into and (source == STANDARD or descriptor(source) is not None):
        raise InputError(source, "cannot go into a folder: name an output file with -o")
    if output is None and source != STANDARD and is_stream(source):
        raise InputError(source, "is no file to write beside: name an output file with -o")


def _files_in(
    folder: str, taken: Sequence[str], notes: list[str]
) -> tuple[list[Path], Counter[str]]:
    """The files of a folder that are taken, by name, and how many of each kind are not.

    Hidden ones are not counted. What cannot be looked into gets a note. Raises InputError for a
    folder that is such.
    """
    found: list[Path] = []
    others: Counter[str] = Counter()

    def closed(error: OSError) -> None:
        if error.filename == folder:
            raise InputError(folder, reason(error))
        notes.append(f"{error.filename}: was skipped: {reason(error)}")

    for place, folders, names in os.walk(folder, onerror=closed):
        paths = [Path(place, name) for name in names]
        for path in paths + [Path(place, name) for name in folders if _is_link(place, name)]:
            kind = kind_of(path)
            if kind in taken and not is_apple_double(path):
                found.append(path)
            elif not _is_hidden(path.relative_to(folder)):
                others[kind] += 1
    return sorted(found), others


def _nothing(taken: Sequence[str], others: Counter[str]) -> str:
    also = f"; {skipped(others)}" if others else ""
    return f"no files in it ({' '.join(taken)}){also}"


def skipped(others: Counter[str]) -> str:
    """What is said of files that were not taken, by how many there are of a kind."""
    count = others.total()
    kinds = sorted(others.items(), key=lambda entry: (-entry[1], entry[0]))
    told = ", ".join(f"{number} {kind}" for kind, number in kinds)
    return f"{count} file{'s were' if count > 1 else ' was'} skipped: {told}"


def _is_link(place: str, name: str) -> bool:
    return os.path.islink(os.path.join(place, name))


def kind_of(path: Path) -> str:
    """What is counted of files that are not taken: the suffix, or why it is no file to look at."""
    if os.path.isfile(path):  # Path.is_file raises where the folder may not be searched
        return path.suffix.lower() or "without suffix"
    if os.path.isdir(path):
        return "link to a folder"
    if os.path.islink(path):
        return "broken link"
    return "no regular file" if os.path.lexists(path) else "out of reach"


def _is_hidden(inside: Path) -> bool:
    return any(part.startswith(".") for part in inside.parts)


def is_apple_double(path: Path) -> bool:
    """Whether a file is what macOS left of another one, and no picture whatever its suffix."""
    if not path.name.startswith("._"):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(4) in APPLE_DOUBLE
    except OSError:
        return False


def _apart(
    pairs: Sequence[tuple[str, str]], suffix: str, into: bool
) -> tuple[list[Job], list[str]]:
    """The jobs of inputs and usual outputs, no two to the same output, and notes on the others.

    A file that was given twice is done once.
    """
    unique: dict[tuple[str, str], tuple[str, str]] = {}
    again: list[str] = []
    for source, usual in pairs:
        once = os.path.realpath(source), usual
        if once in unique:
            again.append(source)
        else:
            unique[once] = source, usual
    taken = {_key(source) for source, _ in unique.values()}
    claims = Counter(_key(usual) for _, usual in unique.values())
    jobs: dict[str, Job] = {}
    notes: list[str] = []
    numbers: Counter[str] = Counter()
    for source, usual in unique.values():
        own, wanted = _key(source), _key(usual)
        for target in _names(usual, Path(source).name, suffix, numbers):
            key = _key(target)
            other = jobs.get(key)
            if not other and (key == own or key not in taken):
                jobs[key] = Job(source, target, into, claims[wanted] > 1)
                if target != usual:
                    notes.append(_renamed(jobs[key], usual, jobs.get(wanted)))
                break
    if again:
        more = f" and {len(again) - 1} more" if len(again) > 1 else ""
        notes.append(f"{again[0]}{more}: given more than once, done once")
    return list(jobs.values()), notes


def _renamed(job: Job, usual: str, other: Job | None) -> str:
    why = f"{other.source} is written as {other.target}" if other else f"{usual} is an input"
    return f"{job.source}: written as {job.target}, for {why}"


def _key(name: str) -> str:
    """The same of names that are one file, or are on systems whose disks do not tell A from a."""
    if os.path.isfile(name) and (facts := os.stat(name)).st_nlink > 1:
        return f"{facts.st_dev} {facts.st_ino}"
    return normalize("NFC", os.path.realpath(name)).casefold()


def _names(usual: str, source: str, suffix: str, numbers: Counter[str]) -> Iterator[str]:
    """The usual output of an input of that name, and what it is called where that is taken.

    numbers: how many names have been asked for by now.
    """
    whole = str(Path(usual).with_name(source))
    yield usual
    while True:
        numbers[whole] += 1
        yield f"{whole}{suffix}" if numbers[whole] == 1 else f"{whole}.{numbers[whole]}{suffix}"
