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
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from aecodec.errors import AecodecError

Pixels = NDArray[np.uint8]
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".ppm"}
RESCAN_SECONDS = 20.0


class Pictures:
    """All pictures under `folder`, decoded, uint8 [H, W, 3]; `rescan` takes in new files."""

    def __init__(self, folder: Path, smallest: int) -> None:
        self.folder, self.smallest = folder, smallest
        self.items: list[Pixels] = []
        self._seen: dict[Path, int] = {}
        self.rescan()
        if not self.items:
            raise AecodecError(f"{folder}: no pictures of at least {smallest} pixels to train on")

    def rescan(self) -> None:
        """Read the files that are new or whose size has changed and then stood still."""
        for path in sorted(self.folder.rglob("*")):
            if path.suffix.lower() not in SUFFIXES | {".tar"} or path in self._seen:
                continue
            try:
                new = [item for item in read_pictures(path) if min(item.shape[:2]) >= self.smallest]
            except (OSError, tarfile.TarError):
                continue  # still being copied: the next scan tries again
            self._seen[path] = len(new)
            self.items.extend(new)


def read_pictures(path: Path) -> list[Pixels]:
    """The pictures of one file or of one tar."""
    if path.suffix.lower() != ".tar":
        return [decode(path.read_bytes())]
    with tarfile.open(path) as tar:
        members = [m for m in tar if m.isfile() and Path(m.name).suffix.lower() in SUFFIXES]
        files = (tar.extractfile(member) for member in members)
        return [decode(file.read()) for file in files if file is not None]


def decode(data: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


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
    pictures: Pictures, batch: int, crop_now: Callable[[], int], seed: int, threads: int = 1
) -> Iterator[Tensor]:
    """Endless uint8 batches [B, 3, crop, crop], prepared in the background."""
    ready: queue.Queue[Tensor] = queue.Queue(maxsize=4)

    def work(random: np.random.Generator) -> None:
        while True:
            crop = crop_now()
            picks = random.integers(0, len(pictures.items), batch)
            crops = np.stack([random_crop(pictures.items[i], crop, random) for i in picks])
            ready.put(torch.from_numpy(crops).permute(0, 3, 1, 2))

    for generator in np.random.default_rng(seed).spawn(threads):
        threading.Thread(target=work, args=(generator,), daemon=True).start()
    while True:
        yield ready.get()
