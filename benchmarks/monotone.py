"""Does every photo grow in bytes and in PSNR with every one of the 64 rates?

    python benchmarks/monotone.py PHOTOS [--crop 256] [--json-file FILE]

Codes the middle of every photo at q = 0..63 and counts the steps from one q to the next in which
the payload shrinks or the PSNR falls. Prints them, and the range of the mean curve.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

import torch

from aecodec.bench.photos import read_folder
from aecodec.coding.encoder import encode_latents
from aecodec.coding.planes import Pixels
from aecodec.coding.transform import analyze, synthesize
from aecodec.format.constants import Q_COUNT
from aecodec.image.psnr import psnr
from aecodec.model.loaded import LoadedModel
from aecodec.model.store import find_model
from aecodec.training.data import centre

Points = list[tuple[int, float]]
"""Payload bytes and PSNR in dB at every q."""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Check that quality is monotone in q.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--json-file", type=Path)
    options = parser.parse_args()
    loaded = LoadedModel.load(find_model(None).path, torch.device("cpu"))
    curves: dict[str, Points] = {}
    for photo in read_folder(options.photos, print):
        pixels = centre(photo.image, options.crop)
        curves[photo.name] = points(loaded, pixels)
        print(f"{photo.name}: {falls(curves[photo.name])}", flush=True)
    result = {
        "model": loaded.model_id,
        "photos": len(curves),
        "steps": len(curves) * (Q_COUNT - 1),
        "falls": {name: falls(curve) for name, curve in curves.items() if falls(curve)},
        "psnr": [round(statistics.fmean(c[q][1] for c in curves.values()), 2) for q in (0, -1)],
        "bpp": [
            round(statistics.fmean(8 * c[q][0] / options.crop**2 for c in curves.values()), 4)
            for q in (0, -1)
        ],
    }
    print(json.dumps(result, indent=1))
    if options.json_file:
        options.json_file.write_text(json.dumps(result, indent=1) + "\n")


@torch.inference_mode()
def points(loaded: LoadedModel, pixels: Pixels) -> Points:
    """One photo at every q."""
    height, width = pixels.shape[:2]
    found = []
    for q in range(Q_COUNT):
        payload, y_hat, _ = encode_latents(loaded, *analyze(loaded.model, pixels, q), q)
        decoded = synthesize(loaded.model, y_hat, width, height, q)
        found.append((len(payload), psnr(pixels, decoded)))
    return found


def falls(curve: Points) -> list[str]:
    """The steps that go the wrong way."""
    return [
        f"q {q + 1}: {b[0] - a[0]:+d} bytes, {b[1] - a[1]:+.4f} dB"
        for q, (a, b) in enumerate(zip(curve, curve[1:], strict=False))
        if b[0] <= a[0] or b[1] <= a[1]
    ]


if __name__ == "__main__":
    main()
