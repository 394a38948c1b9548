"""How long one photo takes, and how that compares with the arithmetic in it.

    python benchmarks/speed.py [PHOTO] [--quality 60] [--repeats 5] [--threads 2]

Measures `Codec.encode` and `Codec.decode` with the model loaded and warm: median seconds (of
encoding also at the default effort, whose gradients PyTorch cannot count here),
multiply-adds per pixel as PyTorch itself counts them in those very calls, and the ratio of the time
to what as many multiply-adds take as plain float32 matrix products on the same machine in the same
run. A ratio of 1 would be a codec that does nothing but ideal arithmetic. Prints a table and JSON.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from pathlib import Path

import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from aecodec.codec import Codec
from aecodec.quality import DEFAULT_EFFORT

SIZE = (768, 512)  # width and height of the default photo
DEFAULT_PHOTO = "motorcycle_left.png"  # 741x500 in scikit-image's wheel: hardly scaled
# A 1x1 convolution of 256 channels over a 768x512 photo at 1/8: [6144, 256] @ [256, 256].
PRODUCT = (6144, 256, 256)
PRODUCTS = 50


@dataclass(frozen=True)
class Speed:
    """One direction of the codec."""

    direction: str
    seconds: float  # median
    kmac_per_pixel: float  # thousand multiply-adds per pixel of the photo
    product_seconds: float  # as many multiply-adds as matrix products
    ratio: float  # seconds / product_seconds


def main() -> None:
    """Measure, print."""
    options = parse()
    torch.set_num_threads(options.threads)
    picture = read_photo(options.photo)
    codec = Codec(device="cpu")
    speeds = measure(codec, picture, options.quality, options.repeats)
    default = median_seconds(lambda: codec.encode(picture, options.quality), options.repeats)
    print(table(speeds, picture, options.threads))
    summary = {
        "size": list(picture.size),
        "quality": options.quality,
        "threads": options.threads,
        "repeats": options.repeats,
        "peak_rss_mib": round(peak_rss_mib()),
        "default_effort": DEFAULT_EFFORT,
        "default_effort_encode_seconds": default,
        "speeds": [asdict(speed) for speed in speeds],
    }
    print(json.dumps(summary, indent=1))
    if options.json_file:
        options.json_file.write_text(json.dumps(summary, indent=1) + "\n")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Time aecodec on one photo.")
    parser.add_argument("photo", nargs="?", type=Path, help="default: a photo of scikit-image")
    parser.add_argument("--quality", type=int, default=60, help="1..100 (60)")
    parser.add_argument("--repeats", type=int, default=5, help="timed calls each (5)")
    parser.add_argument("--threads", type=int, default=2, help="PyTorch's threads (2)")
    parser.add_argument("--json-file", type=Path, help="also write the JSON to this file")
    return parser.parse_args()


def read_photo(path: Path | None) -> Image.Image:
    """The photo as RGB; without a path, one of scikit-image's, resized to `SIZE`."""
    if path is not None:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    with (
        as_file(files("skimage") / "data" / DEFAULT_PHOTO) as bundled,
        Image.open(bundled) as photo,
    ):
        return photo.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS)


def measure(codec: Codec, picture: Image.Image, quality: int, repeats: int) -> list[Speed]:
    """Both directions: counted once (which also warms up), then timed."""
    data = codec.encode(picture, quality=quality, effort=0)
    calls: dict[str, Callable[[], object]] = {
        "encode, effort 0": lambda: codec.encode(picture, quality=quality, effort=0),
        "decode": lambda: codec.decode(data),
    }
    macs = {name: count_macs(call) for name, call in calls.items()}
    seconds = {name: median_seconds(call, repeats) for name, call in calls.items()}
    product_rate = macs_per_second()
    pixels = picture.width * picture.height
    return [
        Speed(
            direction=name,
            seconds=seconds[name],
            kmac_per_pixel=macs[name] / pixels / 1000,
            product_seconds=macs[name] / product_rate,
            ratio=seconds[name] * product_rate / macs[name],
        )
        for name in calls
    ]


def count_macs(call: Callable[[], object]) -> int:
    """The multiply-adds of the convolutions and matrix products that PyTorch runs in a call."""
    with FlopCounterMode(display=False) as counter:
        call()
    macs = int(counter.get_total_flops()) // 2
    if macs == 0:
        raise SystemExit("PyTorch counted no multiply-adds: the codec does not run in this thread")
    return macs


def median_seconds(call: Callable[[], object], repeats: int) -> float:
    """The median wall-clock seconds of some calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def macs_per_second() -> float:
    """Multiply-adds per second of plain float32 matrix products of the shape `PRODUCT`."""
    rows, inner, columns = PRODUCT
    a, b, out = torch.randn(rows, inner), torch.randn(inner, columns), torch.empty(rows, columns)
    median_seconds(lambda: torch.mm(a, b, out=out), PRODUCTS // 5)  # warm-up
    return rows * inner * columns / median_seconds(lambda: torch.mm(a, b, out=out), PRODUCTS)


def peak_rss_mib() -> float:
    """The most memory this process has held so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def table(speeds: list[Speed], picture: Image.Image, threads: int) -> str:
    """Markdown."""
    width, height = picture.size
    lines = [
        f"{width}x{height} photo, {threads} threads, model loaded, peak memory "
        f"{peak_rss_mib():.0f} MiB.",
        "",
        "| | median s | kMAC/px | same MACs as products, s | ratio |",
        "|---|---|---|---|---|",
    ]
    for speed in speeds:
        lines.append(
            f"| {speed.direction} | {speed.seconds:.3f} | {speed.kmac_per_pixel:.1f} "
            f"| {speed.product_seconds:.3f} | {speed.ratio:.1f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
