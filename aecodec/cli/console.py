"""How the command speaks and ends: one line an error, and exit codes that scripts can rely on."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, NoReturn

import click

from aecodec.errors import AecodecError
from aecodec.files import STANDARD, readable, reason
from aecodec.outputs import stop_writing

INTERRUPTED = 130  # as shells tell of Ctrl-C
TERMINATED = 143  # and of SIGTERM


class Failure(click.ClickException):
    """An input that could not be processed: one line on standard error, exit code 1."""

    def __init__(self, file: str, what: str) -> None:
        super().__init__(f"{name_of(file)}: {' '.join(what.split())}")
        self.args = (file, what)  # so that it can be pickled

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        say(f"error: {self.message}")


def run(command: click.Command, arguments: Sequence[str] | None) -> int:
    """Run a command and return its exit code: 0 done, 1 failed, 2 wrong usage, 130 Ctrl-C."""
    _print_any_name()
    warnings.filterwarnings("ignore", module="PIL")  # a photo's small faults change nothing here
    try:
        with _stopped_once():
            code = command.main(arguments, "aecodec", standalone_mode=False)
        if sys.stdout:
            sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except OSError as error:  # of standard output: those of files are AecodecErrors by now
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is buffered
        if not isinstance(error, BrokenPipeError):  # whoever read our output has left: not a word
            Failure(STANDARD, reason(error)).show()
        return 1
    return code if isinstance(code, int) else 0


def _print_any_name() -> None:
    """Standard output, too, writes as escapes what its encoding lacks; errors do by themselves."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextmanager
def _stopped_once() -> Iterator[None]:
    """SIGTERM ends the process as Ctrl-C does, with no temporary file left behind.

    What comes after the first signal is too late: it would disturb the end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stopped = False

    def stop(number: int, frame: object) -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(TERMINATED)

    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave(stop: KeyboardInterrupt | SystemExit) -> NoReturn:
    """End the process by Ctrl-C or SIGTERM now: threads that are still coding are not waited for.

    No file is left half-written.
    """
    stop_writing()
    # Nothing is flushed: what is said has been, and a thread may be writing where nobody reads.
    os._exit(TERMINATED if isinstance(stop, SystemExit) else INTERRUPTED)


@contextmanager
def failing_for(file: str) -> Iterator[None]:
    """Turn a library error into the one line that names this file."""
    try:
        yield
    except AecodecError as error:
        raise Failure(file, str(error)) from error
    except MemoryError as error:
        raise Failure(file, "not enough memory") from error


def say(line: str) -> None:
    """One line to the user, on standard error."""
    click.echo(f"aecodec: {readable(line)}", err=True)


def name_of(file: str) -> str:
    """What messages call a file argument."""
    return "standard input or output" if file == STANDARD else file
