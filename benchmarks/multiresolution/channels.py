"""Would a part of the latents do for a small picture? Of how many channels, and of how many bits?

Decodes pictures of effort 0 by the whole network, from the channels that matter most at 1/4 and 0
for the others: PSNR at 1/4 below that of all channels, and the channels' share of the bits.
"""

from argparse import Namespace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from aecodec.coding.planes import Pixels
from aecodec.model.loaded import LoadedModel, load_model
from aecodec.model.model import Model
from benchmarks.measuring import PSNR_MODEL, photo_options, read_middles
from benchmarks.pages import Page, table
from benchmarks.training.coded import Coded, code, y_bits

SCALE = 4
Q = (5, 25, 45, 62)
COUNTS = (48, 96, 192, 256)


add_options = photo_options(count=8, side=256)


def run(options: Namespace) -> dict[str, Any]:
    """Measure."""
    loaded = load_model(PSNR_MODEL)
    photos, pictures = read_middles(options.photos, options.count, options.side)
    rows = [row for q in Q for row in measure(loaded, pictures, q)]
    return {"model": loaded.model_id, "photos": [photo.name for photo in photos], "rows": rows}


def measure(loaded: LoadedModel, pictures: list[Pixels], q: int) -> list[dict[str, Any]]:
    """One row for each of COUNTS at one q, means over the pictures."""
    coded = [code(loaded, picture, q, effort=0) for picture in pictures]
    order = by_weight(loaded.model, coded)
    whole = fmean(decibels(loaded, each) for each in coded)
    bits = [y_bits(loaded, each).sum(dim=(0, 2, 3)) for each in coded]
    rows = []
    for count in COUNTS:
        kept = order[:count]
        below = whole - fmean(decibels(loaded, each, kept) for each in coded)
        share = fmean(float(part[kept].sum() / part.sum()) for part in bits)
        rows.append({"q": q, "channels": count, "below_db": below, "share_of_bits": share})
    return rows


@torch.inference_mode()
def by_weight(model: Model, coded: list[Coded]) -> Tensor:
    """Channels, those first whose linear synthesis has the most energy at 1/4."""
    channels = model.config.latent
    one_each = torch.zeros(channels, channels, 3, 3)
    one_each[:, :, 1, 1] = torch.eye(channels)
    energy = avg_pool2d(model.skip.inverse(one_each), SCALE).square().sum(dim=(1, 2, 3))
    latents = torch.cat([each.y_hat for each in coded]).float().square().mean(dim=(0, 2, 3))
    step = model.log_step(torch.tensor([coded[0].q])).exp().flatten()
    return (energy * latents * step.square()).argsort(descending=True)


@torch.inference_mode()
def decibels(loaded: LoadedModel, coded: Coded, kept: Tensor | None = None) -> float:
    """PSNR at 1/4 of what is decoded from these channels, or from all."""
    y_hat = coded.y_hat
    if kept is not None:
        y_hat = torch.zeros_like(y_hat).index_copy(1, kept, y_hat[:, kept])
    x_hat = loaded.model.g_s(y_hat, torch.tensor([coded.q])).clamp(-0.5, 0.5)
    error = avg_pool2d(x_hat, SCALE) - avg_pool2d(coded.x, SCALE)
    return float(-10 * error.square().mean().log10())


def tables(name: str, result: dict[str, Any]) -> dict[str, str]:
    """One line a q."""
    lines: dict[int, list[object]] = {row["q"]: [row["q"]] for row in result["rows"]}
    for row in result["rows"]:
        cell = f"{row['below_db']:.2f} dB below, {row['share_of_bits']:.0%} of the bits"
        lines[row["q"]].append(cell)
    head = ("q", *(f"{count} channels" for count in COUNTS))
    return {name: table(head, lines.values())}


PAGE = Page(Path(__file__).with_name("README.md"), ("channels",), tables)
