"""The frozen numbers of the format that more than one module needs; SPEC gives the section."""

from __future__ import annotations

FORMAT_VERSION = 1
Q_COUNT = 64
"""SPEC 2.6: rates of a model, q 0 to 63."""
MAX_Q = Q_COUNT - 1
LATENT_STRIDE = 16
"""SPEC 4.1: pixels of a latent position, each way."""
HYPER_STRIDE = 64
"""SPEC 4.1: pixels of a hyper-latent position, each way. Pictures are padded to multiples of it,
and tiles have multiples of it as their side (SPEC 2.7)."""
REDUCTIONS = (1, 2, 4, 8)
"""SPEC 5.7: a picture is decoded at 1/reduction of its size; users call it its scale."""

# SPEC 2.4, 2.7 and 3.4: checked before anything is allocated
MAX_SIDE = 2**20 - 1
MAX_PIXELS = 2**28  # of a picture, unless the caller raises it
MAX_TILE = 2048  # a tile's symbols are decoded at once, at about 250 bytes a pixel
DEFAULT_TILE = 1024  # half the memory and 2/3 of the time of 2048, for 0.1 % of the bytes
MAX_TILES = 2**16
MAX_ANCILLARY_BYTES = 2**24  # 16 MiB: ten times the largest colour profile or EXIF seen in photos
MAX_CRITICAL_BYTES = 2**28
MAX_CHUNKS = 64  # before the tiles: version 1 names seven; the rest is room for what others add

PREVIEW_SIDE = 512
"""SPEC 3.8: pixels, the most of a preview's sides, so that who shows many knows what each takes."""

TABLE_COUNT = 64
"""SPEC 4.4: tables of a model, one for every scale."""
SYMBOL_LIMIT = 2**15 - 1
"""SPEC 4.1: largest magnitude of a symbol; the bounds of fixed point build on it."""
SIXTEENTHS_BITS = 4
SIXTEENTHS = 2**SIXTEENTHS_BITS
"""SPEC 4.1: everything dequantized is an integer number of 1/16 steps."""

FILTER_LIMITS: tuple[tuple[float, ...], ...] = ((), (1 / 32,), (1 / 64, 1 / 16))
"""SPEC 3.7: what a filter limits differences to, by how many times they count so. x_hat has the
range -1/2 to 1/2, so 1/32 is eight levels."""
COEFFICIENT_LIMIT = 1000
"""SPEC 3.7: largest magnitude of a filter's coefficient; far beyond what photos need."""
