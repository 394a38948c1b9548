"""What tests code with, and one tile of pixels to a payload and back."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from aecodec.codec import Codec
from aecodec.coding.encoder import encode_latents
from aecodec.coding.planes import Pixels, from_planes
from aecodec.coding.torch_engine import decode_latents
from aecodec.coding.transform import analyze, latents_in, synthesize
from aecodec.format.box import Box
from aecodec.format.container import Payload
from aecodec.model.loaded import LoadedModel, load_model
from aecodec.model.model import Model
from aecodec.model.products import one_arithmetic


@cache
def codec() -> Codec:
    """With the default models, each loaded once."""
    return Codec()


@cache
def loaded(name: str | None = None) -> LoadedModel:
    """A model by name or id; None: the default."""
    return load_model(name)


@torch.inference_mode()
def encode_pixels(model: LoadedModel, pixels: Pixels, q: int) -> bytes:
    """uint8 [H, W, 3] -> payload."""
    return encode_latents(model, *analyze(model.model, pixels, q), q)[0]


def decode_pixels(model: LoadedModel, payload: bytes, width: int, height: int, q: int) -> Pixels:
    """Inverse of `encode_pixels`: payload -> uint8 [H, W, 3]. Raises FormatError."""
    y_hat = decode_latents(model, Payload(payload), width, height, q)
    return pixels_of(model.model, y_hat, width, height, q)


@torch.inference_mode()
def pixels_of(model: Model, y_hat: Tensor, width: int, height: int, q: int) -> Pixels:
    """y_hat of a whole picture in steps -> uint8 [H, W, 3]."""
    whole, pixels = Box(0, 0, height, width), np.empty((height, width, 3), np.uint8)
    with one_arithmetic(model.device.type):
        latents_of = latents_in(y_hat, whole.aligned())
        for box, x_hat in synthesize(model, latents_of, q, whole, (width, height)):
            pixels[box.pixel_slices()] = from_planes(x_hat)
    return pixels
