"""The formats of photo files, without Pillow: the command asks for them before it needs a pixel."""

from aecodec.errors import ImageError

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".jfif": "JPEG",
    ".jpe": "JPEG",
    ".apng": "PNG",
    ".pnm": "PPM",
    ".pbm": "PPM",
    ".dib": "DIB",
}
"""Suffix -> Pillow's name of the format. None runs a program, as Pillow's reader of EPS would."""
ALIASES = (".jif", ".jfi", ".mpo") + tuple(
    f".{name}{mark}{size}"
    for name in ("jpg", "jpeg", "png")
    for mark in "_-"
    for size in ("large", "orig")
)
"""More suffixes of the same formats, from browsers, sites and cameras."""
SIMPLE = (*FORMATS, *ALIASES)
OTHERS = {
    "AVIF": (".avif", ".avifs"),
    "HEIC": (".heic", ".heif", ".hif", ".heics", ".heifs"),
    "JPEG 2000": (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    "JPEG XL": (".jxl",),
}
"""Formats that have readers of their own here -> their suffixes. Pillow has no part in some."""
PHOTO_SUFFIXES = (*SIMPLE, *(suffix for suffixes in OTHERS.values() for suffix in suffixes))
"""What is taken for a photo in a folder."""
READABLE = tuple(dict.fromkeys(FORMATS.values()))
"""By Pillow, whose reader of JPEG also opens MPO, the several frames of phones."""
WRITABLE = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".bmp")
"""The suffixes that a picture can be written as, in the order of the message that lists them."""


def needs_extra(what: str) -> ImageError:
    """What to raise for a file, such as "a HEIC file", without the library that reads it."""
    return ImageError(f"is {what}: reading it takes pip install 'aecodec[formats]'")
