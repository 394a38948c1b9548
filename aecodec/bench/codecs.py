"""The codecs that can be run, each at settings its own experts would defend.

A codec is a small frozen dataclass with two methods, `encode` and `decode`, entered in `CLASSES`,
and in `DEFAULT_CODECS` where it shall run unasked. Its fields are its settings, as
`--codecs avif:q=60,speed=4` gives them; the first field holds the values that its RD curve steps
through. `version` names the library, or raises `NotInstalled`.
"""

from collections.abc import Sequence
from dataclasses import Field, dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import PIL
from PIL import Image, features

from aecodec.bench.programs import Bpg, NotInstalled, Vvc
from aecodec.coding.effort import DEFAULT_EFFORT
from aecodec.model.store import DEFAULT_TUNE
from aecodec.process import cores

Steps = tuple[float, ...]


class BenchCodec(Protocol):
    """What the benchmark asks of a codec."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def suffix(self) -> str:
        """The file name's ending, with the dot."""

    @property
    def has_gray(self) -> bool:
        """Whether it codes gray as such: then pictures may be gray, both ways."""

    @property
    def version(self) -> str:
        """Library or program and its version. Raises NotInstalled where there is none."""

    def encode(self, picture: Image.Image, step: float, path: Path) -> None:
        """Write an RGB picture as the file `path`; `step` is one of the first field's values."""

    def decode(self, path: Path) -> Image.Image:
        """Read the file `path`, pixels and all, as an RGB picture."""


@dataclass(frozen=True)
class InGray:
    """A codec that has gray, for gray photos: RGB of three equal channels here, gray in files."""

    codec: BenchCodec
    has_gray: ClassVar[bool] = True

    @property
    def suffix(self) -> str:
        """The codec's."""
        return self.codec.suffix

    @property
    def version(self) -> str:
        """The codec's."""
        return self.codec.version

    def encode(self, picture: Image.Image, step: float, path: Path) -> None:
        """Encode one channel."""
        self.codec.encode(picture.getchannel(0), step, path)

    def decode(self, path: Path) -> Image.Image:
        """Decode, as RGB."""
        return self.codec.decode(path).convert("RGB")


@dataclass(frozen=True)
class Aec:
    """aecodec itself; the model is loaded before anything is timed."""

    q: Steps = (1, 15, 29, 43, 57, 71, 85, 100)
    tune: str = DEFAULT_TUNE
    model: str = ""  # "": the tune's; a model that is named encodes whatever the tune
    effort: int = DEFAULT_EFFORT
    device: str = "cpu"
    suffix: ClassVar[str] = ".aec"
    has_gray: ClassVar[bool] = True

    @property
    def version(self) -> str:
        """aecodec's version, a digest of its sources, and the model's id."""
        import aecodec
        from aecodec.model.store import find_model

        model = find_model(self.model or None, self.tune)
        digest = source_digest(Path(aecodec.__file__).parent, ("bench", "training"))
        return f"aecodec {aecodec.__version__} (code {digest}), model {model.model_id}"

    def encode(self, picture: Image.Image, step: float, path: Path) -> None:
        """Encode at quality `step`, 1 to 100."""
        codec, tune = load_codec(self.model, self.device), None if self.model else self.tune
        data = codec.encode(picture, quality=int(step), effort=self.effort, tune=tune)
        path.write_bytes(data)

    def decode(self, path: Path) -> Image.Image:
        """Decode a whole file."""
        picture: Image.Image = load_codec(self.model, self.device).decode(path.read_bytes())
        return picture


@cache
def load_codec(model: str, device: str) -> Any:
    """An `aecodec.Codec`, once a process: one for all tunes where no model is named."""
    from aecodec.codec import Codec

    return Codec(model or None, device=device)


class PillowCodec:
    """A codec whose files Pillow itself decodes, by a library of that name."""

    library: ClassVar[str]

    @property
    def version(self) -> str:
        """Pillow and the library below it. Raises NotInstalled."""
        version = features.version(self.library)
        if version is None:
            raise NotInstalled(f"this Pillow has no {self.library}")
        return f"Pillow {PIL.__version__}, {self.library} {version}"

    def decode(self, path: Path) -> Image.Image:
        """Read the file `path`, pixels and all, as an RGB picture."""
        with Image.open(path) as picture:
            picture.load()
            return picture


@dataclass(frozen=True)
class Jpeg(PillowCodec):
    """JPEG: optimized Huffman tables, progressive; q is libjpeg's quality."""

    q: Steps = (5, 10, 20, 40, 60, 80, 90, 97)
    chroma: str = "420"
    progressive: bool = True
    fixed: ClassVar[str] = "optimized tables"
    suffix: ClassVar[str] = ".jpg"
    has_gray: ClassVar[bool] = True
    library: ClassVar[str] = "libjpeg_turbo"

    def encode(self, picture: Image.Image, step: float, path: Path) -> None:
        """Encode at quality `step`."""
        chroma = ":".join(self.chroma)
        options: dict[str, Any] = {
            "optimize": True,
            "progressive": self.progressive,
            "subsampling": chroma,
        }
        picture.save(path, quality=int(step), **options)


@dataclass(frozen=True)
class Jpeg2000(PillowCodec):
    """JPEG 2000, irreversible; ratio is uncompressed RGB to compressed bytes, for gray photos too.

    mct=1 codes luma and chroma: Pillow's default codes R, G and B separately, which doubles the
    rate at equal quality and would flatter every other codec here.
    """

    ratio: Steps = (280, 200, 120, 80, 48, 32, 16, 8)
    irreversible: bool = True
    mct: int = 1
    suffix: ClassVar[str] = ".jp2"
    has_gray: ClassVar[bool] = True
    library: ClassVar[str] = "jpg_2000"

    def encode(self, picture: Image.Image, step: float, path: Path) -> None:
        """Encode to 1/`step` of the bytes that it has as RGB."""
        ratio = step * len(picture.getbands()) / 3
        options: dict[str, Any] = {"irreversible": self.irreversible, "mct": self.mct}
        picture.save(path, quality_mode="rates", quality_layers=[ratio], **options)


@dataclass(frozen=True)
class WebP(PillowCodec):
    """WebP, lossy, always 4:2:0, gray too; Pillow has no way to libwebp's sharp chroma."""

    q: Steps = (5, 20, 40, 60, 75, 85, 92, 97)
    method: int = 6
    suffix: ClassVar[str] = ".webp"
    has_gray: ClassVar[bool] = False
    library: ClassVar[str] = "webp"

    def encode(self, picture: Image.Image, step: float, path: Path) -> None:
        """Encode at quality `step`."""
        picture.save(path, quality=int(step), method=self.method)


@dataclass(frozen=True)
class Avif(PillowCodec):
    """AVIF by libavif and its AV1 encoder; speed 0 is the slowest, 10 the fastest.

    tune is what the encoder aims at: "iq", the eye, which is libavif's default, "psnr" or "ssim".
    """

    q: Steps = (15, 30, 45, 60, 70, 80, 88, 94)
    chroma: str = "444"
    speed: int = 4
    tune: str = "iq"
    suffix: ClassVar[str] = ".avif"
    has_gray: ClassVar[bool] = True
    library: ClassVar[str] = "avif"

    def encode(self, picture: Image.Image, step: float, path: Path) -> None:
        """Encode at quality `step`."""
        chroma = "400" if picture.mode == "L" else self.chroma
        options: dict[str, Any] = {"subsampling": ":".join(chroma), "max_threads": cores()}
        options["advanced"] = {"tune": self.tune}
        picture.save(path, quality=int(step), speed=self.speed, **options)


@dataclass(frozen=True)
class Jxl:
    """JPEG XL, lossy (VarDCT); d is Butteraugli's distance, 1 is visually lossless."""

    d: Steps = (15, 9, 6, 4, 2.5, 1.5, 0.8, 0.4)
    effort: int = 7
    suffix: ClassVar[str] = ".jxl"
    has_gray: ClassVar[bool] = True

    @property
    def version(self) -> str:
        """imagecodecs' libjxl."""
        require("imagecodecs")
        import imagecodecs

        return f"imagecodecs {imagecodecs.__version__}, {imagecodecs.jpegxl_version()}"

    def encode(self, picture: Image.Image, step: float, path: Path) -> None:
        """Encode at distance `step`."""
        from imagecodecs import jpegxl_encode

        image, threads = np.asarray(picture), cores()
        path.write_bytes(
            jpegxl_encode(image, distance=step, effort=self.effort, numthreads=threads)
        )

    def decode(self, path: Path) -> Image.Image:
        """Through imagecodecs."""
        from imagecodecs import jpegxl_decode

        return Image.fromarray(jpegxl_decode(path.read_bytes(), numthreads=cores()))


@dataclass(frozen=True)
class Heic:
    """HEIC: HEVC intra frames by libheif and x265."""

    q: Steps = (15, 25, 35, 45, 55, 65, 75, 85)
    chroma: str = "444"
    preset: str = "slow"
    suffix: ClassVar[str] = ".heic"
    has_gray: ClassVar[bool] = True

    @property
    def version(self) -> str:
        """pillow-heif's libheif and x265."""
        require("pillow_heif")
        import pillow_heif

        facts = pillow_heif.libheif_info()
        return f"pillow-heif {pillow_heif.__version__}, libheif {facts['libheif']}, {facts['HEIF']}"

    def encode(self, picture: Image.Image, step: float, path: Path) -> None:
        """Encode at libheif's quality `step`."""
        from pillow_heif import from_pillow

        options: dict[str, Any] = {"chroma": int(self.chroma)}
        options["enc_params"] = {"preset": self.preset}
        from_pillow(picture).save(path, quality=int(step), **options)

    def decode(self, path: Path) -> Image.Image:
        """Through pillow-heif."""
        from pillow_heif import open_heif

        picture: Image.Image = open_heif(path).to_pillow()
        return picture


CLASSES: dict[str, type[Any]] = {
    "aec": Aec,
    "jpeg": Jpeg,
    "jpeg2000": Jpeg2000,
    "webp": WebP,
    "avif": Avif,
    "jxl": Jxl,
    "heic": Heic,
    "bpg": Bpg,
    "vvc": Vvc,
}


def require(module: str) -> None:
    """Raises NotInstalled without that package."""
    if find_spec(module) is None:
        raise NotInstalled(f"{module} is missing: pip install 'aecodec[bench]'")


@cache
def source_digest(package: Path, without: Sequence[str]) -> str:
    """Eight hexadecimal digits that change with any source file of the package."""
    import hashlib

    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        if path.relative_to(package).parts[0] not in without:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:8]
