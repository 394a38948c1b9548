"""The codecs that are programs: BPG and VVC, where they are on PATH.

Their seconds include starting the programs and exchanging uncompressed files with them.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from aecodec.errors import AecodecError


class NotInstalled(AecodecError):
    """A codec's library or program is not on this machine."""


@dataclass(frozen=True)
class Bpg:
    """BPG through bpgenc and bpgdec; qp is x265's quantizer, lower is better."""

    qp: tuple[float, ...] = (47, 42, 37, 32, 27, 22, 17)
    chroma: str = "444"
    m: int = 9  # x265's preset, 1 to 9
    fixed: ClassVar[str] = "-c ycbcr -b 8"
    suffix: ClassVar[str] = ".bpg"
    has_gray: ClassVar[bool] = True

    @property
    def version(self) -> str:
        """As bpgenc tells."""
        find_program("bpgdec")
        return f"bpgenc {told_version(find_program('bpgenc'))}"

    def encode(self, picture: Image.Image, step: float, path: Path) -> None:
        """Encode through a PNG file."""
        source = path.with_suffix(".png")
        picture.save(source, compress_level=0)
        options = ["-f", self.chroma, *self.fixed.split(), "-m", str(self.m), "-q", str(step)]
        call("bpgenc", *options, "-o", str(path), str(source))

    def decode(self, path: Path) -> Image.Image:
        """Decode through a PPM file."""
        target = path.with_suffix(".ppm")
        call("bpgdec", "-o", str(target), str(path))
        with Image.open(target) as picture:
            picture.load()
            return picture


@dataclass(frozen=True)
class Vvc:
    """VVC through vvencapp and vvdecapp: intra frames in 4:2:0, all that vvenc codes.

    Colours are the full-range YCbCr of JPEG. Sides must be even.
    """

    qp: tuple[float, ...] = (47, 42, 37, 32, 27, 22, 17)
    preset: str = "medium"
    fixed: ClassVar[str] = "4:2:0, 10 bit inside, --qpa 0"
    suffix: ClassVar[str] = ".266"
    has_gray: ClassVar[bool] = False

    @property
    def version(self) -> str:
        """As vvencapp tells."""
        find_program("vvdecapp")
        return f"vvencapp {told_version(find_program('vvencapp'), '--version')}"

    def encode(self, picture: Image.Image, step: float, path: Path) -> None:
        """Encode through a Y4M file."""
        if picture.width % 2 or picture.height % 2:
            raise AecodecError("vvenc needs even sides")
        source = path.with_suffix(".y4m")
        source.write_bytes(to_y4m(picture))
        options = ["--preset", self.preset, "--qp", str(step), "--qpa", "0", "--frames", "1"]
        call("vvencapp", "-i", str(source), *options, "-o", str(path))

    def decode(self, path: Path) -> Image.Image:
        """Decode through a Y4M file."""
        target = path.with_suffix(".decoded.y4m")
        call("vvdecapp", "-b", str(path), "-o", str(target))
        return from_y4m(target.read_bytes())


def to_y4m(picture: Image.Image) -> bytes:
    """An RGB picture of even sides -> one frame of 8 bits in 4:2:0, chroma averaged."""
    ycbcr = picture.convert("YCbCr")
    half = (picture.width // 2, picture.height // 2)
    luma, *chroma = ycbcr.split()
    planes = [luma, *(plane.resize(half, Image.Resampling.BOX) for plane in chroma)]
    size = f"W{picture.width} H{picture.height}"
    header = f"YUV4MPEG2 {size} F1:1 Ip A1:1 C420jpeg XCOLORRANGE=FULL\nFRAME\n"
    return header.encode() + b"".join(plane.tobytes() for plane in planes)


def from_y4m(data: bytes) -> Image.Image:
    """The inverse of `to_y4m`; also of 10 bits a sample. Raises AecodecError."""
    header, _, rest = data.partition(b"\n")
    facts = {word[:1]: word[1:] for word in header.decode("ascii", "replace").split()[1:]}
    if not header.startswith(b"YUV4MPEG2 ") or not facts.get("C", "420").startswith("420"):
        raise AecodecError("not a Y4M file in 4:2:0")
    width, height = int(facts["W"]), int(facts["H"])
    depth = 10 if "p10" in facts.get("C", "") else 8
    sizes = [(height, width), (height // 2, width // 2), (height // 2, width // 2)]
    samples = np.frombuffer(rest.partition(b"\n")[2], np.dtype("<u2" if depth == 10 else "u1"))
    if samples.size != sum(h * w for h, w in sizes):
        raise AecodecError(f"{samples.size} samples in the Y4M file of {width}x{height}")
    rounded = (samples.astype(np.int32) + (1 << (depth - 8) >> 1)) >> (depth - 8)
    flat = rounded.clip(0, 255).astype(np.uint8)
    planes, start = [], 0
    for h, w in sizes:
        plane = Image.fromarray(flat[start : start + h * w].reshape(h, w))
        planes.append(plane.resize((width, height), Image.Resampling.BICUBIC))
        start += h * w
    return Image.merge("YCbCr", planes).convert("RGB")


def find_program(name: str) -> str:
    """Its path. Raises NotInstalled."""
    found = shutil.which(name)
    if found is None:
        raise NotInstalled(f"{name} is not on PATH")
    return found


def told_version(program: str, *options: str) -> str:
    """What a program says of its version."""
    usage = _run([program, *options])
    found = re.search(r"version (\S+)", usage.stdout + usage.stderr)
    return found[1] if found else "of unknown version"


def call(name: str, *arguments: str) -> str:
    """Run a program -> what it prints; its own words become the error."""
    done = _run([find_program(name), *arguments])
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip() or "no message"
        raise AecodecError(f"{name} ended with {done.returncode}: {words}")
    return done.stdout


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
