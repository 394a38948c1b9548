"""A file, taken apart, to pixels: payloads, symbols, latents, planes. The inverse of encoder.py."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from aecodec.coding.planes import Pixels, from_planes
from aecodec.coding.transform import LatentsByPart, synthesize
from aecodec.errors import FormatError
from aecodec.format.alpha import read_alpha, reduced_alpha
from aecodec.format.box import Box
from aecodec.format.container import Container, Payload
from aecodec.format.filter import read_filter
from aecodec.format.payload import ArrivedSymbolDecoder, SymbolDecoder
from aecodec.image.picture import Picture
from aecodec.image.previews import metadata_of_a_part
from aecodec.model.loaded import LoadedModel
from aecodec.model.model import SymbolSource
from aecodec.model.products import one_arithmetic
from aecodec.model.quantize import as_indexes, from_symbols


class Decoder:
    """One file, decoded tile by tile as its pixels are asked for."""

    def __init__(self, loaded: LoadedModel, container: Container, keep_going: bool = False) -> None:
        """With `keep_going`, damaged tiles are gray. Raises FormatError for a damaged filter."""
        self.loaded, self.container, self.header = loaded, container, container.header
        self.keep_going, data = keep_going, container.filter
        self.filter = None if data is None else read_filter(loaded.tables, data)
        self.damaged: list[str] = []
        self.missing: list[int] = []

    def decode(self, region: Box, reduction: int = 1) -> Picture:
        """The pixels of `region` at 1/reduction, alpha and metadata; its notes say what is wrong.

        Of a part of the picture, previews of the whole are taken out of the metadata. Raises
        FormatError for a damaged payload or alpha.
        """
        file, header = self.container, self.header
        exif, xmp, alpha = file.exif, file.xmp, None
        if region != header.whole():
            exif, xmp, _ = metadata_of_a_part(exif, xmp)
        if file.alpha is not None:
            alpha = read_alpha(file.alpha, header.width, header.height)
        pixels = self.pixels(region, reduction, alpha)
        if alpha is not None:
            alpha = reduced_alpha(alpha, reduction)[region.shrunk(reduction).pixel_slices()]
        return Picture(pixels, alpha, file.icc, exif, xmp, self.notes())

    @torch.inference_mode()
    def pixels(self, region: Box, reduction: int = 1, alpha: Pixels | None = None) -> Pixels:
        """-> uint8 [H, W, 3] or, if gray, [H, W]: those of the picture at 1/reduction that `region`
        touches. alpha, uint8 [H, W] of the whole picture, is what means weigh by (SPEC 5.7)."""
        gray, target = self.header.gray, region.shrunk(reduction)
        shape = (target.height, target.width)
        pixels = np.empty(shape if gray else (*shape, 3), dtype=np.uint8)
        model, q, size = self.loaded.model, self.header.q, (self.header.width, self.header.height)
        latents = LatentsByPart(*size, self.header.tile_side, self.decode_tile)
        with one_arithmetic(model.device.type):
            walk = synthesize(model, latents, q, region, size, reduction, self.filter, alpha)
            for box, x_hat in walk:
                part = box.shrunk(reduction)
                top, left = part.top - target.top, part.left - target.left
                place = Box(top, left, top + part.height, left + part.width).pixel_slices()
                pixels[place] = from_planes(x_hat, gray)
        return pixels

    def decode_tile(self, number: int, tile: Box) -> Tensor:
        """y_r of a tile, [1, M, H'/16, W'/16]; 0, which is gray, of one that is not there."""
        payload, where = self.container.payloads[number], self.header.tile_name(number)
        if payload.state == "cut":
            self.missing.append(number)
            if not payload.data:
                return self.no_latents(tile)
        try:
            if payload.state == "damaged":
                raise FormatError("its chunk is damaged")
            return decode_latents(self.loaded, payload, tile.width, tile.height, self.header.q)
        except FormatError as error:
            if not self.keep_going:
                raise FormatError(f"{where}: {error}") from error
            self.damaged.append(f"{where} is damaged and left gray: {error}")
            return self.no_latents(tile)

    def no_latents(self, tile: Box) -> Tensor:
        """Latents of a tile of which nothing is known."""
        return torch.zeros(
            1, self.loaded.model.config.latent, *tile.latent_size(), dtype=torch.float32
        )

    def notes(self) -> tuple[str, ...]:
        """What is wrong with the tiles that were asked for."""
        if not self.missing:
            return tuple(self.damaged)
        count = len(self.container.payloads)
        tiles = f" in {len(self.missing)} of {count} tiles" if count > 1 else ""
        return (*self.damaged, f"cut off: detail is missing{tiles}")


@torch.inference_mode()
def decode_latents(
    loaded: LoadedModel, payload: Payload, width: int, height: int, q: int
) -> Tensor:
    """Inverse of `encode_latents`: the payload of a tile of that size -> y_r in steps.

    Of a cut payload, latents that have not arrived are their predicted means. Raises FormatError.
    """
    kind = ArrivedSymbolDecoder if payload.state == "cut" else SymbolDecoder
    decoder = kind(loaded.tables, payload.data)
    shape = loaded.hyper_shape(width, height)
    y_r = loaded.model.walk_symbols(shape, q, symbol_reader(decoder))
    decoder.finish()
    return y_r


def symbol_reader(decoder: SymbolDecoder) -> SymbolSource:
    """Symbols as they come out of the payload: the inverse of `symbol_writer`."""
    return lambda batch, mean, index: from_symbols(decoder.get(as_indexes(index)), like=mean)
