"""The training step on a pretended GPU: it waits for nothing and touches nothing of the host.

PyTorch's device "meta" computes shapes and types, but no values: whoever asks for one, and so would
wait for a GPU, gets an error. (A CPU build of PyTorch cannot pretend the device "cuda" itself.)
What has to do with a tensor of the host, a CUDA graph could not replay.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from aecodec.model.config import SIZES
from aecodec.model.model import Model
from aecodec.training import learner
from aecodec.training.config import VisualConfig
from aecodec.training.replay import Queue, Replay
from aecodec.training.trainer import Trainer
from tests.photos import photo
from tests.training.tiny import recipe

GPU, CUDA = torch.device("meta"), torch.device("cuda")
VISUAL = VisualConfig((0.6, 0.4), (0.0016, 2.8), (0.3,), (0.5,), (1.7,), (1.3,), (1.2,))


class HostTensors(TorchDispatchMode):
    """Counts operations; `seen` names those that take or make a tensor on the CPU."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0
        self.seen: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        self.count += 1
        leaves = tree_leaves((args, kwargs, out))
        if any(isinstance(x, Tensor) and x.device.type == "cpu" for x in leaves):
            self.seen.append(str(func))
        return out


def fused_adamw(*lists: list[Tensor], lr: Tensor, found_inf: Tensor, **_: Any) -> None:
    """In place of torch._fused_adamw_, which knows no such device: looks at what it would get."""
    places = {tensor.device for tensors in lists for tensor in tensors}
    assert places | {lr.device, found_inf.device} == {GPU}


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let "meta" pass for a GPU."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    monkeypatch.setattr(torch, "_fused_adamw_", fused_adamw)
    adam = sys.modules["torch.optim.adam"]
    monkeypatch.setattr(adam, "_device_dtype_check_for_fused", lambda *_, **__: None)


@pytest.mark.usefixtures("pretended")
@pytest.mark.parametrize("tune", ("psnr", "visual"))
def test_a_step_stays_on_the_device(
    tune: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(photo(256, 256)).save(tmp_path / "a.png")
    aim = {"tune": tune, "visual": VISUAL if tune == "visual" else None}
    config = recipe(size="XS", crop=128, last_crop=128, **aim)
    calls: list[Callable[[Tensor], Tensor]] = []

    def call(replay: Replay, x: Tensor) -> Tensor:  # there is nothing to capture
        calls.append(replay.function)
        return replay.function(x)

    monkeypatch.setattr(Replay, "__call__", call)
    monkeypatch.setattr(learner, "halves", dict)  # what is kept before the anneal, once
    run = Trainer(
        config, tmp_path, None, tmp_path, 1000.0, "meta", Model.untrained(SIZES["XS"]), "eager"
    )
    for share, phase in ((0.2, "joint"), (0.9, "refined"), (0.9, "refined"), (0.9, "refined")):
        with HostTensors() as host:
            batch = run.tiles.draw(config.batch, config.crop)
            out = run.learner.train_step(batch, share)
        assert (run.learner.phase, out.device, out.shape) == (phase, GPU, (4,))
        assert host.count > 1000 and not host.seen, host.seen
    assert len(calls) == 4 and len(set(calls)) == 3  # joint; refined or not


class Pretended:
    """What a Replay asks of a tensor on a GPU."""

    device = CUDA

    def __init__(self, value: float) -> None:
        self.value = value

    def clone(self) -> Pretended:
        return Pretended(self.value)

    def copy_(self, other: Pretended) -> None:
        self.value = other.value


def test_a_function_is_recorded_once_then_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With new input in the same place, and never more than two calls ahead of the device."""
    done: list[str] = []

    class Graph:
        def replay(self) -> None:
            done.append("replay")

    class Event:
        def record(self) -> None:
            done.append("event")

        def synchronize(self) -> None:
            done.append("wait")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph, stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: None)
    seen: list[float] = []

    def function(x: Any) -> Any:
        seen.append(x.value)
        return x

    replay = Replay(function, Queue(), eager=2)
    results: list[Any] = [replay(Pretended(n)) for n in range(5)]  # type: ignore[arg-type]
    assert seen == [0, 1, 2] and done.count("replay") == 3
    assert results[2] is results[4] and results[4].value == 4
    assert done.count("event") == 5 and done.count("wait") == 3


@pytest.mark.parametrize("wait", (float, bool, Tensor.tolist, Tensor.cpu))
def test_what_waits_is_an_error(wait: Callable[[Tensor], Any]) -> None:
    with pytest.raises((RuntimeError, NotImplementedError)):
        wait(torch.ones((), device=GPU))


def test_what_strays_is_seen() -> None:
    with HostTensors() as host:
        copy.copy(torch.ones(3)).to(GPU)
    assert host.seen
