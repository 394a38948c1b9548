"""From a trained model to a weights file: integers, points and tables fitted to symbols, id."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aecodec.coding.descent import CURVATURE_MIN, distortion_curvature, unrefined_bias
from aecodec.coding.distortion import distortion_slope
from aecodec.coding.effort import DEFAULT_EFFORT, effort_to_rounds
from aecodec.coding.encoder import symbol_chooser
from aecodec.coding.planes import Pixels, to_planes
from aecodec.coding.refine import refine
from aecodec.coding.transform import TileLatents, analyze
from aecodec.format.box import Box
from aecodec.format.constants import PER_STEP, Q_COUNT, TABLE_COUNT
from aecodec.format.payload import by_table
from aecodec.format.tables import Symbols, Tables, gaussian_mass, make_tables, table_entries
from aecodec.model.entropy_model import gaussian_bits, put_steps, scale_of_index
from aecodec.model.fixed_network import float_twin
from aecodec.model.model import Model
from aecodec.model.points import point_places
from aecodec.model.quantize import as_indexes, as_symbols
from aecodec.model.weights import load_weights, save_weights
from aecodec.training.data import centre
from aecodec.training.integers import to_fixed
from aecodec.training.loss import mean_squares, rate_distortion

FIT_PICTURES = 32
COST_MAX = 0.1
"""Share of its rate that integers may cost a crop, and decibels that they may change in the mean:
far above what is usual, 0.01 each, so it tells of ranges that are much too narrow."""
FIT_Q = tuple(range(3, Q_COUNT, 7))
GAUSSIAN_COUNT = 300.0
"""How many symbols the Gaussian is worth when a table is fitted."""
POINT_COUNT = 30.0
"""How many latents the middle of the interval is worth when a point is fitted."""
POINT_LIMIT = 127
"""Of a point, in 1/256 steps: less than half a step."""


def export(
    model: Model,
    name: str,
    path: Path,
    pictures: Sequence[Pixels],
    tune: str = "psnr",
) -> str:
    """Write `model` (floating point) as a weights file and check that it loads; -> its id.

    Points and tables are fitted to the symbols that `pictures` (training pictures) have at the
    default effort. With tune "visual" points are left 0, as they are fitted for PSNR: on validation
    pictures they cost 0.1 to 0.8 points of SSIMULACRA2. Raises ModelError when the bounds of
    integers do not hold.
    """
    rounds = effort_to_rounds(DEFAULT_EFFORT)
    fixed = to_fixed(model, fitted_middles(pictures), FIT_Q)
    fixed.points.table.zero_()
    if tune == "psnr":
        fixed.points.table.copy_(fit_points(fixed, pictures, rounds))
    save_weights(path, name, fixed, fit_tables(fixed, pictures, rounds, tune), tune)
    return load_weights(path)[2]


def fit_points(fixed: Model, pictures: Sequence[Pixels], rounds: int) -> Tensor:
    """The table of `fixed.points`, all 0 so far, as latents want it after rounds of refinement.

    A Newton step down lambda SE, with the curvature of the linear synthesis; each place of the
    table is held back as if POINT_COUNT latents wanted to stay.
    """
    size = fixed.points.table.numel()
    along, bend = (torch.zeros(size, dtype=torch.float64) for _ in range(2))
    twin = float_twin(fixed).requires_grad_(False).eval()
    for pixels in fitted_middles(pictures):
        for q in FIT_Q:
            qs = fixed.qs(q)
            latents = refined_latents(twin, pixels, q, rounds, "psnr")
            y_hat, batches = code_batches(fixed, latents, q)
            slope = distortion_slope(twin, to_planes(pixels), qs, "psnr", None, y_hat)
            coded = in_places(batches, y_hat)
            places, side = point_places(coded.symbols, coded.mean, coded.index)
            curvature = distortion_curvature(twin, qs).expand_as(slope)
            along.index_add_(0, places.flatten(), (slope * side).flatten().double())
            bend.index_add_(0, places.flatten(), (curvature * side.abs()).flatten().double())
    points = -along / (bend + POINT_COUNT * CURVATURE_MIN) * PER_STEP
    return points.clamp(-POINT_LIMIT, POINT_LIMIT).round().view_as(fixed.points.table)


@dataclass(frozen=True)
class Batch:
    """Symbols, means in 1/16 steps and table indexes of one batch, float64 of one shape."""

    symbols: Tensor
    mean: Tensor
    index: Tensor


@torch.no_grad()
def code_batches(fixed: Model, latents: TileLatents, q: int) -> tuple[Tensor, list[Batch]]:
    """-> y_hat in steps, and the five batches that they are coded as."""
    batches: list[Batch] = []
    choose = symbol_chooser(*latents)

    def source(batch: int, mean: Tensor, index: Tensor) -> Tensor:
        batches.append(Batch(choose(batch, mean, index), mean, index))
        return batches[-1].symbols

    return fixed.walk_symbols(latents.z.shape, q, source), batches


def in_places(batches: Sequence[Batch], like: Tensor) -> Batch:
    """The four steps of a latent, in their places of y, which is of the shape of `like`."""
    names = (field.name for field in fields(Batch))
    return Batch(
        *(put_steps([getattr(each, name) for each in batches[1:]], like) for name in names)
    )


def fitted_middles(pictures: Sequence[Pixels]) -> list[Pixels]:
    """The middles of those that points and tables are fitted to."""
    return [centre(pixels) for pixels in pictures[:: max(1, len(pictures) // FIT_PICTURES)]]


def fit_tables(fixed: Model, pictures: Sequence[Pixels], rounds: int, tune: str) -> Tables:
    """Tables with the frequencies that symbols really have, the Gaussians where there are few.

    Photos have longer tails than Gaussians, and rate-aware rounding more zeros. The symbols are
    those after so many rounds of refinement.
    """
    scales = scale_of_index(torch.arange(TABLE_COUNT)).exp2().tolist()
    masses = [GAUSSIAN_COUNT * gaussian_mass(scale) for scale in scales]

    twin = float_twin(fixed).requires_grad_(False).eval()
    for pixels in fitted_middles(pictures):
        for q in FIT_Q:
            latents = refined_latents(twin, pixels, q, rounds, tune)
            for batch in code_batches(fixed, latents, q)[1]:
                symbols = as_symbols(batch.symbols)
                for index, places in by_table(as_indexes(batch.index)):
                    masses[index] += count(symbols[places], len(masses[index]))
    return make_tables(masses)


def refined_latents(twin: Model, pixels: Pixels, q: int, rounds: int, tune: str) -> TileLatents:
    """Latents of a whole photo after rounds of refinement; twin: `float_twin` of the model."""
    return refine(twin, pixels, q, Box(0, 0, *pixels.shape[:2]), rounds, tune)


@dataclass(frozen=True)
class Cost:
    """What the integer entropy side costs beside the floating-point one, over some crops."""

    mean: float
    worst: float
    """shares of a crop's rate that it adds"""
    decibels: float
    """of PSNR that change: where ranges are too narrow, latents change, and pixels with them"""


@torch.inference_mode()
def fixed_point_cost(model: Model, fixed: Model, pictures: Sequence[Pixels]) -> Cost:
    """The cost of `fixed`, which was made from the floating-point `model`.

    The rates are ideal code lengths under Gaussians, so that fitted tables do not enter: binary32
    means and scales against means in 1/16 steps, scales of the table and integer networks. The mean
    is over crops: flat ones have few bits, and in a sum of bits would not be seen.
    """
    model, fixed = copy.deepcopy(model).cpu(), copy.deepcopy(fixed)
    fixed.points.table.zero_()
    shares, lost = [], []
    for pixels, q in product(pictures, FIT_Q):
        x, qs = to_planes(centre(pixels)), fixed.qs(q)
        bpp, mse = rate_distortion(model, x, qs, "decoder")
        bias = unrefined_bias(fixed, qs, "psnr")
        latents = TileLatents(*analyze(fixed, centre(pixels), q), bias)
        y_hat, batches = code_batches(fixed, latents, q)
        bits = sum(
            float(gaussian_bits(batch.symbols, scale_of_index(batch.index)).sum())
            for batch in batches
        )
        shares.append(bits / (float(bpp) * x.shape[2] * x.shape[3]) - 1)
        lost.append(float(10 * (mean_squares(x, fixed.g_s(y_hat, qs)) / mse).log10()))
    return Cost(sum(shares) / len(shares), max(shares), sum(lost) / len(lost))


def count(symbols: Symbols, size: int) -> NDArray[np.float64]:
    """How often each of -K..K and the escape occurs, both signs alike; size = 2 K + 2."""
    entries = table_entries(symbols, (size - 2) // 2)
    counts = np.bincount(entries, minlength=size).astype(np.float64)
    counts[:-1] = (counts[:-1] + counts[-2::-1]) / 2
    return counts
