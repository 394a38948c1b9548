"""One tile of pixels to a payload and back, for tests."""

from __future__ import annotations

import torch

from aecodec.coding.planes import Pixels
from aecodec.coding.tile import LoadedModel, decode_latent, encode_latent
from aecodec.coding.transform import analyze, synthesize


@torch.inference_mode()
def encode_pixels(loaded: LoadedModel, pixels: Pixels, q: int) -> bytes:
    """uint8 [H, W, 3] -> payload."""
    return encode_latent(loaded, *analyze(loaded.model, pixels, q), q)[0]


@torch.inference_mode()
def decode_pixels(loaded: LoadedModel, payload: bytes, width: int, height: int, q: int) -> Pixels:
    """Inverse of `encode_pixels`: payload -> uint8 [H, W, 3]. Raises FormatError."""
    y_hat = decode_latent(loaded, payload, width, height, q)
    return synthesize(loaded.model, y_hat, width, height, q)
