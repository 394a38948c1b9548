"""From a trained model to a weights file: fixed point, tables fitted to symbols, id."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aecodec.codec import quantize_latent
from aecodec.container import Box
from aecodec.entropy import Indexes, Symbols, Tables, by_table, gaussian_mass, make_tables
from aecodec.model import Model
from aecodec.model.config import Q_COUNT
from aecodec.model.entropy_model import SCALE_COUNT
from aecodec.model.fixed_point import float_twin, log2_scale, to_fixed
from aecodec.planes import Pixels, to_planes
from aecodec.quality import DEFAULT_EFFORT, effort_to_rounds
from aecodec.rate import gaussian_bits
from aecodec.refine import refine
from aecodec.training.data import centre
from aecodec.training.loss import rate_distortion
from aecodec.transform import analyze
from aecodec.weights import load_weights, save_weights

FIT_PICTURES = 32
FIT_Q = tuple(range(3, Q_COUNT, 7))
GAUSSIAN_COUNT = 300.0
"""How many symbols the Gaussian is worth when a table is fitted."""


def export(model: Model, name: str, path: Path, pictures: Sequence[Pixels]) -> str:
    """Write `model` (floating point) as a weights file and check that it loads; -> its id.

    The tables are fitted to the symbols of `pictures` (training pictures). Raises ModelError when
    the fixed-point bounds do not hold.
    """
    fixed = to_fixed(copy.deepcopy(model).cpu().requires_grad_(False))
    save_weights(path, name, fixed, fit_tables(fixed, pictures))
    return load_weights(path)[2]


def fit_tables(fixed: Model, pictures: Sequence[Pixels]) -> Tables:
    """Tables with the frequencies that symbols really have, the Gaussians where there are few.

    Photos have longer tails than Gaussians, and rate-aware rounding more zeros. The symbols are
    those of the default effort.
    """
    scales = log2_scale(torch.arange(SCALE_COUNT)).exp2().tolist()
    masses = [GAUSSIAN_COUNT * gaussian_mass(scale) for scale in scales]

    def put(symbols: Symbols, indexes: Indexes) -> None:
        for index, places in by_table(indexes):
            masses[index] += count(symbols[places], len(masses[index]))

    twin = float_twin(fixed).requires_grad_(False).eval()
    for pixels in map(centre, pictures[:: max(1, len(pictures) // FIT_PICTURES)]):
        for q in FIT_Q:
            y, z = default_latents(twin, pixels, q)
            with torch.inference_mode():
                quantize_latent(fixed, y, z, q, put)
    return make_tables(masses)


def default_latents(twin: Model, pixels: Pixels, q: int) -> tuple[Tensor, Tensor]:
    """y and z of a whole photo as the default effort has them; twin: `float_twin` of the model."""
    everything = Box(0, 0, *pixels.shape[:2])
    return refine(twin, pixels, q, everything, effort_to_rounds(DEFAULT_EFFORT))


@torch.inference_mode()
def fixed_point_cost(model: Model, pictures: Sequence[Pixels]) -> float:
    """Share of the rate that the integer entropy side adds to the floating-point `model`'s.

    Both as ideal code lengths under Gaussians, so that fitted tables do not enter: float32 means
    and scales against means in 1/16 steps, scales of the table and 16-bit networks.
    """
    model = copy.deepcopy(model).cpu()
    fixed = to_fixed(copy.deepcopy(model).requires_grad_(False))
    bits = {"float": 0.0, "fixed": 0.0}

    def put(symbols: Symbols, indexes: Indexes) -> None:
        scale = log2_scale(torch.from_numpy(indexes).float())
        bits["fixed"] += float(gaussian_bits(torch.from_numpy(symbols).float(), scale).sum())

    for pixels in pictures:
        x = to_planes(centre(pixels))
        for q in FIT_Q:
            bpp, _ = rate_distortion(model, x, torch.tensor([q]), "decoder", None)
            bits["float"] += float(bpp) * x.shape[2] * x.shape[3]
            quantize_latent(fixed, *analyze(fixed, centre(pixels), q), q, put)
    return bits["fixed"] / bits["float"] - 1


def count(symbols: Symbols, size: int) -> NDArray[np.float64]:
    """How often each of -K..K and the escape occurs, both signs alike; size = 2 K + 2."""
    reach = (size - 2) // 2
    entries = np.where(np.abs(symbols) > reach, size - 1, symbols + reach)
    counts = np.bincount(entries, minlength=size).astype(np.float64)
    counts[:-1] = (counts[:-1] + counts[-2::-1]) / 2
    return counts


def load_for_training(path: Path) -> Model:
    """A weights file as a floating-point model to train on: the inverse of `export`."""
    return float_twin(load_weights(path)[0])
