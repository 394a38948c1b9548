"""Training data: pictures and tars of pictures in a folder, and random crops of them.

Crops are made where training happens: all tiles lie in the memory of the device, and drawing a
batch asks nothing of the host.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from aecodec.coding.planes import Pixels
from aecodec.errors import AecodecError

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".ppm"}
RESCAN_SECONDS = 20.0
LARGEST_WINDOW = 2
"""A crop shows a window of up to twice its side, scaled down."""


class PictureFiles:
    """Pictures and tars of pictures under a folder, which may still be arriving."""

    def __init__(self, folder: Path, smallest: int) -> None:
        """smallest: pixels; pictures that are smaller each way are passed over."""
        self.folder, self.smallest = folder, smallest
        self.sizes: dict[Path, int] = {}  # in bytes

    def changed(self) -> Iterator[tuple[Path, list[Pixels]]]:
        """The pictures, uint8 [H, W, 3], of the files that are new or have another size."""
        for path in sorted(self.folder.rglob("*")):
            if path.suffix.lower() not in SUFFIXES | {".tar"}:
                continue
            size = path.stat().st_size
            if self.sizes.get(path) != size:
                self.sizes[path] = size
                yield path, [p for p in read_pictures(path) if min(p.shape[:2]) >= self.smallest]

    def nothing(self) -> AecodecError:
        """The error of a folder without pictures."""
        return AecodecError(f"{self.folder}: no pictures of at least {self.smallest} pixels")


class Pictures:
    """All pictures under `folder`, decoded, uint8 [H, W, 3]."""

    def __init__(self, folder: Path, smallest: int) -> None:
        """Raises AecodecError when there is no picture of at least `smallest` pixels each way."""
        files = PictureFiles(folder, smallest)
        self.items = [item for _, found in files.changed() for item in found]
        if not self.items:
            raise files.nothing()


class Tiles:
    """Square tiles of all pictures under a folder, in the memory of a device."""

    def __init__(self, folder: Path, crop: int, device: torch.device) -> None:
        """crop: the largest to be drawn; smaller pictures are passed over.

        Tiles are twice as large, or as large as the smallest picture. Raises AecodecError when
        there is no picture.
        """
        self.files, self.device = PictureFiles(folder, crop), device
        found = dict(self.files.changed())
        if not any(found.values()):
            raise self.files.nothing()
        sides = [side for pictures in found.values() for p in pictures for side in p.shape[:2]]
        self.side = self.files.smallest = min(LARGEST_WINDOW * crop, *sides)
        self.parts: dict[Path, Tensor] = {}
        self.tiles = torch.empty(0, dtype=torch.uint8)
        self._take(found)

    def rescan(self) -> None:
        """Take in files that are new, or have grown."""
        if found := dict(self.files.changed()):
            self._take(found)

    def _take(self, found: dict[Path, list[Pixels]]) -> None:
        for path, pictures in found.items():
            pieces = [piece for pixels in pictures for piece in whole_pieces(pixels, self.side)]
            if pieces:
                tiles = torch.from_numpy(np.stack(pieces)).permute(0, 3, 1, 2)
                self.parts[path] = tiles.contiguous().to(self.device)
        counts = [len(part) for part in self.parts.values()]
        self.tiles = torch.cat(list(self.parts.values()))  # [N, 3, side, side]
        self.parts = dict(zip(self.parts, self.tiles.split(counts), strict=True))  # views

    def some(self, count: int) -> list[Pixels]:
        """About so many tiles, or all, uint8 [side, side, 3], on the host."""
        chosen = self.tiles[:: max(1, len(self.tiles) // count)]
        return list(chosen.permute(0, 2, 3, 1).cpu().numpy())

    def draw(self, batch: int, crop: int) -> Tensor:
        """Random crops, turned, mirrored, and half of them scaled down -> uint8 [B, 3, crop, crop].

        Does not wait for the device.
        """
        pick = torch.randint(len(self.tiles), (batch, 1, 1), device=self.device)
        channel = torch.arange(3, device=self.device)[:, None]
        scaled = torch.rand(batch, device=self.device) < 0.5
        largest = min(LARGEST_WINDOW, self.side / crop)
        grown = scaled * torch.rand(batch, device=self.device) * (largest - 1)
        window = (crop * (1 + grown)).floor()
        rows = random_taps(window, self.side, crop)
        x = torch.zeros(batch, 3, crop, self.side, device=self.device)
        for place, weight in rows:
            x.addcmul_(self.tiles[pick, channel, place[:, None]].float(), weight[:, None, :, None])
        columns, x = random_taps(window, self.side, crop), x.mT.contiguous()
        pick = torch.arange(batch, device=self.device)[:, None, None]
        y = torch.zeros(batch, 3, crop, crop, device=self.device)
        for place, weight in columns:
            y.addcmul_(x[pick, channel, place[:, None]], weight[:, None, :, None])
        turned = torch.rand(batch, 1, 1, 1, device=self.device) < 0.5
        return torch.where(turned, y.mT, y).round_().to(torch.uint8)


def read_pictures(path: Path) -> list[Pixels]:
    """The readable pictures of one file or of one tar, which may still be arriving."""
    try:
        if path.suffix.lower() != ".tar":
            return decode(path.read_bytes())
        with tarfile.open(path) as tar, ThreadPoolExecutor() as pool:
            return [item for found in pool.map(decode, read_members(tar)) for item in found]
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
    largest = min(float(LARGEST_WINDOW), min(pixels.shape[:2]) / crop)
    size = int(crop * random.uniform(1.0, largest)) if random.random() < 0.5 else crop
    top, left = (int(random.integers(0, n - size + 1)) for n in pixels.shape[:2])
    piece = pixels[top : top + size, left : left + size]
    if size != crop:
        image = Image.fromarray(piece).resize((crop, crop), Image.Resampling.BOX)
        piece = np.asarray(image)
    piece = np.rot90(piece, int(random.integers(0, 4)))
    return piece[:, ::-1] if random.random() < 0.5 else piece


def whole_pieces(pixels: Pixels, side: int) -> list[Pixels]:
    """The fewest pieces [side, side, 3] that a picture can be covered with, the last ones over
    those before."""
    tops, lefts = ([*range(0, length - side, side), length - side] for length in pixels.shape[:2])
    return [pixels[top : top + side, left : left + side] for top in tops for left in lefts]


def random_taps(size: Tensor, side: int, crop: int) -> list[tuple[Tensor, Tensor]]:
    """How a random window of `size` [B] of `side` samples becomes `crop` of them, their area means.

    -> for each of the samples that one may be made of: its place, int64 [B, crop], and its weight.
    Half of the windows are mirrored.
    """
    batch, device = len(size), size.device
    start = (torch.rand(batch, 1, device=device) * (side - size[:, None] + 1)).floor()
    order = torch.arange(crop, device=device).expand(batch, crop)
    mirrored = torch.rand(batch, 1, device=device) < 0.5
    order = torch.where(mirrored, crop - 1 - order, order)
    scale = size[:, None] / crop
    first = start + order * scale
    taps = []
    for tap in range(LARGEST_WINDOW + 1):
        place = first.floor() + tap
        overlap = torch.minimum(first + scale, place + 1) - torch.maximum(first, place)
        taps.append((place.long().clamp(max=side - 1), overlap.clamp(min=0) / scale))
    return taps
