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
LIMITED_OF_MEANS = 0.5
"""SPEC 5.7: what limited differences between means count: within means, many are over the limit.
Chosen on validation pictures."""

# SPEC 4.1 to 4.3, 4.5: the entropy network in integers
QUADTREE = ((0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2), (2, 3, 0, 1))
"""QUADTREE[step][group]: which of the four positions of a 2x2 cell step codes in that group of
channels (0 1 / 2 3). Every step reaches every position; the second is diagonal to the first."""
FRACTION_BITS = 12
"""of a stream, what blocks add to"""
LIMIT = 2.0 ** (FRACTION_BITS + 6)
"""What whitened latents, biases of q and phase and a head's outputs are limited to."""
WHITEN_BITS = 12
MEAN_BITS = 20
MEAN_LIMIT = 2.0**20
"""of a mean, in 1/16 steps"""
SCALES_PER_OCTAVE = 6
"""Index k stands for a standard deviation of 0.11 * 2^(k/6) steps: 0.11 to 159."""
PER_STEP = 256
"""Points count in 1/256 steps."""

# SPEC 5.1, 5.7: g_s
NETWORK_STRIDE = 8
"""Pixels of a position of the networks, each way."""
BRANCH_WEIGHT = 0.05
"""Size of the networks' contribution beside the linear skip, in pixel units [0, 1]."""
SMALL_BLOCKS = 3
"""Of the network for small sizes, part of every weights file."""
SMALL_REDUCTIONS = (4, 8)
"""What it is for."""
