"""Decoding without torch: `pip install 'aecodec[light]'`, or beside it, as starting is quicker."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numpy as np

from aecodec.coding.onnx_engine import OnnxEngine
from aecodec.decoding import DecodingCodec
from aecodec.errors import memory_errors
from aecodec.format.constants import MAX_PIXELS
from aecodec.format.quality import integer
from aecodec.graphs.sessions import Sessions
from aecodec.model.store import find_model
from aecodec.process import cores, no_fork

MAX_THREADS = 1024


class LightCodec(DecodingCodec):
    """Decodes pictures by ONNX Runtime, on the CPU and in binary32.

    Its telemetry is off, unless it was imported before. Works in processes that fork makes.
    """

    def __init__(self, max_pixels: int = MAX_PIXELS, threads: int | None = None) -> None:
        """max_pixels: larger pictures are refused; threads: at most for a picture, by default the
        cores that this process may use. Models are loaded when they are needed. Raises AecodecError
        for a setting out of range."""
        super().__init__(max_pixels)
        self._arguments = max_pixels, threads
        self._threads = cores() if threads is None else integer("threads", threads, 1, MAX_THREADS)
        self._engines: dict[str, OnnxEngine] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles load their models themselves, where they are needed."""
        return type(self), self._arguments

    def _engine(self, model_id: str) -> OnnxEngine:
        installed = find_model(model_id)
        with no_fork:
            if model_id not in self._engines:
                with memory_errors(f"load the model {installed.name}"):
                    self._engines[model_id] = OnnxEngine(Sessions.of(installed, self._threads))
            return self._engines[model_id]

    def _own_state(self) -> AbstractContextManager[None]:
        return np.errstate(all="ignore")


@cache
def light_codec() -> LightCodec:
    """The codec of those who set nothing."""
    return LightCodec()
