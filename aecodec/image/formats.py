"""The formats of photo files, without Pillow: the command asks for them before it needs a pixel."""

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
PHOTO_SUFFIXES = (*FORMATS, *ALIASES)
"""What is taken for a photo in a folder."""
READABLE = tuple(dict.fromkeys(FORMATS.values()))
"""By Pillow, whose reader of JPEG also opens MPO, the several frames of phones."""
WRITABLE = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".bmp")
"""The suffixes that a picture can be written as, in the order of the message that lists them."""
