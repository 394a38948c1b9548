"""What packages take on disk, without installing any."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("skimage")
pytest.importorskip("pillow_heif")

from aecodec.errors import AecodecError
from benchmarks.firstday.measure import Day
from benchmarks.sizes import installed, tables


def types(last: dict[str, Any]) -> Callable[[object, str, str, str], list[dict[str, Any]]]:
    """A day on which pip says nothing, and the last line does this."""
    return lambda day, venv, pip, du: [{"code": 0, "printed": ""}] * 2 + [last]


def test_megabytes_are_those_that_du_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Day, "all", types({"code": 0, "printed": "47\tvenv"}))
    assert installed("pillow") == 47
    assert "| `pillow` | JPEG, WebP, AVIF, JPEG 2000 | 47 |" in tables("a", {"pillow": 47})["a"]


def test_what_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Day, "all", types({"code": 1, "printed": "no disk"}))
    with pytest.raises(AecodecError, match="pillow: .*no disk"):
        installed("pillow")
