"""The graphs of a model in ONNX Runtime, each made ready when it is first run."""

from __future__ import annotations

import ctypes
import os
from typing import Any
from weakref import WeakSet

from numpy.typing import NDArray

from aecodec.errors import ModelError
from aecodec.graphs.parts import make_part
from aecodec.model.bounds import check_weights
from aecodec.model.store import InstalledModel
from aecodec.model.tensors import Weights, read_weights
from aecodec.process import no_fork, without_telemetry

with without_telemetry():
    import onnxruntime

PROVIDERS = ["CPUExecutionProvider"]
NO_MEMORY = ("memory", "alloc")
"""Of what is said where there is too little: "Failed to allocate memory", "std::bad_alloc"."""


class Sessions:
    """Runs a model's graphs on the CPU. Safe to share between threads, and with forked children,
    which have none of its threads: they make sessions of their own, of one thread."""

    def __init__(self, weights: Weights, threads: int) -> None:
        self.weights, self.threads = weights, threads
        self._home = os.getpid()
        self._ready: dict[str, Any] = {}
        _everywhere.add(self)

    @classmethod
    def of(cls, installed: InstalledModel, threads: int) -> Sessions:
        """Of an installed model. Raises ModelError when its file is not what it says, or integers
        of it do not keep to the bounds of SPEC 4.2."""
        weights = read_weights(installed.path)
        if weights.model_id != installed.model_id:
            raise ModelError(f"{installed.path}: changed while it was read")
        check_weights(weights)
        return cls(weights, threads)

    def run(self, name: str, **inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """The outputs of a graph, in its order. Raises MemoryError, ModelError for what is wrong
        with the graph."""
        try:
            return self._session(name).run(None, inputs)
        except ModelError:
            raise
        except Exception as error:  # ONNX Runtime's have no class in common
            told = " ".join(str(error).split())
            if any(word in told for word in NO_MEMORY):
                raise MemoryError(told) from error
            raise ModelError(f"model {self.weights.model_id}: {name} cannot run: {told}") from error

    def _session(self, name: str) -> Any:
        with no_fork:
            if name not in self._ready:
                graph = make_part(self.weights, name)
                self._ready[name] = onnxruntime.InferenceSession(
                    graph, self._options(), providers=PROVIDERS
                )
            return self._ready[name]

    def _options(self) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads if os.getpid() == self._home else 1
        # Threads that spin while they wait take the cores from those that do not.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = False  # which keeps half as much again, for no time
        options.log_severity_level = 4  # what goes wrong is told by an error
        return options

    def abandon(self) -> None:
        """In a forked child: forget the sessions, which must not end there, as they would wait for
        threads that stayed with the parent."""
        for session in self._ready.values():
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))
        self._ready = {}


_everywhere: WeakSet[Sessions] = WeakSet()


def _abandon_all() -> None:
    for sessions in list(_everywhere):
        sessions.abandon()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_abandon_all)
