"""Progress is for a person at a terminal."""

import sys
from pathlib import Path
from typing import Any

import pytest

from aecodec.cli.main import main
from aecodec.cli.progress import show_progress


def test_nothing_is_said_elsewhere(capsys: Any) -> None:
    with show_progress() as (say, on_progress):
        say("left out")
        on_progress(1, 2)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_lines_and_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with show_progress() as (say, on_progress):
        say("a.png: left out [mode L]")
        on_progress(1, 2)
    out, err = capsys.readouterr()
    assert out == "" and "aecodec: a.png: left out [mode L]" in err
    assert "1/2" in err and "left" in err


def test_a_slow_effort_shows_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, photo: Path
) -> None:
    """On a terminal, and of one file only."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert main(["compress", "photo.png", "--effort", "6"]) == 0
    assert "1/8" in capsys.readouterr().err
    assert main(["compress", "photo.png", "-f", "--effort", "5"]) == 0
    assert "1/8" not in capsys.readouterr().err
