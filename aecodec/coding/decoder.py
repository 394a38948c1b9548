"""A file, taken apart, to pixels: payloads, symbols, latents, planes. The inverse of encoder.py."""

from __future__ import annotations

import numpy as np

from aecodec.coding.engine import Engine, Latents, Wanted
from aecodec.coding.pieces import LatentsByPart
from aecodec.errors import FormatError
from aecodec.format.alpha import read_alpha, reduced_alpha
from aecodec.format.box import Box
from aecodec.format.container import Container
from aecodec.format.filter import read_filter
from aecodec.image.modes import Pixels
from aecodec.image.picture import Picture
from aecodec.image.previews import metadata_of_a_part


class Decoder:
    """One file, decoded tile by tile as its pixels are asked for."""

    def __init__(self, engine: Engine, container: Container, keep_going: bool = False) -> None:
        """With `keep_going`, damaged tiles are gray. Raises FormatError for a damaged filter."""
        self.engine, self.container, self.header = engine, container, container.header
        self.keep_going, data = keep_going, container.filter
        self.filter = None if data is None else read_filter(engine.tables, data)
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
            seen = region.shrunk(reduction).enlarged(reduction).pixel_slices()
            alpha = reduced_alpha(alpha[seen], reduction)
        return Picture(pixels, alpha, file.icc, exif, xmp, self.notes())

    def pixels(self, region: Box, reduction: int = 1, alpha: Pixels | None = None) -> Pixels:
        """-> uint8 [H, W, 3] or, if gray, [H, W]: those of the picture at 1/reduction that `region`
        touches. alpha, uint8 [H, W] of the whole picture, is what means weigh by (SPEC 5.7)."""
        target = region.shrunk(reduction)
        shape = (target.height, target.width)
        pixels = np.empty(shape if self.header.gray else (*shape, 3), dtype=np.uint8)
        wanted = Wanted(self.header, region, reduction, self.filter, alpha)
        side, join = self.header.tile_side, self.engine.join
        latents: LatentsByPart[Latents] = LatentsByPart(*wanted.size, side, self.decode_tile, join)
        for box, part in self.engine.synthesize(latents, wanted):
            place = box.shrunk(reduction).within(target)
            pixels[place.pixel_slices()] = part
        return pixels

    def decode_tile(self, number: int, tile: Box) -> Latents:
        """y_r of a tile, [1, M, H'/16, W'/16]; 0, which is gray, of one that is not there."""
        payload, where = self.container.payloads[number], self.header.tile_name(number)
        if payload.state == "cut":
            self.missing.append(number)
            if not payload.data:
                return self.engine.no_latents(tile)
        try:
            if payload.state == "damaged":
                raise FormatError("its chunk is damaged")
            size = tile.width, tile.height
            return self.engine.decode_latents(payload, *size, self.header.q)
        except FormatError as error:
            if not self.keep_going:
                raise FormatError(f"{where}: {error}") from error
            self.damaged.append(f"{where} is damaged and left gray: {error}")
            return self.engine.no_latents(tile)

    def notes(self) -> tuple[str, ...]:
        """What is wrong with the tiles that were asked for."""
        if not self.missing:
            return tuple(self.damaged)
        count = len(self.container.payloads)
        tiles = f" in {len(self.missing)} of {count} tiles" if count > 1 else ""
        return (*self.damaged, f"cut off: detail is missing{tiles}")
