"""A file decodes to the same symbols whatever the threads, kernels and memory layout; its pixels
to at most one level apart (SPEC 5.1)."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from aecodec.codec import Codec, decode_latent, encode_latent
from aecodec.transform import analyze, synthesize
from tests.photos import photo

SETTINGS = [
    ("threads=1", "torch.set_num_threads(1)"),
    ("threads=2", "torch.set_num_threads(2)"),
    ("onednn=off", "torch.backends.mkldnn.set_flags(False)"),
    ("channels_last", "layout = torch.channels_last"),
]
SCRIPT = """
import hashlib, sys, torch
import numpy as np
from pathlib import Path
from aecodec import codec, transform
layout = torch.contiguous_format
{setting}
dequantize = codec.dequantize
codec.dequantize = lambda *a: dequantize(*a).contiguous(memory_format=layout)
loaded = codec.Codec()._encoder
with torch.inference_mode():
    for q in (3, 40, 63):
        payload = Path(sys.argv[1], str(q)).read_bytes()
        y_hat = codec.decode_latent(loaded, payload, 200, 133, q)
        print(hashlib.sha256((16 * y_hat).int().contiguous().numpy().tobytes()).hexdigest())
        pixels = transform.synthesize(loaded.model, y_hat, 200, 133, q)
        others = np.load(Path(sys.argv[1], f"{{q}}.npy")).astype(int)
        assert abs(pixels - others).max() <= 1, "pixels differ by more than a level"
"""


@pytest.fixture(scope="module")
def payloads(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Payloads of one photo at three rates, and the digests of their latents as encoded."""
    folder, digests = tmp_path_factory.mktemp("payloads"), []
    loaded = Codec()._encoder
    with torch.inference_mode():
        for q in (3, 40, 63):
            payload, y_hat, _ = encode_latent(loaded, *analyze(loaded.model, photo(200, 133), q), q)
            assert torch.equal(y_hat, decode_latent(loaded, payload, 200, 133, q))
            (folder / str(q)).write_bytes(payload)
            np.save(folder / f"{q}.npy", synthesize(loaded.model, y_hat, 200, 133, q))
            symbols = (16 * y_hat).int().contiguous().numpy()
            digests.append(hashlib.sha256(symbols.tobytes()).hexdigest())
    return folder, digests


@pytest.mark.parametrize("setting", [code for _, code in SETTINGS], ids=[n for n, _ in SETTINGS])
def test_symbols_are_the_same(payloads: tuple[Path, list[str]], setting: str) -> None:
    folder, digests = payloads
    line = [sys.executable, "-c", SCRIPT.format(setting=setting), str(folder)]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.stdout.split() == digests, done.stderr
