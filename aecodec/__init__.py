"""aecodec: photos in few bytes by a learned codec.

    data = aecodec.encode(image, quality=60)    # PIL image, uint8 array [H, W, 3] or file -> bytes
    image = aecodec.decode(data)                # -> PIL image, metadata in image.info
    aecodec.info(data)                          # what the file says, without loading a model

A file is its name (str or path), a binary stream, which is read to its end, or its bytes.

Everything raises AecodecError or one of its children, and nothing else.
torch is imported with the first picture, not with this package; to decode, it takes none.

Public are the names here, `aecodec.picture`, `aecodec.light`, `aecodec.pillow`, `aecodec.ray`,
`aecodec.bench` and the commands `python -m aecodec.training`, `aecodec.training.small`,
`aecodec.desktop`; all else may change with every version. codec.py is where to start reading.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aecodec import engines
from aecodec.coding.effort import DEFAULT_EFFORT
from aecodec.coding.target import Target
from aecodec.errors import AecodecError, FormatError, ImageError, ModelError
from aecodec.format.quality import DEFAULT_QUALITY
from aecodec.process import no_fork

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from aecodec.codec import Codec
    from aecodec.files import Source
    from aecodec.format.info import Info, info
    from aecodec.image.picture import Picture

__version__ = "1.0.0"

__all__ = [
    "AecodecError",
    "Codec",
    "FormatError",
    "ImageError",
    "Info",
    "ModelError",
    "Picture",
    "Target",
    "__version__",
    "decode",
    "encode",
    "info",
]

_LAZY = {
    "Codec": "codec",
    "Info": "format.info",
    "info": "format.info",
    "Picture": "image.picture",
}


def encode(
    image: Picture | Image.Image | np.ndarray[Any, Any] | Source,
    quality: int = DEFAULT_QUALITY,
    effort: int = DEFAULT_EFFORT,
    tune: str | None = None,
) -> bytes:
    """Code an image on the CPU: see `Codec.encode`."""
    with no_fork:
        engines.check_torch("encoding")
        from aecodec.codec import default_codec
    return default_codec().encode(image, quality, effort=effort, tune=tune)


def decode(data: Source) -> Image.Image:
    """Decode a file on the CPU, where torch is missing without it: see `Codec.decode`."""
    with no_fork:
        codec = engines.default_decoder()
    return codec.decode(data)


if not TYPE_CHECKING:  # or type checkers would take any name for one of ours

    def __getattr__(name: str) -> Any:
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        with no_fork:
            if name == "Codec":
                engines.check_torch("Codec")
            return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
