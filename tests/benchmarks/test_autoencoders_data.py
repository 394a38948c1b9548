"""The loaders of benchmarks/autoencoders, on files written here in the data sets' own formats."""

import gzip
import io
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from aecodec.errors import AecodecError
from benchmarks.autoencoders.data import (
    CIFAR_CLASSES,
    DataFolder,
    crops,
    read_cifar10,
    read_classes,
    read_idx,
    read_mnist,
    read_stl10,
)
from tests.photos import saved

Bytes = NDArray[np.uint8]


def noise(*shape: int) -> Bytes:
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def idx(array: Bytes) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def png(array: Bytes) -> bytes:
    return saved(Image.fromarray(array), "PNG")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx(tmp_path: Path, pack: type[bytes]) -> None:
    images = noise(5, 28, 28)
    path = tmp_path / "images"
    path.write_bytes(pack(idx(images)))
    assert np.array_equal(read_idx(path), images)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\x89PNG", "not an idx file"),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x01", "not an idx file"),
        (idx(noise(5, 28, 28))[:6], "cut"),
        (idx(noise(5, 28, 28))[:-1], "length"),
        (idx(noise(5, 28, 28)) + b"x", "length"),
        (gzip.compress(idx(noise(5, 28, 28)))[:-9], "cannot be read"),
    ],
)
def test_idx_damaged(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "images"
    path.write_bytes(data)
    with pytest.raises(AecodecError, match=told):
        read_idx(path)


def test_mnist(tmp_path: Path) -> None:
    images, labels = noise(6, 28, 28), np.arange(6, dtype=np.uint8)
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
    (tmp_path / "t10k-labels.idx1-ubyte").write_bytes(idx(labels))  # as some mirrors name it
    digits = read_mnist(tmp_path, "t10k")
    assert digits.images.shape == (6, 1, 28, 28)
    assert digits.labels.tolist() == list(range(6))
    assert np.array_equal(digits.images[:, 0].numpy(), images)
    with pytest.raises(AecodecError, match="no file"):
        read_mnist(tmp_path, "train")


def test_mnist_parts_disagree(tmp_path: Path) -> None:
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(noise(6, 28, 28)))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(noise(5)))
    with pytest.raises(AecodecError, match="disagree"):
        read_mnist(tmp_path, "t10k")


def test_cifar10_binary(tmp_path: Path) -> None:
    images, labels = noise(4, 3, 32, 32), np.array([0, 9, 3, 7], dtype=np.uint8)
    data = b"".join(bytes([k]) + image.tobytes() for k, image in zip(labels, images, strict=True))
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for name in ("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"):
        (folder / name).write_bytes(data)
    batch = read_cifar10(folder / "test_batch.bin")
    assert np.array_equal(batch.images.numpy(), images)
    assert batch.labels.tolist() == labels.tolist()
    assert batch.names == CIFAR_CLASSES
    assert len(DataFolder(tmp_path).cifar10("train").images) == 8
    (folder / "test_batch.bin").write_bytes(data[:-1])
    with pytest.raises(AecodecError, match="multiple of 3073"):
        DataFolder(tmp_path).cifar10("test")
    (folder / "test_batch.bin").write_bytes(b"\x0a" + data[1:])
    with pytest.raises(AecodecError, match="label"):
        DataFolder(tmp_path).cifar10("test")


def test_stl10_columns_first(tmp_path: Path) -> None:
    image = noise(2, 3, 96, 96)  # [N, C, H, W]; the file has columns before rows
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    (folder / "train_X.bin").write_bytes(image.transpose(0, 1, 3, 2).tobytes())
    assert np.array_equal(read_stl10(folder / "train_X.bin").numpy(), image)
    found = DataFolder(tmp_path).stl10("train")
    assert found is not None and found.shape == (2, 3, 96, 96)
    assert DataFolder(folder).stl10("train") is None
    with pytest.raises(AecodecError, match="cannot be read"):
        DataFolder(tmp_path).stl10("test")
    (folder / "test_X.bin").write_bytes(b"")
    with pytest.raises(AecodecError, match="multiple of 27648"):
        DataFolder(tmp_path).stl10("test")


def test_classes_in_a_tar_and_a_folder(tmp_path: Path) -> None:
    images = noise(3, 8, 8, 3)
    names = ["set/train/cat/0.png", "set/train/cat/1.png", "set/train/ant/0.png"]
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        for name, image in zip(names, images, strict=True):
            data = png(image)
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(data)
    for path in (tmp_path / "set.tar", tmp_path / "set"):
        found = read_classes(path, "train")
        assert found.names == ("ant", "cat")
        assert found.labels.tolist() == [0, 1, 1]
        assert np.array_equal(found.images.permute(0, 2, 3, 1).numpy(), images[[2, 0, 1]])
        with pytest.raises(AecodecError, match="test/CLASS"):
            read_classes(path, "test")
    (tmp_path / "set" / "train" / "cat" / "2.png").write_bytes(png(noise(9, 8, 3)))
    with pytest.raises(AecodecError, match="one size"):
        read_classes(tmp_path / "set", "train")
    with pytest.raises(AecodecError, match="cannot be read"):
        read_classes(tmp_path / "set" / "train" / "cat" / "0.png", "train")


def test_crops_are_the_same_for_a_seed() -> None:
    pictures = [noise(40, 50, 3), noise(32, 32, 3)]
    first, again, other = (crops(pictures, 16, 5, seed) for seed in (1, 1, 2))
    assert first.shape == (5, 3, 16, 16) and first.dtype == torch.uint8
    assert torch.equal(first, again) and not torch.equal(first, other)
