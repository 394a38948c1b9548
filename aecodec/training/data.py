"""Training data: random crops of a folder of pictures or of tars of pictures, kept in memory."""

from __future__ import annotations

import io
import queue
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from aecodec.errors import AecodecError
from aecodec.planes import Pixels

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".ppm"}
RESCAN_SECONDS = 20.0


class Pictures:
    """All pictures under `folder`, decoded, uint8 [H, W, 3]; `rescan` takes in new files."""

    def __init__(self, folder: Path, smallest: int) -> None:
        """Raises AecodecError when there is no picture of at least `smallest` pixels each way."""
        self.folder, self.smallest = folder, smallest
        self.items: list[Pixels] = []
        self._files: dict[Path, tuple[int, list[Pixels]]] = {}  # size in bytes, pictures
        self.rescan()
        if not self.items:
            raise AecodecError(f"{folder}: no pictures of at least {smallest} pixels to train on")

    def rescan(self) -> None:
        """Read the files that are new, or whose size has changed since they were read."""
        for path in sorted(self.folder.rglob("*")):
            if path.suffix.lower() not in SUFFIXES | {".tar"}:
                continue
            size = path.stat().st_size
            if path not in self._files or self._files[path][0] != size:
                found = [
                    item for item in read_pictures(path) if min(item.shape[:2]) >= self.smallest
                ]
                self._files[path] = size, found
        self.items = [item for _, found in self._files.values() for item in found]


def read_pictures(path: Path) -> list[Pixels]:
    """The readable pictures of one file or of one tar, which may still be arriving."""
    try:
        if path.suffix.lower() != ".tar":
            return decode(path.read_bytes())
        with tarfile.open(path) as tar:
            return [item for data in read_members(tar) for item in decode(data)]
    except (OSError, tarfile.TarError):
        return []


def read_members(tar: tarfile.TarFile) -> Iterator[bytes]:
    """The bytes of every picture in a tar, as far as it can be read."""
    try:
        for member in tar:
            file = tar.extractfile(member) if Path(member.name).suffix.lower() in SUFFIXES else None
            if file is not None:
                yield file.read()
    except tarfile.TarError:
        return


def decode(data: bytes) -> list[Pixels]:
    """One picture, or none when it cannot be read: Pillow has many errors for that."""
    try:
        return [np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))]
    except Exception:
        return []


def centre(pixels: Pixels, size: int = 256) -> Pixels:
    """-> the middle of a picture, uint8 [size, size, 3], or less where the picture is smaller."""
    top, left = (max(0, (n - size) // 2) for n in pixels.shape[:2])
    return pixels[top : top + size, left : left + size]


def random_crop(pixels: Pixels, crop: int, random: np.random.Generator) -> Pixels:
    """A flipped, turned, cut-out and area-downscaled (by 0.5 to 1) piece [crop, crop, 3]."""
    largest = min(2.0, min(pixels.shape[:2]) / crop)
    size = int(crop * random.uniform(1.0, largest)) if random.random() < 0.5 else crop
    top, left = (int(random.integers(0, n - size + 1)) for n in pixels.shape[:2])
    piece = pixels[top : top + size, left : left + size]
    if size != crop:
        image = Image.fromarray(piece).resize((crop, crop), Image.Resampling.BOX)
        piece = np.asarray(image)
    piece = np.rot90(piece, int(random.integers(0, 4)))
    return piece[:, ::-1] if random.random() < 0.5 else piece


def batches(
    pictures: Pictures, batch: int, crop_now: Callable[[], int], seed: int
) -> Iterator[Tensor]:
    """Endless uint8 batches [B, 3, crop, crop], prepared in the background."""
    ready: queue.Queue[Tensor | Exception] = queue.Queue(maxsize=4)

    def work(random: np.random.Generator) -> None:
        try:
            while True:
                crop, items = crop_now(), pictures.items
                picks = random.integers(0, len(items), batch)
                crops = np.stack([random_crop(items[i], crop, random) for i in picks])
                ready.put(torch.from_numpy(crops).permute(0, 3, 1, 2))
        except Exception as error:
            ready.put(error)

    threading.Thread(target=work, args=(np.random.default_rng(seed),), daemon=True).start()
    while True:
        item = ready.get()
        if isinstance(item, Exception):
            raise item
        yield item
