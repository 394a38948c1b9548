"""CUDA graphs: what a GPU does again and again, launched at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import torch
from torch import Tensor

EAGER_CALLS = 3
"""Calls before a function is captured: libraries choose their algorithms in them."""
WAYS = ("eager", "graph", "compiled")
"""How a GPU takes steps: every kernel by itself; as CUDA graphs; as those of compiled blocks."""
AHEAD = 2
"""Calls that may wait in the queue of a GPU, so that the clock of the host means something."""


class Replay:
    """A function from tensor to tensor, on a GPU from its fourth call on as a CUDA graph.

    It must take all else from tensors that stay where they are, and ask nothing of the device.
    What it returns is overwritten by the next call. Capturing that fails leaves the generator of
    random numbers unusable, so that only another process can go on without.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], eager: float = EAGER_CALLS) -> None:
        self.function, self.eager = function, eager
        self.calls = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.input = self.output = torch.empty(0)
        self.queue: deque[torch.cuda.Event] = deque()

    def __call__(self, x: Tensor) -> Tensor:
        if x.device.type != "cuda":
            return self.function(x)
        self.calls += 1
        if self.calls <= self.eager:
            output = self.function(x)
        else:
            if self.graph is None:
                self.graph = self.capture(x)
            self.input.copy_(x)
            self.graph.replay()
            output = self.output
        self.wait()
        return output

    def capture(self, x: Tensor) -> torch.cuda.CUDAGraph:
        """Record the function; nothing of it is carried out."""
        self.input, graph = x.clone(), torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
            self.output = self.function(self.input)
        return graph

    def wait(self) -> None:
        """Until no more than AHEAD calls are in the queue."""
        event = torch.cuda.Event()
        event.record()
        self.queue.append(event)
        if len(self.queue) > AHEAD:
            self.queue.popleft().synchronize()
