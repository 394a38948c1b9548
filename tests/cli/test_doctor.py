"""`aecodec doctor`: what it tells, and what it finds broken."""

import json
import os
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch

from aecodec import process
from aecodec.cli import doctor
from aecodec.cli.main import main
from aecodec.model import store
from aecodec.model.store import TUNED, find_model


def test_an_installation_that_works(capsys: Any) -> None:
    assert main(["doctor"]) == 0
    told, errors = capsys.readouterr()
    lines = dict(line.split(maxsplit=1) for line in told.splitlines())
    assert errors == "" and f"torch {torch.__version__}, numpy " in lines["packages"]
    assert lines["models"] == ", ".join(f"{name} {find_model(name).model_id}" for name in ids())
    assert main(["doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["problems"] == [] and facts["models"] == ids()
    assert facts["threads"] == torch.get_num_threads()
    assert (facts["cores"], facts["kept_to"]) == (process.cores(), process.kept_to())


def ids() -> dict[str, str]:
    return {name: find_model(name).model_id for name in TUNED.values()}


def test_a_machine_of_another_kind(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "a card")
    monkeypatch.setattr("aecodec.model.precision.bfloat16_by", lambda: ())
    monkeypatch.setattr(doctor, "quota", lambda: 1.5)
    monkeypatch.setattr(doctor, "memory", lambda: None)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    for line in (
        "PyTorch    build for CUDA 12.8, ",
        "bfloat16   no, binary32 instead\n",
        "CUDA       a card\n",
        "memory     unknown\n",
    ):
        assert line in told
    assert f"kept to {process.kept_to()} of 64, a quota of 1.5\n" in told


def test_packages_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(doctor, "NEEDED", {"torch": "no_torch", "numpy": "numpy"})
    monkeypatch.setattr(doctor, "has_light", lambda: False)
    assert main(["doctor"]) == 1
    told, errors = capsys.readouterr()
    assert "packages   torch 2." in told and "PyTorch" not in told
    assert errors == (
        "aecodec: error: torch: cannot be imported (No module named 'no_torch'): "
        "pip install torch --index-url https://download.pytorch.org/whl/cpu\n"
    )


def test_without_torch_it_only_decodes(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(doctor, "NEEDED", {"torch": "no_torch", "numpy": "numpy"})
    monkeypatch.setattr(doctor, "has_torch", lambda: False)
    assert main(["doctor"]) == 0
    told, errors = capsys.readouterr()
    assert errors == "" and "PyTorch    missing: files are decoded, none made; pip" in told
    assert find_model().model_id in told


def test_models_that_are_missing_or_damaged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    missing, damaged = TUNED.values()
    path = tmp_path / damaged / store.FILE_NAME
    path.parent.mkdir()
    shutil.copy(find_model(damaged).path, path)
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    monkeypatch.setattr(store, "data_folder", lambda name: tmp_path)
    assert main(["doctor"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"aecodec: error: model {missing} is not installed; installed: ")
    assert f"{path}: damaged" in second
    assert all(line.endswith(": install aecodec again") for line in (first, second))
    path.write_bytes(b"no weights")
    assert main(["doctor"]) == 1
    assert "not a weights file" in capsys.readouterr().err


def test_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        doctor,
        "requires",
        lambda name: [
            "click>=8",
            "numpy>=1; extra == 'a'",
            "no-such.package[x]>=2; extra == 'a'",
            'numpy; extra == "b"',
            "tomli; (python_version < '3.11') and extra == 'b'",
            "nothing; extra == 'dev'",
        ],
    )
    assert doctor.diagnose().extras == {"a": ["no-such.package"], "b": []}

    def not_installed(name: str) -> list[str]:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(doctor, "requires", not_installed)
    found = doctor.diagnose()
    assert found.extras == {} and "extras     unknown" in doctor.text(found)
