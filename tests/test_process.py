"""What a process asks of the machine before torch is there, and how many cores it has."""

from __future__ import annotations

import gc
import os
import platform
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from aecodec import process
from aecodec.process import WAITING, cores, lasting_imports, limit_threads, prepare
from tests.processes import INHERITED, run_python

BARE = {name: value for name, value in INHERITED.items() if "OMP_" not in name}
WATCHED = """
import os, runpy, sys

class Watch:
    def find_spec(self, name, *_):
        if name == "torch":
            print([os.environ.get(name) for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")])
            raise SystemExit
sys.meta_path.insert(0, Watch())
"""
ENTRIES = {
    "script": "from aecodec.cli.main import main; main(sys.argv[1:])",
    "module": "runpy.run_module('aecodec', run_name='__main__', alter_sys=True)",
    "ray": "from aecodec.ray import Compress; Compress()",
}
COMMAND = ("compress", "photo.ppm", "-o", "photo.aec")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a photo."""
    (tmp_path / "photo.ppm").write_bytes(b"P6 2 2 255 " + bytes(12))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("own", [{}, {"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "7"}])
def test_threads_wait_passively_unless_the_user_says_so(
    folder: Path, entry: str, own: dict[str, str]
) -> None:
    done = run_python(WATCHED + ENTRIES[entry], *COMMAND, env=BARE | own)
    expected = own or WAITING
    assert done.stdout == f"{[expected.get(name) for name in WAITING]}\n", done.stderr


@pytest.mark.parametrize("module", ["aecodec", "aecodec.pillow", "aecodec.ray", "aecodec.bench"])
def test_importing_the_library_leaves_the_process_alone(module: str) -> None:
    code = f"""
        import os
        before = dict(os.environ)
        from aecodec import process
        process._keep_memory = None  # whoever calls it fails
        import {module}
        assert os.environ == before
    """
    assert run_python(textwrap.dedent(code), env=BARE).returncode == 0


def test_malloc_is_told_where_it_is_glibc_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the tests' own process no more than this; a system that refuses is no trouble."""
    import ctypes

    told: list[tuple[int, int]] = []
    library = SimpleNamespace(mallopt=lambda *pair: told.append(pair))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(os, "confstr", lambda name: "glibc 2.36", raising=False)
    prepare({})
    assert dict(told) == process.MALLOC
    del library.mallopt
    prepare({})  # as with another malloc in front
    monkeypatch.setattr(os, "confstr", lambda name: "", raising=False)
    prepare({})
    monkeypatch.delattr(os, "confstr")  # as on Windows
    prepare({})
    assert len(told) == len(process.MALLOC)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc")
def test_malloc_accepts_what_it_is_told() -> None:
    code = """
        import ctypes
        from aecodec.process import MALLOC
        mallopt = ctypes.CDLL(None).mallopt
        assert all(mallopt(parameter, value) == 1 for parameter, value in MALLOC.items())
    """
    assert run_python(textwrap.dedent(code)).returncode == 0


def test_nothing_looks_for_garbage_while_modules_are_imported() -> None:
    before = gc.get_freeze_count()
    with lasting_imports():
        assert not gc.isenabled()
    assert gc.isenabled() and gc.get_freeze_count() > before
    gc.unfreeze()
    gc.disable()
    try:
        with pytest.raises(ImportError), lasting_imports():
            raise ImportError
        assert not gc.isenabled() and not gc.get_freeze_count()
    finally:
        gc.enable()


def test_each_thread_takes_no_more_than_its_share() -> None:
    """Also one that torch knows already: what another sets is not for it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 3
            limit_threads(1)
            assert pool.submit(torch.get_num_threads).result() == 3
            pool.submit(limit_threads, 2).result()
            assert pool.submit(torch.get_num_threads).result() == 2
        limit_threads(4)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.fixture
def groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, dict[str, str]], None]:
    """Lets this process be in control groups, by /proc/self/cgroup and the files of groups."""
    monkeypatch.setattr(process, "CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(process, "MEMBERSHIP", tmp_path / "membership")

    def make(membership: str, files: dict[str, str]) -> None:
        process.MEMBERSHIP.write_text(membership)
        for name, text in files.items():
            path = process.CGROUPS / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")

    return make


def v1(group: str, most: int) -> dict[str, str]:
    return {f"{group}/cpu.cfs_quota_us": f"{most}", f"{group}/cpu.cfs_period_us": "100000"}


CONTAINER, NESTED = "0::/\n", "1:name=systemd:/x\n0::/a.slice/b c\n"
QUOTAS: list[tuple[str, dict[str, str], int]] = [
    ("", {}, 8),
    (CONTAINER, {"cpu.max": "max 100000"}, 8),
    (CONTAINER, {"cpu.max": "250000 100000"}, 2),
    ("", {"cpu.max": "300000 100000"}, 3),
    (CONTAINER, {"cpu.max": "50000 100000"}, 1),
    (CONTAINER, {"cpu.max": "1600000 100000"}, 8),
    (CONTAINER, {"cpu.max": "100000 0"}, 8),
    (CONTAINER, {"cpu.max": "nonsense"}, 8),
    (NESTED, {"a.slice/b c/cpu.max": "300000 100000"}, 3),
    (NESTED, {"a.slice/b c/cpu.max": "max 100000", "a.slice/cpu.max": "400000 100000"}, 4),
    (NESTED, {"a.slice/b c/cpu.max": "300000 100000", "a.slice/cpu.max": "200000 100000"}, 2),
    (NESTED, {"other/cpu.max": "100000 100000", "x/cpu.max": "100000 100000"}, 8),
    ("0::/../b\n", {"../b/cpu.max": "100000 100000"}, 8),
    ("4:cpu,cpuacct:/docker/1\n", v1("cpu", -1), 8),
    ("4:cpu,cpuacct:/docker/1\n", v1("cpu", 400000), 4),
    ("4:cpu,cpuacct:/docker/1\n", v1("cpu/docker/1", 500000) | v1("cpu", -1), 5),
    ("4:cpuset:/1\nnonsense\n", v1("cpu/1", 100000), 8),
]


@pytest.mark.parametrize(("membership", "files", "expected"), QUOTAS)
def test_cores(
    membership: str,
    files: dict[str, str],
    expected: int,
    groups: Callable[[str, dict[str, str]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those that the process is kept to, or the least quota of the groups that it is in."""
    groups(membership, files)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert cores() == expected
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert cores() == min(5, expected)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores() == 1


def test_memory(
    groups: Callable[[str, dict[str, str]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine's, or the least that the groups may have."""
    sizes = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__, raising=False)
    assert process.memory() == 4_096_000
    groups("3:memory:/a\n", {"memory/a/memory.limit_in_bytes": f"{2**63 - 4096}"})
    assert process.memory() == 4_096_000
    groups("3:memory:/a\n0::/b\n", {"memory.max": "max", "b/memory.max": "3000000"})
    assert process.memory() == 3_000_000
    monkeypatch.delattr(os, "sysconf")
    assert process.memory() is None


def test_the_processor_s_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "CPUINFO", tmp_path / "cpuinfo")
    assert process.processor() == platform.machine()
    process.CPUINFO.write_text("processor : 0\nmodel name\t: A: B\nmodel name : C\n")
    assert process.processor() == "A: B"
