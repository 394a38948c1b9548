"""The filter after decoding: a few numbers of a file that bring x_hat nearer to this one photo.

g_s was trained on photos in general. What it leaves in one photo, say of how the colours of its
camera go together, is partly linear in x_hat, so the encoder solves least squares for a filter
over 3x3 or 5x5 pixels and all colours, and sends it where it saves more than its bytes cost.
(Adaptive loop filter of VVC: Karczewicz et al. 2021, IEEE TCSVT 31(10), section III; here after
the last step, across colours, and one for a picture.) The bytes are those of SPEC 3.7.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from aecodec.container import CHUNK_BYTES, FILTER_SIDES
from aecodec.entropy import EntropyCoder, SymbolDecoder, SymbolEncoder, Symbols
from aecodec.errors import FormatError
from aecodec.planes import Pixels

COLOURS = 3
LARGEST = max(FILTER_SIDES)
NEIGHBOUR, LEVEL, OFFSET = 2.0**-7, 2.0**-12, 2.0**-13
"""Units of the three kinds of numbers: of differences to neighbours, of the sample itself, and
of 1; x_hat has the range -1/2 to 1/2."""
NUMBER_LIMIT = 1000
"""SPEC 3.7; far beyond what photos need."""
EXACT = 2.0**14
"""Samples are rounded to this part of their range for least squares: sums of products of whole
numbers are exact, so that no order of sums, and no number of threads, changes a filter."""
STRIP = 16
"""Rows of x_hat that are looked at at a time."""
SURE = 0.85
"""Share of what is saved where it was looked that is counted on elsewhere."""
ENOUGH = 2**18
"""Pixels that suffice: of larger areas, strips are left out."""


def numbers_of(side: int) -> int:
    """How many features there are, and so numbers for each colour."""
    return COLOURS * side**2 + 1


def middle(side: int) -> list[int]:
    """Where, among the features, the samples themselves stand."""
    return [side**2 * colour + side**2 // 2 for colour in range(COLOURS)]


def units(side: int) -> NDArray[np.float64]:
    """What each number of a colour is worth."""
    found = np.full(numbers_of(side), NEIGHBOUR)
    found[middle(side)], found[-1] = LEVEL, OFFSET
    return found


def kinds(side: int) -> NDArray[np.intp]:
    """Of every number of a colour: 0 of a neighbour, 1 of a sample itself, 2 of 1."""
    found = np.zeros(numbers_of(side), np.intp)
    found[middle(side)], found[-1] = 1, 2
    return found


def write_filter(coder: EntropyCoder, numbers: Symbols, side: int) -> bytes:
    """Numbers, int32 [3, features] -> the data of a chunk FLTR (SPEC 3.7)."""
    kind = np.tile(kinds(side), COLOURS)
    tables = [cheapest_table(coder, numbers.flatten()[kind == number]) for number in range(3)]
    encoder = SymbolEncoder(coder)
    encoder.put(numbers.flatten(), np.array(tables, np.uint8)[kind])
    return bytes([side, *tables]) + encoder.finish()


def cheapest_table(coder: EntropyCoder, symbols: Symbols) -> int:
    """The table that codes some symbols in the fewest bits."""

    def bits(table: int) -> float:
        encoder = SymbolEncoder(coder)
        encoder.put(symbols, np.full(len(symbols), table, np.uint8))
        return encoder.bits

    return min(range(len(coder.models)), key=bits)


def read_filter(coder: EntropyCoder, data: bytes) -> Symbols:
    """Inverse of `write_filter`. Raises FormatError for a damaged payload."""
    side, tables = data[0], np.frombuffer(data, np.uint8, 3, 1)
    try:
        decoder = SymbolDecoder(coder, data[4:])
        numbers = decoder.get(np.tile(tables[kinds(side)], COLOURS))
        decoder.finish()
    except FormatError as error:
        raise FormatError(f"the filter's {error}") from error
    if np.abs(numbers).max() > NUMBER_LIMIT:
        raise FormatError(f"a number of the filter is beyond {NUMBER_LIMIT}")
    return numbers.reshape(COLOURS, -1)


def side_of(numbers: Symbols) -> int:
    """Of a filter's numbers [3, features]: its side in pixels."""
    return next(side for side in FILTER_SIDES if numbers_of(side) == numbers.shape[1])


def apply_filter(symbols: Symbols, x_hat: Tensor, scale: int = 1) -> Tensor:
    """x_hat [1, 3, H, W] -> filtered, by numbers [3, features].

    Beyond its edges x_hat counts as repeated. With a scale, x_hat has the means of scale x scale
    samples, and what lies less than a mean beside another is read between them.
    """
    side = side_of(symbols)
    numbers = symbols * units(side)
    taps = torch.from_numpy(numbers[:, :-1]).view(COLOURS, COLOURS, side, side)
    level = taps[:, :, side // 2, side // 2].clone()
    taps[:, :, side // 2, side // 2] = torch.eye(COLOURS) + 2 * level - taps.sum(dim=(2, 3))
    if scale > 1:
        between = parabolas((torch.arange(side).double() - side // 2) / scale)
        taps = torch.einsum("cdij,ir,jk->cdrk", taps, between, between)
    offset = torch.from_numpy(numbers[:, -1]).float().to(x_hat.device)
    padded = F.pad(x_hat, (taps.shape[-1] // 2,) * 4, mode="replicate")
    return F.conv2d(padded, taps.float().to(x_hat.device), offset)


def parabolas(places: Tensor) -> Tensor:
    """Weights [n, 3] of samples at -1, 0 and 1 in the parabola through them, at n places."""
    squares = places.square()
    return torch.stack([(squares - places) / 2, 1 - squares, (squares + places) / 2], dim=1)


def features(x_hat: Tensor) -> Tensor:
    """Float64 [1, 3, H, W] and edges of LARGEST // 2 -> [features, pixels within the edges]."""
    around = F.unfold(x_hat, LARGEST)[0].view(COLOURS, LARGEST**2, -1)
    centre = around[:, LARGEST**2 // 2].clone()
    around = around - centre[:, None]
    around[:, LARGEST**2 // 2] = centre
    return torch.cat([around.flatten(0, 1), torch.ones(1, around.shape[2])])


@dataclass
class FilterFit:
    """Normal equations of the largest filter, of what has been added so far."""

    products: NDArray[np.float64] = field(
        default_factory=lambda: np.zeros((numbers_of(LARGEST),) * 2)
    )
    wanted: NDArray[np.float64] = field(
        default_factory=lambda: np.zeros((COLOURS, numbers_of(LARGEST)))
    )

    def add(self, x_hat: Tensor, pixels: Pixels) -> None:
        """x_hat [1, 3, H', W'] of uint8 [H, W, 3], H' and W' at least H and W."""
        height, width = pixels.shape[:2]
        x_hat = (x_hat[:, :, :height, :width].cpu().double() * EXACT).round()
        padded = F.pad(x_hat, (LARGEST // 2,) * 4, mode="replicate")
        rows = strips(height, width)
        share = sum(min(STRIP, height - top) for top in rows) / height
        for top in rows:
            bottom = min(height, top + STRIP)
            seen = features(padded[:, :, top : bottom + LARGEST - 1])
            x = torch.from_numpy(pixels[top:bottom].astype(np.float64)).permute(2, 0, 1) / 255 - 0.5
            error = ((x * EXACT).round() - x_hat[0, :, top:bottom]).flatten(1)
            self.products += (seen @ seen.T).numpy() / share
            self.wanted += (error @ seen.T).numpy() / share

    def best(self, coder: EntropyCoder, weight: float) -> bytes | None:
        """The filter that saves the most, or None; weight: bits that a unit of SE is worth.

        SE is the sum over the samples of all colours.
        """
        best, gain = None, 0.0
        for side in FILTER_SIDES:
            numbers, saved = self.solve(side)
            data = write_filter(coder, numbers, side)
            left = SURE * weight * saved - 8 * (CHUNK_BYTES + len(data))
            if left > gain:
                best, gain = data, left
        return best

    def solve(self, side: int) -> tuple[Symbols, float]:
        """-> numbers [3, features], and the SE that they save."""
        places = within(side)
        products, wanted = self.products[np.ix_(places, places)], self.wanted[:, places]
        scale = units(side)
        scale[:-1] /= EXACT
        products = products * scale * scale[:, None]
        wanted = wanted * scale / EXACT
        numbers = np.stack([rounded_solution(products, row, side) for row in wanted])
        saved = 2 * (numbers * wanted).sum() - ((numbers @ products) * numbers).sum()
        return numbers.astype(np.int32), float(saved)


def strips(height: int, width: int) -> range:
    """First rows of strips, from all of the height, that hold about ENOUGH pixels."""
    step = -(-height * width // ENOUGH)
    return range(max(0, min(STRIP * (step // 2), height - STRIP)), height, STRIP * step)


def within(side: int) -> list[int]:
    """Places, among the features of the largest filter, of those of a smaller one."""
    edge = (LARGEST - side) // 2
    square = np.arange(COLOURS * LARGEST**2).reshape(COLOURS, LARGEST, LARGEST)
    inner = square[:, edge : LARGEST - edge, edge : LARGEST - edge]
    return [*inner.flatten().tolist(), COLOURS * LARGEST**2]


def rounded_solution(
    products: NDArray[np.float64], wanted: NDArray[np.float64], side: int
) -> NDArray[np.float64]:
    """Least squares in integers: one number rounded after the other, the rest solved anew.

    Those of the samples themselves and of 1 come last, and make up for the others' rounding.
    """
    last = [*middle(side), len(wanted) - 1]
    order = np.array([n for n in range(len(wanted)) if n not in last] + last)
    products, wanted = products[np.ix_(order, order)], wanted[order]
    products = products + np.eye(len(order)) * (1e-9 * products.diagonal().mean() + 1e-12)
    numbers = np.zeros(len(order))
    for n in range(len(order)):
        rest = wanted[n:] - products[n:, :n] @ numbers[:n]
        first = np.linalg.solve(products[n:, n:], rest)[0]
        numbers[n] = np.clip(np.rint(first), -NUMBER_LIMIT, NUMBER_LIMIT)
    result = np.empty_like(numbers)
    result[order] = numbers
    return result
