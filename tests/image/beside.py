"""Files with much beside their pixels, as Pillow does not write them. All are of RGB's pixels."""

import struct
import zlib

from aecodec.image.bmp import SIGNATURE as BMP
from tests.chunks import PNG_SIGNATURE, chunks_of, png_file
from tests.image.samples import RGB
from tests.photos import saved

HEAD, *REST, END = chunks_of(saved(RGB, "PNG"), len(PNG_SIGNATURE))
JPEG = saved(RGB, "JPEG")
PREVIEW = saved(RGB, "JPEG")
VIDEO = b"\0\0\0\x18ftypmp42" + bytes(5012)
IPTC = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\x0c" + b"\x1c\x02\x78\0\x07caption"
EXTENSION = b"http://ns.adobe.com/xmp/extension/\0" + bytes(40)


def with_chunks(*more: tuple[bytes, bytes]) -> bytes:
    """The PNG file of PIXELS with more chunks before them."""
    return png_file([HEAD, *more, *REST])


def text(key: str, value: bytes) -> tuple[bytes, bytes]:
    return b"zTXt", key.encode() + b"\0\0" + zlib.compress(value)


def raw(kind: str, data: bytes) -> tuple[bytes, bytes]:
    """As ImageMagick writes it."""
    digits = data.hex()
    lines = "\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
    return text(f"Raw profile type {kind}", f"\n{kind}\n{len(data):8}\n{lines}\n".encode())


def icc(profile: bytes) -> tuple[bytes, bytes]:
    return b"iCCP", b"name\0\0" + zlib.compress(profile)


def atom(kind: bytes, body: bytes) -> bytes:
    """A box of ISO's, as AVIF, JPEG 2000 and JPEG XL have them."""
    return struct.pack(">I4s", 8 + len(body), kind) + body


def with_segment(marker: int, body: bytes) -> bytes:
    whole = JPEG
    size = (len(body) + 2).to_bytes(2, "big")
    return whole[:20] + bytes((0xFF, marker)) + size + body + whole[20:]


def with_folder(width: int, height: int, more: dict[int, int], start: bytes = b"") -> bytes:
    """A gray TIFF of 4 by 3 pixels, whose tag 330 points to a folder of another size."""
    pixels = start.ljust(8, b"\0") + bytes(12)
    at = 8 + len(pixels)
    own = {256: 4, 257: 3, 258: 8, 259: 1, 262: 1, 273: 16, 277: 1, 278: 3, 279: 12} | more
    second = at + 2 + 12 * (len(own) + 1) + 4
    first = own | {330: second}
    inner = own | {256: width, 257: height, 254: 0}
    inner.pop(50706, None)
    data = b"II*\0" + struct.pack("<I", at) + pixels
    for folder in (first, inner):
        data += struct.pack("<H", len(folder))
        for tag, value in sorted(folder.items()):
            data += struct.pack("<HHII", tag, 4, 1, value)
        data += bytes(4)
    return data


def exif_with_preview(
    order: str = "<", preview: bytes = PREVIEW, strips: bool = False, note: bytes = b""
) -> bytes:
    """EXIF with an artist, an orientation, a maker's note and a preview in its second folder."""
    artist = b"somebody's name\0"
    first, sub = 8, 8 + 2 + 12 * 3 + 4
    texts = sub + 2 + 12 + 4
    second = texts + len(artist) + len(note)
    start = second + 2 + 12 * 3 + 4
    places = (273, 279) if strips else (513, 514)

    def folder(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
        data = struct.pack(order + "H", len(entries))
        for tag, kind, count, value in entries:
            form = "HxxI"[0] + "xx" if kind == 3 and count == 1 else "I"
            data += struct.pack(order + "HHI" + form, tag, kind, count, value)
        return data + struct.pack(order + "I", following)

    data = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", first)
    data += folder(
        (274, 3, 1, 6), (315, 2, len(artist), texts), (34665, 4, 1, sub), following=second
    )
    data += folder((37500, 7, len(note), texts + len(artist)))
    data += artist + note
    data += folder(
        (259, 3, 1, 6), (places[0], 4, 1, start), (places[1], 4, 1, len(preview)), following=0
    )
    return data + preview


def bmp(space: bytes, ends: bytes = b"", profile: bytes = b"") -> bytes:
    """A BMP of version 5 with a description of its colours."""
    data = saved(RGB, "BMP")
    head, body = data[14:54], data[54:]
    more = bytes(16) + space + ends.ljust(48, b"\0") + bytes(4)
    more += struct.pack("<III", 124 + len(body), len(profile), 0)
    head = struct.pack("<I", 124) + head[4:] + more
    start = 14 + len(head)
    return BMP + struct.pack("<I4xI", start + len(body), start) + head + body + profile
