"""Weights files: found without torch, and refused when anything about them is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from aecodec.errors import AecodecError, ModelError
from aecodec.model.store import DEFAULT_TUNE, TUNED, find_model, installed_models, read_metadata
from aecodec.model.tensors import model_id
from aecodec.model.weights import load_weights


def rewrite(path: Path, change: str) -> None:
    """Copy the default model to `path` with one thing wrong in it."""
    source = find_model().path
    tensors, facts = load_file(source), read_metadata(source)
    if change == "tensor":
        tensors["skip.basis"][0, 0] += 1
    elif change == "type":
        tensors["entropy.head.weight"] = tensors["entropy.head.weight"].astype("float32")
    elif change == "infinite":
        tensors["skip.basis"][0, 0] = float("inf")
    elif change == "missing":
        del tensors["skip.basis"]
    elif change == "config":
        facts["config"] = json.dumps(json.loads(facts["config"]) | {"wings": 2})
    elif change == "bound":
        tensors["entropy.head.bias"][0] = 2**24
    if change in ("missing", "bound", "type", "infinite"):
        facts["model_id"] = model_id(tensors, json.loads(facts["config"]))
    save_file(tensors, path, metadata=facts)


def test_there_is_one_default_model() -> None:
    defaults = [model.name for model in installed_models() if model.default]
    assert defaults == [TUNED[DEFAULT_TUNE]]


def test_there_is_a_model_for_every_tune() -> None:
    assert {tune: find_model(tune=tune).name for tune in TUNED} == TUNED
    assert {tune: find_model(tune=tune).tune for tune in TUNED} == {tune: tune for tune in TUNED}
    assert find_model() == find_model(tune=DEFAULT_TUNE)
    assert find_model("s1", tune="visual").name == "s1"


def test_a_tune_that_is_none() -> None:
    with pytest.raises(AecodecError, match="tune 'ear' unknown; choose from visual, psnr"):
        find_model(tune="ear")


def test_a_model_is_found_by_name_and_by_id() -> None:
    default = find_model()
    assert find_model(default.name) == find_model(default.model_id) == default
    assert default.bytes < 24e6


def test_weights_are_what_their_id_says() -> None:
    default = find_model()
    assert load_weights(default.path)[2] == default.model_id


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("tensor", "damaged"),
        ("missing", "missing or unknown: skip.basis"),
        ("type", "not torch.int16"),
        ("infinite", "finite"),
        ("config", "wings"),
        ("bound", "2\\^24"),
    ],
)
def test_wrong_weights_are_refused(tmp_path: Path, change: str, rule: str) -> None:
    path = tmp_path / "model.safetensors"
    rewrite(path, change)
    with pytest.raises(ModelError, match=rule):
        load_weights(path)


@pytest.mark.parametrize("data", [b"", b"x" * 7, b"\xff" * 100, b"\x02\0\0\0\0\0\0\0{}"])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(ModelError):
        load_weights(path)


def test_a_model_that_is_not_there() -> None:
    with pytest.raises(ModelError, match=r"nonesuch is not installed; installed: .*s1"):
        find_model("nonesuch")
