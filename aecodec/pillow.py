"""Pillow opens and saves .aec files once this module has been imported.

    import aecodec.pillow
    Image.open("photo.aec"); image.save("photo.aec", quality=60)

Opening reads size, mode and metadata; the networks run when pixels are asked for. As with every
plugin of Pillow, a file that is not what it says is an OSError, and a truncated one is decoded as
far as it goes where `ImageFile.LOAD_TRUNCATED_IMAGES` is set.
"""

from __future__ import annotations

import warnings
from typing import IO, TYPE_CHECKING, Any

from PIL import Image, ImageFile

from aecodec import engines
from aecodec.coding.effort import DEFAULT_EFFORT, reduction_for
from aecodec.errors import AecodecError
from aecodec.format.container import read_head
from aecodec.format.header import MODES, SIGNATURE
from aecodec.format.info import info
from aecodec.format.preview import read_preview
from aecodec.format.quality import DEFAULT_QUALITY
from aecodec.image.metadata import EXIF_PREFIX
from aecodec.image.picture import Picture, from_pil, metadata_info, to_pil
from aecodec.process import no_fork

if TYPE_CHECKING:
    from aecodec.codec import Codec
    from aecodec.decoding import DecodingCodec

FORMAT = "AEC"
MIME_TYPE = "image/x-aec"
_MODES = {("RGB", False): "RGB", ("RGB", True): "RGBA", ("gray", False): "L", ("gray", True): "LA"}


class AecImageFile(ImageFile.ImageFile):
    """An .aec file whose pixels are decoded by the first `load`."""

    format = FORMAT
    format_description = "aecodec learned image"

    _data: bytes | None = None
    """of the file, until its pixels are decoded"""
    _scale = 1
    _preview: int | None = None
    """at which part of width and height the file has a preview"""

    def _open(self) -> None:
        assert self.fp is not None  # Pillow has opened it
        data = self.fp.read()
        try:
            head = read_head(data)
        except AecodecError as error:
            raise OSError(str(error)) from error
        self._size = head.header.width, head.header.height
        self._mode = _MODES[MODES[head.header.mode], head.alpha is not None]
        self.info.update(metadata_info(head.icc, head.exif, head.xmp))
        if head.preview is not None:
            self._preview = read_preview(head.preview, head.header).reduction
        self._data = data

    def verify(self) -> None:
        """Check all of the file, but for what only decoding tells. Raises OSError."""
        super().verify()
        try:
            if self._data is not None:
                info(self._data)
        except AecodecError as error:
            raise OSError(str(error)) from error

    def close(self) -> None:
        """As of every image: what is not loaded cannot be any more."""
        self._data = None
        super().close()

    def draft(
        self, mode: str | None, size: tuple[int, int] | None
    ) -> tuple[str, tuple[int, int, float, float]] | None:
        """Decode the preview, or at 1/8, 1/4 or 1/2, if that is no smaller than `size`."""
        if size is None or self._data is None or self._scale != 1:
            return None
        width, height = self._size
        wanted = max(1, int(size[0])), max(1, int(size[1]))
        small = self._preview
        if small and small <= min(width // wanted[0], height // wanted[1]):
            self._reduce(small)
        else:
            self._preview = None
            self._reduce(reduction_for((width, height), wanted))
        return self.mode, (0, 0, width / self._scale, height / self._scale)

    def thumbnail(
        self,
        size: tuple[float, float],
        resample: Image.Resampling = Image.Resampling.BICUBIC,
        reducing_gap: float | None = 2.0,
    ) -> None:
        """As of every image; of a file with a preview as large, made of that."""
        small = self._preview
        if small and self._data is not None and self._scale == 1:
            width, height = self._size
            if small <= max(width / max(1, size[0]), height / max(1, size[1])):
                self._reduce(small)
        super().thumbnail(size, resample, reducing_gap)

    def _reduce(self, scale: int) -> None:
        """Decode at 1/scale, which is that of the preview or one that every file has."""
        self._scale = scale
        self._size = -(-self._size[0] // scale), -(-self._size[1] // scale)

    def load(self) -> Any:
        """Decode, once. Raises OSError."""
        data = self._data  # another thread may be about to drop it
        if data is not None:
            try:
                picture = self._picture(data)
            except AecodecError as error:
                raise OSError(str(error)) from error
            self.im = to_pil(picture).im
            self._data = None
            if self._exclusive_fp and self.fp is not None:
                self.fp.close()
        return super().load()

    def _picture(self, data: bytes) -> Picture:
        lenient = ImageFile.LOAD_TRUNCATED_IMAGES
        if self._scale == self._preview:
            return _decoder().decode_preview(data, keep_going=lenient, partial=lenient)
        scale = self._scale
        return _decoder().decode_picture(data, scale=scale, keep_going=lenient, partial=lenient)


def _accept(start: bytes) -> bool:
    return start.startswith(SIGNATURE)


def _save(image: Image.Image, file: IO[bytes], name: str | bytes) -> None:
    """Options: `quality` 1 to 100, `effort` 0 to 6, `tune` "visual" or "psnr", `preview`, metadata.

    Metadata are by default the image's own.
    """
    options = getattr(image, "encoderinfo", {})
    chosen = image.copy()
    for key in ("icc_profile", "exif", "xmp"):
        value = options.get(key, image.info.get(key))
        if isinstance(value, Image.Exif):
            value = value.tobytes()
        if key == "exif" and value and not value.startswith(EXIF_PREFIX):
            value = EXIF_PREFIX + value
        chosen.info[key] = value
    try:
        picture = from_pil(chosen)
        data = _encoder().encode(
            picture,
            options.get("quality", DEFAULT_QUALITY),
            effort=options.get("effort", DEFAULT_EFFORT),
            tune=options.get("tune"),
            preview=options.get("preview", True),
        )
    except AecodecError as error:
        raise OSError(str(error)) from error
    for note in picture.notes:
        warnings.warn(note, stacklevel=3)
    file.write(data)


def _decoder() -> DecodingCodec:
    with no_fork:
        return engines.default_decoder()


def _encoder() -> Codec:
    with no_fork:
        engines.check_torch("saving")
        from aecodec.codec import default_codec

    return default_codec()


Image.register_open(FORMAT, AecImageFile, _accept)
Image.register_save(FORMAT, _save)
Image.register_extension(FORMAT, ".aec")
Image.register_mime(FORMAT, MIME_TYPE)
