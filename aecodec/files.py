"""Files and streams: what names stand for, and reading what they name.

Streams are not sought in, so that pipes will do. It imports neither torch nor numpy, and prints
nothing.
"""

from __future__ import annotations

import os
import re
import select
import sys
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
Source: TypeAlias = "Buffer | str | os.PathLike[str] | os.PathLike[bytes] | IO[bytes]"
"""where callers of the library have a file: its bytes, its name, or a binary stream"""
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
        return read_stream(standard_stream(sys.stdin).buffer)
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
        with open(own_name(name), "rb") as stream:
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


def own_name(name: str | Path) -> str | Path | int:
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


def standard_stream(stream: TextIO | None) -> TextIO:
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
