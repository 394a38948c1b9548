"""benchmarks/trees: old commits, commands as processes, the machine's name."""

import os
from pathlib import Path

import pytest

from aecodec.errors import AecodecError
from benchmarks.pages import ROOT
from benchmarks.trees import checked_out, environment, kept_to, machine, name_of, name_of_this

in_git = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout")


@in_git
def test_a_commit_is_checked_out_for_the_time_being() -> None:
    with checked_out("HEAD") as tree:
        assert (tree / "aecodec" / "codec.py").is_file()
        assert (tree / "weights" / "v1" / "model.safetensors").is_file()
    assert not tree.exists()
    assert name_of_this().partition(",")[0] == name_of("HEAD")


@in_git
def test_what_is_no_commit_is_refused() -> None:
    with (
        pytest.raises(AecodecError, match="git archive .* no-such-commit: "),
        checked_out("no-such-commit"),
    ):
        pass
    with pytest.raises(AecodecError, match="git rev-parse .* no-such-commit"):
        name_of("no-such-commit")


def test_processes_take_the_package_from_the_tree_and_threads_as_they_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    found = environment(Path("/tree"))
    assert found["PYTHONPATH"] == os.pathsep.join(["/tree", "/elsewhere"])
    assert not any(key.startswith("OMP_") for key in found)


def test_a_process_keeps_to_cores_that_are_there() -> None:
    before = os.sched_getaffinity(0)
    with kept_to(1):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before
    with pytest.raises(AecodecError, match="cores are wanted"), kept_to(len(before) + 1):
        pass


def test_the_machine_is_its_processor_and_not_its_name() -> None:
    assert machine().count(" cores, ") == 1 and "bfloat16" in machine()
    assert os.uname().nodename not in machine()
