"""Files to pictures by any engine: what a codec with torch and one without have in common."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from numbers import Integral

from PIL import Image

from aecodec.coding.decoder import Decoder
from aecodec.coding.engine import Engine
from aecodec.coding.preview import decode_preview
from aecodec.errors import AecodecError, ImageError, memory_errors, shown
from aecodec.files import Source
from aecodec.format.box import Box
from aecodec.format.constants import MAX_PIXELS, REDUCTIONS
from aecodec.format.container import Container, read_container
from aecodec.format.header import size_error
from aecodec.format.quality import integer
from aecodec.image.picture import Picture, to_pil


class DecodingCodec(ABC):
    """Decodes pictures; loads each model once. Safe to share between threads."""

    def __init__(self, max_pixels: int = MAX_PIXELS) -> None:
        self._max_pixels = integer("max_pixels", max_pixels, 1, sys.maxsize)

    @abstractmethod
    def _engine(self, model_id: str) -> Engine:
        """What decodes files of a model. Raises ModelError when it is not installed or damaged."""

    @abstractmethod
    def _own_state(self) -> AbstractContextManager[None]:
        """This thread as a new one would be, whatever its caller has set."""

    def decode(
        self, data: Source, region: Box | None = None, scale: int = 1, partial: bool = False
    ) -> Image.Image:
        """An .aec file -> PIL image, with its metadata in `image.info`.

        data: the file's bytes, its name, or a binary stream, which is read to its end.
        region: pixels of the whole picture as it is stored; only the tiles are decoded that it, and
        what blends into it, touches; previews of the whole are taken out of the metadata. scale 2,
        4 or 8: at 1/scale of the size, ceil(W/scale) x ceil(H/scale).
        partial: `data` may be a file that is cut behind the head of its first tile.
        Raises FormatError for a damaged file, ModelError when its model is not installed,
        ImageError for a picture over the limit of pixels or a region outside of it, AecodecError
        for a file that cannot be read, another scale or too little memory.
        """
        return to_pil(self.decode_picture(data, region, scale, partial=partial))

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
        with self._own_state():
            container = self._read(data, keep_going, partial)
            header = container.header
            region = header.region(region)
            engine = self._engine(header.model_id.hex())
            with memory_errors(f"decode {header.width}x{header.height} pixels"):
                return Decoder(engine, container, keep_going).decode(region, int(scale))

    def decode_preview(
        self, data: Source, keep_going: bool = False, partial: bool = False
    ) -> Picture:
        """The preview of a large picture, at least 256 pixels wide or high, which takes no time.

        Raises AecodecError where the file has none (`info(data).preview` is 0), and what `decode`
        does, for damaged tiles too, but with `keep_going`.
        """
        with self._own_state():
            container = self._read(data, keep_going, partial)
            engine = self._engine(container.header.model_id.hex())
            with memory_errors("decode the preview"):
                return decode_preview(engine, container)

    def _read(self, data: Source, keep_going: bool, partial: bool) -> Container:
        """Take a file apart. Raises ImageError for a picture over the limit."""
        container = read_container(data, keep_going, partial)
        if error := size_error(container.header.width, container.header.height, self._max_pixels):
            raise ImageError(error)
        return container
