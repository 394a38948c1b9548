"""A stand-in for the codec, what it is given, and how the command's errors are read."""

import zlib
from typing import Any

import numpy as np
import pytest

from aecodec.errors import ModelError
from aecodec.format.box import Box
from aecodec.format.constants import DEFAULT_TILE, MAX_PIXELS
from aecodec.format.container import Container, Payload, read_container, write_container
from aecodec.format.header import Header
from aecodec.format.quality import quality_to_q
from aecodec.image.picture import Picture, as_picture
from aecodec.image.previews import metadata_of_a_part

PIXELS = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8)


class StandIn:
    """A Codec without a network: the payload is the pixels, deflated."""

    def __init__(
        self,
        model: str | None = None,
        device: str = "cpu",
        max_pixels: int = MAX_PIXELS,
        exact_pixels: bool = False,
    ) -> None:
        if model == "none":
            raise ModelError("no model is called none")

    def encode(
        self, image: Any, quality: int = 60, tile: int = DEFAULT_TILE, **options: Any
    ) -> bytes:
        """As Codec.encode."""
        if on_progress := options.get("on_progress"):
            on_progress(1, 8)
        picture = as_picture(image)
        height, width = picture.pixels.shape[:2]
        header = Header(b"stand-in", width, height, quality_to_q(quality), tile_side=tile)
        payload = zlib.compress(picture.pixels.tobytes())
        payloads = (Payload(payload),) * len(header.tiles())
        metadata = {"icc": picture.icc, "exif": picture.exif, "xmp": picture.xmp}
        return write_container(Container(header, payloads, **metadata))

    def decode_picture(
        self,
        data: bytes,
        region: Box | None = None,
        scale: int = 1,
        keep_going: bool = False,
        partial: bool = False,
    ) -> Picture:
        """As Codec.decode_picture, a damaged tile filled from the first one."""
        container = read_container(data, keep_going, partial)
        size = (container.header.height, container.header.width, 3)
        payload = container.payloads[0]
        if payload.state == "cut":
            return Picture(np.zeros(size, np.uint8), notes=("cut off",))
        pixels = np.frombuffer(zlib.decompress(payload.data), np.uint8).reshape(size)[
            ::scale, ::scale
        ]
        if region is not None:
            pixels = pixels[region.top : region.bottom, region.left : region.right]
        damaged = [n for n, p in enumerate(container.payloads) if p.state == "damaged"]
        lost = tuple(f"tile {n} is damaged" for n in damaged)
        exif = container.exif if region is None else metadata_of_a_part(container.exif, None).exif
        return Picture(pixels, icc=container.icc, exif=exif, xmp=container.xmp, notes=lost)


def only_error(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on standard error; nothing is on standard output."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("\n") and err.count("\n") == 1
    return err.rstrip("\n")


def quickest_decoder(device: str, max_pixels: int, exact_pixels: bool, pixels: int) -> StandIn:
    """As that of engines.py."""
    return StandIn(None, device, max_pixels, exact_pixels)
