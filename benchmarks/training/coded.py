"""What a photo becomes inside the codec: latents, symbols, and the bits of each."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aecodec.coding.effort import effort_to_rounds
from aecodec.coding.planes import Pixels, to_planes
from aecodec.format.constants import TABLE_COUNT
from aecodec.format.payload import SymbolEncoder, by_table
from aecodec.format.tables import Indexes, Symbols, table_entries
from aecodec.model.loaded import LoadedModel
from aecodec.model.quantize import as_indexes, as_symbols
from aecodec.training.export import code_batches, in_places, refined_latents
from aecodec.training.validate import as_seen


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
    rounds = effort_to_rounds(effort)
    latents = refined_latents(loaded.float_model, picture, q, rounds, loaded.tune)
    encoder, after = SymbolEncoder(loaded.tables), []
    y_hat, batches = code_batches(loaded.model, latents, q)
    for batch in batches:
        encoder.put(as_symbols(batch.symbols), as_indexes(batch.index))
        after.append(encoder.bits)
    latent = in_places(batches, y_hat)
    x_hat, payload_bits = decoded(loaded, y_hat, q), 8 * len(encoder.finish())
    bits = after[0], encoder.bits, payload_bits
    return Coded(q, to_planes(picture), x_hat, y_hat, latent.symbols, latent.index, *bits)


@torch.no_grad()
def decoded(loaded: LoadedModel, y_hat: Tensor, q: int) -> Tensor:
    """x_hat, 8-bit rounded, without a filter."""
    return as_seen(loaded.model.g_s(y_hat, loaded.model.qs(q)))


def table_bits(loaded: LoadedModel, symbols: Symbols, indexes: Indexes) -> NDArray[np.float64]:
    """Bits of each symbol by its table; of escapes without what follows them."""
    bits = np.zeros(len(symbols))
    for index, places in by_table(indexes):
        entries = table_entries(symbols[places], int(loaded.tables.largest[index]))
        bits[places] = loaded.tables.bits[index][entries]
    return bits


def y_bits(loaded: LoadedModel, coded: Coded, shift: int = 0) -> Tensor:
    """Bits of each latent, [1, M, H/16, W/16], with tables so many scales wider."""
    index = (coded.index + shift).clamp(0, TABLE_COUNT - 1)
    flat = coded.symbols.flatten().int().numpy(), index.flatten().byte().numpy()
    return torch.from_numpy(table_bits(loaded, *flat)).view(coded.index.shape)
