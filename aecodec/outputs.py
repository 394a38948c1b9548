"""Outputs: whether they may be written, and writing them, whole or not at all.

It imports neither torch nor numpy, and prints nothing.
"""

from __future__ import annotations

import io
import os
import secrets
import stat
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO, TypeAlias

from aecodec.errors import AecodecError
from aecodec.files import STANDARD, descriptor, is_stream, own_name, reason, standard_stream

Parts: TypeAlias = "Sequence[bytes | memoryview]"
"""of a file, so that nobody joins large ones only to write them"""
_placing = threading.Lock()
"""held where a file appears or is put in place, so that `stop_writing` leaves none torn"""
_unfinished: set[Path] = set()
"""the temporary files of this process"""


def exists(target: str) -> bool:
    """Whether an output is a file that is there: a stream is none."""
    return not is_stream(target) and os.path.isfile(target)


def make_folder(target: str) -> None:
    """Make the folder that `target` goes into. Raises AecodecError."""
    try:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AecodecError(reason(error)) from error


def check_output(target: str, source: str, force: bool) -> None:
    """Refuse an output that cannot be written, or may not. Raises AecodecError."""
    try:
        there = _stat(target, sys.stdout)
        if there is None:
            _check_place(target)
            return
        if stat.S_ISDIR(there.st_mode):
            raise AecodecError("is a folder")
        if not stat.S_ISREG(there.st_mode):  # a device or pipe, which holds nothing to lose
            return
        read = _stat(source, sys.stdin)
    except OSError as error:
        raise AecodecError(reason(error)) from error
    if read and os.path.samestat(there, read):
        raise AecodecError("is the input too; name another output with -o")
    if not force and not is_stream(target):
        raise AecodecError("exists already; -f overwrites it, --skip-existing leaves it")


def _stat(name: str, standard: TextIO | None) -> os.stat_result | None:
    """What a name stands for, `-` for the stream `standard`; None: nothing. Raises OSError."""
    try:
        if name == STANDARD:
            return os.fstat(standard.fileno()) if standard else None
        number = descriptor(name)
        return os.stat(name if number is None else number)
    except (FileNotFoundError, NotADirectoryError, io.UnsupportedOperation):
        return None


def _check_place(target: str) -> None:
    """Raises AecodecError where standard output is closed, or a new file has no folder."""
    if target == STANDARD:
        standard_stream(sys.stdout)
        return
    for path in (Path(target), Path(os.path.realpath(target))):  # which may be a link to nothing
        if not path.parent.is_dir():
            raise AecodecError(f"there is no folder {path.parent}")


def write_bytes(target: str | Path, *parts: bytes | memoryview) -> None:
    """Write a whole file, or standard output for `-`. Raises AecodecError, leaving no part of it.

    A file that is there keeps its permissions and its links, and, as far as this process may set
    them, owner and group. What goes wrong with standard output itself raises OSError: only the
    command knows its end.
    """
    if target == STANDARD:
        stream = standard_stream(sys.stdout).buffer
        stream.writelines(parts)
        stream.flush()
        return
    try:
        if is_stream(target):
            _write_on(target, parts)
        else:  # through a symbolic link, not over it
            _replace(Path(os.path.realpath(target)), parts)
    except OSError as error:
        raise AecodecError(reason(error)) from error


def _write_on(target: str | Path, parts: Parts) -> None:
    """Write to a device, a pipe, or an open file, of which nothing that it holds is lost."""
    own = own_name(target)
    mode = "ab" if own is target and os.path.isfile(target) else "wb"
    with open(own, mode) as stream:
        stream.writelines(parts)


def _replace(path: Path, parts: Parts) -> None:
    old = path.stat() if path.exists() else None
    mode = stat.S_IMODE(old.st_mode) & 0o600 if old else 0o666

    def make(name: str, flags: int) -> int:
        with _placing:
            return os.open(name, flags, mode)

    with _temporary(path) as temporary:
        with open(temporary, "xb", opener=make) as stream:
            stream.writelines(parts)
            if old:
                _keep_access(stream.fileno(), old)
        with _placing:
            if old and old.st_nlink > 1:
                _write_into(path, parts)
            else:
                os.replace(temporary, path)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """A name beside `path` for a file that is gone in the end, whatever happens, Ctrl-C too."""
    temporary = path.with_name(f".aecodec-{secrets.token_hex(8)}.tmp")
    _unfinished.add(temporary)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        _unfinished.discard(temporary)


def stop_writing() -> None:
    """For a process that ends at once, whatever its threads are doing: none writes a file any more.

    What is being put in place is waited for, and what is not finished is removed.
    """
    _placing.acquire()
    for temporary in list(_unfinished):
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _keep_access(number: int, old: os.stat_result) -> None:
    """Give an open file the group, owner and permissions of an old one, as far as is allowed."""
    if not hasattr(os, "fchown"):  # Windows
        return
    mode = stat.S_IMODE(old.st_mode) & 0o777
    with suppress(OSError):
        os.fchown(number, -1, old.st_gid)
    with suppress(OSError):
        os.fchown(number, old.st_uid, -1)
    if os.fstat(number).st_gid != old.st_gid:  # another group may do no more than others
        mode = mode & 0o707 | (mode & 0o007) << 3
    with suppress(OSError):  # some file systems know no permissions
        os.fchmod(number, mode)


def _write_into(path: Path, parts: Parts) -> None:
    """Put other bytes into a file that has several names. The old ones come back on any error."""
    with open(path, "r+b", buffering=0) as stream:
        old = stream.read()
        try:
            _rewrite(stream, parts)
        except BaseException:
            _rewrite(stream, (old,))
            raise


def _rewrite(stream: io.FileIO, parts: Parts) -> None:
    stream.seek(0)
    for part in parts:
        rest = memoryview(part)
        while rest:
            rest = rest[stream.write(rest) :]
    stream.truncate()


def keep_time(source: str, target: str) -> None:
    """Give a file the time of modification of another. Raises AecodecError.

    Streams have none.
    """
    if is_stream(source) or is_stream(target):
        return
    try:
        facts = os.stat(source)
        os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    except OSError as error:
        raise AecodecError(f"its time cannot be set: {error.strerror}") from error


def same_time(source: str, target: str) -> bool:
    """Whether `keep_time` may have been there: disks keep times of two seconds or better."""
    try:
        return abs(os.stat(source).st_mtime - os.stat(target).st_mtime) <= 2
    except OSError:
        return False
