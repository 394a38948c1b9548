"""Files and standard streams: which output belongs to which input, and reading and writing them.

An output is written whole or not at all, and nothing seeks, so that pipes will do.
It imports neither torch nor numpy, and prints nothing.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, TextIO, TypeAlias

from aecodec.errors import AecodecError

STANDARD = "-"  # standard input or output
MAX_INPUT_BYTES = 2**31  # 8 bytes a pixel of the largest picture: an endless input ends here
_BLOCK_BYTES = 2**20
Parts: TypeAlias = "Sequence[bytes | memoryview]"
"""of a file, so that nobody joins large ones only to write them"""
PACKAGE = Path(__file__).resolve().parent
_IN_CHECKOUT = {"weights": "weights", "published": "benchmarks/published"}


class InputError(AecodecError):
    """An input that no job can be made of; `source` names it."""

    def __init__(self, source: str, what: str) -> None:
        super().__init__(what)
        self.source = source


@dataclass(frozen=True)
class Job:
    """One file to make of another; `-` is a standard stream."""

    source: str
    target: str
    into: bool = False
    """Whether the target goes into a folder that may have to be made."""


def plan(
    sources: Sequence[str], output: str | None, suffix: str, taken: Sequence[str], recursive: bool
) -> list[Job]:
    """The jobs for the arguments of a command, by their order; files of folders by name.

    One input goes to `output` as it is. More than one, or one from a folder, go into the folder
    `output`, those from folders with their path in them; without `output`, beside the inputs.
    Of folders, which need `recursive`, the files are taken whose suffix is in `taken`.
    Raises InputError.
    """
    found = [pair for source in sources for pair in _expand(source, taken, recursive)]
    into = output is not None and (len(sources) > 1 or _is_folder(output) or _is_folder(sources[0]))
    jobs = []
    for source, inside in found:
        if into and source == STANDARD:
            raise InputError(source, "cannot go into a folder: name an output file with -o")
        if output is None:
            target = output_for(source, suffix)
        else:
            target = str((Path(output) / inside).with_suffix(suffix)) if into else output
        jobs.append(Job(source, target, into))
    _check_targets(jobs)
    return jobs


def _expand(source: str, taken: Sequence[str], recursive: bool) -> Iterator[tuple[str, Path]]:
    """The files that an argument stands for, each with its path inside of the output folder."""
    if source == STANDARD or not Path(source).is_dir():
        yield source, Path(Path(source).name)
        return
    if not recursive:
        raise InputError(source, "is a folder; -r takes the files in it")
    files = [path for path in sorted(Path(source).rglob("*")) if path.is_file()]
    files = [path for path in files if path.suffix.lower() in taken]
    if not files:
        raise InputError(source, f"no files in it ({' '.join(taken)})")
    for path in files:
        yield str(path), path.relative_to(source)


def _is_folder(name: str) -> bool:
    return name.endswith(("/", os.sep)) or (name != STANDARD and Path(name).is_dir())


def _check_targets(jobs: Sequence[Job]) -> None:
    """Raises InputError where two inputs would be written over each other."""
    sources: dict[str, str] = {}
    for job in jobs:
        if job.target in sources and job.target != STANDARD:
            raise InputError(
                job.source, f"and {sources[job.target]} would both be written as {job.target}"
            )
        sources[job.target] = job.source


def output_for(source: str, suffix: str) -> str:
    """The default output: the input's name with this suffix, or `-` for `-`."""
    return STANDARD if source == STANDARD else str(Path(source).with_suffix(suffix))


def read_bytes(source: str | Path) -> bytes:
    """All of a file, a pipe, or standard input for `-`. Raises AecodecError."""
    try:
        if source == STANDARD:
            return read_stream(_opened(sys.stdin).buffer)
        with open(source, "rb") as stream:
            return read_stream(stream)
    except OSError as error:
        raise AecodecError(reason(error)) from error


def read_stream(stream: BinaryIO) -> bytes:
    """All that is left in a binary stream. Raises AecodecError over MAX_INPUT_BYTES."""
    data = bytearray()
    while block := stream.read(_BLOCK_BYTES):
        data += block
        if len(data) > MAX_INPUT_BYTES:
            raise AecodecError(f"more than {MAX_INPUT_BYTES} bytes")
    return bytes(data)


def make_folder(target: str) -> None:
    """Make the folder that `target` goes into. Raises AecodecError."""
    try:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AecodecError(reason(error)) from error


def check_output(target: str, source: str, force: bool) -> None:
    """Refuse an output that cannot be written, or may not. Raises AecodecError."""
    if target == STANDARD:
        return
    path = Path(target)
    if path.is_dir():
        raise AecodecError("is a folder")
    if not path.parent.is_dir():
        raise AecodecError(f"there is no folder {path.parent}")
    if not path.is_file():  # absent, or a device or pipe, which holds nothing to lose
        return
    if source != STANDARD and Path(source).exists() and path.samefile(source):
        raise AecodecError("is the input too; name another output with -o")
    if not force:
        raise AecodecError("exists already; -f overwrites it")


def write_bytes(target: str | Path, *parts: bytes | memoryview) -> None:
    """Write a whole file, or standard output for `-`. Raises AecodecError, leaving no part of it.

    What goes wrong with standard output itself raises OSError: only the command knows its end.
    """
    if target == STANDARD:
        stream = _opened(sys.stdout).buffer
        stream.writelines(parts)
        stream.flush()
        return
    path = Path(os.path.realpath(target))  # through a symbolic link, not over it
    try:
        if path.exists() and not path.is_file():
            _write(path, "wb", parts)
        else:
            _replace(path, parts)
    except OSError as error:
        raise AecodecError(reason(error)) from error


def _write(path: Path, mode: str, parts: Parts) -> None:
    with open(path, mode) as stream:
        stream.writelines(parts)


def _replace(path: Path, parts: Parts) -> None:
    temporary = path.with_name(f".aecodec-{secrets.token_hex(8)}.tmp")
    try:
        _write(temporary, "xb", parts)
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C too leaves nothing behind
        temporary.unlink(missing_ok=True)
        raise


def keep_time(job: Job) -> None:
    """Give the target the source's time of modification. Raises AecodecError."""
    try:
        facts = os.stat(job.source)
        os.utime(job.target, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    except OSError as error:
        raise AecodecError(f"its time cannot be set: {error.strerror}") from error


def _opened(stream: TextIO | None) -> TextIO:
    """A standard stream. Raises AecodecError where the process was started without it."""
    if stream is None:
        raise AecodecError("is closed")
    return stream


def reason(error: OSError) -> str:
    """What went wrong, for a line that names the file already."""
    return (error.strerror or str(error)).lower()


def data_folder(name: Literal["weights", "published"]) -> Path:
    """The folder with data files of that name: inside the wheel, or else in the checkout.

    The caller says what is missing when the folder or a file in it is not there.
    """
    in_wheel = PACKAGE / "_data" / name
    return in_wheel if in_wheel.is_dir() else PACKAGE.parent / _IN_CHECKOUT[name]
