"""The photos a benchmark runs on: uint8 RGB, decoded once and kept."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from aecodec.errors import AecodecError, ImageError
from aecodec.files import read_bytes, readable
from aecodec.image.formats import FORMATS, PHOTO_SUFFIXES
from aecodec.image.metadata import orientation
from aecodec.image.photo_file import read_picture
from aecodec.image.picture import Picture, without_metadata
from aecodec.plan import is_apple_double, kind_of, skipped

# Read as files, not by skimage.data's functions: those may go to the network once pooch is there.
BUNDLED = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")
_BESIDE = re.compile(
    "((a|the) )?((damaged|extended) )?"
    "(text|comment|chunk|segment|tags|resolution|IPTC|XMP|EXIF of)|.* behind the picture"
)
"""What notes on metadata begin with, of which nothing is coded here."""
_NAMED = 3
"""photos in a line on what reading changed; of others it counts"""


@dataclass(frozen=True)
class Photo:
    """One photo: its file's name, its pixels, sRGB uint8 [H, W, 3], its file's SHA-256.

    A gray one has three equal channels; `changes` are what reading changed, a phrase each.
    """

    name: str
    image: npt.NDArray[np.uint8] = field(compare=False)
    sha256: str = ""
    gray: bool = False
    changes: tuple[str, ...] = ()

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.image.size // 3

    def picture(self) -> Image.Image:
        """A fresh RGB picture without metadata, so that no codec stores any."""
        return Image.fromarray(self.image)


def read_folder(folder: Path, report: Callable[[str], None]) -> list[Photo]:
    """Read the photos of a folder in the order of their names, as `aecodec compress` reads them.

    All metadata are left out, alpha too. What that changes, and files of other suffixes, are told
    to `report`.

    Raises:
        ImageError: a picture file that cannot be read.
        AecodecError: not a folder, or no photo in it.
    """
    if not folder.is_dir():
        raise AecodecError(f"{folder}: not a folder")
    photos: list[Photo] = []
    others: Counter[str] = Counter()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        if path.suffix.lower() not in PHOTO_SUFFIXES:
            others[kind_of(path)] += not path.name.startswith(".")
        elif not is_apple_double(path):
            photos.append(_read_photo(path))
    if others := +others:
        report(skipped(others))
    if not photos:
        raise AecodecError(f"{folder}: no photos ({', '.join(FORMATS)})")
    for line in changes_of(photos):
        report(line)
    return photos


def changes_of(photos: Sequence[Photo]) -> list[str]:
    """What was read otherwise than it is in the files, a line each that names some photos."""
    found: dict[str, list[str]] = {}
    for photo in photos:
        for change in photo.changes:
            found.setdefault(change, []).append(photo.name)
    return [f"{_some(names)}: {change}" for change, names in found.items()]


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def read_bundled() -> list[Photo]:
    """Read the photos that travel inside scikit-image's wheel; never uses the network."""
    photos: list[Photo] = []
    for name in BUNDLED:
        with as_file(files("skimage") / "data" / name) as path:
            photos.append(_read_photo(path))
    return photos


def _read_photo(path: Path) -> Photo:
    """Read one file. Raises ImageError."""
    try:
        data = read_bytes(path)
        picture = read_picture(data)
    except AecodecError as error:
        raise ImageError(f"{path}: {error}") from error
    plain, name = without_metadata(picture), readable(path.name)
    image = np.stack([plain.pixels] * 3, axis=-1) if plain.gray else plain.pixels  # [H, W, 3]
    sha256 = hashlib.sha256(data).hexdigest()
    return Photo(name, image, sha256, plain.gray, (*_turned(picture), *_changes(plain)))


def _turned(picture: Picture) -> tuple[str, ...]:
    return ("turned upright, as EXIF says",) if orientation(picture.exif) > 1 else ()


def _changes(picture: Picture) -> list[str]:
    """The notes on pixels, and the alpha that stays behind."""
    alpha = ["alpha was left out"] if picture.alpha is not None else []
    return [note for note in picture.notes if not _BESIDE.match(note)] + alpha


def spread(photos: list[Photo], count: int) -> list[Photo]:
    """`count` of them, from the first to the last at equal distances."""
    return photos[:: max(1, len(photos) // count)][:count]
