"""A part of a picture takes no preview of the whole with it."""

import io
import struct
import time

import numpy as np
import pytest
from PIL import Image

from aecodec.format.box import Box
from aecodec.image.picture import Picture
from aecodec.image.previews import metadata_of_a_part
from tests.fuzz import codec
from tests.image.beside import PREVIEW, exif_with_preview
from tests.image.samples import RGB, L

NOTE = b"MakerNote" + PREVIEW + b"end"


def exif_of_a_part(data: bytes | None) -> bytes | None:
    return metadata_of_a_part(data, None).exif


def xmp_of_a_part(data: bytes | None) -> bytes | None:
    return metadata_of_a_part(None, data).xmp


def tags_of(data: bytes) -> Image.Exif:
    tags = Image.Exif()
    tags.load(data)
    return tags


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("strips", [True, False])
def test_the_preview_is_gone_and_the_rest_is_there(order: str, strips: bool) -> None:
    preview = b"uncompressed strip" * 9 if strips else PREVIEW
    before = exif_with_preview(order, preview, strips, note=b"n" * 40)
    after = exif_of_a_part(before)
    assert after is not None and len(after) < len(before) - len(preview)
    assert preview not in after and b"n" * 40 in after
    tags = tags_of(after)
    assert tags[315] == "somebody's name" and tags[274] == 6
    assert tags.get_ifd(34665)[37500] == b"n" * 40
    assert not tags.get_ifd(1)


def test_a_preview_in_a_maker_s_note_is_gone() -> None:
    after = exif_of_a_part(exif_with_preview(note=NOTE))
    assert after is not None and b"\xff\xd8\xff" not in after
    assert tags_of(after)[315] == "somebody's name"


def test_without_previews_not_a_byte_changes() -> None:
    tags = Image.Exif()
    tags[271] = "Maker"
    data = tags.tobytes().removeprefix(b"Exif\0\0")
    assert exif_of_a_part(data) == data
    assert exif_of_a_part(None) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"noise",
        exif_with_preview()[:30],
        exif_with_preview()[:-1] + b"\xff\xd8\xff",
        b"II*\0" + b"\xff" * 20,
    ],
)
def test_where_it_cannot_be_told_there_is_no_exif(data: bytes) -> None:
    found = exif_of_a_part(data)
    assert found is None or b"\xff\xd8\xff" not in found


def test_damage_never_leaves_a_preview() -> None:
    random, whole = np.random.default_rng(0), exif_with_preview(note=NOTE)
    for _ in range(500):
        data = bytearray(whole)
        data[random.integers(0, 150)] = random.integers(0, 256)
        found = exif_of_a_part(bytes(data))
        assert found is None or PREVIEW[:3] not in found


def test_previews_in_xmp() -> None:
    kept = b"<x><xmp:Rating>5</xmp:Rating>%s</x>"
    preview = (
        b"<xmp:Thumbnails><rdf:Alt><xmpGImg:image>/9j/</xmpGImg:image></rdf:Alt></xmp:Thumbnails>"
    )
    assert xmp_of_a_part(kept % preview) == kept % b""
    assert xmp_of_a_part(kept % b"") == kept % b""
    for start in (b"/9j/4AAQ", b"iVBORw0KGgoAAAA"):
        assert xmp_of_a_part(b'<x any:Data="%s"/>' % start) is None
    assert xmp_of_a_part(None) is None


def test_only_a_part_loses_its_preview() -> None:
    picture = Picture(np.asarray(L), exif=exif_with_preview(), xmp=b"<x/>")
    data = codec().encode(picture)
    assert codec().decode_picture(data).exif == picture.exif
    assert codec().decode_picture(data, scale=2).exif == picture.exif
    assert codec().decode_picture(data, Box(0, 0, 13, 17)).exif == picture.exif
    part = codec().decode_picture(data, Box(0, 0, 8, 8))
    assert part.exif == exif_of_a_part(picture.exif) and part.xmp == b"<x/>"
    assert b"\xff\xd8\xff" not in codec().decode(data, Box(0, 0, 8, 8)).info["exif"]
    assert Image.open(io.BytesIO(PREVIEW)).size == RGB.size


STRIP = b"uncompressed" * 9


def folder_of_a_strip(at: int, following: int = 0) -> bytes:
    """30 bytes at `at`, of a preview that lies behind them."""
    entries = struct.pack("<HHII", 273, 4, 1, at + 30) + struct.pack("<HHII", 279, 4, 1, len(STRIP))
    return struct.pack("<H", 2) + entries + struct.pack("<I", following) + STRIP


def test_a_preview_in_a_folder_inside_is_gone() -> None:
    data = b"II*\0" + struct.pack("<IHHHII", 8, 1, 330, 4, 1, 26) + bytes(4)
    after = exif_of_a_part(data + folder_of_a_strip(26))
    assert after is not None and b"uncompressed" not in after and len(after) == 26


def test_a_preview_behind_another_is_gone() -> None:
    data = b"II*\0" + struct.pack("<IHHHIII", 8, 1, 274, 3, 1, 6, 26)
    second = 26 + 30 + len(STRIP)
    after = exif_of_a_part(data + folder_of_a_strip(26, second) + folder_of_a_strip(second))
    assert after == data[:-4] + bytes(4)


def test_folders_in_a_circle_are_left_out() -> None:
    data = b"II*\0" + struct.pack("<IHHHIII", 8, 1, 274, 3, 1, 6, 26)
    part = metadata_of_a_part(data + folder_of_a_strip(26, 26), None)
    assert part.left_out == ("EXIF",)


def test_of_exif_that_is_left_out_the_orientation_stays() -> None:
    part = metadata_of_a_part(exif_with_preview() + PREVIEW, None)
    assert part.left_out == ("EXIF",)
    assert part.exif is not None and len(part.exif) < 40 and tags_of(part.exif)[274] == 6


def test_exif_without_the_last_link_is_kept() -> None:
    tags = Image.Exif()
    tags[274] = 6
    data = tags.tobytes().removeprefix(b"Exif\0\0")
    assert data.endswith(bytes(4))
    assert exif_of_a_part(data[:-4]) == data[:-4]


def test_crafted_metadata_take_no_time() -> None:
    pointers = struct.pack("<H", 5000) + struct.pack("<HHII", 34665, 4, 5000, 8) * 5000
    shorts = struct.pack("<H", 5000) + struct.pack("<HHII", 273, 3, 30_000, 8) * 5000
    start = time.perf_counter()
    for body in (pointers, shorts):
        exif_of_a_part(b"II*\0" + struct.pack("<I", 8) + body + bytes(4))
        exif_of_a_part(b"II*\0" + struct.pack("<IHI", 8, 0, 14) + body + bytes(4))
    assert xmp_of_a_part(b"<a:Thumbnails " * 2**16) is None
    assert time.perf_counter() - start < 0.5
