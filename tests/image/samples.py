"""Pictures and photo files of every kind, and what reading the files makes of them."""

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from aecodec.image.photo_file import picture_file
from aecodec.image.picture import Picture
from tests.chunks import ihdr, png_file
from tests.photos import saved

PIXELS = np.random.default_rng(0).integers(0, 256, (13, 17, 3), dtype=np.uint8)
GRAY = PIXELS[:, :, 0].copy()
ALPHA = PIXELS[::-1, :, 1].copy()
ALPHA[:2] = 0
KINDS = {
    "L": Picture(GRAY),
    "LA": Picture(GRAY, ALPHA),
    "RGB": Picture(PIXELS),
    "RGBA": Picture(PIXELS, ALPHA),
}

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation: int = 1) -> bytes:
    """An EXIF stream with a sub-folder, as cameras write it."""
    tags = Image.Exif()
    tags[271] = "Maker"
    tags[274] = orientation
    tags[34665] = {33434: (1, 100)}  # exposure time
    tags[34853] = {1: "N"}  # latitude
    return tags.tobytes().removeprefix(b"Exif\0\0")


def profile(space: bytes) -> bytes:
    """The head of a colour profile for "RGB ", "GRAY" or "CMYK", with nothing behind it."""
    return SRGB[:16] + space + SRGB[20:128]


def written(picture: Picture, suffix: str) -> bytes:
    """The photo file of a picture, which holds all of it."""
    parts, left_out = picture_file(picture, suffix)
    assert left_out == ()
    return b"".join(parts)


def same(a: NDArray[np.uint8] | None, b: NDArray[np.uint8] | None) -> bool:
    """Whether two arrays, or two absences, are the same."""
    return a is b if a is None or b is None else np.array_equal(a, b)


def png(bits: int, kind: int, rows: list[bytes], width: int, key: tuple[int, ...] = ()) -> bytes:
    """A PNG of any bits and colour type, with a transparent colour, as Pillow cannot write it."""
    transparent = [(b"tRNS", struct.pack(f">{len(key)}H", *key))] if key else []
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return png_file([ihdr(width, len(rows), bits, kind), *transparent, (b"IDAT", data)])


def tiff(width: int, data: bytes, more: dict[int, tuple[int, ...]]) -> bytes:
    """A TIFF of one row, whose tags are all shorts, as Pillow cannot write it."""
    tags = {256: (width,), 257: (1,), 259: (1,), 273: (8,), 278: (1,), 279: (len(data),)} | more
    data += bytes(len(data) % 2)
    end = 8 + len(data) + 2 + 12 * len(tags) + 4
    table = long_values = b""
    for tag, values in sorted(tags.items()):
        value = struct.pack(f"<{len(values)}H", *values)
        if len(value) > 4:
            value, long_values = struct.pack("<I", end + len(long_values)), long_values + value
        table += struct.pack("<HHI", tag, 3, len(values)) + value.ljust(4, b"\0")
    head = b"II*\0" + struct.pack("<I", 8 + len(data)) + data
    return head + struct.pack("<H", len(tags)) + table + bytes(4) + long_values


def cmyk_profile() -> bytes:
    """The least that LittleCMS takes: each of the four inks alone makes a gray of L* = 75."""
    grid = b"".join(bytes((255 * (4 - n.bit_count()) // 4, 128, 128)) for n in range(16))
    identity = struct.pack(">9I", *(0x10000 * (i % 4 == 0) for i in range(9)))
    ramp = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + ramp * 4 + grid + ramp * 3
    head = SRGB[4:8] + b"\x02\x40\0\0" + b"prtrCMYKLab " + SRGB[24:128]
    tags = struct.pack(">I4sII", 1, b"A2B0", 144, len(table))
    return struct.pack(">I", 144 + len(table)) + head + tags + table


def keyed(image: Image.Image | NDArray[np.uint8], key: Any) -> NDArray[np.uint8]:
    """Alpha 0 where an image has this colour."""
    same_colour = np.atleast_3d(np.asarray(image)) == np.asarray(key)
    return np.where(same_colour.all(-1), 0, 255).astype(np.uint8)


RGB = Image.fromarray(PIXELS)
L = Image.fromarray(GRAY)
FEW = RGB.quantize(16)
FEW_GRAY = Image.fromarray(GRAY // 64 * 64).convert("P")
FEW_WITH_ALPHA = Image.merge("PA", [FEW, Image.fromarray(ALPHA)])
CLEAR = Image.fromarray(np.dstack([PIXELS, ALPHA // 128 * 255])).quantize(16, 2)
PREMULTIPLIED = Image.fromarray(np.dstack([PIXELS, ALPHA])).convert("RGBa")
LEVELS = np.array([[0, 85, 170, 255]], np.uint8)  # of 2 bits
OPAQUE = np.full_like(ALPHA, 255)
FEW_RGB = np.asarray(FEW.convert("RGB"))
FAINT = np.asarray(FEW) + np.uint8(100)
KEY = (int(GRAY[0, 0]), tuple(int(v) for v in PIXELS[0, 0]))

# name -> a file, and the pixels and alpha that come of it exactly
EXACT: dict[str, tuple[bytes, NDArray[np.uint8], NDArray[np.uint8] | None]] = {
    "gray png": (saved(L, "PNG"), GRAY, None),
    "gray tiff": (saved(L, "TIFF"), GRAY, None),
    "gray gif": (saved(L, "GIF"), GRAY, None),
    "gray bmp": (saved(L, "BMP"), GRAY, None),
    "gray pgm": (saved(L, "PPM"), GRAY, None),
    "2-bit gray png": (png(2, 0, [b"\x1b"], 4), LEVELS, None),
    "palette png": (saved(FEW, "PNG"), FEW_RGB, None),
    "palette gif": (saved(FEW, "GIF"), FEW_RGB, None),
    "palette tiff": (saved(FEW, "TIFF"), FEW_RGB, None),
    "gray palette": (saved(FEW_GRAY, "PNG"), GRAY // 64 * 64, None),
    "transparent palette": (saved(FEW, "PNG", transparency=3), FEW_RGB, keyed(FEW, 3)),
    "transparent gif": (saved(FEW, "GIF", transparency=3), FEW_RGB, keyed(FEW, 3)),
    "translucent palette": (saved(FEW, "PNG", transparency=bytes(range(100, 116))), FEW_RGB, FAINT),
    "palette and alpha": (saved(FEW_WITH_ALPHA, "TIFF"), FEW_RGB, ALPHA),
    "transparent gray": (saved(L, "PNG", transparency=KEY[0]), GRAY, keyed(L, KEY[0])),
    "transparent rgb": (saved(RGB, "PNG", transparency=KEY[1]), PIXELS, keyed(RGB, KEY[1])),
    "transparent 2-bit gray": (png(2, 0, [b"\x1b"], 4, key=(2,)), LEVELS, keyed(LEVELS, 170)),
    "opaque alpha": (written(Picture(PIXELS, OPAQUE), ".png"), PIXELS, OPAQUE),
}

MORE_FRAMES = [Image.fromarray(PIXELS[::-1].copy()), Image.fromarray(255 - PIXELS)]
FRAMES = {"save_all": True, "append_images": MORE_FRAMES[:1]}
ALL_FRAMES = {"save_all": True, "append_images": MORE_FRAMES}
REDUCED = "samples were reduced to 8 bits"
DEEP = f"16-bit {REDUCED}"
ROUNDED = "were rounded to 8 bits"
NO_KEY = "the transparent colour was left out: it has more than 8 bits"
INKS = "CMYK was converted to RGB"
FOURTH = "a fourth channel of no stated meaning was left out"
DROPPED = "the colour profile was dropped: it is for"
ONE_LEFT = "1 further frame was left out"
CMYK, LAB = RGB.convert("CMYK"), Image.new("LAB", (2, 2))
UNIT = Image.fromarray(GRAY.astype(np.float32) / 255)

# name -> a file, and the notes on what reading it changes or loses, with semicolons
NOTED: dict[str, tuple[bytes, str]] = {
    "1-bit png": (saved(L.convert("1"), "PNG"), "1-bit samples are kept as 8-bit gray"),
    "1-bit tiff": (saved(L.convert("1"), "TIFF"), "1-bit samples are kept as 8-bit gray"),
    "16-bit gray png": (saved(Image.new("I;16", (2, 2)), "PNG"), DEEP),
    "16-bit gray tiff": (saved(Image.new("I;16", (2, 2)), "TIFF"), DEEP),
    "16-bit pgm": (b"P5 1 1 65535\nab", DEEP),
    "10-bit pgm": (b"P5 1 1 1023\n\1\2", f"10-bit {REDUCED}"),
    "32-bit gray tiff": (saved(Image.new("I", (2, 2)), "TIFF"), f"32-bit {REDUCED}"),
    "16-bit png": (png(16, 2, [b"abcdef"], 1), DEEP),
    "16-bit png with alpha": (png(16, 6, [b"abcdefgh"], 1), DEEP),
    "16-bit gray png with alpha": (png(16, 4, [b"abcd"], 1), DEEP),
    "16-bit gray png with a key": (png(16, 0, [b"ab"], 1, key=(1,)), DEEP),
    "16-bit png with a key": (png(16, 2, [b"abcdef"], 1, key=(1, 2, 3)), f"{DEEP}; {NO_KEY}"),
    "16-bit tiff": (tiff(1, b"abcdef", {258: (16, 16, 16), 262: (2,), 277: (3,)}), DEEP),
    "16-bit palette": (tiff(1, b"\1", {258: (8,), 262: (3,), 320: tuple(range(768))}), DEEP),
    "16-bit ppm": (b"P6 1 1 65535\nabcdef", DEEP),
    "10-bit plain ppm": (b"P3 1 1 1023\n1 2 1000\n", f"10-bit {REDUCED}"),
    "float": (saved(UNIT, "TIFF"), "float samples from 0 to 1 became 8 bits"),
    "pfm": (saved(UNIT, "PPM"), "float samples from 0 to 1 became 8 bits"),
    "float levels": (saved(L.convert("F"), "TIFF"), f"float samples from 0 to 255 {ROUNDED}"),
    "cmyk jpeg": (saved(CMYK, "JPEG"), INKS),
    "cmyk tiff": (saved(CMYK, "TIFF"), INKS),
    "16-bit cmyk": (tiff(1, bytes(8), {258: (16,) * 4, 262: (5,), 277: (4,)}), f"{DEEP}; {INKS}"),
    "cmyk with a profile": (
        saved(CMYK, "JPEG", icc_profile=cmyk_profile()),
        f"{INKS} by its colour profile, which was dropped",
    ),
    "cmyk with a damaged profile": (
        saved(CMYK, "JPEG", icc_profile=cmyk_profile()[:200]),
        f"{INKS} without its colour profile, which could not be used",
    ),
    "cmyk with another's profile": (
        saved(CMYK, "JPEG", icc_profile=SRGB),
        f"{INKS} without its colour profile, which could not be used",
    ),
    "lab": (saved(LAB, "TIFF"), "L*a*b* was converted to RGB"),
    "lab with a profile": (
        saved(LAB, "TIFF", icc_profile=SRGB),
        "L*a*b* was converted to RGB, and its colour profile was dropped",
    ),
    "ycbcr": (saved(RGB.convert("YCbCr"), "TIFF"), "YCbCr was converted to RGB"),
    "fourth channel": (saved(RGB.convert("RGBX"), "TIFF"), FOURTH),
    "gray with a second channel": (
        tiff(1, b"ab", {258: (8, 8), 262: (1,), 277: (2,), 338: (0,)}),
        "a second channel of no stated meaning was left out",
    ),
    "five channels": (
        tiff(1, b"abcde", {258: (8,) * 5, 262: (2,), 277: (5,), 338: (0, 0)}),
        "2 channels of no stated meaning were left out",
    ),
    "premultiplied tiff": (
        tiff(1, b"abcd", {258: (8,) * 4, 262: (2,), 277: (4,), 338: (1,)}),
        "colours multiplied by alpha were divided by it and rounded",
    ),
    "gray profile of rgb": (
        saved(RGB, "PNG", icc_profile=profile(b"GRAY")),
        f"{DROPPED} gray and the picture is RGB",
    ),
    "rgb profile of gray": (
        saved(L, "JPEG", icc_profile=profile(b"RGB ")),
        f"{DROPPED} RGB and the picture is gray",
    ),
    "cmyk profile of rgb": (
        saved(RGB, "TIFF", icc_profile=profile(b"CMYK")),
        f"{DROPPED} CMYK and the picture is RGB",
    ),
    "noise for a profile": (
        saved(RGB, "WEBP", icc_profile=bytes(200)),
        f"{DROPPED} other colours and the picture is RGB",
    ),
    "animated gif": (saved(FEW, "GIF", **FRAMES), ONE_LEFT),
    "animated png": (saved(RGB, "PNG", **FRAMES), ONE_LEFT),
    "animated webp": (saved(RGB, "WEBP", lossless=True, **FRAMES), ONE_LEFT),
    "pages": (saved(RGB, "TIFF", **FRAMES), ONE_LEFT),
    "three pages": (saved(RGB, "TIFF", **ALL_FRAMES), "2 further frames were left out"),
    "stereo jpeg": (saved(RGB, "MPO", **FRAMES), ONE_LEFT),
    "ultra hdr jpeg": (
        saved(RGB, "MPO", xmp=b'<x hdrgm:Version="1.0"/>', **FRAMES),
        "the gain map that would make it HDR was left out",
    ),
}

NOTED_IN_MEMORY: dict[str, tuple[Image.Image, str]] = {
    "hsv": (RGB.convert("HSV"), "HSV was converted to RGB"),
    "rgbx": (RGB.convert("RGBX"), FOURTH),
    "rgba": (PREMULTIPLIED, "colours multiplied by alpha were divided by it and rounded"),
    "i": (L.convert("I"), DEEP),
    "i;16b": (Image.new("I;16B", (2, 2)), DEEP),
}
