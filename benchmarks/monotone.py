"""Does every photo grow in bytes and in PSNR with every one of the 64 rates?

Codes the middle of every photo at q = 0..63 and counts the steps from one q to the next in which
the file shrinks or the PSNR falls; also the range of the mean curve.
"""

from argparse import Namespace
from statistics import fmean
from typing import Any

from aecodec.codec import Codec
from aecodec.coding.planes import Pixels
from aecodec.format.constants import Q_COUNT
from aecodec.format.quality import q_to_quality
from aecodec.image.psnr import psnr
from benchmarks.measuring import PSNR_MODEL, photo_options, read_middles
from benchmarks.pages import BENCHMARKS, RESULTS, Page, table

Points = list[tuple[int, float]]
"""Bytes of the file and PSNR in dB at every q."""


add_options = photo_options(count=0, side=256)


def run(options: Namespace) -> dict[str, Any]:
    """Measure."""
    codec = Codec(PSNR_MODEL)
    photos, pictures = read_middles(options.photos, options.count, options.side)
    curves: dict[str, Points] = {}
    for photo, picture in zip(photos, pictures, strict=True):
        curves[photo.name] = points(codec, picture)
        print(f"{photo.name}: {falls(curves[photo.name])}", flush=True)
    ends = [[curve[q] for curve in curves.values()] for q in (0, -1)]
    return {
        "model": codec.model_id,
        "photos": len(curves),
        "steps": len(curves) * (Q_COUNT - 1),
        "falls": {name: falls(curve) for name, curve in curves.items() if falls(curve)},
        "psnr": [round(fmean(db for _, db in end), 2) for end in ends],
        "bpp": [round(fmean(8 * size / options.side**2 for size, _ in end), 4) for end in ends],
    }


def points(codec: Codec, pixels: Pixels) -> Points:
    """One photo, uint8 [H, W, 3], at every q."""
    found = []
    for q in range(Q_COUNT):
        data = codec.encode(pixels, q_to_quality(q), effort=0)
        found.append((len(data), psnr(pixels, codec.decode_picture(data).pixels)))
    return found


def falls(curve: Points) -> list[str]:
    """The steps that go the wrong way."""
    return [
        f"q {q + 1}: {b[0] - a[0]:+d} bytes, {b[1] - a[1]:+.4f} dB"
        for q, (a, b) in enumerate(zip(curve, curve[1:], strict=False))
        if b[0] <= a[0] or b[1] <= a[1]
    ]


def tables(name: str, result: dict[str, Any]) -> dict[str, str]:
    """One line: the steps that go the wrong way, and the range of the mean curve."""
    head = ("photos", "steps", "in which bytes did not rise or PSNR fell", "PSNR dB", "bpp")
    wrong = [f"{len(steps)} in {photo}" for photo, steps in result["falls"].items()]
    ranges = ["{}..{}".format(*result[key]) for key in ("psnr", "bpp")]
    row = [result["photos"], result["steps"], ", ".join(wrong) or "none", *ranges]
    return {name: table(head, [row])}


PAGE = Page(BENCHMARKS / "README.md", ("monotone",), tables, folder=RESULTS)
