"""START HERE: a picture to the bytes of an .aec file and back, in the words of the glossary.

    encode: picture -> x -> y = g_a(x, q) -> z = h_a(y, q) -> z_symbols -> y_symbols -> payload
    decode: payload -> z_symbols -> y_symbols -> y_hat -> x_hat = g_s(y_hat, q) -> filter -> picture

From y to y_hat every tile is coded by itself (tile.py); g_a and g_s know nothing of tiles
(transform.py).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, lru_cache
from itertools import count

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from aecodec.coding.filter import FilterFit, read_filter
from aecodec.coding.planes import Pixels
from aecodec.coding.target import Attempt, Target, search
from aecodec.coding.tile import LoadedModel, TileLatents, encode_tile, tile_latents
from aecodec.coding.transform import look, reconstruct, shrink
from aecodec.errors import AecodecError, ImageError, ModelError
from aecodec.format.alpha import read_alpha, write_alpha
from aecodec.format.container import (
    DEFAULT_TILE,
    MAX_PIXELS,
    Box,
    Container,
    Header,
    read_container,
    size_trouble,
    write_container,
)
from aecodec.format.quality import DEFAULT_EFFORT, SCALES, effort_to_rounds, quality_to_q
from aecodec.image.picture import Picture, as_picture, to_pil
from aecodec.image.psnr import psnr
from aecodec.model.weights import find_model
from aecodec.progress import OnProgress as Advance


class Codec:
    """Codes and decodes pictures; loads each model once. Safe to share between threads."""

    def __init__(
        self, model: str | None = None, device: str = "cpu", max_pixels: int = MAX_PIXELS
    ) -> None:
        """model: name or id (default: the default model); device: "auto", "cpu" or "cuda";
        max_pixels: larger pictures are refused before anything is allocated for them.

        Raises ModelError when the model is not installed or damaged, AecodecError for a device
        that is not there or too little memory.
        """
        self._device = choose_device(device)
        self._max_pixels = max_pixels
        self._loaded: dict[str, LoadedModel] = {}
        self._lock = threading.Lock()
        self._encoder = self._load(model)

    @property
    def model_id(self) -> str:
        """Id of the model that encodes, 16 hexadecimal digits."""
        return self._encoder.model_id

    def encode(
        self,
        image: Picture | Image.Image | NDArray[np.uint8],
        quality: int = 60,
        tile: int = DEFAULT_TILE,
        verify: bool = False,
        effort: int = DEFAULT_EFFORT,
        advance: Advance | None = None,
    ) -> bytes:
        """Gray or RGB image, with or without alpha (uint8 [H, W] or [H, W, 1..4], PIL or Picture)
        -> bytes of an .aec file.

        quality is 1 to 100; tile the side of a tile in pixels, a multiple of 64 up to 2048. With
        `verify`, every payload is decoded and its symbols are compared with what was encoded.
        effort is 0 (fastest) to 6 (smallest): how long to refine the latents for this picture, of
        which `advance` is told: rounds begun, and how many there are; from 1 on with a filter.
        Raises ImageError for an image that is not such or too large, FormatError for metadata too
        large for a chunk, AecodecError for a quality, tile or effort out of range, too little
        memory, or symbols that do not come back.
        """
        picture, q, rounds = as_picture(image), quality_to_q(quality), effort_to_rounds(effort)
        start = self._start(picture, tile)
        boxes, begun = start.header.tiles(), count(1)

        def tell() -> None:
            if advance:
                advance(next(begun), rounds * len(boxes))

        with memory_errors(f"code {start.header.width}x{start.header.height} pixels"):
            latents = (
                tile_latents(self._encoder, picture.pixels, q, box, rounds, tell) for box in boxes
            )
            return self._finish(start, picture.pixels, q, latents, verify, filtered=rounds > 0)

    def encode_to(
        self,
        image: Picture | Image.Image | NDArray[np.uint8],
        target: Target,
        tile: int = DEFAULT_TILE,
        verify: bool = False,
        effort: int = DEFAULT_EFFORT,
    ) -> bytes:
        """As `encode`, at the quality that hits a size or a PSNR.

        The whole file counts, metadata too. Raises AecodecError also where that is out of reach.
        """
        picture, rounds = as_picture(image), effort_to_rounds(effort)
        start = self._start(picture, tile)
        boxes, loaded = start.header.tiles(), self._encoder

        @lru_cache(maxsize=2)
        def latents(q: int, earnest: bool) -> list[tuple[Tensor, Tensor]]:
            given = rounds if earnest else 0
            return [tile_latents(loaded, picture.pixels, q, box, given) for box in boxes]

        @cache
        def attempt(q: int, lean: float, earnest: bool) -> Attempt:
            filtered = earnest and rounds > 0
            data = self._finish(
                start, picture.pixels, q, latents(q, earnest), verify, filtered, lean
            )
            if target.psnr is None:
                return Attempt(data, math.nan)
            return Attempt(data, psnr(picture.pixels, self.decode_picture(data).pixels))

        with memory_errors(f"code {start.header.width}x{start.header.height} pixels"):
            return search(attempt, target, start.header.width * start.header.height)

    def _finish(
        self,
        start: Container,
        pixels: Pixels,
        q: int,
        latents: Iterable[tuple[Tensor, Tensor]],
        verify: bool,
        filtered: bool,
        lean: float = 1.0,
    ) -> bytes:
        """Code the latents of all tiles, in order, and a filter where that pays -> a file."""
        loaded, payloads = self._encoder, []
        fit = FilterFit() if filtered and pixels.ndim == 3 else None
        for box, part in zip(start.header.tiles(), latents, strict=True):
            payload, y_hat = encode_tile(loaded, part, q, box, verify, lean)
            payloads.append(payload)
            if fit is not None:
                look(loaded.model, y_hat, pixels, q, box, fit)
        weight = float(loaded.model.lmbda[q]) / 3  # bits that a unit of SE of a sample is worth
        filtered_by = fit.best(loaded.coder, weight) if fit is not None else None
        header = replace(start.header, q=q)
        return write_container(
            replace(start, header=header, payloads=tuple(payloads), filter=filtered_by)
        )

    def _start(self, picture: Picture, tile: int) -> Container:
        """The file of a picture, at q = 0 and without payloads."""
        height, width = picture.pixels.shape[:2]
        if trouble := size_trouble(width, height, self._max_pixels):
            raise ImageError(trouble)
        mode = 1 if picture.pixels.ndim == 2 else 0
        header = Header(bytes.fromhex(self._encoder.model_id), width, height, 0, mode, tile)
        with memory_errors(f"code {width}x{height} pixels"):
            alpha = None if picture.alpha is None else write_alpha(picture.alpha)
        return Container(
            header, (), icc=picture.icc, exif=picture.exif, xmp=picture.xmp, alpha=alpha
        )

    def decode(
        self, data: bytes, region: Box | None = None, scale: int = 1, partial: bool = False
    ) -> Image.Image:
        """Bytes of an .aec file -> PIL image, with its metadata in `image.info`.

        region: pixels of the whole picture; only the tiles are decoded that it, and what blends
        into it, touches. scale 2, 4 or 8: at 1/scale of the size, ceil(W/scale) x ceil(H/scale).
        partial: `data` may be the beginning of a file.
        Raises FormatError for a damaged file, ModelError when its model is not installed,
        ImageError for a picture over the limit of pixels or a region outside of it, AecodecError
        for another scale or too little memory.
        """
        return to_pil(self.decode_picture(data, region, scale, partial=partial))

    def decode_picture(
        self,
        data: bytes,
        region: Box | None = None,
        scale: int = 1,
        keep_going: bool = False,
        partial: bool = False,
    ) -> Picture:
        """As `decode`, to a Picture. With `keep_going`, damaged tiles are gray.

        Its notes name those, and what has not arrived.
        """
        if scale not in SCALES:
            raise AecodecError(f"a picture is decoded at 1, 1/2, 1/4 or 1/8, not 1/{scale}")
        container = read_container(data, keep_going, partial)
        header = container.header
        if trouble := size_trouble(header.width, header.height, self._max_pixels):
            raise ImageError(trouble)
        region = check_region(region, header)
        loaded = self._load(header.model_id.hex())
        with memory_errors(f"decode {header.width}x{header.height} pixels"):
            latents = TileLatents(loaded, container, keep_going)
            numbers = read_filter(loaded.coder, container.filter) if container.filter else None
            pixels = reconstruct(loaded.model, latents, region, header, scale, numbers)
            alpha = None
            if container.alpha is not None:
                alpha = read_alpha(container.alpha, header.width, header.height, scale)
                box = shrink(region, scale)
                alpha = alpha[box.top : box.bottom, box.left : box.right]
        return Picture(
            pixels,
            alpha=alpha,
            icc=container.icc,
            exif=container.exif,
            xmp=container.xmp,
            notes=latents.notes(),
        )

    def _load(self, wanted: str | None) -> LoadedModel:
        with self._lock:
            if wanted not in self._loaded:
                installed = find_model(wanted)
                with memory_errors(f"load the model {installed.name}"):
                    loaded = LoadedModel.load(installed.path, self._device)
                if loaded.model_id != installed.model_id:
                    raise ModelError(f"{installed.path}: changed while it was read")
                self._loaded[loaded.model_id] = loaded
                wanted = loaded.model_id
            return self._loaded[wanted]


@contextmanager
def memory_errors(doing: str) -> Iterator[None]:
    """PyTorch tells of too little memory by RuntimeError: make it an AecodecError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        raise AecodecError(f"not enough memory to {doing}") from error


def choose_device(name: str) -> torch.device:
    """ "auto", "cpu" or "cuda" -> device of the transforms. Raises AecodecError."""
    if name not in ("auto", "cpu", "cuda"):
        raise AecodecError(f"unknown device {name!r}: auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise AecodecError("no CUDA device is available")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def check_region(region: Box | None, header: Header) -> Box:
    """The region to decode, by default everything. Raises ImageError where it sticks out."""
    if region is None:
        return Box(0, 0, header.height, header.width)
    inside = 0 <= region.top < region.bottom <= header.height
    if not (inside and 0 <= region.left < region.right <= header.width):
        raise ImageError(
            f"the region {region.left},{region.top},{region.width},{region.height} is not within "
            f"{header.width}x{header.height} pixels"
        )
    return region
