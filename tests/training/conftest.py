"""Every run here trains the tiny model: it takes the place of size S."""

import pytest

from aecodec.model.config import SIZES
from tests.training.tiny import TINY


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "S", TINY)
