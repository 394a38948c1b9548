"""What a process of ours asks of the machine it runs on. Without torch, which reads some of it.

The programs here call `prepare` before they do anything. The library never does: a process that
imports it belongs to somebody else, and so do its environment and its memory. Of here it has
`no_fork` alone.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "2000"}
"""How threads wait, read when torch is loaded: by all OpenMP libraries (GNU's on Linux, LLVM's on
macOS, Intel's on Windows), and by GNU's: how many rounds, some microseconds, a thread looks around
before it sleeps. Without these rounds it would have to be woken for every layer."""
MIB = 2**20
MALLOC = {-3: 32 * MIB, -1: 128 * MIB}
"""glibc's M_MMAP_THRESHOLD, at its largest, and M_TRIM_THRESHOLD. Layers free and take the same
megabytes again and again: by default the kernel would clear them anew each time."""
CPU_MAX = (Path("/sys/fs/cgroup/cpu.max"),)
CFS = tuple(Path(f"/sys/fs/cgroup/cpu/cpu.cfs_{name}_us") for name in ("quota", "period"))
"""Where Linux says how many microseconds of processors a container may have in how many."""


def prepare(environ: MutableMapping[str, str] = os.environ) -> None:
    """Before torch is imported: threads that wait sleep, and freed memory is kept for a while.

    Threads that spin on instead take the cores that others need, and then every layer waits for
    them: beside other work, decoding takes five times as long.
    """
    if not WAITING.keys() & environ.keys():
        environ.update(WAITING)
    if not any(name.startswith("MALLOC_") for name in environ):  # a user's own settings
        _keep_memory()


def _keep_memory() -> None:
    """Where malloc is glibc's; elsewhere, or where that is forbidden, nothing."""
    try:
        if not (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc"):
            return
        import ctypes

        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in MALLOC.items():
            mallopt(parameter, value)
    except (AttributeError, ImportError, OSError, ValueError):  # no confstr, ctypes or mallopt
        return


@contextmanager
def lasting_imports() -> Iterator[None]:
    """Imports that stay until the process ends: nobody looks for garbage in them, then or later.

    Of importing torch and ending with it, a third of a second.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if enabled:
            gc.enable()


def _lock_of_forks() -> AbstractContextManager[bool]:
    lock = threading.RLock()
    if hasattr(os, "register_at_fork"):  # not on Windows
        release = lock.release
        os.register_at_fork(before=lock.acquire, after_in_parent=release, after_in_child=release)
    return lock


no_fork = _lock_of_forks()
"""Forking waits for who holds it: a child would wait forever for what another thread had begun, the
import of torch, a model or a change of settings. One for all of these, or they could wait for each
other."""


def limit_threads(most: int) -> None:
    """How many threads torch, if it is there, may take for what this thread asks of it.

    Each thread has a number of its own. A user's smaller one, OMP_NUM_THREADS, stays.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() > most:
        torch.set_num_threads(most)


def cores() -> int:
    """How many cores this process may use: those it is kept to, or fewer by a container's quota."""
    affinity = getattr(os, "sched_getaffinity", None)
    found = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(found, round(_quota() or found)))


def _quota() -> float | None:
    """Cores' worth of time that a container may take; None where nothing limits it."""
    for files in (CPU_MAX, CFS):
        try:
            quota, period = " ".join(path.read_text("utf-8") for path in files).split()
            return int(quota) / int(period) if int(quota) > 0 else None
        except (OSError, ValueError, ZeroDivisionError):  # "max", no such file
            continue
    return None
