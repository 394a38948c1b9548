"""Latents <-> real bytes, through the product's quantizer and entropy coder.

A `LatentCoder` is fitted to latents of training pictures: a step, the median of each channel
(where its zero lies: latents after a ReLU are mostly one value), and tables counted from what
training latents round to. Like the product's tables they belong to the model, not to the file.

A file is HEADER (counted) and one payload for all the pictures in it.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from aecodec.bench.metrics import psnr
from aecodec.errors import FormatError
from aecodec.format.constants import SIXTEENTHS
from aecodec.format.payload import CodingTables, SymbolDecoder, SymbolEncoder
from aecodec.format.tables import make_tables
from aecodec.model.quantize import dequantize, quantize
from benchmarks.autoencoders.trainer import Autoencoder, in_batches, to_bytes, to_float

HEADER = struct.Struct("<HHHH")
"""Number of pictures, height and width of a latent, and which step."""
GROUPS = 64
"""Channels of like spread share a table; the product's coder has at most 256 tables."""
REACH = 2000
"""Largest symbol of a table; beyond it symbols escape."""
RATIOS = (4.0, 2.0, 1.0, 0.5, 0.25, 0.125)
"""Steps tried, in standard deviations of the latent over all channels."""
SAMPLES = 2**22
"""Training latents that steps and tables are fitted to, at most."""


@dataclass(frozen=True)
class LatentCoder:
    """What both sides know. step, median [M]; median in 1/16 steps; table uint8 [M]."""

    number: int
    step: Tensor
    median: Tensor
    table: NDArray[np.uint8]
    coder: CodingTables

    def encode(self, y: Tensor) -> bytes:
        """y [n, M] or [n, M, h, w] -> the bytes of a file."""
        height, width = y.shape[2:] if y.ndim == 4 else (0, 0)
        encoder = SymbolEncoder(self.coder)
        encoder.put(self._symbols(y), self._indexes(len(y), height, width))
        return HEADER.pack(len(y), height, width, self.number) + encoder.finish()

    def decode(self, data: bytes) -> Tensor:
        """Inverse of `encode`, but for the rounding: y_hat. Raises FormatError."""
        count, height, width, number = HEADER.unpack_from(data)
        if number != self.number:
            raise FormatError("written with another step")
        decoder = SymbolDecoder(self.coder, data[HEADER.size :])
        symbols = torch.from_numpy(decoder.get(self._indexes(count, height, width)))
        decoder.finish()
        shape = (count, len(self.step), max(1, height), max(1, width))
        sixteenths = dequantize(symbols.double().view(shape), _wide(self.median))
        y_hat = (sixteenths / SIXTEENTHS * _wide(self.step)).float()
        return y_hat if height else y_hat.flatten(1)

    def _symbols(self, y: Tensor) -> NDArray[np.int32]:
        return symbols_of(y, self.step, self.median).flatten().numpy()

    def _indexes(self, count: int, height: int, width: int) -> NDArray[np.uint8]:
        area = max(1, height) * max(1, width)
        return np.tile(np.repeat(self.table, area), count)


def symbols_of(y: Tensor, step: Tensor, median: Tensor) -> Tensor:
    """-> int32 [n, M, h, w], plainly rounded."""
    values = y.view(*y.shape, *(1,) * (4 - y.ndim)) / _wide(step)
    return quantize(values, _wide(median), torch.ones(1), rounding_bias=0.0).to(torch.int32)


def fit_coder(y: Tensor, ratio: float, positions: int = 0, number: int = 0) -> LatentCoder:
    """The coder with steps of `ratio` standard deviations, for latents like y [n, M, ...].

    The last `positions` channels hold the integers 0 to 3 and keep a step of 1.
    """
    channels = y.transpose(0, 1).flatten(1)  # [M, n h w]
    real = channels[: len(channels) - positions]
    spread = real.var(dim=1).mean().sqrt().clamp(min=1e-9)
    step = torch.full((len(channels),), float(spread) * ratio)
    step[len(real) :] = 1.0
    median = (channels.median(dim=1).values / step * SIXTEENTHS).round()
    median[len(real) :] = SIXTEENTHS  # -1, 0, 1, 2
    symbols = symbols_of(y, step, median).transpose(0, 1).flatten(1).numpy()  # [M, n h w]
    table = _groups(symbols)
    masses = [_masses(symbols[table == group]) for group in range(int(table.max()) + 1)]
    return LatentCoder(number, step, median, table, CodingTables(make_tables(masses)))


def _groups(symbols: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Channels in order of their spread -> at most GROUPS groups of equal size."""
    order = np.argsort(symbols.std(axis=1), kind="stable")
    groups = np.empty(len(symbols), np.uint8)
    groups[order] = np.arange(len(symbols)) * min(GROUPS, len(symbols)) // len(symbols)
    return groups


def _masses(symbols: NDArray[np.int32]) -> NDArray[np.float64]:
    """Counts of -K..K and the escape, none of them nothing."""
    reach = int(min(REACH, max(1, np.abs(symbols).max())))
    inside = symbols[np.abs(symbols) <= reach]
    counts = np.bincount((inside + reach).ravel(), minlength=2 * reach + 1)
    return np.append(counts + 0.1, 0.5)


@dataclass(frozen=True)
class Point:
    """One step: real bytes and what comes out of them."""

    ratio: float
    bytes: int
    bpp: float
    mse: float  # on [0, 1]
    psnr: float  # dB, mean over pictures of 8 bits


@dataclass(frozen=True)
class Split:
    """Pictures [N, C, H, W] <-> what a network takes: blocks of `size`; 0: the whole picture.

    Sides that are no multiple are continued with their last row or column, and that is coded too.
    """

    size: int = 0

    def to_blocks(self, x: Tensor) -> Tensor:
        """-> [N * rows * columns, C, size, size]"""
        if not self.size:
            return x
        down, right = (-side % self.size for side in x.shape[2:])
        x = F.pad(x, (0, right, 0, down), mode="replicate")
        rows, columns = x.shape[2] // self.size, x.shape[3] // self.size
        x = x.reshape(len(x), x.shape[1], rows, self.size, columns, self.size)
        return x.permute(0, 2, 4, 1, 3, 5).reshape(-1, x.shape[1], self.size, self.size)

    def from_blocks(self, blocks: Tensor, shape: Sequence[int]) -> Tensor:
        """Inverse of `to_blocks`, for pictures of this shape."""
        if not self.size:
            return blocks
        count, channels, height, width = shape
        rows, columns = (-(-side // self.size) for side in (height, width))
        x = blocks.reshape(count, rows, columns, channels, self.size, self.size)
        x = x.permute(0, 3, 1, 4, 2, 5)
        x = x.reshape(count, channels, rows * self.size, columns * self.size)
        return x[:, :, :height, :width]


def training_latents(model: Autoencoder, images: Tensor) -> Tensor:
    """Latents of uint8 training pictures, as many as SAMPLES allows."""
    first = model.encode(to_float(images[:1]))
    count = max(1, min(len(images), SAMPLES // first.numel()))
    return in_batches(lambda part: model.encode(to_float(part)), images[:count])


@torch.no_grad()
def rate_points(
    model: Autoencoder,
    train: Tensor,
    pictures: Sequence[Tensor],
    split: Split = Split(),
    ratios: Sequence[float] = RATIOS,
) -> list[list[Point]]:
    """One file for each uint8 tensor [n, C, H, W] of `pictures` at each step: [steps][pictures].

    Tables are fitted to `train`, uint8 pictures as the network was trained on. What is decoded is
    what was read back from the bytes.
    """
    fitted = training_latents(model, train)
    coders = [fit_coder(fitted, ratio, model.positions, i) for i, ratio in enumerate(ratios)]
    rows: list[list[Point]] = [[] for _ in ratios]
    for images in pictures:
        y = in_batches(model.encode, split.to_blocks(to_float(images)))
        for row, ratio, coder in zip(rows, ratios, coders, strict=True):
            data = coder.encode(y)
            blocks = in_batches(model.decode, coder.decode(data))
            row.append(measure(ratio, len(data), images, split.from_blocks(blocks, images.shape)))
    return rows


def rate_curve(
    model: Autoencoder,
    train: Tensor,
    pictures: Sequence[Tensor],
    split: Split = Split(),
    ratios: Sequence[float] = RATIOS,
) -> list[dict[str, float]]:
    """As `rate_points`: means over the pictures, for JSON."""
    return [as_row(mean_point(row)) for row in rate_points(model, train, pictures, split, ratios)]


def measure(ratio: float, size: int, images: Tensor, x_hat: Tensor) -> Point:
    """uint8 pictures [n, C, H, W], the bytes of their file and their reconstruction -> point."""
    decoded = to_bytes(x_hat)
    mse = float((decoded.float() - images.float()).square().mean()) / 255**2
    pairs = zip(images, decoded, strict=True)
    decibels = [psnr(*(each.permute(1, 2, 0).numpy() for each in pair)) for pair in pairs]
    pixels = images.numel() // images.shape[1]
    return Point(ratio, size, 8 * size / pixels, mse, fmean(decibels))


def mean_point(points: Sequence[Point]) -> Point:
    """The mean over pictures of everything."""
    return Point(
        points[0].ratio,
        round(fmean(point.bytes for point in points)),
        fmean(point.bpp for point in points),
        fmean(point.mse for point in points),
        fmean(point.psnr for point in points),
    )


def as_row(point: Point) -> dict[str, float]:
    """For JSON."""
    return {key: rounded(value) for key, value in asdict(point).items()}


def rounded(value: float) -> float:
    """Five digits: more would be noise."""
    return float(f"{value:.5g}")


def at_rate(curve: Sequence[tuple[float, float]], bpp: float) -> float | None:
    """PSNR in dB of (bpp, dB) points at a rate, linear in log-rate; None outside them."""
    points = sorted(curve)
    if not points or not points[0][0] <= bpp <= points[-1][0]:
        return None
    return float(np.interp(math.log(bpp), [math.log(b) for b, _ in points], [p for _, p in points]))


def _wide(values: Tensor) -> Tensor:
    """[M] -> [1, M, 1, 1]"""
    return values.double().view(1, -1, 1, 1)
