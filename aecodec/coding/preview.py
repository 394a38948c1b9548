"""The preview of a large picture, in both directions: how well it is coded, and decoding it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

from aecodec.coding.decoder import Decoder
from aecodec.coding.engine import Engine
from aecodec.errors import AecodecError, FormatError
from aecodec.format.alpha import read_alpha, reduced_alpha
from aecodec.format.constants import Q_COUNT
from aecodec.format.container import Container, Payload
from aecodec.format.header import Header
from aecodec.format.preview import Preview, read_preview
from aecodec.image.picture import Picture

FROM_PIXELS = 2**20
"""A picture of more has a preview: what is smaller is soon decoded at 1/8 itself."""
SIDE = 256
"""pixels, what desktops call large: the least that a preview's longer side has"""
MAX_BYTES = 2048
SHARE = 100
"""A preview has at most one part in so many of what the picture itself takes."""


def preview_reduction(width: int, height: int) -> int:
    """At which part of width and height the preview of such a picture is, if it has one."""
    return max(width, height) // SIDE


def best_preview(
    encode: Callable[[int, bool], bytes], reduction: int, payload_bytes: int
) -> Preview | None:
    """The preview of a picture that takes so many bytes itself; None: not even q 0 is in reach.

    encode: (q, refined or by effort 0) -> its payload at 1/reduction.
    """
    most = min(MAX_BYTES, payload_bytes // SHARE)
    q = bisect_right(range(Q_COUNT), most, key=lambda q: len(encode(q, False))) - 1
    while q >= 0:
        payload = encode(q, True)
        if len(payload) <= most:
            return Preview(reduction, q, payload)
        q -= 1
    return None


def preview_file(preview: Preview, header: Header) -> Container:
    """A file of it alone, without metadata and alpha; header: the whole picture's."""
    return Container(preview.header(header), (Payload(preview.payload),))


def decode_preview(engine: Engine, file: Container) -> Picture:
    """The preview of a file that has one, with the metadata and alpha.

    Raises FormatError for a damaged payload or alpha, AecodecError where there is none.
    """
    if file.preview is None:
        raise AecodecError("the file has no preview")
    header, alpha = file.header, None
    preview = read_preview(file.preview, header)
    if file.alpha is not None:
        whole = read_alpha(file.alpha, header.width, header.height)
        alpha = reduced_alpha(whole, preview.reduction)
    small = preview_file(preview, header)
    try:
        pixels = Decoder(engine, small).pixels(small.header.whole())
    except FormatError as error:
        raise FormatError(f"the preview: {error}") from error
    return Picture(pixels, alpha, file.icc, file.exif, file.xmp)
