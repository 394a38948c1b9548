"""One picture to the bytes of a file: latents, symbols, payloads, a filter where that pays.

The inverse is decoder.py, beside it. From y to y_r every tile is coded by itself; g_a and g_s
know nothing of tiles (transform.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import count

import torch
from torch import Tensor

from aecodec.coding.descent import unrefined_bias
from aecodec.coding.effort import DEFAULT_EFFORT, OnProgress, effort_to_rounds
from aecodec.coding.filter import FilterFit
from aecodec.coding.pieces import reach
from aecodec.coding.planes import Pixels
from aecodec.coding.preview import FROM_PIXELS, best_preview, preview_reduction
from aecodec.coding.refine import calls, refine
from aecodec.coding.torch_engine import decode_latents
from aecodec.coding.transform import (
    AnalyzedPicture,
    TileLatents,
    analyze,
    latents_in,
    synthesize,
)
from aecodec.errors import AecodecError
from aecodec.format.alpha import write_alpha
from aecodec.format.box import Box
from aecodec.format.constants import DEFAULT_TILE, HYPER_STRIDE, MAX_TILE, PREVIEW_SIDE
from aecodec.format.container import Container, Payload, write_container
from aecodec.format.header import GRAY, RGB, Header
from aecodec.format.payload import SymbolEncoder
from aecodec.format.preview import write_preview
from aecodec.format.quality import integer
from aecodec.image.hidden import without_hidden_colours
from aecodec.image.picture import Picture, reduced
from aecodec.model.entropy_model import scale_of_index, take_batch, take_bias
from aecodec.model.loaded import LoadedModel
from aecodec.model.model import SymbolSource
from aecodec.model.products import one_arithmetic
from aecodec.model.quantize import as_indexes, as_symbols, quantize

KEPT = 2
"""For how many q, refined or not, latents are kept in the search for a target."""


@dataclass(frozen=True)
class Settings:
    """How a picture is coded, but for q. Raises AecodecError for what is out of range."""

    tile_side: int = DEFAULT_TILE
    """pixels, the side of a tile"""
    verify: bool = False
    """whether every payload is decoded and its symbols are compared with what was encoded"""
    effort: int = DEFAULT_EFFORT
    """0 (fastest) to 6 (smallest): rounds of refinement and, from 1 on, a filter"""
    preview: bool = True
    """whether a large picture has one"""

    def __post_init__(self) -> None:
        effort_to_rounds(self.effort)
        integer("tile", self.tile_side, HYPER_STRIDE, MAX_TILE)

    @property
    def rounds(self) -> int:
        """Rounds of refinement of each tile."""
        return effort_to_rounds(self.effort)


class Encoder:
    """One picture, at one q or, in the search for a target, at many."""

    def __init__(
        self,
        loaded: LoadedModel,
        picture: Picture,
        settings: Settings,
        on_progress: OnProgress | None = None,
        keep_latents: bool = False,
    ) -> None:
        """keep_latents: those of the last two q, for a caller that codes at one q again and again.

        Raises FormatError for a tile or picture that the format cannot hold.
        """
        self.loaded, self.settings, self.pixels = loaded, settings, picture.pixels
        height, width = picture.pixels.shape[:2]
        mode = GRAY if picture.gray else RGB
        header = Header(bytes.fromhex(loaded.model_id), width, height, 0, mode, settings.tile_side)
        alpha = None if picture.alpha is None else write_alpha(picture.alpha)
        self.head = Container(
            header, (), icc=picture.icc, exif=picture.exif, xmp=picture.xmp, alpha=alpha
        )
        self.boxes = header.tiles()
        self.small: Callable[[int, bool], bytes] | None = None
        if settings.preview and width * height > FROM_PIXELS:
            shown = without_hidden_colours(reduced(picture, preview_reduction(width, height)))
            shown = replace(shown, alpha=None)
            small = Encoder(loaded, shown, replace(settings, tile_side=PREVIEW_SIDE))
            self.small = cache(small.only_payload)  # the search for a target asks again and again
        self.on_progress, self.begun = on_progress, count(1)
        self.kept: dict[tuple[int, bool], list[TileLatents]] | None = {} if keep_latents else None

    def encode(self, q: int, rounding_bias: float = 1.0, refined: bool = True) -> bytes:
        """-> the bytes of a file.

        refined: by the settings' effort, or else by effort 0. rounding_bias: a factor of that of
        the latents. Raises FormatError for metadata too large for a chunk, AecodecError
        where, with `verify`, the decoder would not see the same symbols.
        """
        loaded, payloads = self.loaded, []
        filtered = refined and self.settings.rounds > 0 and self.pixels.ndim == 3
        fit = FilterFit() if filtered else None
        for box, part in zip(self.boxes, self.latents(q, refined), strict=True):
            payload, y_r = self.encode_tile(part, q, box, rounding_bias)
            payloads.append(Payload(payload))
            if fit is not None:
                accumulate_filter_statistics(fit, loaded, y_r, self.pixels, q, box)
        weight = float(loaded.model.lmbda[q]) / 3  # bits that a unit of SE of a sample is worth
        filter_data = fit.best(loaded.tables, weight, loaded.tune) if fit is not None else None
        return write_container(
            replace(
                self.head,
                header=replace(self.head.header, q=q),
                payloads=tuple(payloads),
                preview=self.preview(sum(len(payload.data) for payload in payloads)),
                filter=filter_data,
            )
        )

    def preview(self, payload_bytes: int) -> bytes | None:
        """Of a large picture that takes so many bytes itself: the data of its chunk."""
        if self.small is None:
            return None
        header = self.head.header
        reduction = preview_reduction(header.width, header.height)
        found = best_preview(self.small, reduction, payload_bytes)
        return found and write_preview(found)

    def only_payload(self, q: int, refined: bool) -> bytes:
        """Of a picture of one tile, without its file."""
        (latents,), (box,) = self.latents(q, refined), self.boxes
        return self.encode_tile(latents, q, box, rounding_bias=1.0)[0]

    def latents(self, q: int, refined: bool) -> Iterable[TileLatents]:
        """Of every tile."""
        if self.kept is None:
            return self.tile_latents(q, refined)
        if (q, refined) not in self.kept:
            if len(self.kept) == KEPT:
                del self.kept[next(iter(self.kept))]
            self.kept[q, refined] = list(self.tile_latents(q, refined))
        return self.kept[q, refined]

    def tile_latents(self, q: int, refined: bool) -> Iterator[TileLatents]:
        """Of every tile, one after the other, so that no more than one is held."""
        loaded, rounds = self.loaded, self.settings.rounds
        y_of = AnalyzedPicture(loaded.model, self.pixels, q)
        bias = unrefined_bias(loaded.model, loaded.model.qs(q), loaded.tune).cpu()
        for box in self.boxes:
            if refined and rounds:
                model, told = loaded.float_model, self.tell_of_round
                yield refine(model, self.pixels, q, box, rounds, loaded.tune, told, y_of)
            else:
                yield TileLatents(*analyze(loaded.model, self.pixels, q, box, y_of), bias)

    def tell_of_round(self) -> None:
        """A slope is taken, mostly at the beginning of a round of refinement."""
        if self.on_progress:
            each = calls(self.settings.rounds, self.loaded.tune)
            self.on_progress(next(self.begun), each * len(self.boxes))

    def encode_tile(
        self, latents: TileLatents, q: int, box: Box, rounding_bias: float
    ) -> tuple[bytes, Tensor]:
        """-> payload, y_r in steps. With `verify`, raises AecodecError where they do not agree."""
        y, z, bias = latents
        payload, y_r, _ = encode_latents(self.loaded, y, z, q, rounding_bias * bias)
        if self.settings.verify:
            seen = decode_latents(self.loaded, Payload(payload), box.width, box.height, q)
            if not torch.equal(seen, y_r):
                raise AecodecError(
                    "what was encoded is not what would be decoded: please report this"
                )
        return payload, y_r


@torch.inference_mode()
def encode_latents(
    loaded: LoadedModel, y: Tensor, z: Tensor, q: int, rounding_bias: Tensor | float = 1.0
) -> tuple[bytes, Tensor, float]:
    """y and z of a tile in steps -> payload, y_r in steps, and the bits the tables say it costs.

    y_r, as everywhere outside of the entropy network, is at its reconstruction points.
    """
    encoder = SymbolEncoder(loaded.tables)
    source = symbol_writer(encoder, symbol_chooser(y, z, rounding_bias))
    y_r = loaded.model.walk_symbols(z.shape, q, source)
    return encoder.finish(), y_r, encoder.bits


def symbol_writer(encoder: SymbolEncoder, chosen: SymbolSource) -> SymbolSource:
    """Symbols as they are chosen, which go into the payload on their way."""

    def source(batch: int, mean: Tensor, index: Tensor) -> Tensor:
        symbols = chosen(batch, mean, index)
        encoder.put(as_symbols(symbols), as_indexes(index))
        return symbols

    return source


def symbol_chooser(y: Tensor, z: Tensor, rounding_bias: Tensor | float = 1.0) -> SymbolSource:
    """The symbols that y and z in steps become: rounded in view of what the tables say of them.

    rounding_bias: of y, broadcast to it.
    """
    of_y = torch.as_tensor(rounding_bias)

    def source(batch: int, mean: Tensor, index: Tensor) -> Tensor:
        deviation = scale_of_index(index).exp2()
        bias = take_bias(of_y, y, batch)
        return quantize(take_batch(y, z, batch), mean, deviation, bias)

    return source


@torch.inference_mode()
def accumulate_filter_statistics(
    fit: FilterFit, loaded: LoadedModel, y_r: Tensor, pixels: Pixels, q: int, tile: Box
) -> None:
    """Let `fit` see what y_r of a tile becomes, beside its pixels.

    pixels: uint8 [H, W, 3] of the whole picture. Of the tile, what its neighbours reach into is
    left out, since they are not there.
    """
    height, width = pixels.shape[:2]
    inside = tile.inner(reach(loaded.model.config.synthesis_blocks), width, height)
    latents_of = latents_in(y_r, tile.aligned())
    with one_arithmetic(loaded.model.device.type):
        for box, x_hat in synthesize(loaded.model, latents_of, q, inside, (width, height)):
            fit.add(x_hat, pixels[box.pixel_slices()])
