"""Photos for the demo page of the browser decoder: .aec, original and a JPEG of the same bytes.

They come with scikit-image, all of them CC0 or in the public domain. `photos.json` beside them
tells what the page shows: authors, licences, the real bytes of every file, and the commands that
made them.
"""

import argparse
import io
import json
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import PIL
from PIL import Image, ImageCms

from aecodec import __version__
from aecodec.errors import AecodecError
from benchmarks.demo import facts

JPEG_SETTINGS = {"progressive": True, "optimize": True, "subsampling": "4:2:0"}
JPEG_TOLD = "progressive, optimised tables, 4:2:0, the highest quality that fits the bytes of .aec"


@dataclass(frozen=True)
class Source:
    """A photo inside scikit-image's wheel, and what may be said and done with it."""

    file: str
    title: str
    alt: str
    author: str
    licence: str
    link: str


SOURCES = (
    Source(
        "coffee.png",
        "Coffee",
        "A cup of coffee with a spoon on a saucer, on a wooden table",
        "Rachel Michetti, Pikolo Espresso Bar",
        "CC0",
        "https://scikit-image.org/docs/stable/api/skimage.data.html#skimage.data.coffee",
    ),
    Source(
        "chelsea.png",
        "Chelsea",
        "The face of a ginger cat",
        "Stéfan van der Walt",
        "CC0",
        "https://scikit-image.org/docs/stable/api/skimage.data.html#skimage.data.chelsea",
    ),
    Source(
        "astronaut.png",
        "Astronaut",
        "The astronaut Eileen Collins in an orange space suit, smiling",
        "NASA",
        "public domain",
        "https://flic.kr/p/r9qvLn",
    ),
    Source(
        "rocket.jpg",
        "Rocket",
        "A rocket taking off, lights along the horizon behind it",
        "SpaceX",
        "public domain",
        "https://www.flickr.com/photos/spacexphotos/16511594820/",
    ),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Where the photos go."""
    parser.add_argument("folder", type=Path, help="of the page; the photos go to photos/ in it")


def run(options: argparse.Namespace) -> None:
    """Write the photos and photos.json."""
    pictures = [(source, read(source.file)) for source in SOURCES]
    told = write_photos(pictures, options.folder / "photos")
    for photo in told["photos"]:
        sizes = ", ".join(f"{name} {each['bytes']:,}" for name, each in photo["files"].items())
        print(f"{photo['title']}: {photo['width']} x {photo['height']}, bytes: {sizes}")


def read(name: str) -> Image.Image:
    """A bundled photo as sRGB without metadata, so that all its files hold pixels only."""
    data = (files("skimage") / "data" / name).read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        profile = image.info.get("icc_profile")
        pixels = image.convert("RGB")
    if profile:
        there = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(pixels, there, ImageCms.createProfile("sRGB"))
        pixels = converted or pixels
    return Image.frombytes("RGB", pixels.size, pixels.tobytes())


def write_photos(pictures: list[tuple[Source, Image.Image]], folder: Path) -> dict[str, Any]:
    """Write three files a picture and photos.json into a folder; return what that tells.

    Raises AecodecError where no JPEG is as small as the .aec.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = {
        "aecodec": __version__,
        "jpeg": f"Pillow {PIL.__version__}: {JPEG_TOLD}",
        "photos": [_write_photo(source, image, folder) for source, image in pictures],
    }
    text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    (folder / "photos.json").write_text(text, encoding="utf-8")
    return told


def _write_photo(source: Source, image: Image.Image, folder: Path) -> dict[str, Any]:
    """One entry of photos.json."""
    name = Path(source.file).stem
    original, coded, jpeg = (folder / f"{name}{suffix}" for suffix in (".webp", ".aec", ".jpg"))
    image.save(original, lossless=True, quality=100, method=6)
    facts("compress", original, "-o", coded)
    data, quality = best_jpeg(image, coded.stat().st_size)
    jpeg.write_bytes(data)
    made = {
        "aec": (coded, f"aecodec compress {original.name} -o {coded.name}"),
        "jpeg": (jpeg, f"quality {quality} of 95"),
        "original": (original, "WebP without loss"),
    }
    listed = {
        key: {"file": path.name, "bytes": path.stat().st_size, "made": how}
        for key, (path, how) in made.items()
    }
    width, height = image.size
    about = {key: value for key, value in asdict(source).items() if key != "file"}
    return {"name": name, **about, "width": width, "height": height, "files": listed}


def best_jpeg(image: Image.Image, limit: int) -> tuple[bytes, int]:
    """The JPEG of the highest quality with at most `limit` bytes, and that quality, 1 to 95.

    Raises AecodecError where there is none.
    """
    for quality in range(95, 0, -1):
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=quality, **JPEG_SETTINGS)
        if stream.tell() <= limit:
            return stream.getvalue(), quality
    raise AecodecError(f"no JPEG of {image.width} x {image.height} pixels has {limit} bytes")
