"""What the best choices would bring, of which a decoder would have to be told for nothing."""

import copy
from collections import defaultdict
from dataclasses import replace
from statistics import fmean
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from aecodec.coding.descent import distortion_curvature
from aecodec.coding.distortion import distortion_slope
from aecodec.coding.effort import DEFAULT_EFFORT, MAX_EFFORT
from aecodec.coding.filter import FilterFit, apply_filter
from aecodec.coding.planes import Pixels, from_planes
from aecodec.format.chunks import CHUNK_BYTES
from aecodec.format.filter import read_filter
from aecodec.model.loaded import LoadedModel
from benchmarks.training.coded import Coded, code, decoded, y_bits

SHIFTS = range(-6, 7)
"""Of a table's index: an octave each way."""
FILTER = 5
"""The side of a linear filter after decoding."""


def gains(loaded: LoadedModel, pictures: list[Pixels], coded: list[Coded]) -> list[dict[str, Any]]:
    """One row a choice, by q: means over the photos of the share of the bits that it brings."""
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    without = replace(loaded, model=copy.deepcopy(loaded.model))
    without.model.points.table.zero_()
    for number, each in enumerate(coded):
        picture = pictures[number % len(pictures)]
        for name, gain in gains_of(loaded, without, picture, each).items():
            found[name][each.q].append(gain / each.bits)
    return [
        {"what": name} | {f"q {q}": f"{fmean(values):.2%}" for q, values in by_q.items()}
        for name, by_q in found.items()
    ]


def gains_of(
    loaded: LoadedModel, without: LoadedModel, picture: Pixels, coded: Coded
) -> dict[str, float]:
    """Bits that each choice brings for one photo; `without`: the model without its points."""
    plain, best = (code(loaded, picture, coded.q, effort) for effort in (0, MAX_EFFORT))
    middle = code(without, picture, coded.q, DEFAULT_EFFORT)
    cost = total_cost(loaded, coded)
    linear = f"filter: the best linear one over {FILTER}x{FILTER}, told for nothing"
    points = "reconstruction points: those of the model instead of none"
    factors = "gains: a better factor for every channel of y_hat of a photo"
    return {
        f"latents: effort {DEFAULT_EFFORT} instead of 0": total_cost(loaded, plain) - cost,
        f"latents: effort {MAX_EFFORT}": cost - total_cost(loaded, best),
        points: total_cost(loaded, middle) - cost,
        "scales: the best shift for every channel of a photo": scale_gain(loaded, coded),
        factors: factor_gain(loaded, coded),
        linear: linear_filter_gain(loaded, coded),
        "filter: that of the codec, its bytes counted": filter_gain(loaded, coded),
    }


def total_cost(loaded: LoadedModel, coded: Coded) -> float:
    """bits + lambda SE."""
    error = (coded.x - coded.x_hat).square().mean(dim=1).sum()
    return coded.bits + float(loaded.model.lmbda[coded.q] * error)


def scale_gain(loaded: LoadedModel, coded: Coded) -> float:
    """Bits, with the best of SHIFTS for each channel."""
    bits = torch.stack([y_bits(loaded, coded, shift).sum(dim=(0, 2, 3)) for shift in SHIFTS])
    return float((bits[-SHIFTS.start] - bits.amin(dim=0)).sum())


def slopes(loaded: LoadedModel, coded: Coded) -> tuple[Tensor, Tensor]:
    """Gradient and curvature of lambda SE, in bits, at y_hat."""
    q = torch.tensor([coded.q])
    slope = distortion_slope(loaded.float_model, coded.x, q, "psnr", None, coded.y_hat)
    curvature = distortion_curvature(loaded.float_model, q).expand_as(slope)
    return slope, curvature


def moved_gain(loaded: LoadedModel, coded: Coded, y_hat: Tensor) -> float:
    """lambda SE that another y_hat saves, decoded."""
    moved = replace(coded, y_hat=y_hat, x_hat=decoded(loaded, y_hat, coded.q))
    return total_cost(loaded, coded) - total_cost(loaded, moved)


def factor_gain(loaded: LoadedModel, coded: Coded) -> float:
    """A step down the slope along y_hat, channel by channel."""
    slope, curvature = slopes(loaded, coded)
    along = (slope * coded.y_hat).sum(dim=(0, 2, 3), keepdim=True)
    bend = (curvature * coded.y_hat.square()).sum(dim=(0, 2, 3), keepdim=True)
    factor = (1 - along / bend.clamp(min=1e-9)).clamp(0.8, 1.25)
    return moved_gain(loaded, coded, coded.y_hat * factor)


def linear_filter_gain(loaded: LoadedModel, coded: Coded) -> float:
    """lambda SE that least squares over the neighbourhood of each sample, all colours, saves."""
    patches = F.unfold(coded.x_hat, FILTER, padding=FILTER // 2)[0].T.double()
    error = (coded.x - coded.x_hat).flatten(2)[0].T.double()
    inputs = torch.cat([patches, torch.ones(len(patches), 1)], dim=1)
    fitted = torch.linalg.lstsq(inputs, error).solution
    saved = error.square().sum() - (error - inputs @ fitted).square().sum()
    return float(loaded.model.lmbda[coded.q] * saved / 3)


@torch.inference_mode()
def filter_gain(loaded: LoadedModel, coded: Coded) -> float:
    """lambda SE that the filter saves which the encoder would send, less its bits."""
    x_hat = loaded.model.g_s(coded.y_hat, torch.tensor([coded.q]))
    fit, lmbda = FilterFit(), float(loaded.model.lmbda[coded.q])
    fit.add(x_hat, from_planes(coded.x))
    data = fit.best(loaded.tables, lmbda / 3, loaded.tune)
    if data is None:
        return 0.0
    filtered = apply_filter(read_filter(loaded.tables, data), x_hat)
    saved = (coded.x - x_hat).square().sum() - (coded.x - filtered).square().sum()
    return lmbda * float(saved) / 3 - 8 * (CHUNK_BYTES + len(data))
