"""START HERE: a picture to the bytes of an .aec file and back.

    encode: picture -> x -> y = g_a(x, q) -> z = h_a(y, q) -> z_symbols -> y_symbols -> payload
    decode: payload -> z_symbols -> y_symbols -> y_r -> x_hat = g_s(y_r, q) -> filter -> picture

The words are those of the glossary in CONTRIBUTING.md. The two directions stand side by side in
coding/encoder.py and coding/decoder.py, the bytes around the payload in format/container.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from numbers import Integral
from typing import Any

from PIL import Image

from aecodec.coding.decoder import Decoder
from aecodec.coding.effort import DEFAULT_EFFORT, OnProgress
from aecodec.coding.encoder import Encoder, Settings
from aecodec.coding.preview import decode_preview
from aecodec.coding.target import Target, search
from aecodec.errors import AecodecError, ImageError, memory_errors, shown
from aecodec.files import Source
from aecodec.format.box import Box
from aecodec.format.constants import DEFAULT_TILE, MAX_PIXELS, REDUCTIONS
from aecodec.format.container import Container, read_container
from aecodec.format.header import size_error
from aecodec.format.quality import DEFAULT_QUALITY, integer, quality_to_q
from aecodec.image.hidden import without_hidden_colours
from aecodec.image.photo_file import picture_of
from aecodec.image.picture import ImageLike, Picture, to_pil
from aecodec.image.psnr import psnr
from aecodec.image.ssimulacra2 import check_ssimulacra2, ssimulacra2
from aecodec.model.ambient import own_state
from aecodec.model.loaded import LoadedModel, choose_device, load_installed
from aecodec.model.store import DEFAULT_TUNE, InstalledModel, find_model
from aecodec.process import no_fork


class Codec:
    """Codes and decodes pictures; loads each model once. Safe to share between threads."""

    def __init__(
        self,
        model: str | None = None,
        device: str = "cpu",
        max_pixels: int = MAX_PIXELS,
        exact_pixels: bool = False,
    ) -> None:
        """model: name or id of what encodes (default: the model for the tune of each picture);
        device: "auto", "cpu" or "cuda"; max_pixels: larger pictures are refused before anything is
        allocated for them; exact_pixels: compute in binary32 even where the processor is faster in
        bfloat16, which moves some samples by a level: for who compares the pixels or bytes of
        different machines. Models are loaded when they are needed.

        Raises ModelError when the model is not installed, AecodecError for a device that is not
        there.
        """
        self._arguments = model, device, max_pixels, exact_pixels
        self._device = choose_device(device)
        self._max_pixels = integer("max_pixels", max_pixels, 1, sys.maxsize)
        self._exact_pixels = exact_pixels
        self._loaded: dict[str, LoadedModel] = {}
        self._named = None if model is None else find_model(model)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles load their models themselves, where they are needed."""
        return type(self), self._arguments

    @property
    def model_id(self) -> str:
        """Id of the model that encodes where no tune is asked for, 16 hexadecimal digits."""
        return (self._named or find_model()).model_id

    @own_state()
    def encode(
        self,
        image: ImageLike | Source,
        quality: int = DEFAULT_QUALITY,
        tile: int = DEFAULT_TILE,
        verify: bool = False,
        effort: int = DEFAULT_EFFORT,
        on_progress: OnProgress | None = None,
        tune: str | None = None,
        preview: bool = True,
    ) -> bytes:
        """Gray or RGB image, with or without alpha (uint8 [H, W] or [H, W, 2 to 4], PIL or Picture)
        -> bytes of an .aec file. Colours under alpha 0 are not kept.

        image may be a photo's file, too: its name, a binary stream, or its bytes, which
        `aecodec.picture.read_picture` reads; only that tells what it loses.
        quality is 1 to 100; tile the side of a tile in pixels, a multiple of 64 up to 2048. With
        `verify`, every payload is decoded and its symbols are compared with what was encoded.
        effort is 0 (fastest) to 6 (smallest): how long to refine the latents for this picture, of
        which `on_progress` is told: steps begun, and how many there are; from 1 on with a filter.
        tune is "visual", for how a picture looks, or "psnr": which model encodes. By default it is
        the one that this codec was made with, or else "visual".
        preview: whether a picture of more than a megapixel has one, for thumbnails, of up to 2 KiB.
        Raises ImageError for an image that is not such, cannot be read or is too large, FormatError
        for metadata too large for a chunk, ModelError when the model is not installed or damaged,
        AecodecError for a quality, tile, effort or tune that is none, too little memory, or symbols
        that do not come back.
        """
        if on_progress is not None and not callable(on_progress):
            raise AecodecError(f"on_progress is a function, not {shown(on_progress)}")
        picture, q = self._picture(image), quality_to_q(quality)
        settings = Settings(tile, verify, effort, preview)
        model = self._encoding_model(tune)
        with self._coding(picture):
            return Encoder(model, picture, settings, on_progress).encode(q)

    @own_state()
    def encode_to(
        self,
        image: ImageLike | Source,
        target: Target,
        tile: int = DEFAULT_TILE,
        verify: bool = False,
        effort: int = DEFAULT_EFFORT,
        tune: str | None = None,
        preview: bool = True,
    ) -> bytes:
        """As `encode`, at the quality that hits a size, a PSNR or a SSIMULACRA2.

        The whole file counts, metadata too. A PSNR is reached by "psnr" where neither a tune nor a
        model is named. Raises AecodecError also where the target is out of reach or, for
        SSIMULACRA2, its package is missing.
        """
        if not isinstance(target, Target):
            raise AecodecError(f"a target is a Target, not {shown(target)}")
        picture = self._picture(image)
        settings = Settings(tile, verify, effort, preview)
        model = self._encoding_model(tune, target)
        metric = psnr if target.ssimulacra2 is None else ssimulacra2
        if metric is ssimulacra2:
            check_ssimulacra2(picture.pixels.shape[1], picture.pixels.shape[0])

        def measure(data: bytes) -> float:
            return metric(picture.pixels, self.decode_picture(data).pixels)

        with self._coding(picture):
            encoder = Encoder(model, picture, settings, keep_latents=True)
            return search(encoder.encode, measure, target, encoder.head.header.pixel_count)

    def decode(
        self, data: Source, region: Box | None = None, scale: int = 1, partial: bool = False
    ) -> Image.Image:
        """An .aec file -> PIL image, with its metadata in `image.info`.

        data: the file's bytes, its name, or a binary stream, which is read to its end.
        region: pixels of the whole picture as it is stored; only the tiles are decoded that it, and
        what blends into it, touches; previews of the whole are taken out of the metadata. scale 2,
        4 or 8: at 1/scale of the size, ceil(W/scale) x ceil(H/scale).
        partial: `data` may be the beginning of a file.
        Raises FormatError for a damaged file, ModelError when its model is not installed,
        ImageError for a picture over the limit of pixels or a region outside of it, AecodecError
        for a file that cannot be read, another scale or too little memory.
        """
        return to_pil(self.decode_picture(data, region, scale, partial=partial))

    @own_state()
    def decode_picture(
        self,
        data: Source,
        region: Box | None = None,
        scale: int = 1,
        keep_going: bool = False,
        partial: bool = False,
    ) -> Picture:
        """As `decode`, to a Picture. With `keep_going`, damaged tiles are gray.

        Its notes name those, and what has not arrived.
        """
        if not isinstance(scale, Integral) or scale not in REDUCTIONS:
            raise AecodecError(f"a picture is decoded at 1, 1/2, 1/4 or 1/8, not 1/{shown(scale)}")
        container = self._read(data, keep_going, partial)
        header = container.header
        region = header.region(region)
        model = self._decoding_model(container)
        with memory_errors(f"decode {header.width}x{header.height} pixels"):
            return Decoder(model, container, keep_going).decode(region, int(scale))

    @own_state()
    def decode_preview(
        self, data: Source, keep_going: bool = False, partial: bool = False
    ) -> Picture:
        """The preview of a large picture, at least 256 pixels wide or high, which takes no time.

        Raises AecodecError where the file has none (`info(data).preview` is 0), and what `decode`
        does, for damaged tiles too, but with `keep_going`.
        """
        container = self._read(data, keep_going, partial)
        model = self._decoding_model(container)
        with memory_errors("decode the preview"):
            return decode_preview(model, container)

    def _read(self, data: Source, keep_going: bool, partial: bool) -> Container:
        """Take a file apart. Raises ImageError for a picture over the limit."""
        container = read_container(data, keep_going, partial)
        if error := size_error(container.header.width, container.header.height, self._max_pixels):
            raise ImageError(error)
        return container

    def _picture(self, image: ImageLike | Source) -> Picture:
        """What is coded of an image."""
        return without_hidden_colours(picture_of(image, self._max_pixels))

    @contextmanager
    def _coding(self, picture: Picture) -> Iterator[None]:
        """Refuses a picture over the limit; says so where memory is too little for it."""
        height, width = picture.pixels.shape[:2]
        if error := size_error(width, height, self._max_pixels):
            raise ImageError(error)
        with memory_errors(f"code {width}x{height} pixels"):
            yield

    def _encoding_model(self, tune: str | None, target: Target | None = None) -> LoadedModel:
        """Of a tune; without one, what this codec was made with, or else what suits the target."""
        if tune is None and self._named:
            return self._load(self._named)
        suited = DEFAULT_TUNE if target is None or target.psnr is None else "psnr"
        return self._load(find_model(tune=suited if tune is None else tune))

    def _decoding_model(self, container: Container) -> LoadedModel:
        return self._load(find_model(container.header.model_id.hex()))

    def _load(self, installed: InstalledModel) -> LoadedModel:
        with no_fork:
            if installed.model_id not in self._loaded:
                with memory_errors(f"load the model {installed.name}"):
                    self._loaded[installed.model_id] = load_installed(
                        installed, self._device, self._exact_pixels
                    )
            return self._loaded[installed.model_id]


@cache
def default_codec() -> Codec:
    """The codec of those who name no model, on the CPU."""
    return Codec()
