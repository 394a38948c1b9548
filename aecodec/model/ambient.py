"""What a caller has set for this thread, put aside while we code; and processes that fork.

Settings of the whole process are held where they matter (products.py); the default dtype is one
that nobody may change for other threads, so what makes tensors says its dtype.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import _disable_current_modes

from aecodec.errors import AecodecError

STAT = Path("/proc/self/stat")
FORKED = 0x40
"""Linux's flag of a process that was forked and has not started a program since."""


@contextmanager
def own_state() -> Iterator[None]:
    """This thread as a new one would be: no autocast, modes, hooks, default device, NumPy's errors.

    Raises AecodecError for what torch cannot do all the same: be traced, use CUDA in a process that
    was forked, or sum there under deterministic algorithms.
    """
    if torch._C._is_tracing():
        raise AecodecError("torch.jit.trace cannot trace a codec")
    with ExitStack() as stack:
        enter = stack.enter_context
        enter(np.errstate(all="ignore"))
        enter(torch._C.DisableTorchFunction())  # of modes, which a default device is, too
        if torch._C._len_torch_dispatch_stack():
            enter(_disable_current_modes())
        if torch._C._are_functorch_transforms_active():
            enter(temporarily_clear_interpreter_stack())
        if torch._C._autograd._top_saved_tensors_default_hooks(True) is not None:
            enter(saved_tensors_hooks(_same, _same))
        enter(torch.inference_mode(False))
        for device in ("cpu", "cuda"):
            enter(autocast_to(device, None))
        if os.getpid() != _HOME and (threads := torch.get_num_threads()) > 1:
            torch.set_num_threads(1)
            stack.callback(torch.set_num_threads, threads)
        try:
            yield
        except RuntimeError as error:
            if not any(word in str(error) for word in ("fork", "eterministic")):
                raise
            reason = str(error).splitlines()[0]
            raise AecodecError(f"PyTorch cannot do that in this process: {reason}") from error


@contextmanager
def autocast_to(device: str, dtype: torch.dtype | None) -> Iterator[None]:
    """Autocast to a dtype; None: none, whatever goes on around.

    Ending autocast locks a part of PyTorch, which a process that is forked then finds locked: it is
    not begun where there is none.
    """
    if dtype is not None:
        with torch.autocast(device, dtype):
            yield
        return
    before = torch.is_autocast_enabled(device)
    torch.set_autocast_enabled(device, False)
    try:
        yield
    finally:
        torch.set_autocast_enabled(device, before)


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _loader() -> int | None:
    """The process that has loaded torch: this one, or None where it may have been forked since.

    GNU's OpenMP waits forever for threads that stayed with the parent. So in a child we do with
    one thread, as PyTorch's DataLoader does.
    """
    names = list(sys.modules)  # in the order of import
    ours = "aecodec.codec" in names and names.index("aecodec.codec") < names.index("torch")
    return os.getpid() if ours or not _forked() else None


def _forked() -> bool:
    try:
        return bool(int(STAT.read_bytes().rpartition(b")")[2].split()[6]) & FORKED)
    except (OSError, ValueError, IndexError):  # not Linux
        return False


_HOME = _loader()
