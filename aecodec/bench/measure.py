"""One photo at one setting: file on disk, seconds, PSNR and MS-SSIM."""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from aecodec.bench.codecs import BenchCodec
from aecodec.bench.photos import Photo
from aecodec.bench.report import CodecResult, Measurement, RDPoint
from aecodec.errors import AecodecError
from aecodec.picture import psnr as picture_psnr

# Identical pictures would have an infinite PSNR, which no mean and no JSON can hold.
PSNR_MAX = 100.0
# MS-SSIM halves the picture four times and then still needs its window of 11 pixels.
MS_SSIM_MIN_SIDE = 11 * 16

Image8 = npt.NDArray[np.uint8]


def measure_codec(
    codec: BenchCodec, photos: Sequence[Photo], progress: Callable[[str], None]
) -> CodecResult:
    """Run a codec at all its steps on all photos; files live in a temporary folder.

    Raises:
        AecodecError: the codec failed or changed a photo's size.
    """
    points: list[RDPoint] = []
    measurements: list[Measurement] = []
    with tempfile.TemporaryDirectory(prefix="aecodec-bench-") as name:
        _warm_up(codec, Path(name))
        for step in codec.steps:
            rows = [measure_photo(codec, step, photo, Path(name)) for photo in photos]
            point = mean_point(rows)
            progress(f"{codec.name} {step}: {point.bpp:.3f} bpp, {point.psnr:.2f} dB")
            points.append(point)
            measurements.extend(rows)
    return CodecResult(
        name=codec.name,
        version=codec.version,
        settings=codec.settings,
        status="run",
        points=tuple(points),
        measurements=tuple(measurements),
    )


def measure_photo(codec: BenchCodec, step: int, photo: Photo, folder: Path) -> Measurement:
    """Encode and decode one photo through one file in `folder`; the file is deleted again.

    Raises:
        AecodecError: the codec failed or changed the photo's size.
    """
    path = folder / f"{photo.name}{codec.suffix}"
    try:
        start = time.perf_counter()
        codec.encode(photo.picture(), step, path)
        encoded = time.perf_counter()
        image_hat = np.asarray(codec.decode(path))  # [H, W, 3]
        decoded = time.perf_counter()
        size = path.stat().st_size
    except Exception as error:  # whatever a foreign codec raises, say where it happened
        raise AecodecError(f"{codec.name} {step}: {photo.name}: {error}") from error
    if image_hat.shape != photo.image.shape or image_hat.dtype != np.uint8:
        was, now = photo.image.shape, image_hat.shape
        raise AecodecError(f"{codec.name} {step}: {photo.name}: {was} decoded as {now}")
    path.unlink()
    return Measurement(
        codec=codec.name,
        setting=step,
        image=photo.name,
        bytes=size,
        bpp=8 * size / photo.pixels,
        psnr=psnr(photo.image, image_hat),
        ms_ssim=ms_ssim(photo.image, image_hat),
        encode_s=encoded - start,
        decode_s=decoded - encoded,
    )


def mean_point(rows: Sequence[Measurement]) -> RDPoint:
    """The mean over photos of each figure (PSNR in dB, as published curves do).

    MS-SSIM is the mean over the photos large enough to have one.
    """
    similarities = [row.ms_ssim for row in rows if row.ms_ssim is not None]
    return RDPoint(
        setting=rows[0].setting,
        bpp=statistics.fmean(row.bpp for row in rows),
        psnr=statistics.fmean(row.psnr for row in rows),
        ms_ssim=statistics.fmean(similarities) if similarities else None,
        encode_s=statistics.fmean(row.encode_s for row in rows),
        decode_s=statistics.fmean(row.decode_s for row in rows),
    )


def psnr(image: Image8, image_hat: Image8) -> float:
    """PSNR in dB over all RGB samples, at most `PSNR_MAX`."""
    return min(picture_psnr(image, image_hat), PSNR_MAX)


def ms_ssim(image: Image8, image_hat: Image8) -> float | None:
    """MS-SSIM (Wang, Simoncelli and Bovik 2003) of RGB samples.

    None if a side is shorter than `MS_SSIM_MIN_SIDE` or pytorch-msssim is not installed.
    """
    if min(image.shape[:2]) < MS_SSIM_MIN_SIDE or find_spec("pytorch_msssim") is None:
        return None
    import pytorch_msssim  # type: ignore[import-untyped]
    import torch

    pair = [
        torch.from_numpy(each.transpose(2, 0, 1)[None].astype(np.float32))  # [1, 3, H, W]
        for each in (image, image_hat)
    ]
    return float(pytorch_msssim.ms_ssim(*pair, data_range=255))


def _warm_up(codec: BenchCodec, folder: Path) -> None:
    """Encode and decode a tiny photo, so that no photo pays for what happens only once."""
    gradient = np.asarray(Image.linear_gradient("L").resize((64, 64)))  # [64, 64]
    tiny = Photo("warm-up", np.stack([gradient] * 3, axis=-1))
    measure_photo(codec, codec.steps[0], tiny, folder)
