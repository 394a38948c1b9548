"""TIFF files beside their pixels: raw files of cameras, and tags that nobody keeps.

Tags are those of TIFF 6.0, TIFF/EP (ISO 12234-2) and DNG.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from PIL import Image, TiffImagePlugin, TiffTags

from aecodec.errors import ImageError

XMP, ICC = 700, 34675
# EXIF 2.32 table 4, and Windows' own: the tags of the first folder that describe the photo rather
# than the file.
OF_THE_PHOTO = frozenset(
    (269, 270, 271, 272, 274, 282, 283, 285, 296, 305, 306, 315, 316, 18246, 18249, 33432)
    + (34665, 34853, 40091, 40092, 40093, 40094, 40095)
)
_OF_THE_FILE = frozenset(
    (*range(254, 267), 273, *range(277, 282), 284, *range(288, 294), 297, 317, 320)
    + (*range(322, 329), 330, 332, *range(338, 342), 347, *range(512, 522), *range(529, 533))
    + (32995, 32996, 32997)
)
_GROUPS = {
    **dict.fromkeys((33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113), "GeoTIFF"),
    33723: "IPTC",
    34377: "Photoshop",
    37724: "Photoshop",
}
_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _SUB_FOLDERS, _DNG_VERSION = 254, 255, 330, 50706
_WIDTH, _LENGTH, _BITS_PER_SAMPLE, _PLANAR = 256, 257, 258, 284
_ONE_BY_ONE = 2  # planes of channels, not pixels
_REDUCED, _OLD_REDUCED = 1, 2
_CANON = (8, b"CR")  # where and what tells a CR2 file
_MOST_FOLDERS = 16


def check_is_read_right(image: Image.Image) -> None:
    """Refuse a TIFF whose first image is a preview, as in raw files, or that Pillow garbles.

    Raises ImageError.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return
    tags = image.tag_v2
    deep = max(tags.get(_BITS_PER_SAMPLE, (1,))) > 8
    if tags.get(_PLANAR) == _ONE_BY_ONE and deep and any(t[0] == "raw" for t in image.tile):
        raise ImageError("deep samples in planes of their own, which is not known: export it anew")
    if image.tell():
        return
    reduced = tags.get(_NEW_SUBFILE_TYPE, 0) == _REDUCED or tags.get(_SUBFILE_TYPE) == _OLD_REDUCED
    if reduced or _DNG_VERSION in tags or _is_canon(image) or _has_larger(image):
        raise ImageError(
            "a raw file, or another TIFF whose first image is a preview: export it as TIFF or PNG"
        )


def _is_canon(image: TiffImagePlugin.TiffImageFile) -> bool:
    start, what = _CANON
    return _read(image, start, len(what)) == what


def _has_larger(image: TiffImagePlugin.TiffImageFile) -> bool:
    """Whether a folder inside of the first one holds an image of more pixels."""
    offsets = image.tag_v2.get(_SUB_FOLDERS, ())
    for offset in (offsets if isinstance(offsets, tuple) else (offsets,))[:_MOST_FOLDERS]:
        fp, folder = image.fp, TiffImagePlugin.ImageFileDirectory_v2(_read(image, 0, 8))
        if fp is None or not isinstance(offset, int):
            return False
        place = fp.tell()
        try:
            fp.seek(offset)
            folder.load(fp)
            if (
                int(folder.get(_WIDTH, 0)) * int(folder.get(_LENGTH, 0))
                > image.width * image.height
            ):
                return True
        except Exception:  # of any type, as ever with Pillow: a folder that cannot be read
            continue
        finally:
            fp.seek(place)
    return False


def _read(image: TiffImagePlugin.TiffImageFile, start: int, count: int) -> bytes:
    """Bytes of the file; of one that has been read to its end and closed, none."""
    fp = image.fp
    if fp is None or not isinstance(fp, io.IOBase):
        return b""
    place = fp.tell()
    fp.seek(start)
    data = fp.read(count)
    fp.seek(place)
    return bytes(data)


def tags_left_out(image: TiffImagePlugin.TiffImageFile) -> Iterator[str]:
    """A note that names the tags which describe the photo and are not kept."""
    known = OF_THE_PHOTO | _OF_THE_FILE | {XMP, ICC}
    names = dict.fromkeys(_name(tag) for tag in sorted(image.tag_v2) if tag not in known)
    if names:
        yield f"tags were left out: {', '.join(names)}"


def _name(tag: int) -> str:
    name = str(TiffTags.lookup(tag).name)
    return _GROUPS.get(tag) or (f"{tag}" if name == "unknown" else name)
