"""Would a part of the latents do for a small picture? Of how many channels, and of how many bits?

    python -m benchmarks.multiresolution.channels PHOTOS [--count 8] [--side 256]

Decodes pictures of effort 0 by the whole network, from the channels that matter most at 1/4 and 0
for the others, and writes channels.md beside this file: PSNR at 1/4 below that of all channels,
and the channels' share of the bits.
"""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from aecodec.bench.table import markdown
from aecodec.model.loaded import LoadedModel
from aecodec.model.model import Model
from aecodec.model.store import find_model
from benchmarks.pictures import photo_options, read_middles
from benchmarks.training.diagnosis import Coded, code, y_bits

HERE = Path(__file__).parent
SCALE = 4
Q = (5, 25, 45, 62)
COUNTS = (48, 96, 192, 256)


def main() -> None:
    """Measure, print, write."""
    options = photo_options("Decode 1/4 from some channels.", count=8, side=256).parse_args()
    loaded = LoadedModel.load(find_model(None).path, torch.device("cpu"))
    _, pictures = read_middles(options)
    rows = [["q", *(f"{count} channels" for count in COUNTS)]]
    for q in Q:
        coded = [code(loaded, picture, q, effort=0) for picture in pictures]
        order = by_weight(loaded.model, coded)
        whole = fmean(decibels(loaded, each) for each in coded)
        bits = [y_bits(loaded, each).sum(dim=(0, 2, 3)) for each in coded]
        cells = []
        for count in COUNTS:
            kept = order[:count]
            below = whole - fmean(decibels(loaded, each, kept) for each in coded)
            share = fmean(float(part[kept].sum() / part.sum()) for part in bits)
            cells.append(f"{below:.2f} dB below, {share:.0%} of the bits")
        rows.append([str(q), *cells])
    text = "\n".join(markdown(rows)) + "\n"
    (HERE / "channels.md").write_text(text)
    print(text)


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


if __name__ == "__main__":
    main()
