"""The header: the first 32 bytes of a file, in both directions (SPEC 2)."""

from __future__ import annotations

import struct
import zlib
from dataclasses import astuple, dataclass
from numbers import Integral

from aecodec.errors import FormatError, ImageError, shown
from aecodec.format.box import Box
from aecodec.format.constants import (
    DEFAULT_TILE,
    FORMAT_VERSION,
    HYPER_STRIDE,
    MAX_PIXELS,
    MAX_Q,
    MAX_SIDE,
    MAX_TILE,
    MAX_TILES,
)

SIGNATURE = b"\x89AEC\r\n\x1a\n"  # SPEC 2.1: the line ends catch text-mode transfers, as in PNG
MODEL_ID_BYTES = 8
HEADER_BYTES = 32
MODES = {0: "RGB", 1: "gray"}  # SPEC 2.5
RGB, GRAY = MODES

_FIELDS = struct.Struct(">8sB8sIIBBB")  # SPEC 2: all but its CRC
_CRC = struct.Struct(">I")


def size_error(width: int, height: int, max_pixels: int = MAX_PIXELS) -> str | None:
    """Why a picture of this size in pixels is not coded, or None where it is (SPEC 2.4)."""
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        return f"the sides of {width}x{height} are not in 1 to {MAX_SIDE}"
    if width * height > max_pixels:
        return f"{width}x{height} is over the limit of {max_pixels} pixels"
    return None


@dataclass(frozen=True)
class Header:
    """What is known before the tiles. Raises FormatError for a field out of range."""

    model_id: bytes  # first 8 bytes of the SHA-256 of the canonical weights
    width: int  # pixels, before padding
    height: int
    q: int  # the model's rate index, 0..63
    mode: int = RGB  # a key of MODES
    tile_side: int = DEFAULT_TILE  # pixels, the side of a tile

    def __post_init__(self) -> None:
        if len(self.model_id) != MODEL_ID_BYTES:
            raise FormatError(f"a model id has {MODEL_ID_BYTES} bytes, not {len(self.model_id)}")
        if error := size_error(self.width, self.height, MAX_SIDE**2):
            raise FormatError(error)
        if self.mode not in MODES:
            raise FormatError(f"unknown colour mode {self.mode}")
        if not 0 <= self.q <= MAX_Q:
            raise FormatError(f"q {self.q} is not in 0 to {MAX_Q}")
        if self.tile_side % HYPER_STRIDE or not HYPER_STRIDE <= self.tile_side <= MAX_TILE:
            raise FormatError(
                f"the side of a tile is a multiple of {HYPER_STRIDE} up to {MAX_TILE}, "
                f"not {self.tile_side}"
            )
        if self.tile_count > MAX_TILES:
            raise FormatError(f"{self.tile_count} tiles are over the limit of {MAX_TILES}")

    @property
    def gray(self) -> bool:
        """Whether a pixel has one sample, not three."""
        return self.mode == GRAY

    @property
    def pixel_count(self) -> int:
        """Pixels of the picture."""
        return self.width * self.height

    @property
    def rows(self) -> int:
        """How many rows of tiles there are."""
        return -(-self.height // self.tile_side)

    @property
    def columns(self) -> int:
        """How many tiles there are in a row."""
        return -(-self.width // self.tile_side)

    @property
    def tile_count(self) -> int:
        """Tiles of the picture."""
        return self.rows * self.columns

    def whole(self) -> Box:
        """All pixels of the picture."""
        return Box(0, 0, self.height, self.width)

    def region(self, region: Box | None) -> Box:
        """The region to decode, by default everything. Raises ImageError where it sticks out."""
        if region is None:
            return self.whole()
        if not isinstance(region, Box):
            raise ImageError(f"a region is a Box, not {shown(region)}")
        if not all(isinstance(end, Integral) for end in astuple(region)):
            raise ImageError("the ends of a region are integers")
        region = Box(*map(int, astuple(region)))
        inside = 0 <= region.top < region.bottom <= self.height
        if not (inside and 0 <= region.left < region.right <= self.width):
            raise ImageError(
                f"the region {region.left},{region.top},{region.width},{region.height} is not "
                f"within {self.width}x{self.height} pixels"
            )
        return region

    def tiles(self) -> list[Box]:
        """The pixels of every tile, row by row (SPEC 2.7)."""
        return list(self.whole().parts(self.tile_side))

    def tile_name(self, number: int) -> str:
        """For messages."""
        row, column = divmod(number, self.columns)
        return f"tile {number} (column {column}, row {row})"


def write_header(header: Header) -> bytes:
    """-> 32 bytes."""
    fields = _FIELDS.pack(
        SIGNATURE,
        FORMAT_VERSION,
        header.model_id,
        header.width,
        header.height,
        header.mode,
        header.q,
        header.tile_side // HYPER_STRIDE,
    )
    return fields + _CRC.pack(zlib.crc32(fields))


def read_header(data: bytes) -> Header:
    """Inverse of `write_header`, from the beginning of a file. Raises FormatError."""
    _check_signature(data)
    if len(data) > len(SIGNATURE) and data[len(SIGNATURE)] != FORMAT_VERSION:
        raise FormatError(_version_error(data[len(SIGNATURE)]))
    if len(data) < HEADER_BYTES:
        raise FormatError(f"cut inside the header: {len(data)} bytes of {HEADER_BYTES}")
    fields = data[: _FIELDS.size]
    if _CRC.unpack_from(data, _FIELDS.size) != (zlib.crc32(fields),):
        raise FormatError("damaged header: its CRC does not match")
    _, _, model_id, width, height, mode, q, tile = _FIELDS.unpack(fields)
    return Header(model_id, width, height, q, mode, tile * HYPER_STRIDE)


def _version_error(version: int) -> str:
    """SPEC 6.2: what an older program says of a newer file."""
    if version > FORMAT_VERSION:
        return (
            f"format version {version}; this aecodec reads version {FORMAT_VERSION}: "
            "a newer aecodec is needed"
        )
    return f"format version {version} was a draft that no aecodec reads any more"


def _check_signature(data: bytes) -> None:
    start = data[: len(SIGNATURE)]
    if start == SIGNATURE:
        return
    if start and SIGNATURE.startswith(start):
        raise FormatError(f"cut inside the signature: {len(data)} bytes")
    if start[1:4] == SIGNATURE[1:4]:
        raise FormatError("damaged signature: was this file transferred as text?")
    raise FormatError("not an .aec file: the signature is missing")
