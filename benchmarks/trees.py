"""What runs in processes of its own: the command and others, from this tree or from an old commit.

And the machine's name, without which seconds say little.
"""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aecodec.bench import runner
from aecodec.errors import AecodecError
from benchmarks.pages import ROOT

OF_THREADS = ("OMP_", "GOMP_", "KMP_", "MKL_")
"""How environment variables begin that tell a process's threads how many to be, or how to wait."""
BFLOAT16 = {"amx_bf16": "AMX", "avx512_bf16": "AVX-512"}
"""What multiplies in bfloat16, by the processor's flag."""


def machine() -> str:
    """System, processor, cores, and what of the processor multiplies in bfloat16."""
    cpuinfo = Path("/proc/cpuinfo")
    words = set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()
    found = [name for flag, name in BFLOAT16.items() if flag in words]
    system = runner.machine(0).partition(";")[0]
    return f"{system}, bfloat16 by {' and '.join(found)}" if found else f"{system}, no bfloat16"


@contextmanager
def kept_to(cores: int) -> Iterator[None]:
    """This process, and those that it starts, keep to so many cores, and so to as many threads.

    Raises AecodecError where there are fewer, or the system cannot.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise AecodecError("only on Linux do processes keep to some cores")
    before = os.sched_getaffinity(0)
    if len(before) < cores:
        raise AecodecError(f"{cores} cores are wanted, {len(before)} are there")
    os.sched_setaffinity(0, sorted(before)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """The files of a commit of this repository, in a folder for the time being.

    Raises AecodecError for what is no commit.
    """
    archive = git("archive", "--format=tar", commit)
    with tempfile.TemporaryDirectory(prefix="aecodec-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


def name_of(commit: str) -> str:
    """The short hash of a commit. Raises AecodecError for what is none."""
    return git("rev-parse", "--short", f"{commit}^{{commit}}").decode().strip()


def name_of_this() -> str:
    """The commit that is checked out here, and whether the codec has changed since."""
    changed = git("status", "--porcelain", "--", "aecodec", "weights")
    return name_of("HEAD") + (", changed" if changed else "")


def git(*words: str) -> bytes:
    """What git says of this repository. Raises AecodecError where it refuses."""
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True)
    if done.returncode:
        raise AecodecError(f"git {' '.join(words)}: {done.stderr.decode().strip()}")
    return done.stdout


def environment(tree: Path) -> dict[str, str]:
    """Of processes that take `aecodec` from a tree, with threads as it sets them itself."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(OF_THREADS)}
    paths = [str(tree), *filter(None, [os.environ.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(paths)}


def start(words: Sequence[str | Path], tree: Path = ROOT) -> subprocess.Popen[str]:
    """Begin an `aecodec` command of a tree, and in it: Python looks there first."""
    line = [sys.executable, "-m", "aecodec", *map(str, words)]
    return subprocess.Popen(
        line, stderr=subprocess.PIPE, text=True, env=environment(tree), cwd=tree
    )


def finish(process: subprocess.Popen[str]) -> float:
    """Wait for a command; -> the peak of its memory in MiB.

    On Linux what this process has held counts as the command's, too: it should be less. Raises
    AecodecError with what the command says where it fails.
    """
    assert process.stderr
    with process.stderr:
        told = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise AecodecError(f"a command failed: {told.strip()}")
    return usage.ru_maxrss / 1024
