"""Damages files and reads them: `python tests/fuzz.py --minutes 10 [--seed N]`.

Seeds are small valid files made at the start: .aec files of every kind, and photos. A case is one
of them after flips, cuts and splices, or after edits of its chunks that leave every CRC right, so
that what lies behind the CRCs is reached. It must be read, or refused by an AecodecError, within
SECONDS and MEBIBYTES. The first case that is not is printed in hex and saved; the exit code is 1.
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import resource
import secrets
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import torch
from PIL import Image

from aecodec.codec import Codec
from aecodec.errors import AecodecError
from aecodec.format.box import Box
from aecodec.format.constants import PREVIEW_SIDE, REDUCTIONS
from aecodec.format.container import read_container, write_container
from aecodec.format.header import HEADER_BYTES
from aecodec.format.info import info
from aecodec.format.preview import Preview, write_preview
from aecodec.image.photo_file import picture_file, read_picture
from aecodec.image.picture import Picture, without_metadata
from aecodec.light import LightCodec
from tests.chunks import aec_file, chunks_of
from tests.damage import edit_bytes, edit_chunks, edit_header, edit_png, with_lengths
from tests.image.beside import (
    IPTC,
    VIDEO,
    bmp,
    exif_with_preview,
    icc,
    raw,
    text,
    with_chunks,
    with_folder,
    with_segment,
)
from tests.photos import photo, saved

SECONDS = 5.0
"""a case may take"""
MEBIBYTES = 256
"""by which the process may grow, over what reading every seed takes"""
MAX_PIXELS = 2**16
"""of a case: a header that says more is refused, as valid as it may be"""
HANGS = 60
"""seconds after which a case is taken for an endless loop, and the process ends"""

SUFFIXES = (".png", ".jpg", ".webp", ".tiff", ".ppm", ".pgm", ".bmp")


@cache
def codec() -> Codec:
    return Codec(max_pixels=MAX_PIXELS)


@cache
def light() -> LightCodec:
    return LightCodec(MAX_PIXELS, threads=1)


@cache
def aec_seeds() -> dict[str, bytes]:
    """Small valid files of every kind."""
    colours, gray = photo(40, 30), photo(20, 33)[..., 1].copy()
    alpha = photo(40, 30)[..., 0].copy()
    everything = Picture(
        photo(70, 40), photo(70, 40)[..., 2].copy(), bytes(200), exif_with_preview(), b"<x/>"
    )
    pictures = {
        "RGB": (Picture(colours), 60, 64),
        "gray": (Picture(gray), 30, 64),
        "alpha": (Picture(colours, alpha), 90, 128),
        "tiles": (Picture(photo(100, 70)), 50, 64),
        "everything": (everything, 10, 64),
        "filter": (Picture(photo(256, 192)[..., ::-1].copy()), 80, 256),
        "1x1": (Picture(gray[:1, :1].copy()), 100, 64),
    }
    found = {name: codec().encode(*arguments) for name, arguments in pictures.items()}
    assert read_container(found["filter"]).filter
    payload = read_container(found["1x1"]).payloads[0].data
    for name, reduction in (("alpha", 2), ("tiles", 3)):  # its latents are as many as theirs
        container = read_container(found[name])
        preview = write_preview(Preview(reduction, 63, payload))
        found[f"{name} with a preview"] = write_container(replace(container, preview=preview))
    return found


@cache
def photo_seeds() -> dict[str, bytes]:
    """Photos as Pillow writes them, in formats and modes of every kind."""
    image, exif = Image.fromarray(photo(24, 18)), Image.Exif()
    exif[274] = 3
    deep = Image.fromarray(photo(24, 18)[..., 0].astype(np.uint16) * 257)
    turned = {"save_all": True, "append_images": [image.rotate(90)]}
    seeds = [
        ("PNG", saved(image, "PNG", exif=exif, icc_profile=bytes(200))),
        ("PNG", saved(image.convert("P"), "PNG", transparency=3)),
        ("PNG", saved(deep, "PNG")),
        ("PNG", saved(image.convert("LA"), "PNG")),
        ("JPEG", saved(image, "JPEG", exif=exif, progressive=True)),
        ("JPEG", saved(image.convert("CMYK"), "JPEG")),
        ("TIFF", saved(image, "TIFF", compression="tiff_lzw")),
        ("TIFF", saved(image.convert("F"), "TIFF")),
        ("TIFF", saved(image.convert("LAB"), "TIFF", compression="tiff_adobe_deflate")),
        ("WEBP", saved(image, "WEBP", exif=exif)),
        ("WEBP", saved(image.convert("RGBA"), "WEBP", lossless=True)),
        ("PPM", saved(image, "PPM")),
        ("BMP", saved(image, "BMP")),
        ("GIF", saved(image.convert("P"), "GIF", **turned)),
    ]
    everything = [text("Comment", b"words"), raw("exif", exif.tobytes()), icc(bytes(200))]
    everything += [(b"pHYs", bytes(9)), (b"gAMA", b"\0\1\0\0"), (b"cHRM", bytes(range(32)))]
    seeds += [
        ("PNG", with_chunks(*everything)),
        ("PNG", with_chunks((b"cICP", bytes((12, 8, 0, 1))))),
        ("JPEG", saved(image, "JPEG", exif=b"Exif\0\0" + exif_with_preview(), comment=b"words")),
        ("JPEG", saved(image, "JPEG", progressive=True)[:-2]),
        ("JPEG", with_segment(0xED, IPTC) + VIDEO),
        ("TIFF", with_folder(2, 2, {})),
        ("BMP", bmp(b"DEBM", profile=bytes(200))),
    ]
    seeds += other_seeds()
    return {f"{form} {number}": data for number, (form, data) in enumerate(seeds)}


def other_seeds() -> list[tuple[str, bytes]]:
    """Photos in formats that have readers of their own."""
    pixels = photo(64, 64)
    image, deep, heic = Image.fromarray(pixels), pixels.astype(np.uint16) * 257, io.BytesIO()
    pillow_heif.encode("RGB", (64, 64), pixels.tobytes(), heic, quality=50)
    jpeg, turned = saved(image, "JPEG"), {"save_all": True, "append_images": [image.rotate(90)]}
    return [
        ("AVIF", saved(image, "AVIF", exif=b"Exif\0\0" + exif_with_preview(), xmp=b"<x/>")),
        ("AVIF", saved(image, "AVIF", **turned)),
        ("HEIC", heic.getvalue()),
        ("JPEG 2000", saved(image.convert("LA"), "JPEG2000")),
        ("JPEG 2000", saved(image, "JPEG2000", no_jp2=True, irreversible=True)),
        ("JPEG 2000", bytes(imagecodecs.jpeg2k_encode(deep))),
        ("JPEG XL", bytes(imagecodecs.jpegxl_encode(deep, lossless=True))),
        ("JPEG XL", bytes(imagecodecs.jpegxl_encode(np.stack([pixels, pixels]), level=80))),
        ("JPEG XL", bytes(imagecodecs.jpegxl_encode_jpeg(jpeg))),
    ]


def edit_aec(random: Random, data: bytes, other: bytes) -> bytes:
    """An .aec file with some edits and right CRCs."""
    head = data[: HEADER_BYTES - 4]
    chunks, others = chunks_of(data, HEADER_BYTES), chunks_of(other, HEADER_BYTES)
    for _ in range(random.choice((1, 1, 2, 4))):
        if random.random() < 0.2:
            head = edit_header(random, head)
        elif random.random() < 0.3:
            alpha = chunks_of(aec_seeds()["alpha"], HEADER_BYTES)[0][1]
            chunks = [(k, edit_png(random, alpha, alpha) if k == b"ALPH" else d) for k, d in chunks]
        else:
            edit_chunks(random, chunks, others)
    return aec_file(head, with_lengths(chunks) if random.random() < 0.8 else chunks)


@dataclass(frozen=True)
class Case:
    """What is to be read, and how it came about."""

    data: bytes
    aec: bool
    seed: str
    number: int


def make_case(seed: int, number: int) -> Case:
    """The same for the same arguments and the same seed files."""
    random = Random(f"{seed} {number}")
    aec = random.random() < 0.75
    seeds = aec_seeds() if aec else photo_seeds()
    name, other = (random.choice(sorted(seeds)) for _ in range(2))
    data, png = seeds[name], name.startswith("PNG")
    structured = random.random() < 0.6 and (aec or png)
    if structured:
        others = seeds[other if aec or other.startswith("PNG") else name]
        data = (edit_aec if aec else edit_png)(random, data, others)
    if not structured or random.random() < 0.2:
        for _ in range(random.choice((1, 1, 3))):
            data = edit_bytes(random, data, seeds[other])
    return Case(data, aec, name, number)


def attempt(action: Callable[[], object]) -> object | None:
    """The result, or None where it was refused in the one way allowed."""
    try:
        return action()
    except AecodecError:
        return None


def decoded_by_both(data: bytes, *view: Any) -> Picture | None:
    """Both engines refuse the same files in the same words, and read the same of the others."""
    told: list[object] = []
    picture = None
    for decoder in (codec(), light()):
        try:
            picture = decoder.decode_picture(data, *view)
            told.append((picture.pixels.shape, picture.notes, picture.exif, picture.icc))
        except AecodecError as error:
            told.append(str(error))
    assert told[0] == told[1], "PyTorch and ONNX Runtime differ"
    return picture


def read_case(case: Case, random: Random) -> bool:
    """Whether the case was read; raises whatever is not an AecodecError."""
    if case.aec:
        facts = attempt(lambda: info(case.data))
        attempt(lambda: read_container(case.data, keep_going=True))
        box = random.choice((None, None, Box(0, 0, 1, 1), Box(10, 5, 30, 20)))
        keep_going, partial = random.random() < 0.5, random.random() < 0.3
        view = box, random.choice(REDUCTIONS), keep_going, partial
        picture: object = decoded_by_both(case.data, *view)
        assert facts or keep_going or partial or not picture, "decoded what info refuses"
        small = attempt(lambda: codec().decode_preview(case.data, keep_going, partial))
        assert not isinstance(small, Picture) or max(small.pixels.shape[:2]) <= PREVIEW_SIDE
    else:
        picture = attempt(lambda: read_picture(case.data, MAX_PIXELS))
    if isinstance(picture, Picture):
        upright = without_metadata(picture)
        assert upright.pixels.size == picture.pixels.size
        attempt(lambda: picture_file(picture, random.choice(SUFFIXES)))
    return picture is not None


class Failed(Exception):
    """A case that was neither read nor refused as it should be."""


@dataclass
class Fuzzer:
    """Runs cases and counts; every case is on disk while it runs, should the process die of it."""

    seed: int
    folder: Path
    counts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    peak: int = 0  # KiB

    def __post_init__(self) -> None:
        self.kept = self.folder / "fuzz-case.bin"
        for data in aec_seeds().values():
            decoded_by_both(data)
        for data in photo_seeds().values():
            read_picture(data)
        self.peak = peak_memory()
        self.limit = self.peak + MEBIBYTES * 1024

    def run(self, seconds: float) -> None:
        """Cases from number 0 on for so long. Raises Failed."""
        end, number = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            self.one(make_case(self.seed, number))
            number += 1
        self.kept.unlink(missing_ok=True)

    def one(self, case: Case) -> None:
        self.kept.write_bytes(case.data)
        faulthandler.dump_traceback_later(HANGS, exit=True)
        start = time.monotonic()
        try:
            read = read_case(case, Random(case.number))
        except Exception as error:
            raise Failed(self.report(case, traceback.format_exc())) from error
        finally:
            faulthandler.cancel_dump_traceback_later()
        seconds, self.peak = time.monotonic() - start, peak_memory()
        self.slowest = max(self.slowest, seconds)
        self.counts["read" if read else "refused"] += 1
        if seconds > SECONDS:
            raise Failed(self.report(case, f"took {seconds:.1f} s"))
        if self.peak > self.limit:
            raise Failed(self.report(case, f"memory grew by over {MEBIBYTES} MiB"))

    def report(self, case: Case, what: str) -> str:
        kind = "aec" if case.aec else "photo"
        return (
            f"{what}\n{kind} case {case.number} of seed {self.seed}, from {case.seed}, "
            f"kept as {self.kept}:\n{case.data.hex()}"
        )


def peak_memory() -> int:
    """KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> int:
    """Fuzz for as long as asked; -> exit code."""
    parser = argparse.ArgumentParser(description="Damage files and read them.")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # Pillow's, of small faults
    torch.set_num_threads(1)  # what small pictures are decoded best with
    fuzzer, start = Fuzzer(arguments.seed, Path(tempfile.mkdtemp())), time.monotonic()
    before = fuzzer.peak
    try:
        fuzzer.run(60 * arguments.minutes)
    except Failed as failure:
        print(failure)
    seconds, cases = time.monotonic() - start, fuzzer.counts.total()
    print(
        f"{cases} cases of seed {arguments.seed}: {fuzzer.counts['refused']} refused, "
        f"{fuzzer.counts['read']} read; {cases / seconds:.0f} cases/s, slowest "
        f"{fuzzer.slowest:.2f} s, memory +{(fuzzer.peak - before) // 1024} MiB"
    )
    return 1 if fuzzer.kept.exists() else 0


if __name__ == "__main__":
    sys.exit(main())
