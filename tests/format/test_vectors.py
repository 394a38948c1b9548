"""The conformance vectors of SPEC 7: read only. `python formats/make_vectors.py` writes them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import aecodec
from aecodec.cli.main import main
from aecodec.codec import Codec
from aecodec.coding.preview import preview_file
from aecodec.coding.torch_engine import symbol_reader
from aecodec.decoding import DecodingCodec
from aecodec.format.constants import PER_STEP
from aecodec.format.container import Container, read_container
from aecodec.format.info import info
from aecodec.format.payload import SymbolDecoder
from aecodec.format.preview import read_preview
from aecodec.image.picture import Picture
from aecodec.light import LightCodec
from aecodec.model import precision
from tests.payloads import loaded

FOLDER = Path(__file__).resolve().parents[2] / "formats" / "vectors"
MANIFEST: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text())
VALID, INVALID = MANIFEST["valid"], MANIFEST["invalid"]
BY_COMMAND = ("2.1-text", "2.3-model", "2.5-mode", "3.1-crc", "3.6-size", "4.4-state")


def name_of(vector: dict[str, Any]) -> str:
    return str(vector["name"])


def data_of(kind: str, vector: dict[str, Any]) -> bytes:
    data = (FOLDER / kind / f"{vector['name']}.aec").read_bytes()
    assert hashlib.sha256(data).hexdigest() == vector["sha256"]
    return data


CODECS: dict[str, DecodingCodec] = {
    "torch": Codec(MANIFEST["model"], exact_pixels=True),
    "onnx": LightCodec(),
}
by_either = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS.keys())


@pytest.mark.parametrize("vector", VALID, ids=name_of)
def test_a_valid_file_says_what_it_is(vector: dict[str, Any]) -> None:
    facts = info(data_of("valid", vector))
    fields = ("width", "height", "mode", "q", "tile", "tiles")
    assert {key: getattr(facts, key) for key in fields} == {key: vector[key] for key in fields}
    assert [[chunk.type, chunk.bytes] for chunk in facts.chunks] == vector["chunks"]
    assert facts.model == MANIFEST["model"]
    assert facts.format_version == MANIFEST["format_version"]


@pytest.mark.parametrize("vector", VALID, ids=name_of)
def test_a_valid_file_gives_the_symbols(vector: dict[str, Any]) -> None:
    container = read_container(data_of("valid", vector))
    assert symbols_of(container) == (vector["symbols_sha256"], vector["escapes"])
    if digest := vector.get("preview_symbols_sha256"):
        assert container.preview
        preview = read_preview(container.preview, container.header)
        assert symbols_of(preview_file(preview, container.header))[0] == digest


def symbols_of(container: Container) -> tuple[str, int]:
    """SHA-256 of y_r of every tile as SPEC 7.2 has it, and how many symbols escape."""
    digest, escapes = hashlib.sha256(), 0
    header, model = container.header, loaded(MANIFEST["model"])
    with torch.inference_mode():
        for tile, payload in zip(header.tiles(), container.payloads, strict=True):
            decoder = SymbolDecoder(model.tables, payload.data)
            shape = model.hyper_shape(tile.width, tile.height)
            y_hat = model.model.walk_symbols(shape, header.q, symbol_reader(decoder))
            escapes += decoder.escapes
            digest.update((PER_STEP * y_hat).contiguous().numpy().astype("<i4").tobytes())
    return digest.hexdigest(), escapes


@pytest.mark.parametrize("vector", VALID, ids=name_of)
def test_without_torch_it_gives_the_same_symbols(vector: dict[str, Any]) -> None:
    container = read_container(data_of("valid", vector))
    engine, header = CODECS["onnx"]._engine(MANIFEST["model"]), container.header
    digest = hashlib.sha256()
    for tile, payload in zip(header.tiles(), container.payloads, strict=True):
        y_r = engine.decode_latents(payload, tile.width, tile.height, header.q)
        digest.update(y_r.astype("<i4").tobytes())
    assert digest.hexdigest() == vector["symbols_sha256"]


@by_either
@pytest.mark.parametrize("vector", VALID, ids=name_of)
def test_a_valid_file_gives_the_pixels(vector: dict[str, Any], codec: DecodingCodec) -> None:
    data = data_of("valid", vector)
    same_pixels(codec.decode_picture(data), vector["name"], vector)
    if "preview_symbols_sha256" in vector:
        same_pixels(codec.decode_preview(data), f"{vector['name']}.preview", vector)


def same_pixels(picture: Picture, name: str, vector: dict[str, Any]) -> None:
    with Image.open(FOLDER / "valid" / f"{name}.png") as image:
        expected, bands = np.array(image), image.getbands()
    assert ("A" in bands) == (picture.alpha is not None)
    if picture.alpha is not None:
        assert np.array_equal(picture.alpha, expected[..., -1])
        expected = expected[..., 0] if bands == ("L", "A") else expected[..., :3]
    assert picture.pixels.shape == expected.shape
    error = np.abs(picture.pixels.astype(float) - expected)
    assert error.max() <= vector["peak_error"]
    assert np.sqrt(np.square(error).mean()) <= vector["rmse"]


@pytest.mark.parametrize("name", ["q-0", "q-32", "q-63"])
def test_less_precision_moves_samples_by_a_level(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC 5.4, of what comes of a picture. At the lowest q nothing is less precise."""
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)
    picture = Codec(MANIFEST["model"]).decode_picture((FOLDER / f"valid/{name}.aec").read_bytes())
    error = picture.pixels.astype(int) - np.asarray(Image.open(FOLDER / f"valid/{name}.png"))
    assert np.abs(error).max() == (name != "q-0")
    assert np.square(error).mean() < 0.06


def test_the_valid_files_cover_what_they_should() -> None:
    assert any(vector["escapes"] > 100 for vector in VALID)
    assert {vector["mode"] for vector in VALID} == {"RGB", "gray"}
    assert {0, 63} <= {vector["q"] for vector in VALID}
    kinds = {kind for vector in VALID for kind, _ in vector["chunks"]}
    assert {"iccp", "exif", "xmpx", "prvw", "FLTR", "ALPH", "TIDX", "TILE"} < kinds


@by_either
@pytest.mark.parametrize("vector", INVALID, ids=name_of)
def test_an_invalid_file_gives_the_error_named(
    vector: dict[str, Any], codec: DecodingCodec
) -> None:
    data = data_of("invalid", vector)
    with pytest.raises(aecodec.AecodecError) as caught:
        codec.decode(data)
    assert vector["error"] in str(caught.value)
    if vector["found_by"] == "decode":
        info(data)  # nothing is wrong with the container
        return
    with pytest.raises(aecodec.FormatError) as caught:
        info(data)
    assert vector["error"] in str(caught.value)


@pytest.mark.parametrize("name", BY_COMMAND)
def test_the_command_refuses_an_invalid_file_in_one_line(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    vector = next(vector for vector in INVALID if vector["name"] == name)
    path, target = FOLDER / "invalid" / f"{name}.aec", tmp_path / "out.png"
    assert main(["decompress", str(path), "-o", str(target)]) == 1
    line = capsys.readouterr().err
    assert line.startswith("aecodec: error: ") and line.count("\n") == 1
    assert vector["error"] in line
    assert not target.exists()


def test_the_command_tells_of_every_valid_file(capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(FOLDER / "valid" / f"{vector['name']}.aec") for vector in VALID]
    assert main(["info", *paths]) == 0
    text = capsys.readouterr().out
    assert text.count(MANIFEST["model"]) == len(VALID)
    for vector in VALID:
        assert f"{vector['tiles']} of {vector['tile']} x {vector['tile']}" in text
        assert all(kind in text for kind, _ in vector["chunks"])


def test_manifest_and_folder_agree_and_are_small() -> None:
    paths = [path for path in FOLDER.rglob("*") if path.is_file()]
    listed = {f"valid/{vector['name']}{end}" for vector in VALID for end in (".aec", ".png")}
    previews = {name_of(vector) for vector in VALID if "preview_symbols_sha256" in vector}
    listed |= {f"valid/{name}.preview.png" for name in previews}
    listed |= {f"invalid/{vector['name']}.aec" for vector in INVALID} | {"manifest.json"}
    assert {path.relative_to(FOLDER).as_posix() for path in paths} == listed
    assert sum(path.stat().st_size for path in paths) < 2_000_000
