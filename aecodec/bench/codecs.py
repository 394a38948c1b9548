"""The codecs that can be run, each at settings its own experts would defend.

A codec is a small class with two methods: `encode` writes a real file, `decode` reads it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import PIL
from PIL import Image, features

from aecodec.bench.bpg import open_bpg


class BenchCodec(Protocol):
    """What the benchmark asks of a codec."""

    @property
    def name(self) -> str:
        """The name on the command line."""

    @property
    def version(self) -> str:
        """Library or program and its version."""

    @property
    def settings(self) -> str:
        """Everything that is the same at all RD points."""

    @property
    def steps(self) -> tuple[int, ...]:
        """The setting that differs from one RD point to the next."""

    @property
    def suffix(self) -> str:
        """The file name's ending, with the dot."""

    def encode(self, picture: Image.Image, step: int, path: Path) -> None:
        """Write an RGB picture as the file `path`."""

    def decode(self, path: Path) -> Image.Image:
        """Read the file `path`, pixels and all."""


class Model(Protocol):
    """What the benchmark asks of `aecodec.Codec`."""

    def encode(self, image: Image.Image, /, quality: int) -> bytes:
        """An RGB picture -> a file's bytes."""

    def decode(self, data: bytes, /) -> Image.Image:
        """A file's bytes -> an RGB picture."""


@dataclass(frozen=True)
class Aec:
    """aecodec itself; the model is loaded before anything is timed."""

    model: Model
    version: str
    device: str
    name: str = "aec"
    steps: tuple[int, ...] = (1, 12, 23, 34, 45, 56, 67, 78, 89, 100)
    suffix: str = ".aec"

    @property
    def settings(self) -> str:
        """The device; the setting of an RD point is the quality, 1..100."""
        return f"device {self.device}"

    def encode(self, picture: Image.Image, step: int, path: Path) -> None:
        """Encode at quality `step`."""
        path.write_bytes(self.model.encode(picture, quality=step))

    def decode(self, path: Path) -> Image.Image:
        """Decode a whole file."""
        return self.model.decode(path.read_bytes())


@dataclass(frozen=True)
class PillowCodec:
    """A codec of the Pillow library; `options` turns a step into what `Image.save` is given."""

    name: str
    library: str
    settings: str
    steps: tuple[int, ...]
    suffix: str
    options: Callable[[int], dict[str, Any]]

    @property
    def version(self) -> str:
        """Pillow and the library below it."""
        return f"Pillow {PIL.__version__}, {self.library} {features.version(self.library)}"

    def encode(self, picture: Image.Image, step: int, path: Path) -> None:
        """Save with the options of this step."""
        picture.save(path, **self.options(step))

    def decode(self, path: Path) -> Image.Image:
        """Open and load."""
        with Image.open(path) as picture:
            picture.load()
            return picture


PILLOW_CODECS = (
    PillowCodec(
        name="jpeg",
        library="libjpeg_turbo",
        settings="quality, optimize, progressive, 4:2:0",
        steps=(5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 85, 90, 95, 98),
        suffix=".jpg",
        options=lambda quality: {
            "quality": quality,
            "optimize": True,
            "progressive": True,
            "subsampling": "4:2:0",
        },
    ),
    # mct=1 codes luma and chroma: Pillow's default codes R, G and B separately, which doubles the
    # rate at equal quality and would flatter every other codec here.
    PillowCodec(
        name="jpeg2000",
        library="jpg_2000",
        settings="compression ratio, irreversible, mct=1",
        steps=(280, 200, 140, 100, 72, 54, 40, 30, 22, 16, 12, 8),
        suffix=".jp2",
        options=lambda ratio: {
            "quality_mode": "rates",
            "quality_layers": [ratio],
            "irreversible": True,
            "mct": 1,
        },
    ),
    PillowCodec(
        name="webp",
        library="webp",
        settings="quality, method 6",
        steps=(2, 10, 25, 40, 55, 70, 80, 88, 94, 98),
        suffix=".webp",
        options=lambda quality: {"quality": quality, "method": 6},
    ),
    PillowCodec(
        name="avif",
        library="avif",
        settings="quality, 4:4:4, speed 4",
        steps=(10, 20, 30, 40, 50, 60, 70, 80, 88, 94),
        suffix=".avif",
        options=lambda quality: {"quality": quality, "subsampling": "4:4:4", "speed": 4},
    ),
)


def open_codec(name: str, device: str) -> BenchCodec | None:
    """The codec of that name, ready to run; None if it cannot be run on this machine."""
    if name == "aec":
        return _open_aec(device)
    if name == "bpg":
        return open_bpg()
    return next((codec for codec in PILLOW_CODECS if codec.name == name), None)


def _open_aec(device: str) -> Aec:
    """Load the default model and ask a file it wrote for the model's id."""
    import aecodec
    from aecodec.codec import Codec

    model = Codec(device=device)
    header = aecodec.info(model.encode(Image.new("RGB", (64, 64)), quality=50))
    return Aec(model, f"aecodec {aecodec.__version__}, model {header.model}", device)
