"""Files and standard streams as a command needs them: whole or not at all, and never seeking."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, TextIO, TypeAlias

from aecodec.errors import AecodecError

STANDARD = "-"  # standard input or output
MAX_INPUT_BYTES = 2**31  # 8 bytes a pixel of the largest picture: an endless input ends here
_BLOCK_BYTES = 2**20
Parts: TypeAlias = "Sequence[bytes | memoryview]"
"""of a file, so that nobody joins large ones only to write them"""


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


def output_for(source: str, suffix: str) -> str:
    """The default output: the input's name with this suffix, or `-` for `-`."""
    return STANDARD if source == STANDARD else str(Path(source).with_suffix(suffix))


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


def _opened(stream: TextIO | None) -> TextIO:
    """A standard stream. Raises AecodecError where the process was started without it."""
    if stream is None:
        raise AecodecError("is closed")
    return stream


def reason(error: OSError) -> str:
    """What went wrong, for a line that names the file already."""
    return (error.strerror or str(error)).lower()
