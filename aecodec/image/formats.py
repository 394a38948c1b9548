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
}
"""Suffix -> Pillow's name of the format. None runs a program, as Pillow's reader of EPS would."""
PHOTO_SUFFIXES = tuple(FORMATS)
"""What is taken for a photo in a folder."""
READABLE = tuple(dict.fromkeys(FORMATS.values()))
"""By Pillow, whose reader of JPEG also opens MPO, the several frames of phones."""
WRITABLE = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".bmp")
"""The suffixes that a picture can be written as, in the order of the message that lists them."""
