"""Files and streams: what names stand for, and reading and writing what they name.

An output is written whole or not at all, and streams are not sought in, so that pipes will do.
It imports neither torch nor numpy, and prints nothing.
"""

from __future__ import annotations

import io
import os
import re
import secrets
import select
import stat
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, TextIO, TypeAlias
from unicodedata import category

from aecodec.errors import AecodecError

if TYPE_CHECKING:
    from typing_extensions import Buffer

STANDARD = "-"  # standard input or output
MAX_INPUT_BYTES = 2**31  # 8 bytes a pixel of the largest picture: an endless input ends here
_BLOCK_BYTES = 2**20
_OPEN_FILE = re.compile(r"(/dev|/proc/\d+(/task/\d+)?)/fd/\d+")
_MAX_LINKS = 40
"""in a row, as Linux follows them"""
Parts: TypeAlias = "Sequence[bytes | memoryview]"
"""of a file, so that nobody joins large ones only to write them"""
Source: TypeAlias = "Buffer | str | os.PathLike[str] | os.PathLike[bytes] | IO[bytes]"
"""where callers of the library have a file: its bytes, its name, or a binary stream"""
_placing = threading.Lock()
"""held where a file appears or is put in place, so that `stop_writing` leaves none torn"""
_unfinished: set[Path] = set()
"""the temporary files of this process"""
PACKAGE = Path(__file__).resolve().parent
_IN_CHECKOUT = {"weights": "weights", "published": "benchmarks/published"}


def readable(text: str) -> str:
    """The text in one line that every UTF-8 stream takes, whatever a file's name in it holds."""
    return text if text.isprintable() else "".join(map(_readable, text))


def _readable(letter: str) -> str:
    if category(letter) not in ("Cc", "Cs", "Zl", "Zp"):
        return letter
    if letter.isspace():
        return " "
    if letter <= "\xff" or "\udc80" <= letter <= "\udcff":  # these stand for bytes of no UTF-8
        return f"\\x{ord(letter) & 255:02x}"
    return f"\\u{ord(letter):04x}"


def descriptor(name: str | Path) -> int | None:
    """Which open file of this process a name like /dev/stdout or /proc/self/fd/3 stands for.

    None: it is an ordinary name. Whether that file is open, `os.fstat` knows.
    """
    folder, number = os.path.split(_open_file(name))
    process = os.path.realpath("/proc/self")
    own = folder in ("/dev/fd", f"{process}/fd") or folder.startswith(f"{process}/task/")
    return int(number) if own else None


def _open_file(name: str | Path) -> str:
    """Where the system lists the open file, of any process, that a name stands for; or nothing."""
    path = os.path.abspath(name)
    for _ in range(_MAX_LINKS):
        folder, last = os.path.split(path)
        path = os.path.join(os.path.realpath(folder), last)
        if _OPEN_FILE.fullmatch(path):
            return path
        if not os.path.islink(path):
            return ""
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    return ""


def standard(name: str, number: Literal[0, 1]) -> str:
    """`-` for a name of standard input, which is 0, or output, 1; any other as it is."""
    return STANDARD if name != STANDARD and descriptor(name) == number else name


def is_stream(name: str | Path) -> bool:
    """Whether a name stands for something open already, a pipe or a device: no file of its own."""
    if name == STANDARD or _open_file(name):
        return True
    return os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name)


def read_bytes(source: str | Path) -> bytes:
    """All of a file, a pipe, or standard input for `-`. Raises AecodecError."""
    if source != STANDARD:
        return _read_file(source)
    try:
        return read_stream(_opened(sys.stdin).buffer)
    except OSError as error:
        raise AecodecError(reason(error)) from error


def file_bytes(source: Source) -> bytes:
    """All of a file: its bytes, those that its name stands for, or what is left in a stream.

    The stream is not sought in, and stays open; `-` is a name as any other. Raises AecodecError,
    which says the name where that cannot be read.
    """
    if isinstance(source, bytes):
        return source
    if isinstance(source, str | os.PathLike):
        try:
            name = os.fsdecode(source)
        except Exception as error:  # of a caller's class
            raise AecodecError(f"not the name of a file but {type(source).__name__}") from error
        try:
            return _read_file(name)
        except AecodecError as error:
            raise AecodecError(f"{readable(name)}: {error}") from error
    try:
        return memoryview(source).tobytes()  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError) as error:
        if isinstance(error, TypeError) and hasattr(source, "read"):
            return _read_callers(source)
        raise AecodecError(f"not the bytes of a file but {type(source).__name__}") from error


def _read_callers(stream: Any) -> bytes:
    """What is left in a caller's stream, which may be of any class and raise anything."""
    try:
        return read_stream(stream)
    except AecodecError:
        raise
    except TypeError as error:
        raise AecodecError("not a binary stream") from error
    except Exception as error:
        what = " ".join(str(error).split()) or type(error).__name__
        raise AecodecError(f"the stream cannot be read: {what}") from error


def _read_file(name: str | Path) -> bytes:
    try:
        with open(_own(name), "rb") as stream:
            return read_stream(stream)
    except OSError as error:
        raise AecodecError(reason(error)) from error
    except ValueError as error:  # a name with a zero byte in it
        raise AecodecError(str(error)) from error


def read_stream(stream: IO[bytes]) -> bytes:
    """All that is left in a binary stream. Raises AecodecError over MAX_INPUT_BYTES."""
    data = bytearray()
    while (block := stream.read(_BLOCK_BYTES)) != b"":
        if block is None:  # of a pipe that does not wait by itself
            select.select([stream], [], [])
            continue
        data += block
        if len(data) > MAX_INPUT_BYTES:
            raise AecodecError(f"more than {MAX_INPUT_BYTES} bytes")
    return bytes(data)


def _own(name: str | Path) -> str | Path | int:
    """What `open` takes for a name: of a descriptor a copy, so that it goes on where that is."""
    number = descriptor(name)
    return name if number is None else os.dup(number)


def begins_with(source: str, signature: bytes) -> bool:
    """Whether a file does. Of a stream, or of what cannot be read, nobody knows: False."""
    if is_stream(source):
        return False
    try:
        with open(source, "rb") as stream:
            return stream.read(len(signature)) == signature
    except (OSError, ValueError):
        return False


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
        _opened(sys.stdout)
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
        stream = _opened(sys.stdout).buffer
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
    own = _own(target)
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
