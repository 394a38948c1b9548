"""BPG through its reference programs, `bpgenc` and `bpgdec`, where they are installed."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from aecodec.errors import AecodecError

OPTIONS = ("-f", "444", "-c", "ycbcr", "-b", "8")


@dataclass(frozen=True)
class Bpg:
    """BPG; its seconds include starting the programs and exchanging PNG and PPM files."""

    encoder: str
    decoder: str
    version: str
    name: str = "bpg"
    settings: str = f"quantizer (-q), {' '.join(OPTIONS)}"
    steps: tuple[int, ...] = (48, 45, 42, 39, 36, 33, 30, 27, 24, 21, 18)
    suffix: str = ".bpg"

    def encode(self, picture: Image.Image, step: int, path: Path) -> None:
        """Encode at quantizer `step`: lower is better."""
        source = path.with_suffix(".png")
        picture.save(source, compress_level=0)
        _call([self.encoder, *OPTIONS, "-q", str(step), "-o", str(path), str(source)])

    def decode(self, path: Path) -> Image.Image:
        """Decode through a PPM file."""
        target = path.with_suffix(".ppm")
        _call([self.decoder, "-o", str(target), str(path)])
        with Image.open(target) as picture:
            picture.load()
            return picture


def open_bpg() -> Bpg | None:
    """BPG, if both of its programs are on PATH."""
    encoder, decoder = shutil.which("bpgenc"), shutil.which("bpgdec")
    if encoder is None or decoder is None:
        return None
    usage = subprocess.run([encoder], capture_output=True, text=True, check=False)
    found = re.search(r"version (\S+)", usage.stdout + usage.stderr)
    return Bpg(encoder, decoder, f"bpgenc {found[1] if found else 'of unknown version'}")


def _call(command: list[str]) -> None:
    """Run a program; its own words become the error."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip() or "no message"
        raise AecodecError(f"{Path(command[0]).name} ended with {done.returncode}: {words}")
