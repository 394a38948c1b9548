"""The data sets in their own file formats -> uint8 tensors [N, C, H, W], and labels [N]."""

import gzip
import struct
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aecodec.bench.photos import Photo, read_folder
from aecodec.errors import AecodecError, ImageError
from aecodec.training.data import SUFFIXES, Pictures, decode, random_crop

Bytes = NDArray[np.uint8]

IDX_UBYTE = 8  # the code of uint8 in an idx file's third byte
CIFAR_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
CIFAR_BYTES = 1 + 3 * 32 * 32  # label, then red, green and blue plane
STL_BYTES = 3 * 96 * 96


@dataclass(frozen=True)
class Labelled:
    """Pictures uint8 [N, C, H, W], labels int64 [N], and what the labels are called."""

    images: Tensor
    labels: Tensor
    names: tuple[str, ...]


def read_idx(path: Path) -> Bytes:
    """An idx file, gzipped or not -> uint8 array of the shape it tells.

    Format: http://yann.lecun.com/exdb/mnist. Raises AecodecError for anything else.
    """
    data = _read(path)
    if len(data) < 4 or data[:3] != bytes([0, 0, IDX_UBYTE]):
        raise AecodecError(f"{path}: not an idx file of unsigned bytes")
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise AecodecError(f"{path}: cut within its header")
    shape = struct.unpack(f">{data[3]}I", data[4:start])
    if len(data) - start != int(np.prod(shape, dtype=np.uint64)):
        raise AecodecError(f"{path}: its length does not match its header")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def read_mnist(folder: Path, part: str) -> Labelled:
    """Digits of a part, "train" or "t10k", from its two idx files: images [N, 1, 28, 28]."""
    images = read_idx(find(folder, f"*{part}-images[.-]idx3-ubyte*"))
    labels = read_idx(find(folder, f"*{part}-labels[.-]idx1-ubyte*"))
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise AecodecError(f"{folder}: images {images.shape} and labels {labels.shape} disagree")
    return Labelled(_tensor(images[:, None]), _labels(labels), tuple("0123456789"))


def read_cifar10(path: Path) -> Labelled:
    """One batch of CIFAR-10's binary version: images [N, 3, 32, 32]."""
    data = np.frombuffer(_read(path), np.uint8)
    if not data.size or data.size % CIFAR_BYTES:
        raise AecodecError(f"{path}: its length is not a multiple of {CIFAR_BYTES} bytes")
    rows = data.reshape(-1, CIFAR_BYTES)
    if rows[:, 0].max() >= len(CIFAR_CLASSES):
        raise AecodecError(f"{path}: a label is above {len(CIFAR_CLASSES) - 1}")
    return Labelled(_tensor(rows[:, 1:].reshape(-1, 3, 32, 32)), _labels(rows[:, 0]), CIFAR_CLASSES)


def read_stl10(path: Path) -> Tensor:
    """A picture file of STL-10's binary version, columns first in the file: [N, 3, 96, 96]."""
    data = np.frombuffer(_read(path), np.uint8)
    if not data.size or data.size % STL_BYTES:
        raise AecodecError(f"{path}: its length is not a multiple of {STL_BYTES} bytes")
    return _tensor(data.reshape(-1, 3, 96, 96).transpose(0, 1, 3, 2))


def read_classes(path: Path, part: str) -> Labelled:
    """A folder or tar with files .../PART/CLASS/NAME, all pictures of one size."""
    found: dict[str, list[Bytes]] = {}
    for name, data in sorted(_members(path)):
        parts = Path(name).parts
        if len(parts) >= 3 and parts[-3] == part and Path(name).suffix.lower() in SUFFIXES:
            found.setdefault(parts[-2], []).extend(decode(data))
    classes = [(name, images) for name, images in sorted(found.items()) if images]
    pictures = [image for _, images in classes for image in images]
    if not pictures or len({image.shape for image in pictures}) > 1:
        raise AecodecError(f"{path}: no pictures of one size under {part}/CLASS/")
    labels = np.repeat(np.arange(len(classes)), [len(images) for _, images in classes])
    images = _tensor(np.stack(pictures).transpose(0, 3, 1, 2))
    return Labelled(images, _labels(labels), tuple(name for name, _ in classes))


def crops(pictures: Sequence[Bytes], size: int, count: int, seed: int) -> Tensor:
    """Random crops of pictures [H, W, 3], flipped, turned and scaled: [count, 3, size, size]."""
    random = np.random.default_rng(seed)
    picks = random.integers(0, len(pictures), count)
    pieces = [random_crop(pictures[pick], size, random) for pick in picks]
    return _tensor(np.stack(pieces).transpose(0, 3, 1, 2))


@dataclass(frozen=True)
class DataFolder:
    """The folders train, valid, kodak and small, and stl10_binary where it is there."""

    root: Path

    def mnist(self) -> Labelled:
        """The 10,000 digits of MNIST's test set."""
        return read_mnist(self.root / "small", "t10k")

    def cifar10(self, part: str) -> Labelled:
        """Part "train" or "test": the binary batches where they are there, else cifar10.tar."""
        pattern = "data_batch_*.bin" if part == "train" else "test_batch.bin"
        batches = sorted((self.root / "cifar-10-batches-bin").glob(pattern))
        if not batches:
            return read_classes(self.root / "small" / "cifar10.tar", part)
        sets = [read_cifar10(path) for path in batches]
        images = torch.cat([each.images for each in sets])
        return Labelled(images, torch.cat([each.labels for each in sets]), CIFAR_CLASSES)

    def stl10(self, part: str) -> Tensor | None:
        """Part "train" or "test" of STL-10's binary files; None without the folder."""
        folder = self.root / "stl10_binary"
        return read_stl10(folder / f"{part}_X.bin") if folder.is_dir() else None

    def pictures(self, part: str, smallest: int) -> Pictures:
        """The photographs of "train" or "valid"."""
        return Pictures(self.root / part, smallest)

    def kodak(self, count: int) -> list[Photo]:
        """The first `count` photos of Kodak's."""
        return read_folder(self.root / "kodak", lambda _: None)[:count]


def find(folder: Path, pattern: str) -> Path:
    """The one file that matches. Raises AecodecError without one."""
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise AecodecError(f"{folder}: no file {pattern}")
    return paths[0]


def _read(path: Path) -> bytes:
    """A whole file, unpacked if gzipped."""
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError) as error:
        raise AecodecError(f"{path}: cannot be read ({error})") from error


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the files in a folder or a tar."""
    if path.is_dir():
        yield from ((str(file), file.read_bytes()) for file in path.rglob("*") if file.is_file())
        return
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                file = tar.extractfile(member)
                if file is not None:
                    yield member.name, file.read()
    except (OSError, tarfile.TarError) as error:
        raise ImageError(f"{path}: cannot be read ({error})") from error


def _tensor(array: Bytes) -> Tensor:
    return torch.from_numpy(np.array(array, order="C"))


def _labels(array: NDArray[np.integer]) -> Tensor:
    return torch.from_numpy(array.astype(np.int64))
