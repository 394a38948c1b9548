"""One photo through one codec at one setting: file on disk, seconds, and what came back.

Each function of a `Task` returns what JSON can hold, so that results can be kept (tasks.py).
"""

import base64
import io
import resource
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from aecodec.bench.codecs import BenchCodec
from aecodec.bench.metrics import measured
from aecodec.bench.naming import name_of, steps_of
from aecodec.bench.photos import Photo
from aecodec.errors import AecodecError
from aecodec.image.modes import Pixels

VIEW_SIDE = 448
"""Side in pixels of the middle part that the report's viewer shows of a photo."""
_warm: set[BenchCodec] = set()


class Coded(NamedTuple):
    """One photo through one file: its size, what it decodes to, wall-clock seconds."""

    bytes: int
    bpp: float
    image_hat: Pixels  # [H, W, 3]
    encode_s: float
    decode_s: float


def code(codec: BenchCodec, step: float, image: Pixels, decodes: int = 1) -> Coded:
    """Encode uint8 [H, W, 3] to a file and decode it so many times, of which the first is timed.

    Raises:
        AecodecError: the codec failed, changed the photo's size, or decoded it in two ways.
    """
    with tempfile.TemporaryDirectory(prefix="aecodec-bench-") as folder:
        path = Path(folder) / f"photo{codec.suffix}"
        picture = Image.fromarray(image)
        start = time.perf_counter()
        codec.encode(picture, step, path)
        encoded = time.perf_counter()
        image_hat = np.asarray(codec.decode(path))
        decoded = time.perf_counter()
        others = [np.asarray(codec.decode(path)) for _ in range(decodes - 1)]
        size = path.stat().st_size
    if image_hat.shape != image.shape or image_hat.dtype != np.uint8:
        raise AecodecError(f"wrong size: {image.shape} decoded as {image_hat.shape}")
    if not all(np.array_equal(image_hat, other) for other in others):
        raise AecodecError("mismatch: decoding the same file twice gave different pixels")
    return Coded(size, 8 * size / (image.size // 3), image_hat, encoded - start, decoded - encoded)


def measure_photo(codec: BenchCodec, step: float, photo: Photo) -> dict[str, Any]:
    """A row of images.csv. Raises AecodecError as `code` does."""
    _warm_up(codec)
    coded = code(codec, step, photo.image, decodes=2)
    return {
        "codec": name_of(codec),
        "setting": step,
        "image": photo.name,
        "bytes": coded.bytes,
        "bpp": coded.bpp,
        **measured(photo.image, coded.image_hat),
        "encode_s": coded.encode_s,
        "decode_s": coded.decode_s,
        "pixels": photo.pixels,
    }


def view_photo(codec: BenchCodec, step: float, photo: Photo) -> dict[str, Any]:
    """The middle of the photo as it was decoded, for the report's viewer, lossless.

    Rate and metrics are the whole photo's.
    """
    coded = code(codec, step, photo.image)
    return {
        "setting": step,
        "bpp": coded.bpp,
        **measured(photo.image, coded.image_hat),
        "picture": data_uri(coded.image_hat),
    }


def data_uri(image: Pixels) -> str:
    """The middle `VIEW_SIDE` pixels of uint8 [H, W, 3] as lossless WebP in a data URI."""
    (top, left), side = [max(0, (size - VIEW_SIDE) // 2) for size in image.shape[:2]], VIEW_SIDE
    file = io.BytesIO()
    part = Image.fromarray(np.ascontiguousarray(image[top : top + side, left : left + side]))
    part.save(file, "WEBP", lossless=True, quality=60, method=4)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()


def measure_memory(codec: BenchCodec, step: float, photo: Photo) -> dict[str, Any]:
    """Peak memory in MiB of this process, which should be a fresh one, or of its programs."""
    code(codec, step, photo.image)
    programs = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"peak_mib": max(peak_mib(), programs)}


def peak_mib() -> float:
    """This process's peak of resident memory.

    Linux: not getrusage's, which counts the parent's memory from before exec.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _warm_up(codec: BenchCodec) -> None:
    """Once a process, a tiny photo, so that no photo pays for what happens only once."""
    if codec in _warm:
        return
    gradient = np.asarray(Image.linear_gradient("L").resize((64, 64)))  # [64, 64]
    tiny = Photo("warm-up", np.stack([gradient] * 3, axis=-1))
    _warm.add(codec)
    measure_photo(codec, steps_of(codec)[0], tiny)
