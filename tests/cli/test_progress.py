"""Progress is for a person at a terminal."""

import sys
from typing import Any

import pytest

from aecodec.cli.progress import show_advance


def test_nothing_is_said_elsewhere(capsys: Any) -> None:
    with show_advance() as (tell, advance):
        tell("left out")
        advance(1, 2)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_lines_and_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with show_advance() as (tell, advance):
        tell("a.png: left out [mode L]")
        advance(1, 2)
    out, err = capsys.readouterr()
    assert out == "" and "aecodec: a.png: left out [mode L]" in err
    assert "1/2" in err and "left" in err
