"""How long one photo takes, and how that compares with the arithmetic in it.

Measures `Codec.encode` and `Codec.decode` with the model loaded and warm: median seconds (of
encoding also at the default effort, whose gradients PyTorch cannot count here),
multiply-adds per pixel as PyTorch itself counts them in those very calls, and the ratio of the time
to what as many multiply-adds take as plain matrix products on the same machine in the same run,
each in the precision it has in the codec; and, for comparison, as if all were binary32. A ratio of
1 would be a codec that does nothing but ideal arithmetic. Then where the time of decoding goes.

With --against, an old commit and this tree in turn instead: calls of loaded codecs, commands, some
of them at once, both beside busy processes; and, with --large, commands for a large photo.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from aecodec.bench.measure import peak_mib
from aecodec.bench.photos import read_bundled
from aecodec.codec import Codec
from aecodec.coding.effort import DEFAULT_EFFORT
from aecodec.model.products import linear
from aecodec.model.store import TUNED
from benchmarks.measuring import median_seconds
from benchmarks.pages import Page, table
from benchmarks.speed import against
from benchmarks.trees import machine

SIZE = (768, 512)  # width and height of the default photo
DEFAULT_PHOTO = "motorcycle_left.png"  # 741x500 in scikit-image's wheel: hardly scaled
# A 1x1 convolution of 256 channels over a 768x512 photo at 1/8: [6144, 256] @ [256, 256].
PRODUCT = (6144, 256, 256)
PRODUCTS = 50
PARTS = {
    "matrix products": {"mm", "addmm", "bmm", "baddbmm", "_linear_pointwise", "mkldnn_linear"},
    "convolutions of the transforms": {"mkldnn_convolution", "slow_conv2d"},
    "depthwise convolutions of the entropy side": {"addcmul_"},
    "activations and rounding": {"hardswish", "hardswish_", "clamp_", "clamp", "floor_", "mul_"},
    "copies and layout": {"copy_", "cat", "clone", "contiguous", "fill_", "index", "index_put_"},
}
"""PyTorch's operations by what they are for; what is left is other element-wise work."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The photo, how to code it, and how often."""
    parser.add_argument("photo", nargs="?", type=Path, help="default: a photo of scikit-image's")
    parser.add_argument("--quality", type=int, default=60, help="1..100 (%(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="timed calls each (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="PyTorch's threads (%(default)s)")
    parser.add_argument("--size", type=read_size, default=SIZE, help="of the default photo")
    parser.add_argument("--against", metavar="COMMIT", help="an old commit, in turn with this tree")
    what = "with --against: commands also for the photo scaled to this, some minutes for 4000x3000"
    parser.add_argument("--large", metavar="SIZE", type=read_size, help=what)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure."""
    picture = read_photo(options.photo, options.size)
    if options.against:
        return against.compare(picture, options.large, options)
    torch.set_num_threads(options.threads)
    codec = Codec(device="cpu")
    data = codec.encode(picture, options.quality)
    speeds = measure(codec, picture, options.quality, data, options.repeats)
    calls = [partial(codec.encode, picture, options.quality, tune=tune) for tune in TUNED]
    default = median_seconds(calls, options.repeats, warm_up=1)
    parts = profiled(codec, data)
    return {
        "machine": machine(),
        "size": list(picture.size),
        "model": codec.model_id,
        "quality": options.quality,
        "threads": options.threads,
        "repeats": options.repeats,
        "peak_rss_mib": round(peak_mib()),
        "default_effort": DEFAULT_EFFORT,
        "default_effort_encode_seconds": dict(zip(TUNED, default, strict=True)),
        "speeds": speeds,
        "decode_parts": parts,
    }


def read_size(text: str) -> tuple[int, int]:
    """'768x512' -> width, height."""
    width, height = map(int, text.split("x"))
    return width, height


def read_photo(path: Path | None, size: tuple[int, int] = SIZE) -> Image.Image:
    """The photo as RGB; without a path, one of scikit-image's, resized to `size`."""
    if path is not None:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    photo = next(photo for photo in read_bundled() if photo.name == DEFAULT_PHOTO)
    return photo.picture().resize(size, Image.Resampling.LANCZOS)


def measure(
    codec: Codec, picture: Image.Image, quality: int, data: bytes, repeats: int
) -> list[dict[str, Any]]:
    """Encoding, and decoding `data`: counted once (which also warms up), then timed.

    -> for each direction: median seconds; thousand multiply-adds per pixel of the photo; seconds of
    as many multiply-adds as matrix products, each in its precision; the ratio of the former seconds
    to the latter; and that ratio as if all of them were binary32.
    """
    calls: dict[str, Callable[[], object]] = {
        "encode, effort 0": lambda: codec.encode(picture, quality=quality, effort=0),
        "decode": lambda: codec.decode(data),
    }
    macs = [count_macs(call) for call in calls.values()]
    seconds = [median_seconds([call], repeats)[0] for call in calls.values()]
    precisions = {torch.float32}.union(*macs)
    rates = {dtype: macs_per_second(dtype) for dtype in precisions}
    rows = []
    for name, counts, took in zip(calls, macs, seconds, strict=True):
        ideal = sum(count / rates[dtype] for dtype, count in counts.items())
        row = {"direction": name, "seconds": took}
        row["kmac_per_pixel"] = counts.total() / (picture.width * picture.height) / 1000
        row |= {"product_seconds": ideal, "ratio": took / ideal}
        rows.append(row | {"ratio_binary32": took * rates[torch.float32] / counts.total()})
    return rows


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

    def linear_flops(x: torch.Tensor, *_: Any, out_val: torch.Tensor) -> int:
        return 2 * out_val.numel() * x.shape[-1]

    known = {**flop_registry, torch.ops.mkldnn._linear_pointwise: linear_flops}
    formulas = {operation: counting(formula) for operation, formula in known.items()}
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
        library, _, name = event.key.rpartition("::")
        if library in ("aten", "mkldnn"):
            part = next((part for part, names in PARTS.items() if name in names), None)
            shares[part or "other element-wise work"] += event.self_cpu_time_total / wall
    return shares | {"entropy coder, Python": 1 - sum(shares.values())}


def macs_per_second(dtype: torch.dtype) -> float:
    """Multiply-adds per second of plain matrix products of the shape `PRODUCT`."""
    rows, inner, columns = PRODUCT
    a, b = torch.randn(rows, inner, dtype=dtype), torch.randn(columns, inner, dtype=dtype)
    with torch.inference_mode():
        (seconds,) = median_seconds([lambda: linear(a, b)], PRODUCTS, PRODUCTS // 5)
    return rows * inner * columns / seconds


def tables(name: str, result: dict[str, Any]) -> dict[str, str]:
    """Both directions, the default effort, and where the time of decoding goes; or two trees."""
    if "commits" in result:
        return {name: against.tables(result)}
    width, height = result["size"]
    about = (
        f"{width}x{height} photo, {result['threads']} threads of {result['machine']}; model "
        f"loaded, peak memory {result['peak_rss_mib']} MiB."
    )
    head = ("", "median s", "kMAC/px", "same MACs as products, s", "ratio", "ratio, all binary32")
    rows = []
    for row in result["speeds"]:
        ratios = [f"{row[key]:.2f}" for key in ("ratio", "ratio_binary32")]
        kmac = f"{row['kmac_per_pixel']:.1f}"
        rows.append([row["direction"], row["seconds"], kmac, row["product_seconds"], *ratios])
    told = (f"{s:.2f} s for {tune}" for tune, s in result["default_effort_encode_seconds"].items())
    default = f"Encoding at the default effort {result['default_effort']}: {', '.join(told)}."
    parts = [[part, f"{share:.0%}"] for part, share in result["decode_parts"].items()]
    shares = table(("decoding", "share of its time"), parts)
    return {name: "\n\n".join([about, table(head, rows), default, shares])}


def short_table(result: dict[str, Any]) -> str:
    """What README.md and the model card show of it."""
    width, height = result["size"]
    ratio = "time / time of the same MACs as matrix products, each in its precision"
    about = f"{width}x{height} photo, {result['threads']} threads of {result['machine']}:"
    rows = [
        [
            row["direction"],
            *(f"{row['seconds']:.2f}", f"{row['kmac_per_pixel']:.0f}"),
            f"{row['ratio']:.2f}",
        ]
        for row in result["speeds"]
    ]
    effort = f"encode, effort {result['default_effort']} (default)"
    for tune, seconds in result["default_effort_encode_seconds"].items():
        rows.append([f"{effort}, {tune}", f"{seconds:.2f}", "", ""])
    return f"{about}\n\n{table(('', 'median s', 'kMAC/px', ratio), rows)}"


PAGE = Page(Path(__file__).with_name("README.md"), ("kodak-size", "against"), tables)
