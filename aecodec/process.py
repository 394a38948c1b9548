"""What a process of ours asks of the machine it runs on. Without torch, which reads some of it.

The programs here call `prepare` before they do anything. The library never does: a process that
imports it belongs to somebody else, and so do its environment and its memory. Of here it has
`no_fork` alone.
"""

from __future__ import annotations

import gc
import os
import platform
import sys
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath

WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "2000"}
"""How threads wait, read when torch is loaded: by all OpenMP libraries (GNU's on Linux, LLVM's on
macOS, Intel's on Windows), and by GNU's: how many rounds, some microseconds, a thread looks around
before it sleeps. Without these rounds it would have to be woken for every layer."""
NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
MIB = 2**20
MALLOC = {-3: 32 * MIB, -1: 128 * MIB}
"""glibc's M_MMAP_THRESHOLD, at its largest, and M_TRIM_THRESHOLD. Layers free and take the same
megabytes again and again: by default the kernel would clear them anew each time."""
CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
"""Where Linux keeps control groups, and says which of them this process is in: containers and
services are such. A group in a group may take no more than that."""
CPU_QUOTAS = (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us"))
"""Files of a group, of either version: microseconds of processors that it may have in how many."""
MEMORY_LIMITS = ("memory.max", "memory.limit_in_bytes")
"""The same of bytes."""
CPUINFO = Path("/proc/cpuinfo")


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


@contextmanager
def without_telemetry() -> Iterator[None]:
    """Around the import of ONNX Runtime, which else writes an id of the device into the user's
    cache, tells its maker of every session, and starts threads that forked children wait for.

    The environment is as before afterwards; who has imported it earlier has chosen for themselves.
    """
    before = os.environ.get(NO_TELEMETRY)
    os.environ[NO_TELEMETRY] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[NO_TELEMETRY]
        else:
            os.environ[NO_TELEMETRY] = before


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
    found = kept_to()
    return max(1, min(found, round(quota() or found)))


def kept_to() -> int:
    """How many cores this process is kept to, which may be all there are."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def quota() -> float | None:
    """Cores' worth of time that this process's control groups may take; None: nothing limits it."""
    found = [_numbers(group, names) for group in _groups("cpu") for names in CPU_QUOTAS]
    quotas = [pair[0] / pair[1] for pair in found if len(pair) == 2 and min(pair) > 0]
    return min(quotas, default=None)


def memory() -> int | None:
    """Bytes that this process may take: the machine's, or fewer by its control groups."""
    try:
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not on Windows
        return None
    found = [_numbers(group, (name,)) for group in _groups("memory") for name in MEMORY_LIMITS]
    return min([whole, *(number for numbers in found for number in numbers)])


def _numbers(group: Path, names: tuple[str, ...]) -> list[int]:
    """What files of a control group hold; nothing where one is missing, or says "max"."""
    try:
        return [int(word) for name in names for word in (group / name).read_text("utf-8").split()]
    except (OSError, ValueError):
        return []


def _groups(controller: str) -> Iterator[Path]:
    """Folders of the control groups that this process is in, and of those around them.

    Some are not there: a container may see its own group alone, as the outermost.
    """
    try:
        lines = MEMBERSHIP.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        lines = []
    roots = {"": CGROUPS, controller: CGROUPS / controller}
    yield from roots.values()
    for line in lines:
        controllers, _, path = line.partition(":")[2].partition(":")
        inner = PurePosixPath(path).parts[1:]
        for kind in {*controllers.split(",")} & roots.keys():
            if ".." not in inner:  # outside of what a container sees
                yield from (roots[kind].joinpath(*inner[: n + 1]) for n in range(len(inner)))


def processor() -> str:
    """What the system calls the processor."""
    lines = CPUINFO.read_text("utf-8", "replace").splitlines() if CPUINFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
