"""What pictures of other modes become: one converter a mode of Pillow's, and a note for each loss.

A converter ends in L, LA, RGB or RGBA; picture.py is its only user and catches what Pillow raises.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile, TiffImagePlugin

from aecodec.errors import ImageError

_TIFF_BITS_PER_SAMPLE = 258
_TIFF_PHOTOMETRIC = 262
_TIFF_SAMPLES_PER_PIXEL = 277
_TIFF_COLOUR_MAP = 320
_TIFF_EXTRA_SAMPLES = 338
_WHITE_IS_ZERO = 0
_PREMULTIPLIED = 1
GAIN_MAP = "the gain map that would make it HDR was left out"
_ORDINALS = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}

Pixels: TypeAlias = NDArray[np.uint8]  # [H, W, 3], RGB, or [H, W], gray
Samples: TypeAlias = NDArray[Any]  # of one image in the type that its file has


def split(samples: NDArray[np.uint8]) -> tuple[Pixels, NDArray[np.uint8] | None]:
    """[H, W] or [H, W, 2 to 4] -> pixels and alpha; other shapes are left to Picture to refuse."""
    if samples.ndim != 3 or samples.shape[2] not in (2, 4):
        return samples, None
    colours = samples[..., 0] if samples.shape[2] == 2 else samples[..., :3]
    return np.ascontiguousarray(colours), np.ascontiguousarray(samples[..., -1])


def joined(pixels: Pixels, alpha: NDArray[np.uint8] | None) -> Image.Image:
    """Inverse of `split`: an image of mode L, LA, RGB or RGBA."""
    image = Image.fromarray(pixels)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    return image


def bits_of(image: Image.Image) -> int:
    """Bits a sample in the file, as far as Pillow tells before it loads the pixels."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        palette = _tiff_tag(image, _TIFF_COLOUR_MAP, ())  # of 16 bit, of which Pillow takes 8
        if image.mode in ("P", "PA") and any(entry % 256 and entry % 257 for entry in palette):
            return 16
        return int(max(_tiff_tag(image, _TIFF_BITS_PER_SAMPLE, (1,))))
    for tile in getattr(image, "tile", ()):  # what an opened file is about to decode
        if image.format == "PNG":
            digits = str(tile[3]).partition(";")[2].rstrip("B")  # of a raw mode such as RGB;16B
            return int(digits or 8)
        if image.format == "PPM" and isinstance(tile[3], tuple) and tile[3][1] > 255:
            return int(tile[3][1]).bit_length()
    return 16 if image.mode.startswith("I") else 8


def mode_of(image: Image.Image) -> str:
    """The image's mode, or the file's where Pillow is about to make more of it: gray to RGB."""
    tiles = getattr(image, "tile", ())
    return "LA" if image.format == "PNG" and tiles and tiles[0][3] == "LA;16B" else image.mode


def further_frames(count: int) -> tuple[str, ...]:
    """A note on so many frames after the first, or pictures beside the primary one."""
    said = f"{count} further frame{' was' if count == 1 else 's were'} left out"
    return (said,) if count > 0 else ()


def lost_in_loading(image: Image.Image, bits: int) -> Iterator[str]:
    """Notes on what the file has and Pillow leaves out or cuts without a word."""
    further = further_frames(getattr(image, "n_frames", 1) - 1)
    yield from further
    if not further and image.format == "JPEG" and "mp" in image.info and _is_ultra_hdr(image):
        yield GAIN_MAP
    told = image.info.get("bit_depth")  # by what has read it; pillow-heif's name, too
    deepest = told if isinstance(told, int) and told > 8 else bits
    if deepest > 8 and image.mode != "F":
        yield f"{deepest}-bit samples were reduced to 8 bits"
    if image.mode in ("La", "RGBa") or _PREMULTIPLIED in _tiff_tag(image, _TIFF_EXTRA_SAMPLES, ()):
        yield "colours multiplied by alpha were divided by it and rounded"
    kept = 3 if image.mode == "RGBX" else len(image.getbands())
    channels = 4 if image.mode == "RGBX" else _tiff_tag(image, _TIFF_SAMPLES_PER_PIXEL, kept)
    if channels == kept + 1:
        yield f"a {_ORDINALS[channels]} channel of no stated meaning was left out"
    elif channels > kept:
        yield f"{channels - kept} channels of no stated meaning were left out"


def _tiff_tag(image: Image.Image, tag: int, default: Any) -> Any:
    """A tag of a TIFF; the default for every other file."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return image.tag_v2.get(tag, default)
    return default


def _is_ultra_hdr(image: Image.Image) -> bool:
    """Whether a JPEG has a gain map as its second frame, which Pillow does not count as one."""
    return b"hdrgm:Version=" in image.info.get("xmp", b"")


_LOWER_BYTES = {
    f"{mode};16{order}": f"{mode};16{other}"
    for mode in ("RGB", "RGBA", "CMYK")
    for order, other in {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}.items()
} | {"LA;16B": "RGBA"}
"""Pillow's name of how samples of 16 bits lie in a file -> the one by which it takes their other
byte than it should. LA by RGBA: the upper and the lower byte of gray, then those of alpha."""


def lower_bytes(image: Image.Image) -> NDArray[np.uint8] | None:
    """The bytes that Pillow is about to cut off samples of 16 bits, [H, W, channels].

    None where it cuts none off, or where the image does not come from a file that it has open.
    LA comes as four channels, of which those with odd numbers are lower bytes.
    """
    tiles, stream = getattr(image, "tile", ()), getattr(image, "fp", None)
    others = [_of_lower_bytes(tile) for tile in tiles]
    if stream is None or not isinstance(image, ImageFile.ImageFile) or not all(others):
        return None
    place = stream.tell()
    stream.seek(0)
    twin = type(image)(stream)
    same = bool(others) and twin.tile == tiles  # and not another frame
    if same:
        twin.tile = others
        twin.load()
    stream.seek(place)
    return np.asarray(twin) if same else None


def _of_lower_bytes(tile: Any) -> Any:
    """One of Pillow's tiles, a part of a file, as one of lower bytes; None where it has none."""
    args = tile.args if isinstance(tile.args, tuple) else (tile.args,)
    if args[0] not in _LOWER_BYTES:
        return None
    args = (_LOWER_BYTES[args[0]], *args[1:])
    return tile._replace(args=args if isinstance(tile.args, tuple) else args[0])


def with_lower_bytes(image: Image.Image, lower: NDArray[np.uint8], mode: str) -> Image.Image:
    """An image of that mode, whose samples of 16 bits Pillow has cut, rounded to 8 bits instead."""
    upper = np.asarray(image)
    if mode == "LA":
        upper, lower = lower[..., 0::2], lower[..., 1::2]
    difference = lower.astype(np.int16) - upper  # 257 levels of 16 bits are one of 8
    levels = upper + (difference > 128).astype(np.uint8) - (difference < -128).astype(np.uint8)
    rounded = Image.fromarray(levels, mode)
    rounded.info = image.info
    return rounded


# An image and the file's bits a sample -> an image of mode L, LA, RGB or RGBA, and a note if
# something was changed or lost on the way, other than what lost_in_loading tells
_Converted: TypeAlias = tuple[Image.Image, str | None]
_Converter: TypeAlias = Callable[[Image.Image, int], _Converted]


def converter(mode: str) -> _Converter:
    """The function for a mode of Pillow. Raises ImageError."""
    if mode not in _CONVERTERS:
        raise ImageError(f"this picture is of the mode {mode}, which is not known")
    return _CONVERTERS[mode]


def _to(mode: str, note: str | None = None) -> _Converter:
    """A converter that leaves the work to Pillow."""
    return lambda image, bits: (image.convert(mode), note)


def _keep(image: Image.Image, bits: int) -> _Converted:
    """L or RGB, where one colour may be transparent."""
    key = image.info.get("transparency")
    if key is not None and bits > 8:
        return image, "the transparent colour was left out: it has more than 8 bits"
    if key is not None and bits < 8:
        key = key * 255 // (2**bits - 1)  # Pillow scales the samples but not the key
    return _with_key(image, np.asarray(image), key), None


def _from_bilevel(image: Image.Image, bits: int) -> _Converted:
    gray = image.convert("L")
    key = image.info.get("transparency")
    return _with_key(gray, np.asarray(gray), key), "1-bit samples are kept as 8-bit gray"


def _with_key(
    image: Image.Image, samples: Samples, key: int | tuple[int, ...] | None
) -> Image.Image:
    """The image with alpha 0 where its samples [H, W] or [H, W, 3] are the transparent colour."""
    if key is None:
        return image
    opaque = np.any(np.atleast_3d(samples) != np.asarray(key), axis=-1)
    return joined(np.asarray(image), opaque.astype(np.uint8) * np.uint8(255))


def _from_palette(image: Image.Image, bits: int) -> _Converted:
    """Exact; colours that are all gray become gray, unless a profile speaks of RGB."""
    if image.has_transparency_data:
        return image.convert("RGBA"), None
    rgb = image.convert("RGB")
    pixels = np.asarray(rgb)
    if "icc_profile" not in image.info and np.array_equal(pixels[..., :2], pixels[..., 1:]):
        return rgb.getchannel(0), None
    return rgb, None


def _from_integers(image: Image.Image, bits: int) -> _Converted:
    """Gray of more than 8 bit. Mode I could hold 32, but stands for samples of 16."""
    samples = np.asarray(image)
    top = 65_535 if image.mode == "I" else 2**bits - 1
    if samples.min() < 0 or samples.max() > top:
        found = f"{samples.min()} to {samples.max()}"
        raise ImageError(f"its samples go from {found}; only 0 to {top} is understood")
    levels = to_8_bits(samples, top.bit_length())
    return _with_key(_gray(levels, image), samples, image.info.get("transparency")), None


def to_8_bits(samples: Samples, bits: int) -> NDArray[np.uint8]:
    """Integers of up to 24 bits, rounded to levels of 8."""
    top = 2**bits - 1
    levels = (samples.astype(np.uint32) * 255 + top // 2) // top
    return np.asarray(levels, np.uint8)


def _from_floats(image: Image.Image, bits: int) -> _Converted:
    samples = np.asarray(image)
    low, high = samples.min(), samples.max()
    if not np.isfinite([low, high]).all():
        raise ImageError("some of its float samples are infinite or not a number")
    if low < 0 or high > 255:
        raise ImageError(
            f"its float samples go from {low:g} to {high:g}; only 0 to 1 or 0 to 255 is understood"
        )
    if high <= 1:
        return _gray(np.rint(samples * 255), image), "float samples from 0 to 1 became 8 bits"
    return _gray(np.rint(samples), image), "float samples from 0 to 255 were rounded to 8 bits"


def _gray(levels: Samples, image: Image.Image) -> Image.Image:
    """Levels 0 to 255 [H, W] as an image, in the sense of the TIFF they may come from."""
    gray = levels.astype(np.uint8)
    if _tiff_tag(image, _TIFF_PHOTOMETRIC, None) == _WHITE_IS_ZERO:  # Pillow sees to 8 bit only
        gray = 255 - gray
    return Image.fromarray(gray)


def _from_cmyk(image: Image.Image, bits: int) -> _Converted:
    """By its profile, if it has one that works, else by Pillow's formula."""
    icc = image.info.get("icc_profile")
    if not icc:
        return image.convert("RGB"), "CMYK was converted to RGB"
    try:
        rgb = _to_srgb(image, ImageCms.ImageCmsProfile(io.BytesIO(icc)))
    except (ImageCms.PyCMSError, OSError, ImportError):  # ImportError: a Pillow without LittleCMS
        note = "CMYK was converted to RGB without its colour profile, which could not be used"
        return image.convert("RGB"), note
    return rgb, "CMYK was converted to RGB by its colour profile, which was dropped"


def _from_lab(image: Image.Image, bits: int) -> _Converted:
    note = "L*a*b* was converted to RGB"
    if image.info.get("icc_profile"):
        note += ", and its colour profile was dropped"
    return _to_srgb(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))), note


def _to_srgb(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """Raises PyCMSError where the profile does not fit the image's mode."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    perceptual = ImageCms.Intent.PERCEPTUAL
    return ImageCms.buildTransform(profile, srgb, image.mode, "RGB", perceptual).apply(image)


_CONVERTERS: dict[str, _Converter] = {
    "L": _keep,
    "RGB": _keep,
    "LA": _to("LA"),
    "RGBA": _to("RGBA"),
    "La": _to("LA"),
    "RGBa": _to("RGBA"),
    "RGBX": _to("RGB"),
    "P": _from_palette,
    "PA": _to("RGBA"),
    "1": _from_bilevel,
    "I": _from_integers,
    "I;16": _from_integers,
    "I;16L": _from_integers,
    "I;16B": _from_integers,
    "I;16N": _from_integers,
    "F": _from_floats,
    "CMYK": _from_cmyk,
    "LAB": _from_lab,
    "YCbCr": _to("RGB", "YCbCr was converted to RGB"),
    "HSV": _to("RGB", "HSV was converted to RGB"),
}
PROFILE_ENDS = ("CMYK", "LAB")  # their converters end in sRGB and tell what became of the profile
