"""A tile: its latents to a payload and back, by the model that codes them.

Both directions call the same `entropy` network with the same integers; only `code_step` differs.
g_s sees y_hat at its reconstruction points (model/points.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from aecodec.coding.planes import Pixels, padded_size
from aecodec.coding.refine import refine
from aecodec.coding.transform import analyze, cut, one_arithmetic
from aecodec.errors import AecodecError, FormatError
from aecodec.format.container import Box, Container, CutPayload
from aecodec.format.payload import (
    ArrivedSymbolDecoder,
    EntropyCoder,
    Indexes,
    SymbolDecoder,
    SymbolEncoder,
    Symbols,
)
from aecodec.model.config import HYPER_STRIDE, LATENT_STRIDE
from aecodec.model.entropy_model import put_steps, take_step
from aecodec.model.fixed_point import float_twin, log2_scale
from aecodec.model.model import Model
from aecodec.model.quantize import SIXTEENTHS, dequantize, quantize
from aecodec.model.weights import load_weights


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to code: transforms on a device, entropy side on the CPU, and its tables."""

    model: Model
    coder: EntropyCoder
    model_id: str

    @cached_property
    def float_model(self) -> Model:
        """The same in floating point throughout, for what needs gradients."""
        return float_twin(self.model).requires_grad_(False).to(self.model.device).eval()

    @classmethod
    def load(cls, path: Path, device: torch.device) -> LoadedModel:
        """Raises ModelError for a file that is not what it says."""
        model, tables, model_id = load_weights(path)
        model.to(device)
        for exact in (model.entropy, model.hyper_prior, model.points):
            exact.to("cpu")
        return cls(model, EntropyCoder(tables), model_id)


def tile_latents(
    loaded: LoadedModel,
    pixels: Pixels,
    q: int,
    tile: Box,
    rounds: int,
    tell: Callable[[], None] = lambda: None,
) -> tuple[Tensor, Tensor]:
    """A tile of uint8 [H, W, 3] or [H, W] -> y and z, after so many rounds of refinement."""
    if not rounds:
        return analyze(loaded.model, pixels, q, tile)
    with one_arithmetic(loaded.model.device):
        return refine(loaded.float_model, pixels, q, tile, rounds, tell)


def encode_tile(
    loaded: LoadedModel,
    latents: tuple[Tensor, Tensor],
    q: int,
    tile: Box,
    verify: bool = False,
    lean: float = 1.0,
) -> tuple[bytes, Tensor]:
    """y and z of a tile in steps -> payload, y_hat in steps.

    Raises AecodecError where, with `verify`, the decoder would not see the same symbols.
    """
    payload, y_hat, _ = encode_latent(loaded, *latents, q, lean)
    if verify and not torch.equal(
        decode_latent(loaded, payload, tile.width, tile.height, q), y_hat
    ):
        raise AecodecError("what was encoded is not what would be decoded: please report this")
    return payload, y_hat


@torch.inference_mode()
def encode_latent(
    loaded: LoadedModel, y: Tensor, z: Tensor, q: int, lean: float = 1.0
) -> tuple[bytes, Tensor, float]:
    """y and z in steps -> payload, y_hat in steps, and the bits the tables say it costs."""
    encoder = SymbolEncoder(loaded.coder)
    y_hat = quantize_latent(loaded.model, y, z, q, encoder.put, lean)
    return encoder.finish(), y_hat, encoder.bits


def quantize_latent(
    model: Model,
    y: Tensor,
    z: Tensor,
    q: int,
    put: Callable[[Symbols, Indexes], None],
    lean: float = 1.0,
) -> Tensor:
    """y and z in steps -> y_hat in steps; `put` takes symbols and table indexes, five batches.

    y_hat, as everywhere outside of `entropy`, is at its reconstruction points: y_r of the SPEC.
    """
    rate = torch.tensor([q])
    z_mean, z_index = hyper_parameters(model, rate, z)
    z_symbols = quantize(z, z_mean, scale(z_index), lean)
    put(as_symbols(z_symbols), as_indexes(z_index))
    points: list[Tensor] = []

    def code_step(step: int, mean: Tensor, index: Tensor) -> Tensor:
        y_symbols = quantize(take_step(y, step), mean, scale(index), lean)
        put(as_symbols(y_symbols), as_indexes(index))
        points.append(model.points(y_symbols, mean, index))
        return dequantize(y_symbols, mean)

    y_hat = model.entropy(dequantize(z_symbols, z_mean), rate, code_step)
    return at_points(y_hat, points)


@torch.inference_mode()
def decode_latent(loaded: LoadedModel, payload: bytes, width: int, height: int, q: int) -> Tensor:
    """Inverse of `encode_latent`: payload -> y_hat in steps. Raises FormatError.

    Of a CutPayload, latents that have not arrived are as their predicted means.
    """
    arrived = isinstance(payload, CutPayload)
    decoder = (ArrivedSymbolDecoder if arrived else SymbolDecoder)(loaded.coder, payload)
    rate = torch.tensor([q])
    padded_width, padded_height = padded_size(width, height)
    like = torch.empty(
        1, loaded.model.config.hyper, padded_height // HYPER_STRIDE, padded_width // HYPER_STRIDE
    )
    z_mean, z_index = hyper_parameters(loaded.model, rate, like)
    z_symbols = from_symbols(decoder.get(as_indexes(z_index))).view(like.shape)
    points: list[Tensor] = []

    def code_step(step: int, mean: Tensor, index: Tensor) -> Tensor:
        y_symbols = from_symbols(decoder.get(as_indexes(index))).view(mean.shape)
        points.append(loaded.model.points(y_symbols, mean, index))
        return dequantize(y_symbols, mean)

    y_hat = loaded.model.entropy(dequantize(z_symbols, z_mean), rate, code_step)
    decoder.finish()
    return at_points(y_hat, points)


def hyper_parameters(model: Model, q: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """-> mean in 1/16 steps and table index of z, of the shape of `like`."""
    mean, index = model.hyper_prior(q)
    return mean.expand(like.shape), index.expand(like.shape)


def scale(index: Tensor) -> Tensor:
    """Table index -> standard deviation in steps."""
    return log2_scale(index).exp2()


def at_points(y_hat: Tensor, points: list[Tensor]) -> Tensor:
    """1/16 steps and every step's points -> steps, binary32 for the transforms.

    Exact below 2^16 steps, beyond which only forged payloads lie.
    """
    return (y_hat / SIXTEENTHS + put_steps(points, y_hat)).float()


def as_symbols(values: Tensor) -> Symbols:
    return values.reshape(-1).to(torch.int32).numpy()


def from_symbols(symbols: Symbols) -> Tensor:
    return torch.from_numpy(symbols).double()


def as_indexes(values: Tensor) -> Indexes:
    return values.reshape(-1).to(torch.uint8).numpy()


class TileLatents:
    """y_hat of a file, tile by tile as it is asked for; forgets what lies above the last area."""

    def __init__(self, loaded: LoadedModel, container: Container, keep_going: bool) -> None:
        self.loaded, self.header, self.keep_going = loaded, container.header, keep_going
        self.payloads, self.boxes = container.payloads, container.header.tiles()
        self.decoded: dict[int, Tensor] = {}
        self.damaged: list[str] = []
        self.missing: list[int] = []

    def notes(self) -> tuple[str, ...]:
        """What is wrong with the tiles that were asked for."""
        if not self.missing:
            return tuple(self.damaged)
        tiles = f" in {len(self.missing)} of {len(self.boxes)} tiles" if len(self.boxes) > 1 else ""
        return (*self.damaged, f"cut off: detail is missing{tiles}")

    def area(self, box: Box) -> Tensor:
        """box: pixels, multiples of 64 or the padded picture's end."""
        self.decoded = {n: y for n, y in self.decoded.items() if self.boxes[n].bottom > box.top}
        rows = []
        for row in range(box.top // self.header.tile, -(-box.bottom // self.header.tile)):
            columns = range(box.left // self.header.tile, -(-box.right // self.header.tile))
            parts = [self.part(row * self.header.columns + column, box) for column in columns]
            rows.append(torch.cat(parts, dim=3))
        return torch.cat(rows, dim=2)

    def part(self, number: int, box: Box) -> Tensor:
        """What of a tile lies in `box`."""
        if number not in self.decoded:
            self.decoded[number] = self.decode(number)
        return self.decoded[number][cut(box, self.boxes[number])]

    def decode(self, number: int) -> Tensor:
        tile, payload = self.boxes[number], self.payloads[number]
        where = self.header.tile_name(number)
        if isinstance(payload, CutPayload):
            self.missing.append(number)
            if not payload:
                return self.gray(tile)
        try:
            if payload is None:
                raise FormatError("its chunk is damaged")
            return decode_latent(self.loaded, payload, tile.width, tile.height, self.header.q)
        except FormatError as error:
            if not self.keep_going:
                raise FormatError(f"{where}: {error}") from error
            self.damaged.append(f"{where} is damaged and left gray: {error}")
            return self.gray(tile)

    def gray(self, tile: Box) -> Tensor:
        width, height = (n // LATENT_STRIDE for n in padded_size(tile.width, tile.height))
        return torch.zeros(1, self.loaded.model.config.latent, height, width)
