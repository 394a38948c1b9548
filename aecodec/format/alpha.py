"""Alpha, kept losslessly: a chunk that holds a PNG file of 8-bit gray (SPEC 3.6)."""

from __future__ import annotations

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from aecodec.errors import FormatError

_START = struct.Struct(">8s4x4sIIBBBBB")
"""Signature, length of the first chunk, its type; width, height, bits, colour type and the rest."""


def write_alpha(alpha: NDArray[np.uint8]) -> bytes:
    """uint8 [H, W] -> a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(alpha).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def read_alpha(data: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """Inverse of `write_alpha`.

    Raises FormatError, before anything is allocated where it can.
    """
    if len(data) < _START.size:
        raise FormatError("the chunk ALPH is cut")
    signature, kind, *numbers = _START.unpack_from(data)
    if signature != b"\x89PNG\r\n\x1a\n" or kind != b"IHDR":
        raise FormatError("the chunk ALPH is not a PNG file")
    if numbers[:4] != [width, height, 8, 0]:
        raise FormatError(f"the chunk ALPH is not 8-bit gray of {width}x{height} pixels")
    try:
        with PngImageFile(io.BytesIO(data)) as image:  # Image.open has a limit of its own
            if image.size != (width, height):  # a second IHDR
                raise ValueError(f"it holds {image.width}x{image.height} pixels")
            return np.array(image)
    except Exception as error:  # Pillow has many
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FormatError(f"the chunk ALPH cannot be decoded: {reason}") from error


def reduced_alpha(alpha: NDArray[np.uint8], reduction: int) -> NDArray[np.uint8]:
    """Means of r x r samples, fewer at the edges, r the reduction."""
    return np.array(Image.fromarray(alpha).reduce(reduction))
