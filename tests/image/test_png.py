"""PNG files whose pixels are all there, whatever lies beside them."""

import struct
import time
import zlib

import numpy as np
import pytest

from aecodec.errors import ImageError
from aecodec.image.photo_file import read_picture
from tests.chunks import PNG_SIGNATURE, joined, png_file
from tests.image.beside import END, HEAD, REST, icc, raw, text, with_chunks
from tests.image.samples import PIXELS, SRGB, exif, written

XMP = b"<x/>"


LARGE = SRGB + bytes(3 * 2**20)
KEPT = {
    "a large profile": (icc(LARGE), "icc", LARGE),
    "EXIF as a raw profile": (raw("exif", b"Exif\0\0" + exif(6)), "exif", exif(6)),
    "EXIF without its prefix": (raw("exif", exif(6)), "exif", exif(6)),
    "EXIF as APP1": (raw("APP1", b"Exif\0\0" + exif(6)), "exif", exif(6)),
    "XMP as a raw profile": (raw("xmp", XMP), "xmp", XMP),
    "XMP as APP1": (raw("APP1", b"http://ns.adobe.com/xap/1.0/\0" + XMP), "xmp", XMP),
    "ICC as a raw profile": (raw("icc", SRGB), "icc", SRGB),
    "XMP, compressed": (
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)),
        "xmp",
        XMP,
    ),
}


@pytest.mark.parametrize("chunk, name, value", KEPT.values(), ids=KEPT.keys())
def test_metadata_of_every_kind_are_kept(
    chunk: tuple[bytes, bytes], name: str, value: bytes
) -> None:
    picture = read_picture(with_chunks(chunk))
    assert getattr(picture, name) == value
    assert picture.notes == ()
    assert getattr(read_picture(written(picture, ".png")), name) == value


def test_profiles_by_other_programs() -> None:
    """exiftool's layout, and its names."""
    data = b"Exif\0\0" + exif(6)
    value = f"\ngeneric profile\n{len(data):8}\n{data.hex()}\n".encode()
    for kind in ("APP1", "exif", "EXIF profile"):
        assert read_picture(with_chunks(text(f"Raw profile type {kind}", value))).exif == exif(6)


@pytest.mark.parametrize("value", [b"\nexif\n 9\n00", b"\nexif\n 1\n0", b"exif", b""])
def test_a_damaged_profile_is_told(value: bytes) -> None:
    picture = read_picture(with_chunks(text("Raw profile type exif", value)))
    assert (picture.exif, picture.notes) == (None, ("EXIF was left out",))


def test_bombs_take_no_time() -> None:
    large = zlib.compress(bytes(2**24 - 1))
    bombs = [(b"zTXt", b"%d\0\0" % number + large) for number in range(50)]
    bombs += [(b"zTXt", b"Raw profile type %d\0\0" % number + large) for number in range(50)]
    bombs += [(b"iCCP", b"name\0\0" + large)] * 50
    start = time.perf_counter()
    picture = read_picture(with_chunks(*bombs, *[(b"a%03d" % n, b"") for n in range(999)]))
    assert time.perf_counter() - start < 2
    assert len(picture.notes) < 70 and sum(map(len, picture.notes)) < 3000


def test_exif_of_its_own_chunk_comes_first() -> None:
    assert read_picture(with_chunks(raw("exif", exif(6)), (b"eXIf", exif(3)))).exif == exif(3)


BESIDE = {
    "a long text": (text("Comment", bytes(2_000_000)), "text was left out: Comment"),
    "a text that is a bomb": (
        text("XML:com.adobe.xmp", bytes(2**25)),
        "the text 'XML:com.adobe.xmp' is damaged or over 16 MiB and was left out",
    ),
    "a damaged text": (
        (b"zTXt", b"XML:com.adobe.xmp\0\0noise"),
        "the text 'XML:com.adobe.xmp' is damaged or over 16 MiB and was left out",
    ),
    "a profile that is a bomb": (
        icc(bytes(2**25)),
        "the chunk iCCP is damaged or over 16 MiB and was left out",
    ),
    "content credentials": ((b"caBX", b"jumb"), "a chunk caBX was left out"),
    "IPTC as a raw profile": (raw("iptc", b"caption"), "IPTC was left out"),
    "300 dpi": (
        (b"pHYs", struct.pack(">IIB", 11_811, 11_811, 1)),
        "the resolution of 300 dpi was left out",
    ),
    "flat pixels": (
        (b"pHYs", struct.pack(">IIB", 2, 1, 0)),
        "its pixels are no squares and were taken for such",
    ),
}


@pytest.mark.parametrize("chunk, note", BESIDE.values(), ids=BESIDE.keys())
def test_what_is_left_out_is_told_and_stops_nothing(chunk: tuple[bytes, bytes], note: str) -> None:
    picture = read_picture(with_chunks(chunk))
    assert np.array_equal(picture.pixels, PIXELS)
    assert picture.notes == (note,)


def test_texts_are_counted() -> None:
    texts = [(b"tEXt", b"%d\0value" % i) for i in range(8)]
    assert read_picture(png_file([HEAD, *texts[:4], *REST, *texts[4:]])).notes == (
        "text was left out: 0, 1, 2, 3, 4, 3 more",
    )


@pytest.mark.parametrize("chunk", [(b"tIME", bytes(7)), (b"pHYs", struct.pack(">IIB", 1, 1, 0))])
def test_what_says_nothing_has_no_note(chunk: tuple[bytes, bytes]) -> None:
    assert read_picture(with_chunks(chunk)).notes == ()


def test_damage_beside_the_pixels_is_told_and_stops_nothing() -> None:
    damaged = joined([(b"tEXt", b"a\0b")])[:-1] + b"?"
    data = PNG_SIGNATURE + joined([HEAD]) + damaged + joined([*REST, END])
    picture = read_picture(data)
    assert np.array_equal(picture.pixels, PIXELS)
    assert picture.notes == ("a damaged chunk tEXt was left out",)


@pytest.mark.parametrize("missing", [1, 4, 12, 13])
def test_a_file_that_lacks_only_its_end_is_read(missing: int) -> None:
    assert np.array_equal(read_picture(with_chunks()[:-missing]).pixels, PIXELS)


def test_damaged_pixels_are_refused() -> None:
    data = bytearray(with_chunks())
    data[-40] ^= 1
    with pytest.raises(ImageError):
        read_picture(bytes(data))


def test_what_is_behind_is_told() -> None:
    assert read_picture(with_chunks() + b"zip").notes == (
        "3 bytes behind the picture were left out",
    )
    assert read_picture(with_chunks() + bytes(3)).notes == ()
