"""The graphs of a model in ONNX Runtime, each made ready when it is first run."""

from __future__ import annotations

import threading
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from aecodec.errors import ModelError
from aecodec.graphs.parts import make_part
from aecodec.model.store import InstalledModel
from aecodec.model.tensors import Weights, read_weights

PROVIDERS = ["CPUExecutionProvider"]


class Sessions:
    """Runs a model's graphs on the CPU. Safe to share between threads."""

    def __init__(self, weights: Weights, threads: int) -> None:
        self.weights = weights
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = threads
        # Threads that spin while they wait take the cores from those that do not.
        self._options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._options.enable_cpu_mem_arena = False  # which keeps half as much again, for no time
        self._options.log_severity_level = 4  # what goes wrong is told by an error
        self._ready: dict[str, Any] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, installed: InstalledModel, threads: int) -> Sessions:
        """Of an installed model. Raises ModelError when its file is not what it says."""
        weights = read_weights(installed.path)
        if weights.model_id != installed.model_id:
            raise ModelError(f"{installed.path}: changed while it was read")
        return cls(weights, threads)

    def run(self, name: str, **inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """The outputs of a graph, in its order. Raises MemoryError."""
        try:
            return self._session(name).run(None, inputs)
        except Exception as error:  # ONNX Runtime's have no class of their own for that
            if "memory" in str(error) or "allocat" in str(error):
                raise MemoryError(str(error)) from error
            raise

    def _session(self, name: str) -> Any:
        with self._lock:
            if name not in self._ready:
                graph = make_part(self.weights, name)
                self._ready[name] = onnxruntime.InferenceSession(
                    graph, self._options, providers=PROVIDERS
                )
            return self._ready[name]
