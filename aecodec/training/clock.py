"""The time that a run has taken and may take: everything counts, start-up and stalls included."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

BEAT_SECONDS = 0.5
PAUSE_SECONDS = 5.0
"""Longer than this between two beats, and the process was stopped (SIGSTOP)."""


class Clock:
    """Seconds since it was made, and those of before.

    With a moment to end by, all of them; without, those in which the process was stopped are left
    out, so that a run can make way for something else.
    """

    def __init__(self, elapsed: float = 0.0, until: float | None = None) -> None:
        """until: Unix time."""
        self.until = until
        self._elapsed, self._last = elapsed, time.monotonic()
        self._longest = math.inf if until else PAUSE_SECONDS
        self._lock, self._over = threading.Lock(), threading.Event()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """While this lasts, a long step or a compilation is told from a stop."""
        thread = threading.Thread(target=self._beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            self.elapsed()

    def elapsed(self) -> float:
        """-> seconds."""
        with self._lock:
            now = time.monotonic()
            self._elapsed += min(now - self._last, self._longest)
            self._last = now
            return self._elapsed

    def budget(self, reserve: float) -> float:
        """-> seconds on this clock at which only `reserve` is left of the time to end by."""
        assert self.until is not None
        return self.elapsed() + max(0.0, self.until - reserve - time.time())


class StepTimes:
    """How long the last steps took."""

    def __init__(self) -> None:
        self.last = time.monotonic()
        self.gaps: deque[float] = deque(maxlen=9)

    def usual(self) -> float:
        """-> their median in seconds, that of the one that ends now included."""
        now = time.monotonic()
        self.gaps.append(now - self.last)
        self.last = now
        return statistics.median(self.gaps)
