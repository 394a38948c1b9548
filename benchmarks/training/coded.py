"""What a photo becomes inside the codec: latents, symbols, and the bits of each."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aecodec.coding.planes import Pixels, to_planes
from aecodec.coding.tile import LoadedModel, tile_latents
from aecodec.format.container import Box
from aecodec.format.payload import Indexes, SymbolEncoder, Symbols, by_table
from aecodec.format.quality import effort_to_rounds
from aecodec.model.entropy_model import SCALE_COUNT
from aecodec.training.export import code_whole


@dataclass(frozen=True)
class Coded:
    """What one photo becomes at one q. All of y is [1, M, H/16, W/16]."""

    q: int
    x: Tensor
    x_hat: Tensor
    """float [1, 3, H, W], 8-bit rounded"""
    y_hat: Tensor
    symbols: Tensor
    index: Tensor
    z_bits: float
    bits: float
    """by the tables"""
    payload_bits: int


def code(loaded: LoadedModel, picture: Pixels, q: int, effort: int) -> Coded:
    """Code a whole photo of uint8 [H, W, 3], H and W multiples of 64."""
    height, width = picture.shape[:2]
    box = Box(0, 0, height, width)
    y, z = tile_latents(loaded, picture, q, box, effort_to_rounds(effort))
    encoder, after = SymbolEncoder(loaded.coder), []

    def put(symbols: Symbols, indexes: Indexes) -> None:
        encoder.put(symbols, indexes)
        after.append(encoder.bits)

    with torch.inference_mode():
        latents = code_whole(loaded.model, (y, z), q, put)
    return Coded(
        q,
        to_planes(picture),
        decoded(loaded, latents.y_hat, q),
        latents.y_hat,
        latents.symbols,
        latents.index,
        after[0],
        encoder.bits,
        8 * len(encoder.finish()),
    )


@torch.no_grad()
def decoded(loaded: LoadedModel, y_hat: Tensor, q: int) -> Tensor:
    """x_hat, 8-bit rounded, without a filter."""
    x_hat = loaded.model.g_s(y_hat, torch.tensor([q]))
    return ((x_hat + 0.5) * 255).round().clamp(0, 255) / 255 - 0.5


def table_bits(loaded: LoadedModel, symbols: Symbols, indexes: Indexes) -> NDArray[np.float64]:
    """Bits of each symbol by its table; of escapes without what follows them."""
    bits = np.zeros(len(symbols))
    for index, places in by_table(indexes):
        reach = int(loaded.coder.reach[index])
        values = symbols[places].astype(int)
        entries = np.where(abs(values) > reach, 2 * reach + 1, values + reach)
        bits[places] = loaded.coder.bits[index][entries]
    return bits


def y_bits(loaded: LoadedModel, coded: Coded, shift: int = 0) -> Tensor:
    """Bits of each latent, [1, M, H/16, W/16], with tables so many scales wider."""
    index = (coded.index + shift).clamp(0, SCALE_COUNT - 1)
    flat = coded.symbols.flatten().int().numpy(), index.flatten().byte().numpy()
    return torch.from_numpy(table_bits(loaded, *flat)).view(coded.index.shape)
