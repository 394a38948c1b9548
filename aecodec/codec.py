"""START HERE: a picture to the bytes of an .aec file and back.

    encode: picture -> x -> y = g_a(x, q) -> z = h_a(y, q) -> z_symbols -> y_symbols -> payload
    decode: payload -> z_symbols -> y_symbols -> y_r -> x_hat = g_s(y_r, q) -> filter -> picture

The words are those of the glossary in CONTRIBUTING.md. The two directions stand side by side in
coding/encoder.py and coding/decoder.py, the bytes around the payload in format/container.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

from aecodec.coding.effort import DEFAULT_EFFORT, OnProgress
from aecodec.coding.encoder import Encoder, Settings
from aecodec.coding.target import Target, search
from aecodec.coding.torch_engine import TorchEngine
from aecodec.decoding import DecodingCodec
from aecodec.errors import AecodecError, ImageError, memory_errors, shown
from aecodec.files import Source
from aecodec.format.constants import DEFAULT_TILE, MAX_PIXELS
from aecodec.format.header import size_error
from aecodec.format.quality import DEFAULT_QUALITY, quality_to_q
from aecodec.image.hidden import without_hidden_colours
from aecodec.image.photo_file import picture_of
from aecodec.image.picture import ImageLike, Picture
from aecodec.image.psnr import psnr
from aecodec.image.ssimulacra2 import check_ssimulacra2, ssimulacra2
from aecodec.model.ambient import own_state
from aecodec.model.loaded import LoadedModel, choose_device, load_installed
from aecodec.model.store import DEFAULT_TUNE, InstalledModel, find_model
from aecodec.process import no_fork


class Codec(DecodingCodec):
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
        super().__init__(max_pixels)
        self._device = choose_device(device)
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

    def _engine(self, model_id: str) -> TorchEngine:
        return TorchEngine(self._load(find_model(model_id)))

    def _own_state(self) -> AbstractContextManager[None]:
        return own_state()

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
