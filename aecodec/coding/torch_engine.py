"""Decoding by PyTorch, on the CPU or a GPU."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from aecodec.coding.engine import Wanted
from aecodec.coding.planes import Pixels, from_planes
from aecodec.coding.transform import LatentsOf, synthesize
from aecodec.format.box import Box
from aecodec.format.container import Payload
from aecodec.format.payload import CodingTables, SymbolDecoder, symbol_decoder
from aecodec.model.loaded import LoadedModel
from aecodec.model.model import SymbolSource
from aecodec.model.products import one_arithmetic
from aecodec.model.quantize import as_indexes, from_symbols


class TorchEngine:
    """`Engine` of a loaded model."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded

    @property
    def tables(self) -> CodingTables:
        return self.loaded.tables

    def decode_latents(self, payload: Payload, width: int, height: int, q: int) -> Tensor:
        return decode_latents(self.loaded, payload, width, height, q)

    def no_latents(self, tile: Box) -> Tensor:
        latent = self.loaded.model.config.latent
        return torch.zeros(1, latent, *tile.latent_size(), dtype=torch.float32)

    def join(self, parts: list[Tensor], axis: int) -> Tensor:
        return torch.cat(parts, axis)

    @torch.inference_mode()
    def synthesize(self, latents_of: LatentsOf, wanted: Wanted) -> Iterator[tuple[Box, Pixels]]:
        model, header = self.loaded.model, wanted.header
        walk = synthesize(
            model,
            latents_of,
            header.q,
            wanted.region,
            wanted.size,
            wanted.reduction,
            wanted.filter,
            wanted.alpha,
        )
        with one_arithmetic(model.device.type):
            for box, x_hat in walk:
                yield box, from_planes(x_hat, header.gray)


@torch.inference_mode()
def decode_latents(
    loaded: LoadedModel, payload: Payload, width: int, height: int, q: int
) -> Tensor:
    """Inverse of `encode_latents`: the payload of a tile of that size -> y_r in steps.

    Of a cut payload, latents that have not arrived are their predicted means. Raises FormatError.
    """
    decoder = symbol_decoder(loaded.tables, payload.data, payload.state == "cut")
    shape = loaded.hyper_shape(width, height)
    y_r = loaded.model.walk_symbols(shape, q, symbol_reader(decoder))
    decoder.finish()
    return y_r


def symbol_reader(decoder: SymbolDecoder) -> SymbolSource:
    """Symbols as they come out of the payload: the inverse of `symbol_writer`."""
    return lambda batch, mean, index: from_symbols(decoder.get(as_indexes(index)), like=mean)
