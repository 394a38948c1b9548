"""Where the bits and the decibels go, and what would bring them back.

Codes the middle of photos at three rates with the default effort. Every gain is in per cent of the
bits, at the model's own lambda: of the change of bits + lambda x squared error.
"""

from argparse import Namespace
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.fft import dctn
from torch import Tensor

from aecodec.bench.bd_rate import bd_rate
from aecodec.bench.codecs import Aec, Jpeg2000
from aecodec.bench.photos import Photo
from aecodec.coding.effort import DEFAULT_EFFORT
from aecodec.coding.planes import Pixels
from aecodec.format.payload import by_table
from aecodec.model.config import STEPS
from aecodec.model.entropy_model import gaussian_bits, scale_of_index, take_step
from aecodec.model.loaded import LoadedModel, load_model
from aecodec.model.transforms import BLOCK
from benchmarks.measuring import PSNR_MODEL, photo_options, points_of, read_middles
from benchmarks.pages import Page, format_rate, table_of
from benchmarks.training.coded import Coded, code, y_bits
from benchmarks.training.gains import gains

Q = (10, 30, 50)
BANDS = (1.5, 4.0, 8.0, 32.0)
"""Ends of the bands of frequency, in half cycles over a block of 16 pixels."""
Rows = list[dict[str, Any]]


add_options = photo_options(count=16, side=256)


def run(options: Namespace) -> dict[str, Any]:
    """Measure."""
    loaded = load_model(PSNR_MODEL)
    _, pictures = read_middles(options.photos, options.count, options.side)
    coded = [code(loaded, picture, q, DEFAULT_EFFORT) for q in Q for picture in pictures]
    return {
        "steps": by_step(loaded, coded),
        "channels": by_channel(loaded, coded),
        "rate": predicted_and_real(loaded, coded),
        "gains": gains(loaded, pictures, coded),
        "photos": by_photo(*read_middles(options.photos, 0, options.side)),
        "model": loaded.model_id,
        "q": Q,
        "count": len(pictures),
    }


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
            each.z_bits + float(gaussian_bits(each.symbols, scale_of_index(each.index)).sum())
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


def by_photo(photos: list[Photo], pictures: list[Pixels]) -> Rows:
    """BD-rate against JPEG 2000, the worst photos first."""
    ours, other = Aec(q=(5, 20, 40, 60, 80), tune="psnr"), Jpeg2000()
    rows = []
    for photo, picture in zip(photos, pictures, strict=True):
        anchor, curve = ([point[:2] for point in points_of(c, picture)] for c in (other, ours))
        busy = np.abs(np.diff(picture.astype(int).mean(axis=2))).mean()
        rows.append((bd_rate(anchor, curve) or 0.0, photo.name, busy))
    return [
        {"photo": name, "BD-rate": format_rate(rate), "mean step to the right": f"{busy:.1f}"}
        for rate, name, busy in sorted(rows, reverse=True)
    ]


def tables(name: str, result: dict[str, Any]) -> dict[str, str]:
    """All parts; of the photos the worst and the best."""
    parts = {part: result[part] for part in ("steps", "channels", "rate", "gains")}
    photos = result["photos"]
    shown = photos if len(photos) < 8 else photos[:6] + photos[-2:]
    return {part: table_of(rows) for part, rows in (parts | {"photos": shown}).items()}


PAGE = Page(Path(__file__).with_name("diagnosis.md"), ("diagnosis",), tables)
