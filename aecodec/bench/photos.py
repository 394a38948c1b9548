"""The photos a benchmark runs on: uint8 RGB, decoded once and kept."""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from aecodec.errors import AecodecError, ImageError
from aecodec.files import readable
from aecodec.image.formats import READABLE, SIMPLE
from aecodec.plan import is_apple_double, kind_of, skipped

# Read as files, not by skimage.data's functions: those may go to the network once pooch is there.
BUNDLED = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")


@dataclass(frozen=True)
class Photo:
    """One photo: its file's name, its pixels, sRGB uint8 [H, W, 3], its file's SHA-256."""

    name: str
    image: npt.NDArray[np.uint8] = field(compare=False)
    sha256: str = ""

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.image.size // 3

    def picture(self) -> Image.Image:
        """A fresh RGB picture without metadata, so that no codec stores any."""
        return Image.fromarray(self.image)


def read_folder(folder: Path, report: Callable[[str], None]) -> list[Photo]:
    """Read the RGB photos of a folder in the order of their names.

    Pictures of another mode (gray, palette, alpha, 16 bit) and files of other suffixes are left
    out and told to `report`.

    Raises:
        ImageError: a picture file that cannot be read.
        AecodecError: not a folder, or no RGB photo in it.
    """
    if not folder.is_dir():
        raise AecodecError(f"{folder}: not a folder")
    photos: list[Photo] = []
    others: Counter[str] = Counter()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        if path.suffix.lower() not in SIMPLE:
            others[kind_of(path)] += not path.name.startswith(".")
        elif not is_apple_double(path) and (photo := _read_photo(path, report)):
            photos.append(photo)
    if others := +others:
        report(skipped(others))
    if not photos:
        raise AecodecError(f"{folder}: no RGB photos ({', '.join(SIMPLE)})")
    return photos


def read_bundled() -> list[Photo]:
    """Read the photos that travel inside scikit-image's wheel; never uses the network."""
    photos: list[Photo] = []
    for name in BUNDLED:
        with as_file(files("skimage") / "data" / name) as path:
            photo = _read_photo(path, lambda _: None)
        if photo is None:
            raise ImageError(f"scikit-image's {name} is not RGB")
        photos.append(photo)
    return photos


def _read_photo(path: Path, report: Callable[[str], None]) -> Photo | None:
    """Read one file; None, after a message, if it is not RGB of 8 bits."""
    name = readable(path.name)
    try:
        with Image.open(path, formats=READABLE) as picture:
            if picture.mode != "RGB":
                report(f"{name}: left out, mode {picture.mode} instead of RGB")
                return None
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            return Photo(name, np.array(picture), digest)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path}: cannot be read ({error})") from error


def spread(photos: list[Photo], count: int) -> list[Photo]:
    """`count` of them, from the first to the last at equal distances."""
    return photos[:: max(1, len(photos) // count)][:count]
