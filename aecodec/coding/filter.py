"""The filter after decoding: a few numbers of a file that bring x_hat nearer to this one photo.

g_s was trained on photos in general. What it leaves in one photo, say of how the colours of its
camera go together or of the noise of its sensor, is partly a function of x_hat nearby, so the
encoder solves least squares for a filter over 3x3 pixels and all colours, and sends it where it
saves more than its bytes cost. Differences to neighbours count as they are, and once or twice more
limited to a few levels: what is noise and what is an edge is not filtered alike.
(Adaptive loop filter with clipping, of VVC: Karczewicz et al. 2021, IEEE TCSVT 31(10), section
III; here after the last step, across colours, and one for a picture.) The bytes: SPEC 3.7.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from aecodec.coding.planes import Pixels
from aecodec.errors import FormatError
from aecodec.format.container import CHUNK_BYTES, FILTER_CLIPS
from aecodec.format.payload import EntropyCoder, SymbolDecoder, SymbolEncoder, Symbols

COLOURS = 3
NEIGHBOURS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if row or column]
DIFFERENCES = COLOURS * len(NEIGHBOURS)
CLIPS = ((), (1 / 32,), (1 / 64, 1 / 16))
"""What differences are limited to, by how many times they count so; x_hat has the range -1/2 to
1/2, so 1/32 is eight levels."""
EVERY_CLIP = tuple(sorted({clip for clips in CLIPS for clip in clips}))
DIFFERENCE, LEVEL, OFFSET = 2.0**-6, 2.0**-12, 2.0**-13
"""Units of the numbers: of differences to neighbours, limited or not, of samples, and of 1."""
EVERY_FEATURE = DIFFERENCES * (1 + len(EVERY_CLIP)) + COLOURS + 1
KINDS, LIMITED = 4, 1
"""Differences, limited differences, samples, 1: each kind of number has its table."""
OF_MEANS = 0.5
"""What limited differences between means count: within them, many are over the limit. Chosen on
validation pictures."""
NUMBER_LIMIT = 1000
"""SPEC 3.7; far beyond what photos need."""
EXACT = 2.0**14
"""Samples are rounded to this part of their range for least squares: sums of products of whole
numbers are exact, so that no order of sums, and no number of threads, changes a filter."""
STRIP = 16
"""Rows of x_hat that are looked at at a time."""
STRIP_PIXELS = 2**15
"""About as many pixels are filtered at a time: what lies in between stays in the caches."""
SURE = 0.85
"""Share of what is saved where it was looked that is counted on elsewhere."""
ENOUGH = 2**18
"""Pixels that suffice: of larger areas, strips are left out."""


def kinds(clips: int) -> NDArray[np.intp]:
    """The kind of every number of a colour, for differences limited so many times."""
    counts = (DIFFERENCES, clips * DIFFERENCES, COLOURS, 1)
    return np.repeat(np.arange(KINDS), counts)


def numbers_of(clips: int) -> int:
    """How many features there are, and so numbers for each colour."""
    return len(kinds(clips))


def units(clips: int) -> NDArray[np.float64]:
    """What each number of a colour is worth."""
    return np.array((DIFFERENCE, DIFFERENCE, LEVEL, OFFSET))[kinds(clips)]


def clips_of(numbers: Symbols) -> int:
    """Of a filter's numbers [3, features]: how many times differences count limited."""
    return next(clips for clips in FILTER_CLIPS if numbers_of(clips) == numbers.shape[1])


def write_filter(coder: EntropyCoder, numbers: Symbols) -> bytes:
    """Numbers, int32 [3, features] -> the data of a chunk FLTR (SPEC 3.7)."""
    clips = clips_of(numbers)
    kind = np.tile(kinds(clips), COLOURS)
    tables = [cheapest_table(coder, numbers.flatten()[kind == number]) for number in range(KINDS)]
    encoder = SymbolEncoder(coder)
    encoder.put(numbers.flatten(), np.array(tables, np.uint8)[kind])
    return bytes([clips, *tables]) + encoder.finish()


def cheapest_table(coder: EntropyCoder, symbols: Symbols) -> int:
    """The table that codes some symbols in the fewest bits."""

    def bits(table: int) -> float:
        encoder = SymbolEncoder(coder)
        encoder.put(symbols, np.full(len(symbols), table, np.uint8))
        return encoder.bits

    return min(range(len(coder.models)), key=bits)


def read_filter(coder: EntropyCoder, data: bytes) -> Symbols:
    """Inverse of `write_filter`. Raises FormatError for a damaged payload."""
    clips, tables = data[0], np.frombuffer(data, np.uint8, KINDS, 1)
    try:
        decoder = SymbolDecoder(coder, data[1 + KINDS :])
        numbers = decoder.get(np.tile(tables[kinds(clips)], COLOURS))
        decoder.finish()
    except FormatError as error:
        raise FormatError(f"the filter's {error}") from error
    if np.abs(numbers).max() > NUMBER_LIMIT:
        raise FormatError(f"a number of the filter is beyond {NUMBER_LIMIT}")
    return numbers.reshape(COLOURS, -1)


def apply_filter(symbols: Symbols, x_hat: Tensor, scale: int = 1) -> Tensor:
    """x_hat [1, 3, H, W] -> filtered, by numbers [3, features].

    Beyond its edges x_hat counts as repeated. With a scale, x_hat has the means of scale x scale
    samples; what lies less than a mean beside another is read between them, and limited
    differences count less.
    """
    clips = clips_of(symbols)
    worth = np.where((kinds(clips) == LIMITED) & (scale > 1), OF_MEANS, 1.0) * units(clips)
    weights = torch.from_numpy(symbols * worth).float().to(x_hat.device)
    padded = F.pad(x_hat, (1, 1, 1, 1), mode="replicate")
    filtered, rows = torch.empty_like(x_hat), max(1, STRIP_PIXELS // x_hat.shape[3])
    for top in range(0, x_hat.shape[2], rows):
        part = x_hat[0, :, top : top + rows]
        seen = features(padded[0, :, top : top + rows + 2], CLIPS[clips], scale)
        change = torch.addmm(weights[:, -1:], weights[:, :-1], seen.flatten(1))
        torch.add(part, change.view_as(part), out=filtered[0, :, top : top + rows])
    return filtered


def features(padded: Tensor, clips: tuple[float, ...], scale: int = 1) -> Tensor:
    """x_hat [3, H, W] with a row or column more on each side -> all features but 1, [n, H, W]."""
    centre = padded[:, 1:-1, 1:-1]
    seen = padded.new_empty(DIFFERENCES * (1 + len(clips)) + COLOURS, *centre.shape[1:])
    difference, *limited = seen[:-COLOURS].split(DIFFERENCES)
    by_colour = difference.unflatten(0, (COLOURS, -1))
    for n, (row, column) in enumerate(NEIGHBOURS):
        torch.sub(beside(padded, row, column, scale), centre, out=by_colour[:, n])
    for clip, part in zip(clips, limited, strict=True):
        torch.clamp(difference, -clip, clip, out=part)
    seen[-COLOURS:] = centre
    return seen


def beside(padded: Tensor, row: int, column: int, scale: int) -> Tensor:
    """What lies so many samples beside every one [3, H, W]; of means, read between them."""
    height, width = padded.shape[1] - 2, padded.shape[2] - 2
    if scale == 1:
        return padded[:, 1 + row : 1 + row + height, 1 + column : 1 + column + width]
    weights = parabola(row / scale)[:, None] * parabola(column / scale)
    return F.conv2d(padded[:, None], weights[None, None].to(padded))[:, 0]


def parabola(place: float) -> Tensor:
    """Weights of samples at -1, 0 and 1 in the parabola through them, at a place."""
    square = place**2
    return torch.tensor(
        [(square - place) / 2, 1 - square, (square + place) / 2], dtype=torch.float64
    )


@dataclass
class FilterFit:
    """Normal equations of all features there are, of what has been added so far."""

    products: NDArray[np.float64] = field(default_factory=lambda: np.zeros((EVERY_FEATURE,) * 2))
    wanted: NDArray[np.float64] = field(default_factory=lambda: np.zeros((COLOURS, EVERY_FEATURE)))

    def add(self, x_hat: Tensor, pixels: Pixels) -> None:
        """x_hat [1, 3, H', W'] of uint8 [H, W, 3], H' and W' at least H and W."""
        height, width = pixels.shape[:2]
        x_hat = (x_hat[0, :, :height, :width].cpu().double() * EXACT).round()
        padded = F.pad(x_hat[None], (1, 1, 1, 1), mode="replicate")[0].float()
        rows = strips(height, width)
        share = sum(min(STRIP, height - top) for top in rows) / height
        clips = tuple(clip * EXACT for clip in EVERY_CLIP)
        for top in rows:
            bottom = min(height, top + STRIP)
            seen = features(padded[:, top : bottom + 2], clips).flatten(1).double()
            seen = torch.cat([seen, torch.ones_like(seen[:1])])
            x = torch.from_numpy(pixels[top:bottom].astype(np.float64)).permute(2, 0, 1) / 255 - 0.5
            error = ((x * EXACT).round() - x_hat[:, top:bottom]).flatten(1)
            self.products += (seen @ seen.T).numpy() / share
            self.wanted += (error @ seen.T).numpy() / share

    def best(self, coder: EntropyCoder, weight: float) -> bytes | None:
        """The filter that saves the most, or None; weight: bits that a unit of SE is worth.

        SE is the sum over the samples of all colours.
        """
        best, gain = None, 0.0
        for clips in FILTER_CLIPS:
            numbers, saved = self.solve(clips)
            data = write_filter(coder, numbers)
            left = SURE * weight * saved - 8 * (CHUNK_BYTES + len(data))
            if left > gain:
                best, gain = data, left
        return best

    def solve(self, clips: int) -> tuple[Symbols, float]:
        """-> numbers [3, features], and the SE that they save."""
        places = within(clips)
        products, wanted = self.products[np.ix_(places, places)], self.wanted[:, places]
        scale = units(clips)
        scale[:-1] /= EXACT
        products = products * scale * scale[:, None]
        wanted = wanted * scale / EXACT
        numbers = rounded_solution(products, wanted)
        saved = 2 * (numbers * wanted).sum() - ((numbers @ products) * numbers).sum()
        return numbers.astype(np.int32), float(saved)


def strips(height: int, width: int) -> range:
    """First rows of strips, from all of the height, that hold about ENOUGH pixels."""
    step = -(-height * width // ENOUGH)
    return range(max(0, min(STRIP * (step // 2), height - STRIP)), height, STRIP * step)


def within(clips: int) -> list[int]:
    """Places, among all features, of those of differences limited so many times."""
    starts = [0, *(DIFFERENCES * (1 + EVERY_CLIP.index(clip)) for clip in CLIPS[clips])]
    places = [start + n for start in starts for n in range(DIFFERENCES)]
    return [*places, *range(EVERY_FEATURE - COLOURS - 1, EVERY_FEATURE)]


def rounded_solution(
    products: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Least squares in integers, [3, features]: one number rounded after the other, in order.

    Those not yet rounded make up for it: each is what would be best if they were free. That is
    what substitution from the end of a Cholesky factor gives, so the order is turned around.
    """
    products, wanted = products[::-1, ::-1], wanted[:, ::-1]
    steady = np.eye(len(products)) * (1e-9 * products.diagonal().mean() + 1e-12)
    factor = np.linalg.cholesky(products + steady)
    left = np.linalg.solve(factor, wanted.T)
    numbers = np.zeros_like(left)
    for n in reversed(range(len(factor))):
        best = (left[n] - factor[n + 1 :, n] @ numbers[n + 1 :]) / factor[n, n]
        numbers[n] = np.clip(np.rint(best), -NUMBER_LIMIT, NUMBER_LIMIT)
    return numbers[::-1].T
