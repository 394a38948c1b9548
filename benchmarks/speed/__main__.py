"""How long one photo takes, and how that compares with the arithmetic in it.

    python -m benchmarks.speed [PHOTO] [--size 768x512] [--quality 60] [--repeats 5] [--threads 2]

Measures `Codec.encode` and `Codec.decode` with the model loaded and warm: median seconds (of
encoding also at the default effort, whose gradients PyTorch cannot count here),
multiply-adds per pixel as PyTorch itself counts them in those very calls, and the ratio of the time
to what as many multiply-adds take as plain matrix products on the same machine in the same run:
those of the transforms in binary32, those of the entropy side in the binary64 that keeps them
exact; and, for comparison, as if all were binary32. A ratio of 1 would be a codec that does nothing
but ideal arithmetic. Then where the time of decoding goes. Writes NAME.json and NAME.md beside this
file with --name; `kodak-size` is kept.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from aecodec.bench.table import markdown
from aecodec.codec import Codec
from aecodec.coding.effort import DEFAULT_EFFORT

HERE = Path(__file__).parent
SIZE = (768, 512)  # width and height of the default photo
DEFAULT_PHOTO = "motorcycle_left.png"  # 741x500 in scikit-image's wheel: hardly scaled
# A 1x1 convolution of 256 channels over a 768x512 photo at 1/8: [6144, 256] @ [256, 256].
PRODUCT = (6144, 256, 256)
PRODUCTS = 50
PARTS = {
    "matrix products": {"mm", "addmm", "bmm", "baddbmm"},
    "convolutions of the transforms": {"mkldnn_convolution", "slow_conv2d"},
    "depthwise convolutions of the entropy side": {"addcmul_"},
    "activations and rounding": {"hardswish", "hardswish_", "clamp_", "clamp", "floor_", "mul_"},
    "copies and layout": {"copy_", "cat", "clone", "contiguous", "fill_", "index", "index_put_"},
}
"""PyTorch's operations by what they are for; what is left is other element-wise work."""


@dataclass(frozen=True)
class Speed:
    """One direction of the codec."""

    direction: str
    seconds: float  # median
    kmac_per_pixel: float  # thousand multiply-adds per pixel of the photo
    product_seconds: float  # as many multiply-adds as matrix products, each in its precision
    ratio: float  # seconds / product_seconds
    ratio_binary32: float  # as if all of them were binary32


def main() -> None:
    """Measure, print."""
    options = parse()
    torch.set_num_threads(options.threads)
    picture = read_photo(options.photo, options.size)
    codec = Codec(device="cpu")
    data = codec.encode(picture, options.quality)
    speeds = measure(codec, picture, options.quality, data, options.repeats)
    default = median_seconds(lambda: codec.encode(picture, options.quality), options.repeats)
    parts = profiled(codec, data)
    text = table(speeds, picture, options.threads)
    text += f"\nEncoding at the default effort {DEFAULT_EFFORT}: {default:.2f} s.\n\n"
    text += parts_table(parts)
    print(text)
    summary = {
        "size": list(picture.size),
        "model": codec.model_id,
        "quality": options.quality,
        "threads": options.threads,
        "repeats": options.repeats,
        "peak_rss_mib": round(peak_rss_mib()),
        "default_effort": DEFAULT_EFFORT,
        "default_effort_encode_seconds": default,
        "speeds": [asdict(speed) for speed in speeds],
        "decode_parts": parts,
    }
    if options.name:
        (HERE / f"{options.name}.json").write_text(json.dumps(summary, indent=1) + "\n")
        (HERE / f"{options.name}.md").write_text(text)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Time aecodec on one photo.")
    parser.add_argument("photo", nargs="?", type=Path, help="default: a photo of scikit-image")
    parser.add_argument("--quality", type=int, default=60, help="1..100 (60)")
    parser.add_argument("--repeats", type=int, default=5, help="timed calls each (5)")
    parser.add_argument("--threads", type=int, default=2, help="PyTorch's threads (2)")
    parser.add_argument("--size", type=read_size, help="of the default photo (768x512)")
    parser.add_argument("--name", help="write NAME.json and NAME.md")
    return parser.parse_args()


def read_size(text: str) -> tuple[int, int]:
    """'768x512' -> width, height."""
    width, height = map(int, text.split("x"))
    return width, height


def read_photo(path: Path | None, size: tuple[int, int] | None = None) -> Image.Image:
    """The photo as RGB; without a path, one of scikit-image's, resized to `size` or SIZE."""
    if path is not None:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    with (
        as_file(files("skimage") / "data" / DEFAULT_PHOTO) as bundled,
        Image.open(bundled) as photo,
    ):
        return photo.convert("RGB").resize(size or SIZE, Image.Resampling.LANCZOS)


def measure(
    codec: Codec, picture: Image.Image, quality: int, data: bytes, repeats: int
) -> list[Speed]:
    """Encoding, and decoding `data`: counted once (which also warms up), then timed."""
    calls: dict[str, Callable[[], object]] = {
        "encode, effort 0": lambda: codec.encode(picture, quality=quality, effort=0),
        "decode": lambda: codec.decode(data),
    }
    macs = {name: count_macs(call) for name, call in calls.items()}
    seconds = {name: median_seconds(call, repeats) for name, call in calls.items()}
    rates = {dtype: macs_per_second(dtype) for dtype in (torch.float32, torch.float64)}
    pixels = picture.width * picture.height
    speeds = []
    for name, took in seconds.items():
        counts = macs[name]
        ideal = sum(count / rates[dtype] for dtype, count in counts.items())
        as_binary32 = counts.total() / rates[torch.float32]
        kmac = counts.total() / pixels / 1000
        speeds.append(Speed(name, took, kmac, ideal, took / ideal, took / as_binary32))
    return speeds


def count_macs(call: Callable[[], object]) -> Counter[torch.dtype]:
    """The multiply-adds of the convolutions and matrix products in a call, by precision."""
    counts: Counter[torch.dtype] = Counter()

    def counting(formula: Callable[..., int]) -> Callable[..., int]:
        def count(*arguments: Any, out_val: torch.Tensor, **options: Any) -> int:
            flops = formula(*arguments, out_val=out_val, **options)
            counts[out_val.dtype] += flops // 2
            return flops

        count._get_raw = True  # type: ignore[attr-defined]  # tensors, not their shapes
        return count

    formulas = {operation: counting(formula) for operation, formula in flop_registry.items()}
    with FlopCounterMode(display=False, custom_mapping=formulas):
        call()
    if not counts:
        raise SystemExit("PyTorch counted no multiply-adds: the codec does not run in this thread")
    return counts


def profiled(codec: Codec, data: bytes, repeats: int = 3) -> dict[str, float]:
    """Shares of the time of decoding by kind of work, as PyTorch's profiler sees it."""
    codec.decode(data)
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        start = time.perf_counter()
        for _ in range(repeats):
            codec.decode(data)
        wall = 1e6 * (time.perf_counter() - start)
    shares = dict.fromkeys([*PARTS, "other element-wise work"], 0.0)
    for event in seen.key_averages():
        if event.key.startswith("aten::"):
            name = event.key.removeprefix("aten::")
            part = next((part for part, names in PARTS.items() if name in names), None)
            shares[part or "other element-wise work"] += event.self_cpu_time_total / wall
    return shares | {"entropy coder, Python": 1 - sum(shares.values())}


def median_seconds(call: Callable[[], object], repeats: int) -> float:
    """The median wall-clock seconds of some calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def macs_per_second(dtype: torch.dtype) -> float:
    """Multiply-adds per second of plain matrix products of the shape `PRODUCT`."""
    rows, inner, columns = PRODUCT
    a, b = torch.randn(rows, inner, dtype=dtype), torch.randn(inner, columns, dtype=dtype)
    out = torch.empty(rows, columns, dtype=dtype)
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
        "| | median s | kMAC/px | same MACs as products, s | ratio | ratio, all binary32 |",
        "|---|---|---|---|---|---|",
    ]
    for speed in speeds:
        lines.append(
            f"| {speed.direction} | {speed.seconds:.3f} | {speed.kmac_per_pixel:.1f} "
            f"| {speed.product_seconds:.3f} | {speed.ratio:.2f} | {speed.ratio_binary32:.2f} |"
        )
    return "\n".join(lines) + "\n"


def parts_table(parts: dict[str, float]) -> str:
    """Markdown."""
    rows = [["decoding", "share of its time"]]
    return "\n".join(markdown([*rows, *([name, f"{x:.0%}"] for name, x in parts.items())])) + "\n"


if __name__ == "__main__":
    main()
