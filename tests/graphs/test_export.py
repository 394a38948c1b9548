"""`aecodec export-onnx`: graphs that others read, and all that a decoder needs beside them."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from aecodec.cli.main import main
from aecodec.errors import ModelError
from aecodec.format.constants import PER_STEP, QUADTREE
from aecodec.graphs.parts import make_part, part_makers
from aecodec.model.bounds import check_weights
from aecodec.model.store import TUNED, find_model
from aecodec.model.tensors import read_weights
from tests.payloads import loaded


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "v1"
    assert main(["export-onnx", "v1", str(path)]) == 0
    return path


def manifest_of(folder: Path) -> Any:
    return json.loads((folder / "model.json").read_text())


def test_the_manifest_says_what_is_there(folder: Path) -> None:
    manifest = manifest_of(folder)
    assert manifest["model_id"] == find_model("v1").model_id
    parts = manifest["parts"]
    names = {"model.json"} | {part["file"] for part in parts.values()}
    assert {path.name for path in folder.iterdir()} == names
    for part in parts.values():
        data = (folder / part["file"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (part["bytes"], part["sha256"])
        onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        assert {port.name: port.shape for port in session.get_inputs()} == {
            name: dimensions for name, (_, dimensions) in part["inputs"].items()
        }
    assert sum(path.stat().st_size for path in folder.iterdir()) < 20_000_000


def test_a_walk_by_the_files_alone(folder: Path) -> None:
    """Means, indexes, y_hat and y_r are those of PyTorch to the bit, of any symbols."""
    manifest, random = manifest_of(folder), np.random.default_rng(3)
    run = {
        name: onnxruntime.InferenceSession(folder / part["file"]).run
        for name, part in manifest["parts"].items()
    }
    q, shape = np.array([23]), (1, manifest["hyper"], 1, 2)
    symbols = [random.integers(-9, 10, shape)]
    symbols += [random.integers(-300, 301, (1, manifest["latent"], 2, 4)) for _ in range(4)]
    seen: list[Any] = []

    def source(batch: int, mean: Any, index: Any) -> Any:
        seen.append((mean.numpy(), index.numpy()))
        return mean.new_tensor(symbols[batch])

    import torch

    wanted = loaded("v1").model.walk_symbols(torch.Size(shape), 23, source)
    rows = (np.array(manifest["hyper_prior"][name])[23] for name in ("mean", "index"))
    mean, index = (row[None, :, None, None] for row in rows)
    assert np.array_equal(np.broadcast_to(mean, shape), seen[0][0])
    assert np.array_equal(np.broadcast_to(index, shape), seen[0][1])
    z_hat = (16 * symbols[0] + mean).astype(np.float32)
    fused, mean, index = run["hyper"](None, {"z_hat": z_hat, "q": q})
    y_hat = np.zeros((1, manifest["latent"], 4, 8), np.float32)
    y_r = np.zeros(y_hat.shape, np.int32)
    for step, places in enumerate(manifest["quadtree"]):
        if step:
            mean, index = run[f"step{step}"](None, {"y_hat": y_hat, "fused": fused, "q": q})
        assert np.array_equal(mean, seen[1 + step][0])
        assert np.array_equal(index, seen[1 + step][1])
        given = {"symbols": symbols[1 + step].astype(np.int32), "mean": mean, "index": index}
        parts, size = run["points"](None, given), manifest["latent"] // 4
        for part, whole in zip(parts, (y_hat, y_r), strict=True):
            for group, place in enumerate(places):
                channels = slice(size * group, size * group + size)
                whole[:, channels, place // 2 :: 2, place % 2 :: 2] = part[:, channels]
    assert manifest["quadtree"] == [list(row) for row in QUADTREE]
    assert np.array_equal(y_r, (PER_STEP * wanted).numpy())


@pytest.mark.parametrize("name", TUNED.values())
def test_every_model_has_graphs(name: str) -> None:
    weights = read_weights(find_model(name).path)
    for part in part_makers(weights):
        assert onnx.load_from_string(make_part(weights, part)).graph.name == part


def test_weights_that_lack_a_tensor() -> None:
    weights = read_weights(find_model().path)
    del weights.tensors["entropy.up1.bias"]
    with pytest.raises(ModelError, match="its tensors are not a model's .*entropy.up1.bias"):
        make_part(weights, "hyper")


def test_integers_out_of_bounds_are_refused() -> None:
    """By whatever decodes, as SPEC 4.2 has it: tests/model/test_fixed_point.py has each rule."""
    weights = read_weights(find_model().path)
    check_weights(weights)
    weights.tensors["entropy.up1.weight"] = weights.tensors["entropy.up1.weight"] * 0 + 32767
    with pytest.raises(ModelError, match="a sum could reach 2\\^24"):
        check_weights(weights)
    del weights.tensors["entropy.up1.weight"]
    with pytest.raises(ModelError, match="not a model's .*up1.weight"):
        check_weights(weights)


def test_what_the_command_refuses(
    folder: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def error(*arguments: str) -> str:
        assert main(["export-onnx", *arguments]) == 1
        return str(capsys.readouterr().err)

    there = folder / "hyper.onnx"
    assert (
        error("v1", str(folder)) == f"aecodec: error: {there}: exists already; -f overwrites it\n"
    )
    assert main(["export-onnx", "v1", str(folder), "-f"]) == 0
    capsys.readouterr()
    assert "model v9 is not installed" in error("v9", str(tmp_path / "a"))
    (tmp_path / "file").write_text("mine")
    assert "file exists" in error("v1", str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "mine"
    monkeypatch.setitem(sys.modules, "aecodec.graphs.export", None)
    assert "exporting needs pip install" in error("v1", str(tmp_path / "a"))
    assert not (tmp_path / "a").exists()
