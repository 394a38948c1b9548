"""`make demo`: one photo through the real commands, then the benchmark on a few bundled photos."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import skimage.data
from PIL import Image


def add_options(parser: argparse.ArgumentParser) -> None:
    """Where everything goes."""
    parser.add_argument("folder", type=Path, nargs="?", default=Path("demo-out"), help="demo-out")


def run(options: argparse.Namespace) -> None:
    """Run the demo; a command that fails ends it with that command's own message."""
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    photo, coded, decoded = (folder / f"coffee{end}" for end in (".png", ".aec", "-decoded.png"))
    Image.fromarray(skimage.data.coffee()).save(photo)

    print("1. Compress a photo and decompress it again\n")
    there = facts("compress", "-v", photo, "-o", coded)
    back = facts("decompress", coded, "-o", decoded)
    print(
        f"   {there['width']} x {there['height']} pixels: {there['input_bytes']:,} bytes as PNG,"
        f" {there['output_bytes']:,} as .aec ({there['ratio']:.0f}:1, {there['bpp']:.3f} bpp)\n"
        f"   PSNR {there['psnr']:.2f} dB, {there['seconds']:.2f} s to compress,"
        f" {back['seconds']:.2f} s to decompress\n"
    )

    print("2. Compare with other codecs on photos that come with scikit-image\n", flush=True)
    aecodec("bench", "-o", folder / "bench", "--codecs", "aec,jpeg,jpeg2000")
    print(f"\nLook at {folder / 'bench' / 'report.html'}")


def facts(*arguments: str | Path) -> dict[str, Any]:
    """Run an aecodec command that writes a file, and return the facts it tells about it."""
    return dict(json.loads(aecodec(*arguments, "-f", "--json", capture=True)))


def aecodec(*arguments: str | Path, capture: bool = False) -> str:
    """Run an aecodec command in a process of its own, as a person would."""
    line = [sys.executable, "-m", "aecodec", *map(str, arguments)]
    done = subprocess.run(line, stdout=subprocess.PIPE if capture else None, text=True)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout or ""
