"""A file decodes to the same symbols whatever the threads, kernels and memory layout; its pixels
to at most one level apart (SPEC 5.4). On one machine the encoder's bytes are the same too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from aecodec.coding import transform
from aecodec.coding.encoder import Encoder, Settings, encode_latents
from aecodec.coding.planes import Pixels, to_planes
from aecodec.coding.torch_engine import decode_latents
from aecodec.coding.transform import analyze
from aecodec.format.container import Payload, read_container
from aecodec.image.picture import Picture
from aecodec.model.fixed_point import FixedPointwise
from tests.payloads import loaded, pixels_of
from tests.photos import photo
from tests.processes import INHERITED, run_python

WIDTH, HEIGHT = 200, 133
RATES = (3, 40, 63)
LAYOUTS = {"NCHW": torch.contiguous_format, "channels_last": torch.channels_last}
SETTINGS = list(product((True, False), (1, 2, 3, 4), LAYOUTS))
"""oneDNN, threads, memory layout."""
NAMES = [f"oneDNN {'on' if a else 'off'}, {b} threads, {c}" for a, b, c in SETTINGS]
OLD_PROCESSOR = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from tests.coding.test_exactness import RATES, decoded
for q in RATES:
    y_hat, _ = decoded(Path(sys.argv[1], str(q)).read_bytes(), q)
    np.save(Path(sys.argv[1], f"{q}.npy"), y_hat.numpy())
"""


@contextmanager
def running(onednn: bool, threads: int, layout: str) -> Iterator[None]:
    """Other kernels, other threads, inputs of exact layers and planes in another layout."""
    memory, before = LAYOUTS[layout], torch.get_num_threads()

    def laid_out(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        x = inputs[0]  # [positions, channels]
        return x if layout == "channels_last" else x.t().contiguous().t(), *inputs[1:]

    def planes(pixels: Pixels) -> Tensor:
        return to_planes(pixels).contiguous(memory_format=memory)

    layers = [m for m in loaded().model.modules() if isinstance(m, FixedPointwise)]
    hooks = [layer.register_forward_pre_hook(laid_out) for layer in layers]
    try:
        torch.set_num_threads(threads)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.backends.mkldnn, "enabled", onednn)
            patch.setattr(transform, "to_planes", planes)
            yield
    finally:
        torch.set_num_threads(before)
        for hook in hooks:
            hook.remove()


@torch.inference_mode()
def encoded(q: int) -> tuple[bytes, Tensor, Tensor]:
    """The photo's payload, y before and after quantization."""
    y, z = analyze(loaded().model, photo(WIDTH, HEIGHT), q)
    payload, y_hat, _ = encode_latents(loaded(), y, z, q)
    return payload, y, y_hat


@torch.inference_mode()
def decoded(payload: bytes, q: int) -> tuple[Tensor, Pixels]:
    y_hat = decode_latents(loaded(), Payload(payload), WIDTH, HEIGHT, q)
    return y_hat, pixels_of(loaded().model, y_hat, WIDTH, HEIGHT, q)


@cache
def first(q: int) -> tuple[bytes, Tensor, Pixels]:
    """Payload, y_hat and the decoder's pixels with the settings that PyTorch chooses."""
    payload, _, y_hat = encoded(q)
    again, pixels = decoded(payload, q)
    assert torch.equal(again, y_hat)
    return payload, y_hat, pixels


@cache
def encoded_with(onednn: bool, threads: int, layout: str) -> tuple[bytes, Tensor, Tensor]:
    """As `encoded`, at the highest rate."""
    with running(onednn, threads, layout):
        return encoded(max(RATES))


@pytest.mark.parametrize(("onednn", "threads", "layout"), SETTINGS, ids=NAMES)
def test_symbols_are_the_same(onednn: bool, threads: int, layout: str) -> None:
    """Of files made here and decoded with these settings, and of one made with them."""
    for q in RATES:
        payload, y_hat, pixels = first(q)
        with running(onednn, threads, layout):
            again, others = decoded(payload, q)
        assert torch.equal(again, y_hat)
        assert np.abs(pixels.astype(int) - others).max() <= 1
    payload, _, y_hat = encoded_with(onednn, threads, layout)
    assert torch.equal(decoded(payload, max(RATES))[0], y_hat)


def test_symbols_are_the_same_on_an_old_processor(tmp_path: Path) -> None:
    """As far as libraries let themselves be told not to use the new one's instructions."""
    for q in RATES:
        (tmp_path / str(q)).write_bytes(first(q)[0])
    done = run_python(SCRIPT, str(tmp_path), env=INHERITED | OLD_PROCESSOR)
    assert done.returncode == 0, done.stderr
    for q in RATES:
        assert np.array_equal(np.load(tmp_path / f"{q}.npy"), first(q)[1].numpy())


@pytest.mark.parametrize(("onednn", "threads", "layout"), SETTINGS, ids=NAMES)
def test_encoding_is_deterministic(onednn: bool, threads: int, layout: str) -> None:
    """Same input, same bytes, and the same latents before rounding too: nothing here is luck."""
    payload, y, _ = encoded_with(*SETTINGS[0])
    other_payload, other_y, _ = encoded_with(onednn, threads, layout)
    assert torch.equal(other_y, y)
    assert other_payload == payload


@cache
def refined_with(onednn: bool, threads: int, layout: str) -> bytes:
    """A file of the highest rate and default effort, with a filter."""
    with running(onednn, threads, layout):
        picture = Picture(photo(WIDTH, HEIGHT)[..., ::-1])
        data = Encoder(loaded(), picture, Settings()).encode(63)
    assert read_container(data).filter
    return data


@pytest.mark.parametrize(("onednn", "threads", "layout"), SETTINGS, ids=NAMES)
def test_refined_files_are_deterministic(onednn: bool, threads: int, layout: str) -> None:
    assert refined_with(onednn, threads, layout) == refined_with(*SETTINGS[0])
