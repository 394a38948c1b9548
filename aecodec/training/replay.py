"""CUDA graphs: what a GPU does again and again, launched at once."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

EAGER_CALLS = 3
"""Calls before a function is recorded: libraries choose their algorithms in them."""
AHEAD = 2
"""Calls that may wait in the queue of a GPU, so that the clock of the host means something."""


@dataclass(frozen=True)
class Recording:
    """A graph, and where it takes its input from and leaves its output."""

    graph: torch.cuda.CUDAGraph
    input: Tensor
    output: Tensor


class Queue:
    """What was asked of a GPU and is not done yet."""

    def __init__(self) -> None:
        self.events: deque[torch.cuda.Event] = deque()

    def wait(self) -> None:
        """Note what was just asked; wait until no more than AHEAD of such are left."""
        event = torch.cuda.Event()
        event.record()
        self.events.append(event)
        if len(self.events) > AHEAD:
            self.events.popleft().synchronize()


class Replay:
    """A function from tensor to tensor, on a GPU from its fourth call on as a CUDA graph.

    It must take all else from tensors that stay where they are, and ask nothing of the device.
    What it returns is overwritten by the next call. A recording that fails leaves the generator of
    random numbers unusable, so that only another process can go on without.
    """

    def __init__(
        self, function: Callable[[Tensor], Tensor], queue: Queue, eager: float = EAGER_CALLS
    ) -> None:
        """eager: calls before it is recorded; math.inf for never."""
        self.function, self.queue, self.eager = function, queue, eager
        self.calls = 0
        self.recording: Recording | None = None

    def __call__(self, x: Tensor) -> Tensor:
        if x.device.type != "cuda":
            return self.function(x)
        self.calls += 1
        if self.calls <= self.eager:
            output = self.function(x)
        else:
            self.recording = self.recording or self.record(x)
            self.recording.input.copy_(x)
            self.recording.graph.replay()
            output = self.recording.output
        self.queue.wait()
        return output

    def record(self, x: Tensor) -> Recording:
        """Note what the function does; nothing of it is carried out."""
        gc.collect()  # what is freed while recording would spoil it
        held, graph = x.clone(), torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
            output = self.function(held)
        return Recording(graph, held, output)
