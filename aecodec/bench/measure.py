"""One photo through one codec at one setting: file on disk, seconds, and what came back.

Each function of a `Task` returns what JSON can hold, so that results can be kept (tasks.py).
"""

import base64
import io
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from aecodec.bench.codecs import BenchCodec
from aecodec.bench.metrics import ms_ssim, psnr, ssimulacra2
from aecodec.bench.naming import name_of, steps_of
from aecodec.bench.photos import Photo
from aecodec.errors import AecodecError

Image8 = npt.NDArray[np.uint8]
VIEW_SIDE = 448
"""Side in pixels of the middle part that the report's viewer shows of a photo."""
_warm: set[BenchCodec] = set()


def measure_photo(codec: BenchCodec, step: float, photo: Photo) -> dict[str, Any]:
    """Encode and decode one photo through one file: a row of images.csv.

    Raises:
        AecodecError: the codec failed, changed the photo's size, or decoded it in two ways.
    """
    _warm_up(codec)
    with tempfile.TemporaryDirectory(prefix="aecodec-bench-") as folder:
        path = Path(folder) / f"photo{codec.suffix}"
        picture = photo.picture()
        start = time.perf_counter()
        codec.encode(picture, step, path)
        encoded = time.perf_counter()
        image_hat = np.asarray(codec.decode(path))  # [H, W, 3]
        decoded = time.perf_counter()
        size = path.stat().st_size
        _check(photo.image, image_hat, np.asarray(codec.decode(path)))
    return {
        "codec": name_of(codec),
        "setting": step,
        "image": photo.name,
        "bytes": size,
        "bpp": 8 * size / photo.pixels,
        "psnr": psnr(photo.image, image_hat),
        "ms_ssim": ms_ssim(photo.image, image_hat),
        "ssimulacra2": ssimulacra2(photo.image, image_hat),
        "encode_s": encoded - start,
        "decode_s": decoded - encoded,
        "pixels": photo.pixels,
    }


def _check(image: Image8, image_hat: Image8, again: Image8) -> None:
    """Raises AecodecError where what was decoded cannot be the photo."""
    if image_hat.shape != image.shape or image_hat.dtype != np.uint8:
        raise AecodecError(f"wrong size: {image.shape} decoded as {image_hat.shape}")
    if not np.array_equal(image_hat, again):
        raise AecodecError("mismatch: decoding the same file twice gave different pixels")


def view_photo(codec: BenchCodec, step: float, photo: Photo) -> dict[str, Any]:
    """The middle of the photo as it was decoded, for the report's viewer, lossless.

    Rate and PSNR are the whole photo's.
    """
    with tempfile.TemporaryDirectory(prefix="aecodec-bench-") as folder:
        path = Path(folder) / f"photo{codec.suffix}"
        codec.encode(photo.picture(), step, path)
        image_hat = np.asarray(codec.decode(path))
        size = path.stat().st_size
    _check(photo.image, image_hat, image_hat)
    return {
        "setting": step,
        "bpp": 8 * size / photo.pixels,
        "psnr": psnr(photo.image, image_hat),
        "picture": data_uri(image_hat),
    }


def data_uri(image: Image8) -> str:
    """The middle `VIEW_SIDE` pixels of uint8 [H, W, 3] as lossless WebP in a data URI."""
    (top, left), side = [max(0, (size - VIEW_SIDE) // 2) for size in image.shape[:2]], VIEW_SIDE
    file = io.BytesIO()
    part = Image.fromarray(np.ascontiguousarray(image[top : top + side, left : left + side]))
    part.save(file, "WEBP", lossless=True, quality=60, method=4)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()


def measure_memory(codec: BenchCodec, step: float, photo: Photo) -> dict[str, Any]:
    """Peak memory in MiB of this process, which should be a fresh one, or of its programs."""
    with tempfile.TemporaryDirectory(prefix="aecodec-bench-") as folder:
        path = Path(folder) / f"photo{codec.suffix}"
        codec.encode(photo.picture(), step, path)
        codec.decode(path)
    programs = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"peak_mib": max(_peak_mib(), programs)}


def _peak_mib() -> float:
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
