"""Encoder and decoder together, with the installed models."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import aecodec
from aecodec import codec as codec_module
from aecodec.codec import Codec
from aecodec.coding import encoder
from aecodec.coding.encoder import encode_latents
from aecodec.coding.planes import to_planes
from aecodec.coding.torch_engine import decode_latents
from aecodec.coding.transform import analyze
from aecodec.format.container import Payload, read_container, write_container
from aecodec.image.picture import Picture
from aecodec.image.psnr import psnr
from aecodec.model import store
from aecodec.model.store import TUNED, find_model
from aecodec.training.loss import rate_distortion
from aecodec.training.start import load_for_training
from tests.payloads import codec, decode_pixels, encode_pixels, loaded, pixels_of
from tests.photos import photo

SIZES = [(1, 1), (1, 64), (65, 129), (200, 133), (768, 512)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_decoder_sees_what_the_encoder_saw(width: int, height: int) -> None:
    pixels = photo(width, height)
    data = codec().encode(pixels, quality=40, effort=0)
    container = read_container(data)
    model, q = loaded(), container.header.q
    with torch.inference_mode():
        y, z = analyze(model.model, pixels, q)
        payload, y_hat, _ = encode_latents(model, y, z, q)
        assert (Payload(payload),) == container.payloads
        assert torch.equal(y_hat, decode_latents(model, Payload(payload), width, height, q))
        reconstruction = pixels_of(model.model, y_hat, width, height, q)
    decoded = codec().decode_picture(data).pixels
    assert decoded.shape == (height, width, 3)
    assert np.array_equal(reconstruction, decoded)


@pytest.mark.parametrize("q", [5, 35, 60])
def test_payload_is_what_the_model_estimates(q: int) -> None:
    """Within 0.5 % of what the tables say, and not above the training loss's own Gaussians."""
    pixels = photo(384, 384)
    with torch.inference_mode():
        payload, _, bits = encode_latents(loaded(), *analyze(loaded().model, pixels, q), q)
        model = load_for_training(find_model().path)
        estimate, _ = rate_distortion(model, to_planes(pixels), torch.tensor([q]), "decoder")
    assert len(payload) * 8 == pytest.approx(bits, rel=0.005, abs=64)
    assert len(payload) * 8 < 1.005 * float(estimate) * 384 * 384


def test_rate_and_quality_rise_with_quality() -> None:
    pixels = photo(256, 192)
    files = [codec().encode(pixels, quality) for quality in (1, 25, 50, 75, 100)]
    scores = [psnr(pixels, codec().decode_picture(data).pixels) for data in files]
    assert [len(data) for data in files] == sorted(len(data) for data in files)
    assert scores == sorted(scores)
    assert scores[0] > 22 and scores[-1] > 36


def test_same_input_same_bytes() -> None:
    pixels = photo(100, 70)
    assert (
        codec().encode(pixels) == codec().encode(Image.fromarray(pixels)) == Codec().encode(pixels)
    )


def test_metadata_come_back() -> None:
    picture = Picture(photo(40, 30), icc=b"profile", exif=b"II*\0 exif", xmp=b"<x/>")
    back = codec().decode_picture(codec().encode(picture))
    assert (back.icc, back.exif, back.xmp) == (picture.icc, picture.exif, picture.xmp)


def test_unknown_model_is_named() -> None:
    container = read_container(codec().encode(photo(16, 16)))
    header = dataclasses.replace(container.header, model_id=bytes(8))
    data = write_container(dataclasses.replace(container, header=header))
    with pytest.raises(aecodec.ModelError, match="0000000000000000 is not installed"):
        codec().decode(data)
    with pytest.raises(aecodec.ModelError, match="nonesuch"):
        Codec(model="nonesuch")


def model_of(data: bytes) -> str:
    """The name of the model that a file was coded with."""
    return find_model(read_container(data).header.model_id.hex()).name


def test_a_tune_is_a_model() -> None:
    pixels = photo(40, 30)
    assert model_of(codec().encode(pixels)) == TUNED["visual"] == find_model(codec().model_id).name
    for tune, name in TUNED.items():
        assert codec().encode(pixels, tune=tune) == Codec(name).encode(pixels)
        assert model_of(Codec("s1").encode(pixels, tune=tune)) == name
    assert model_of(aecodec.encode(pixels, tune="psnr")) == TUNED["psnr"]
    for wrong in ("ear", ""):
        with pytest.raises(aecodec.AecodecError, match=f"tune '{wrong}' unknown; choose from vis"):
            codec().encode(pixels, tune=wrong)


def test_what_reaches_a_target() -> None:
    """For a PSNR what is tuned for it, where nothing else is named."""
    pixels, size, db = photo(40, 30), aecodec.Target(size=900), aecodec.Target(psnr=30)
    assert model_of(codec().encode_to(pixels, size, effort=0)) == TUNED["visual"]
    assert model_of(codec().encode_to(pixels, db, effort=0)) == TUNED["psnr"]
    assert model_of(codec().encode_to(pixels, db, effort=0, tune="visual")) == TUNED["visual"]
    assert model_of(Codec("v1").encode_to(pixels, db, effort=0)) == "v1"


def test_device_that_is_not_there() -> None:
    with pytest.raises(aecodec.AecodecError, match="unknown device"):
        Codec(device="abacus")


def test_codec_loads_a_model_once(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Codec()
    data = own.encode(photo(16, 16))
    monkeypatch.setattr(codec_module, "load_installed", None)
    own.decode(data)
    own.encode(photo(16, 16))


def test_a_damaged_model_is_told_of_when_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, found = codec().encode(photo(16, 16)), find_model()
    (tmp_path / "damaged").mkdir()
    damaged = bytearray(found.path.read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "damaged" / store.FILE_NAME).write_bytes(damaged)
    monkeypatch.setattr(store, "data_folder", lambda _: tmp_path)
    own = Codec("v1")
    for use in (lambda: own.encode(photo(16, 16)), lambda: own.decode(data)):
        with pytest.raises(aecodec.ModelError, match="damaged"):
            use()


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("aecodec.model.loaded.load_weights", "load the model v1"),
        ("aecodec.coding.encoder.encode_latents", "code 16x8 pixels"),
    ],
)
def test_too_little_memory(place: str, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def allocate(*_: object) -> None:
        raise RuntimeError("[...] DefaultCPUAllocator: can't allocate memory: you tried ...")

    monkeypatch.setattr(place, allocate)
    with pytest.raises(aecodec.AecodecError, match=f"not enough memory to {what}"):
        Codec().encode(photo(16, 8))


def test_bytes_and_psnr_rise_with_q() -> None:
    for pixels in (photo(128, 128), photo(520, 380)[-128:, -128:]):
        sizes, quality = [], []
        for q in (0, *range(7, 62, 8), 62, 63):
            payload = encode_pixels(loaded(), pixels, q)
            sizes.append(len(payload))
            quality.append(psnr(pixels, decode_pixels(loaded(), payload, 128, 128, q)))
        assert sizes == sorted(set(sizes))
        assert quality == sorted(set(quality))


def test_verify_compares_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = photo(64, 48)
    assert codec().encode(pixels, verify=True) == codec().encode(pixels)
    monkeypatch.setattr(encoder, "decode_latents", lambda *a: decode_latents(*a) + 1)
    with pytest.raises(aecodec.AecodecError, match="please report this"):
        codec().encode(pixels, verify=True)
