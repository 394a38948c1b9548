"""Bytes and pixels are the same whatever a caller has set, and in a process that was forked."""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import aecodec
from aecodec.codec import Codec
from aecodec.model import ambient
from aecodec.model.ambient import own_state
from aecodec.model.products import SETTINGS
from tests.payloads import codec
from tests.photos import photo
from tests.processes import INHERITED, run_python

PIXELS = photo(70, 66)


@cache
def plain() -> list[tuple[bytes, bytes]]:
    return files_of(codec())


def files_of(codec: Codec) -> list[tuple[bytes, bytes]]:
    """Bytes and pixels by effort 0 and 1."""
    files = [codec.encode(PIXELS, effort=effort) for effort in (0, 1)]
    return [(data, codec.decode_picture(data).pixels.tobytes()) for data in files]


@contextmanager
def setting(read: Callable[[], Any], write: Callable[[Any], Any], value: Any) -> Iterator[None]:
    before = read()
    write(value)
    try:
        yield
        assert read() == value, "a caller's setting is as it was"
    finally:
        write(before)


class Functions(TorchFunctionMode):
    def __torch_function__(self, *_: Any) -> Any:
        raise AssertionError("a function of torch's is seen by a mode of the caller's")


class Operations(TorchDispatchMode):
    def __torch_dispatch__(self, *_: Any) -> Any:
        raise AssertionError("an operation of torch's is seen by a mode of the caller's")


def flag(owner: Any, name: str, value: Any) -> AbstractContextManager[None]:
    return setting(partial(getattr, owner, name), partial(setattr, owner, name), value)


def default_dtype(dtype: torch.dtype) -> AbstractContextManager[None]:
    return setting(torch.get_default_dtype, torch.set_default_dtype, dtype)


def deterministic() -> AbstractContextManager[None]:
    read, write = torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms
    return setting(read, write, True)


def precision(value: str) -> AbstractContextManager[None]:
    read, write = torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
    return setting(read, write, value)


@contextmanager
def anomalies() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.autograd.detect_anomaly():
            yield


@contextmanager
def default_device(name: str) -> Iterator[None]:
    torch.set_default_device(name)
    try:
        yield
    finally:
        torch.set_default_device(None)


STATES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "float64": lambda: default_dtype(torch.float64),
    "float16": lambda: default_dtype(torch.float16),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "autocast to float16": lambda: torch.autocast("cpu", torch.float16),
    "inference_mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "enable_grad": torch.enable_grad,
    "default device": lambda: default_device("meta"),
    "device": lambda: torch.device("meta"),
    "FakeTensorMode": FakeTensorMode,
    "function mode": Functions,
    "dispatch mode": Operations,
    "hooks": lambda: saved_tensors_hooks(torch.zeros_like, lambda tensor: tensor),
    "no hooks": lambda: disable_saved_tensors_hooks("not here"),
    "save_on_cpu": save_on_cpu,
    "deterministic": deterministic,
    "anomalies": anomalies,
    "precision": lambda: precision("medium"),
    "oneDNN off": lambda: flag(torch.backends.mkldnn, "enabled", False),
    "denormals": lambda: setting(lambda: True, lambda _: torch.set_flush_denormal(True), True),
    "NumPy's errors": lambda: np.errstate(all="raise"),
}


@pytest.mark.parametrize("state", STATES)
def test_what_a_caller_has_set_changes_nothing(state: str) -> None:
    expected = plain()
    with STATES[state]():
        assert files_of(codec()) == expected
        assert files_of(Codec()) == expected


def test_nor_within_transformed_functions() -> None:
    expected, found = plain(), []

    def with_pictures(x: torch.Tensor) -> torch.Tensor:
        found.append(files_of(codec()))
        return x.square().sum()

    torch.vmap(with_pictures)(torch.ones(2))
    torch.func.grad(with_pictures)(torch.ones(2))
    assert found == [expected, expected]


def test_a_target_within_autocast() -> None:
    target = aecodec.Target(psnr=30)
    expected = codec().encode_to(PIXELS, target, effort=0)
    with torch.autocast("cpu", torch.bfloat16), torch.inference_mode():
        assert codec().encode_to(PIXELS, target, effort=0) == expected


def test_random_numbers_and_threads_are_the_callers() -> None:
    def state() -> list[Any]:
        generators = torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()  # type: ignore[index]
        threads = torch.get_num_threads(), torch.get_num_interop_threads()
        return [*generators, random.getstate(), threads]

    before = state()
    files_of(Codec())
    assert state() == before


def test_what_is_set_aside_comes_back() -> None:
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad(), np.errstate(all="raise"):
        with pytest.raises(KeyError), own_state():
            assert torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")
            raise KeyError
        assert torch.is_autocast_enabled("cpu") and not torch.is_grad_enabled()
        assert np.geterr()["divide"] == "raise"
    assert not any(held.holders for settings in SETTINGS.values() for held in settings)


@pytest.mark.parametrize(
    "words",
    [
        "Cannot re-initialize CUDA in forked subprocess.\nTo use CUDA ...",
        "Deterministic behavior was enabled with torch.use_deterministic_algorithms",
    ],
)
def test_what_torch_cannot_do_is_told(words: str) -> None:
    with pytest.raises(aecodec.AecodecError, match="PyTorch cannot") as caught, own_state():
        raise RuntimeError(words)
    assert "\n" not in str(caught.value)
    with pytest.raises(RuntimeError, match="another"), own_state():
        raise RuntimeError("another")


FRESH = """
import sys, torch
torch.set_default_dtype(getattr(torch, sys.argv[1]))
torch.set_default_device("meta")
from tests.test_ambient import files_of, Codec
from hashlib import sha256
print([sha256(b"".join(file)).hexdigest() for file in files_of(Codec())])
"""


def test_a_default_dtype_from_before_the_first_use() -> None:
    found = [run_python(FRESH, dtype) for dtype in ("float32", "float64")]
    assert found[0].stdout and found[0].stdout == found[1].stdout, found[1].stderr


FORKS = """
import os, signal, sys, threading, time
from hashlib import sha256
os.register_at_fork(after_in_child=lambda: signal.alarm(30))
signal.alarm(60)
import aecodec, torch

def in_child(work):
    pid = os.fork()
    if pid:
        assert os.waitpid(pid, 0)[1] == 0
        return
    try:
        work()
        os._exit(0)
    finally:
        os._exit(1)

def told(codec=None):
    before = torch.get_num_threads()
    codec = codec or aecodec.Codec()
    data = codec.encode(pixels, effort=1)
    back = codec.decode_picture(data).pixels
    assert torch.get_num_threads() == before
    print(sha256(data + back.tobytes()).hexdigest(), flush=True)

from tests.photos import photo
pixels = photo(130, 100)
torch.ones(2**20).exp()
in_child(told)
imports = threading.Thread(target=told)
imports.start()
time.sleep(0.05)
in_child(told)
imports.join()
codec = aecodec.Codec()
loads = threading.Thread(target=told, args=[codec])
loads.start()
time.sleep(0.05)
in_child(lambda: told(codec))
loads.join()
in_child(lambda: (told(codec), in_child(lambda: told(codec)), told()))
codes = threading.Thread(target=told, args=[codec])
codes.start()
time.sleep(0.05)
in_child(lambda: told(codec))
codes.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
def test_forked_processes_code_too() -> None:
    """Where torch alone was used; another thread imports, loads or codes; in a child's child."""
    threads = {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
    run = run_python(FORKS, env=INHERITED | threads)
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.split()) == 10 and len(set(run.stdout.split())) == 1


def test_a_process_that_has_not_been_forked_keeps_its_threads() -> None:
    code = "import torch; from aecodec.model import ambient; print(ambient._HOME == os.getpid())"
    assert run_python("import os; " + code).stdout == "True\n"
    assert ambient._forked() in (True, False)
