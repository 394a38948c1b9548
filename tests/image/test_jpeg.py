"""JPEG files that lack their end, and what lies in their segments and behind them."""

import re
import time

import numpy as np
import pytest
from PIL import Image

from aecodec.errors import ImageError
from aecodec.image.jpeg import outline
from aecodec.image.photo_file import read_picture
from tests.image.beside import EXTENSION, IPTC, VIDEO, with_segment
from tests.image.samples import CMYK, RGB, L
from tests.photos import photo, saved

ENDLESS = ("the end of the file was missing",)
KINDS = {
    "sequential": saved(RGB, "JPEG"),
    "progressive": saved(RGB, "JPEG", progressive=True),
    "gray": saved(L, "JPEG"),
    "CMYK": saved(CMYK, "JPEG"),
    "restarts": saved(RGB, "JPEG", restart_marker_blocks=1),
    "one component a scan": saved(RGB, "JPEG", progressive=True, quality=100, subsampling=0),
}


@pytest.mark.parametrize("whole", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("end", [b"", b"\xff", bytes(20)])
def test_only_the_end_is_missing(whole: bytes, end: bytes) -> None:
    before, after = read_picture(whole), read_picture(whole[:-2] + end)
    assert np.array_equal(after.pixels, before.pixels)
    assert after.notes == before.notes + ENDLESS


@pytest.mark.parametrize("whole", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("missing", [5, 20, 100])
def test_pixels_are_missing(whole: bytes, missing: int) -> None:
    with pytest.raises(ImageError, match="truncated"):
        read_picture(whole[:-missing])


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("options", [{"restart_marker_rows": 1}, {"restart_marker_blocks": 2}])
def test_a_file_cut_before_a_restart_marker_is_not_whole(
    progressive: bool, options: dict[str, int]
) -> None:
    """Decoders go on behind it as if nothing were missing."""
    whole = saved(
        Image.fromarray(photo(96, 64)), "JPEG", progressive=progressive, quality=90, **options
    )
    marks = [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", whole)]
    assert len(marks) > 2
    for mark in marks:
        for end in (mark, mark + 1, mark + 2):
            with pytest.raises(ImageError):
                read_picture(whole[:end])
    assert read_picture(whole[:-2]).notes == ENDLESS


def test_the_limit_of_pixels_comes_before_any_pixel() -> None:
    whole = KINDS["sequential"]
    size = whole.index(b"\xff\xc0") + 5
    large = whole[:size] + b"\x4e\x20\x4e\x20" + whole[size + 4 : -2]
    start = time.perf_counter()
    with pytest.raises(ImageError, match="20000x20000 is over the limit of 1000000 pixels"):
        read_picture(large, max_pixels=10**6)
    assert time.perf_counter() - start < 0.2


def test_a_walk_over_nonsense_ends_soon() -> None:
    scan = b"\xff\xda\x01\x04\xff" + bytes(range(256)) + bytes(3)
    start = time.perf_counter()
    assert outline(b"\xff\xd8" + scan * 2000).end is None
    assert time.perf_counter() - start < 0.2


def test_scans_of_a_progressive_file_are_missing() -> None:
    whole = KINDS["progressive"]
    starts = [at for at in range(len(whole)) if whole[at : at + 2] == b"\xff\xda"]
    assert len(starts) > 3 and outline(whole).complete
    for start in starts:
        assert not outline(whole[:start]).complete
        with pytest.raises(ImageError):
            read_picture(whole[:start])


def test_the_end_of_a_photo_is_found() -> None:
    whole = saved(Image.fromarray(photo(600, 400)), "JPEG", quality=95)
    assert outline(whole + b"\xff\xd9" * 9).end == len(whole)
    assert outline(whole[:-2]).end is None


BESIDE = {
    "a comment": (with_segment(0xFE, b"by hand"), "a comment was left out"),
    "IPTC": (with_segment(0xED, IPTC), "IPTC was left out"),
    "extended XMP": (with_segment(0xE1, EXTENSION), "extended XMP was left out"),
    "content credentials": (
        with_segment(0xEB, b"JP\0\1jumb"),
        "a segment APP11 (JP) was left out",
    ),
    "300 dpi": (saved(RGB, "JPEG", dpi=(300, 300)), "the resolution of 300 dpi was left out"),
    "two resolutions": (
        saved(RGB, "JPEG", dpi=(300, 150)),
        "the resolution of 300 by 150 dpi was left out",
    ),
    "a video": (
        KINDS["sequential"] + VIDEO,
        "a video of 5,024 bytes behind the picture was left out",
    ),
    "anything behind": (KINDS["gray"] + b"any", "3 bytes behind the picture were left out"),
}


@pytest.mark.parametrize("data, note", BESIDE.values(), ids=BESIDE.keys())
def test_what_is_left_out_is_told(data: bytes, note: str) -> None:
    assert read_picture(data).notes == (note,)


@pytest.mark.parametrize("dpi", [(72, 72), (96, 96), (1, 1)])
def test_what_says_nothing_has_no_note(dpi: tuple[int, int]) -> None:
    for behind in (bytes(9), b"\n", b"\xff\xd9", b"\xff\xff\r\n"):
        assert read_picture(saved(RGB, "JPEG", dpi=dpi) + behind).notes == ()


def test_a_resolution_that_exif_keeps_has_no_note() -> None:
    exif = Image.Exif()
    exif[282] = exif[283] = 300
    assert read_picture(saved(RGB, "JPEG", dpi=(300, 300), exif=exif)).notes == ()


PROMISES = (
    b'<x GCamera:MotionPhoto="1" GCamera:MicroVideo="1" GCamera:MicroVideoOffset="5024"/>',
    b"<x><GCamera:MotionPhoto>1</GCamera:MotionPhoto></x>",
    b"<x Camera:MotionPhoto = '1'/>",
)


@pytest.mark.parametrize("xmp", PROMISES)
def test_xmp_promises_no_video_that_is_not_there(xmp: bytes) -> None:
    picture = read_picture(saved(RGB, "JPEG", xmp=xmp) + VIDEO)
    assert picture.xmp is not None and len(picture.xmp) == len(xmp)
    for name in (b"MotionPhoto", b"MicroVideo"):
        for one in (b'="1"', b">1<", b" = '1'"):
            assert name + one not in picture.xmp
    assert picture.notes == (
        "XMP no longer says that a video follows",
        "a video of 5,024 bytes behind the picture was left out",
    )
