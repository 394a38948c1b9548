"""Pictures in memory, and PIL images as pictures.

A picture is gray or RGB of 8 bit, with or without alpha. What is none of these is converted, and
`Picture.notes` says what that changed or lost; nothing is converted or left out without a word.
Pillow is never trusted: whatever it raises becomes an ImageError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from aecodec.errors import AecodecError, ImageError, shown
from aecodec.format.box import Box
from aecodec.format.constants import MAX_PIXELS
from aecodec.format.header import size_error
from aecodec.image.beside import notes_beside
from aecodec.image.colour import described_colours
from aecodec.image.formats import OTHERS, READABLE
from aecodec.image.metadata import (
    EXIF_PREFIX,
    Metadata,
    is_adobe_rgb,
    is_srgb,
    metadata_of,
    orientation,
    profile_error,
    settle,
)
from aecodec.image.modes import (
    PROFILE_ENDS,
    Pixels,
    bits_of,
    converter,
    joined,
    lost_in_loading,
    lower_bytes,
    mode_of,
    split,
    with_lower_bytes,
)
from aecodec.image.tiff import check_is_read_right


@dataclass(frozen=True, eq=False)
class Picture:
    """A photo in memory. Raises ImageError where the samples are not what the codec takes."""

    pixels: Pixels  # sRGB unless icc says otherwise
    alpha: NDArray[np.uint8] | None = None  # [H, W], 255 is opaque; colours are not multiplied
    icc: bytes | None = None  # colour profile
    exif: bytes | None = None  # a TIFF stream, without the prefix that JPEG puts before it
    xmp: bytes | None = None
    notes: tuple[str, ...] = ()  # what reading changed or lost, a short phrase each

    def __post_init__(self) -> None:
        for name in ("pixels", "alpha"):
            array = getattr(self, name)
            if isinstance(array, np.ndarray):
                object.__setattr__(self, name, np.asarray(array))  # not of a class of its own
            elif array is not None or name == "pixels":
                raise ImageError(f"{name}: a numpy array, not {shown(array)}")
        for name in ("icc", "exif", "xmp"):
            data = getattr(self, name)
            if not isinstance(data, bytes | bytearray | memoryview | None):
                raise ImageError(f"{name}: bytes, not {shown(data)}")
            object.__setattr__(self, name, data if data is None else bytes(data))
        if not isinstance(self.notes, tuple) or not all(isinstance(n, str) for n in self.notes):
            raise ImageError(f"notes: a tuple of texts, not {shown(self.notes)}")
        shape = self.pixels.shape
        fits = len(shape) >= 2 and shape[2:] in ((), (3,)) and 0 not in shape
        if self.pixels.dtype != np.uint8 or not fits:
            raise _not_a_picture(self.pixels, "pixels")
        alpha = self.alpha
        if alpha is not None and (alpha.dtype != np.uint8 or alpha.shape != shape[:2]):
            raise _not_a_picture(alpha, f"alpha of {shape[1]}x{shape[0]} pixels")

    @property
    def gray(self) -> bool:
        """Whether the pixels are [H, W]."""
        return self.pixels.ndim == 2


def _not_a_picture(array: NDArray[Any], what: str) -> ImageError:
    shape = list(array.shape)
    return ImageError(f"an array {shape} of {array.dtype} cannot be {what}: see Picture")


ImageLike: TypeAlias = Picture | Image.Image | NDArray[np.uint8]


def as_picture(image: ImageLike) -> Picture:
    """What a caller of the library has, as a Picture. Raises ImageError.

    An array is uint8 [H, W] (gray), [H, W, 2] (gray, alpha), [H, W, 3] (RGB) or [H, W, 4] (RGBA).
    """
    if isinstance(image, Picture):
        return image
    if isinstance(image, Image.Image):
        return from_pil(image)
    if isinstance(image, np.ndarray):
        return Picture(*split(image))
    what = type(image).__name__
    raise ImageError(f"not a Picture, PIL image, numpy array or photo file but {what}")


def from_pil(image: Image.Image, max_pixels: int = MAX_PIXELS) -> Picture:
    """A PIL image of any mode: its current frame, its metadata, and what was lost as notes.

    Of a file that has been loaded, Pillow has cut 16 bits to 8, and it does not show. Raises
    ImageError.
    """
    if error := size_error(*image.size, max_pixels):
        raise ImageError(error)
    with pillow_errors("read this picture"):
        check_is_read_right(image)
        bits, mode = bits_of(image), mode_of(image)
        notes = list(lost_in_loading(image, bits))
        lower = lower_bytes(image)
        image.load()
        whole = image if lower is None else with_lower_bytes(image, lower, mode)
        converted, note = converter(mode)(whole, bits)
        notes += [note] if note else []
        pixels, alpha = split(np.array(converted))
        metadata = metadata_of(image)
        notes += _find_profile(metadata, image, mode, gray=pixels.ndim == 2)
        notes += settle(metadata)
        notes += notes_beside(image, metadata["exif"])
        return Picture(pixels, alpha, **metadata, notes=tuple(notes))


def _find_profile(metadata: Metadata, image: Image.Image, mode: str, gray: bool) -> list[str]:
    """Give the metadata the profile that the pixels are in, if any; notes on what is not kept."""
    if mode in PROFILE_ENDS:
        metadata["icc"] = None
        return []
    described = described_colours(image.info, gray)
    if described is not None:
        metadata["icc"] = described.icc
        return [described.note] if described.note else []
    if error := profile_error(metadata["icc"], gray):
        metadata["icc"] = None
        return [f"the colour profile was dropped: it {error}"]
    return []


def to_pil(picture: Picture) -> Image.Image:
    """A PIL image of mode L, LA, RGB or RGBA, with the metadata in its `info`.

    The keys are those that Pillow's readers use.
    """
    image = joined(picture.pixels, picture.alpha)
    image.info.update(metadata_info(picture.icc, picture.exif, picture.xmp))
    return image


def metadata_info(icc: bytes | None, exif: bytes | None, xmp: bytes | None) -> dict[str, bytes]:
    """Metadata as an image's `info` has it."""
    exif = None if exif is None else EXIF_PREFIX + exif
    values = {"icc_profile": icc, "exif": exif, "xmp": xmp}
    return {key: value for key, value in values.items() if value is not None}


@contextmanager
def pillow_errors(doing: str) -> Iterator[None]:
    """Turn whatever Pillow raises, of any type, into one ImageError of one line."""
    try:
        yield
    except AecodecError:
        raise
    except UnidentifiedImageError as error:
        known = ", ".join((*READABLE, *OTHERS))
        raise ImageError(f"not a picture of a known format ({known})") from error
    except MemoryError as error:
        raise ImageError(f"cannot {doing}: not enough memory") from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"cannot {doing}: {reason}") from error


def as_stored(shown: Box, tag: int, width: int, height: int) -> Box:
    """A box of a picture as it is shown, upright, as a box of it as it is stored.

    tag: the orientation; width and height are those of the stored picture. What sticks out there
    does so here.
    """
    rows, columns = (shown.top, shown.bottom), (shown.left, shown.right)
    if tag > 4:  # what is stored as a column is shown as a row
        rows, columns = columns, rows
    if tag in (3, 4, 6, 7):
        rows = height - rows[1], height - rows[0]
    if tag in (2, 3, 7, 8):
        columns = width - columns[1], width - columns[0]
    return Box(rows[0], columns[0], rows[1], columns[1])


def without_metadata(picture: Picture) -> Picture:
    """The picture alone, upright, because the tag that told to turn it goes with the rest."""
    notes = picture.notes
    if picture.icc is not None and not is_srgb(picture.icc):
        notes += ("the colour profile was dropped: colours will be read as sRGB",)
    elif picture.icc is None and is_adobe_rgb(picture.exif):
        notes += ("EXIF said that its colours are Adobe RGB: they will be read as sRGB",)
    return replace(upright(picture), icc=None, exif=None, xmp=None, notes=notes)


def upright(picture: Picture) -> Picture:
    """Pixels and alpha as EXIF says that they are to be shown; EXIF still says so."""
    tag = orientation(picture.exif)
    if tag == 1:
        return picture
    turn, alpha = _UPRIGHT[tag], picture.alpha
    return replace(
        picture,
        pixels=np.ascontiguousarray(turn(picture.pixels)),
        alpha=None if alpha is None else np.ascontiguousarray(turn(alpha)),
    )


# EXIF orientation -> what turns rows and columns upright
_UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


def reduced(picture: Picture, reduction: int) -> Picture:
    """At 1/reduction, ceil(W / r) x ceil(H / r), without metadata: means, by what is seen.

    A few rows at a time, without Pillow's copy of the whole.
    """
    rows = range(0, picture.pixels.shape[0], 8 * reduction)
    parts = []
    for row in rows:
        strip = slice(row, row + rows.step)
        alpha = None if picture.alpha is None else picture.alpha[strip]
        parts.append(split(np.array(joined(picture.pixels[strip], alpha).reduce(reduction))))
    pixels, alphas = zip(*parts, strict=True)
    return Picture(np.concatenate(pixels), None if alphas[0] is None else np.concatenate(alphas))


def small(picture: Picture, size: int) -> Picture:
    """A thumbnail that fits into size by size pixels, upright, in its own colour profile."""
    shown = upright(picture)
    image = joined(shown.pixels, shown.alpha)
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    return Picture(*split(np.array(image)), icc=picture.icc)
