"""Where the bits and the decibels go, and what would bring them back.

    python -m benchmarks.training.diagnosis VALID [--count 16] [--side 256]

Codes the middle of photos at three rates with the default effort and writes diagnosis.json and the
tables of diagnosis.md beside this file, between its markers; the words around them are by hand.
Every gain is in per cent of the bits, at the model's own lambda: of the change of
bits + lambda x squared error.
"""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from aecodec.coding.tile import tile_latents
from numpy.typing import NDArray
from scipy.fft import dctn
from torch import Tensor
from torch.nn import functional as F

from aecodec.bench.bd_rate import bd_rate
from aecodec.bench.codecs import Aec, BenchCodec, Jpeg2000
from aecodec.bench.photos import Photo, read_folder
from aecodec.bench.table import markdown
from aecodec.coding.descent import distortion_curvature
from aecodec.coding.effort import DEFAULT_EFFORT, MAX_EFFORT, effort_to_rounds
from aecodec.coding.filter import FilterFit, apply_filter
from aecodec.coding.planes import Pixels, from_planes, to_planes
from aecodec.format.box import Box
from aecodec.format.chunks import CHUNK_BYTES
from aecodec.format.constants import TABLE_COUNT
from aecodec.format.filter import read_filter
from aecodec.format.payload import SymbolEncoder, by_table
from aecodec.format.tables import Indexes, Symbols
from aecodec.model.config import STEPS
from aecodec.model.entropy_model import gaussian_bits, take_step
from aecodec.model.fixed_point import log2_scale
from aecodec.model.loaded import LoadedModel
from aecodec.model.store import find_model
from aecodec.model.transforms import BLOCK
from aecodec.training.data import centre
from aecodec.training.export import code_whole
from aecodec.training.loss import error_slope
from benchmarks.multiresolution.__main__ import curve_of
from benchmarks.pictures import photo_options, read_middles
from benchmarks.publish import between

HERE = Path(__file__).parent
Q = (10, 30, 50)
BANDS = (1.5, 4.0, 8.0, 32.0)
"""Ends of the bands of frequency, in half cycles over a block of 16 pixels."""
SHIFTS = range(-6, 7)
"""Of a table's index: an octave each way."""
FILTER = 5
"""The side of a linear filter after decoding."""
LINEAR = f"filter: the best linear one over {FILTER}x{FILTER}, told for nothing"
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Coded:
    """What one photo becomes at one q. All of y is [1, M, H/16, W/16]."""

    q: int
    x: Tensor
    x_hat: Tensor
    """float [1, 3, H, W], 8-bit rounded"""
    y_hat: Tensor
    symbols: Tensor
    index: Tensor
    z_bits: float
    bits: float
    """by the tables"""
    payload_bits: int


def main() -> None:
    """Measure, write."""
    options = photo_options("Where the bits and the decibels go.", count=16, side=256).parse_args()
    loaded = LoadedModel.load(find_model(None).path, torch.device("cpu"))
    _, pictures = read_middles(options)
    coded = [code(loaded, picture, q, DEFAULT_EFFORT) for q in Q for picture in pictures]
    result = {
        "steps": by_step(loaded, coded),
        "channels": by_channel(loaded, coded),
        "rate": predicted_and_real(loaded, coded),
        "gains": gains(loaded, pictures, coded),
        "photos": by_photo(read_folder(options.photos, print), options.side),
    }
    write(result | {"model": loaded.model_id, "q": Q, "count": len(pictures)})


def code(loaded: LoadedModel, picture: Pixels, q: int, effort: int) -> Coded:
    """Code a whole photo of uint8 [H, W, 3], H and W multiples of 64."""
    height, width = picture.shape[:2]
    box = Box(0, 0, height, width)
    y, z = tile_latents(loaded, picture, q, box, effort_to_rounds(effort))
    encoder, after = SymbolEncoder(loaded.coder), []

    def put(symbols: Symbols, indexes: Indexes) -> None:
        encoder.put(symbols, indexes)
        after.append(encoder.bits)

    with torch.inference_mode():
        latents = code_whole(loaded.model, (y, z), q, put)
    return Coded(
        q,
        to_planes(picture),
        decoded(loaded, latents.y_hat, q),
        latents.y_hat,
        latents.symbols,
        latents.index,
        after[0],
        encoder.bits,
        8 * len(encoder.finish()),
    )


@torch.no_grad()
def decoded(loaded: LoadedModel, y_hat: Tensor, q: int) -> Tensor:
    """x_hat, 8-bit rounded, without a filter."""
    x_hat = loaded.model.g_s(y_hat, torch.tensor([q]))
    return ((x_hat + 0.5) * 255).round().clamp(0, 255) / 255 - 0.5


def table_bits(loaded: LoadedModel, symbols: Symbols, indexes: Indexes) -> NDArray[np.float64]:
    """Bits of each symbol by its table; of escapes without what follows them."""
    bits = np.zeros(len(symbols))
    for index, places in by_table(indexes):
        largest = int(loaded.coder.largest[index])
        values = symbols[places].astype(int)
        entries = np.where(abs(values) > reach, 2 * reach + 1, values + reach)
        bits[places] = loaded.coder.bits[index][entries]
    return bits


def y_bits(loaded: LoadedModel, coded: Coded, shift: int = 0) -> Tensor:
    """Bits of each latent, [1, M, H/16, W/16], with tables so many scales wider."""
    index = (coded.index + shift).clamp(0, TABLE_COUNT - 1)
    flat = coded.symbols.flatten().int().numpy(), index.flatten().byte().numpy()
    return torch.from_numpy(table_bits(loaded, *flat)).view(coded.index.shape)


def by_step(loaded: LoadedModel, coded: list[Coded]) -> Rows:
    """Share of the bits that z and each step take, by q."""
    rows = []
    for q in Q:
        found: dict[str, float] = defaultdict(float)
        for each in (each for each in coded if each.q == q):
            found["z"] += each.z_bits
            bits = y_bits(loaded, each)
            for step in range(STEPS):
                found[f"step {step + 1}"] += float(take_step(bits, step).sum())
        total = sum(found.values())
        rows.append({"q": q} | {name: f"{value / total:.1%}" for name, value in found.items()})
    return rows


def bands_of(loaded: LoadedModel) -> tuple[list[str], Tensor]:
    """Names of bands of frequency, luma and colour apart, and which one each channel is in.

    A channel's frequency is the mean, by energy, over the DCT of its basis function.
    """
    basis = loaded.model.skip.basis.detach().view(-1, BLOCK, BLOCK, 3).double().numpy()
    luma = (basis.mean(axis=3) ** 2).sum(axis=(1, 2)) * 3 > 0.5
    energy = (dctn(basis, axes=(1, 2), norm="ortho") ** 2).sum(axis=3)
    radius = np.hypot(*np.mgrid[:BLOCK, :BLOCK])
    frequency = (energy * radius).sum(axis=(1, 2)) / energy.sum(axis=(1, 2))
    band = np.searchsorted(BANDS, frequency)
    starts = (0.0, *BANDS[:-1])
    names = [
        f"{kind}, {start:g} to {end:g}"
        for kind in ("luma", "colour")
        for start, end in zip(starts, BANDS, strict=True)
    ]
    return names, torch.from_numpy(np.where(luma, band, band + len(BANDS)))


def by_channel(loaded: LoadedModel, coded: list[Coded]) -> Rows:
    """Share of bits and of squared error by band of frequency, over all q.

    The error is transformed by the linear transform, whose channels do not span everything: the
    rest is beyond them.
    """
    names, band = bands_of(loaded)
    bits, error, beyond = (torch.zeros(len(names)) for _ in range(3))
    for each in coded:
        whole = (each.x - each.x_hat).square().sum()
        transformed = loaded.model.skip(each.x - each.x_hat).detach().square().sum(dim=(0, 2, 3))
        bits.index_add_(0, band, y_bits(loaded, each).float().sum(dim=(0, 2, 3)) / each.bits)
        error.index_add_(0, band, transformed / whole)
        beyond += 1 - transformed.sum() / whole
    rows: Rows = []
    for number, name in enumerate(names):
        count = int((band == number).sum())
        shares = f"{bits[number] / len(coded):.1%}", f"{error[number] / len(coded):.1%}"
        rows.append({"band": name, "channels": count, "bits": shares[0], "error": shares[1]})
    rest = f"{beyond[0] / len(coded):.1%}"
    return [*rows, {"band": "beyond the channels", "channels": "", "bits": "", "error": rest}]


def predicted_and_real(loaded: LoadedModel, coded: list[Coded]) -> Rows:
    """Bits of the payloads against other ways to count them."""
    rows = []
    for q in Q:
        some = [each for each in coded if each.q == q]
        payload = sum(each.payload_bits for each in some)
        gaussian = sum(
            each.z_bits + float(gaussian_bits(each.symbols, log2_scale(each.index)).sum())
            for each in some
        )
        tables = sum(each.bits for each in some)
        fitted = sum(each.z_bits for each in some) + fitted_bits(some)
        counts = {"Gaussians of the predicted scales": gaussian, "the tables": tables}
        counts["tables fitted to these very symbols"] = fitted
        rows.append({"q": q, "payload, bytes": payload // 8} | as_shares(counts, payload))
    return rows


def as_shares(counts: dict[str, float], payload: float) -> dict[str, str]:
    return {name: f"{value / payload - 1:+.2%}" for name, value in counts.items()}


def fitted_bits(coded: list[Coded]) -> float:
    """Entropy of the symbols of each table, both signs alike: no tables can do better."""
    total = 0.0
    symbols = torch.cat([each.symbols.flatten() for each in coded]).int().numpy()
    indexes = torch.cat([each.index.flatten() for each in coded]).byte().numpy()
    for _, places in by_table(indexes):
        values, counts = np.unique(abs(symbols[places]), return_counts=True)
        total -= float((counts * np.log2(counts / counts.sum())).sum())
        total += float(counts[values > 0].sum())  # signs
    return total


def gains(loaded: LoadedModel, pictures: list[Pixels], coded: list[Coded]) -> Rows:
    """What the best choices would bring, of which a decoder would have to be told for nothing."""
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    without = replace(loaded, model=copy.deepcopy(loaded.model))
    without.model.points.table.zero_()
    for number, each in enumerate(coded):
        picture = pictures[number % len(pictures)]
        plain, best = (code(loaded, picture, each.q, effort) for effort in (0, MAX_EFFORT))
        middle = code(without, picture, each.q, DEFAULT_EFFORT)
        cost = total_cost(loaded, each)
        for name, gain in {
            f"latents: effort {DEFAULT_EFFORT} instead of 0": total_cost(loaded, plain) - cost,
            f"latents: effort {MAX_EFFORT}": cost - total_cost(loaded, best),
            "reconstruction points: those of the model instead of none": total_cost(loaded, middle)
            - cost,
            "scales: the best shift for every channel of a photo": scale_gain(loaded, each),
            "gains: a better factor for every channel of y_hat of a photo": factor_gain(
                loaded, each
            ),
            LINEAR: linear_filter_gain(loaded, each),
            "filter: that of the codec, its bytes counted": filter_gain(loaded, each),
        }.items():
            found[name][each.q].append(gain / each.bits)
    return [
        {"what": name} | {f"q {q}": f"{fmean(values):.2%}" for q, values in by_q.items()}
        for name, by_q in found.items()
    ]


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
    slope = error_slope(loaded.float_model, coded.x, q, None, coded.y_hat.clone())
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
    height, width = coded.x.shape[2:]
    fit, lmbda = FilterFit(), float(loaded.model.lmbda[coded.q])
    fit.add(x_hat, from_planes(coded.x, width, height, gray=False))
    data = fit.best(loaded.coder, lmbda / 3)
    if data is None:
        return 0.0
    filtered = apply_filter(read_filter(loaded.coder, data), x_hat)
    saved = (coded.x - x_hat).square().sum() - (coded.x - filtered).square().sum()
    return lmbda * float(saved) / 3 - 8 * (CHUNK_BYTES + len(data))


def by_photo(photos: list[Photo], side: int) -> Rows:
    """BD-rate against JPEG 2000, the worst photos first."""
    ours, other = Aec(q=(5, 20, 40, 60, 80)), Jpeg2000()
    rows = []
    for photo in photos:
        picture = centre(photo.image, side)
        rate = bd_rate(curve(other, picture), curve(ours, picture))
        busy = np.abs(np.diff(picture.astype(int).mean(axis=2))).mean()
        rows.append((rate or 0.0, photo.name, busy))
    return [
        {"photo": name, "BD-rate": f"{rate:+.1f} %", "mean step to the right": f"{busy:.1f}"}
        for rate, name, busy in sorted(rows, reverse=True)
    ]


def curve(codec: BenchCodec, picture: Pixels) -> list[tuple[float, float]]:
    return [
        (8 * size / (picture.size / 3), decibels) for size, decibels in curve_of(codec, picture)
    ]


def write(result: dict[str, Any]) -> None:
    """diagnosis.json, and the tables in diagnosis.md."""
    (HERE / "diagnosis.json").write_text(json.dumps(result, indent=1) + "\n")
    path = HERE / "diagnosis.md"
    text = path.read_text()
    for name in ("steps", "channels", "rate", "gains", "photos"):
        rows = result[name]
        if name == "photos":
            rows = rows[:6] + rows[-2:]
        cells = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
        text = between(text, name, "\n".join(markdown(cells)) + "\n")
    path.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
