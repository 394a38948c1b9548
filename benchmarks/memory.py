"""The memory that the command needs for large pictures.

    python benchmarks/memory.py [--decode 8192] [--encode 4096] [--json-file FILE]

Compresses a square PPM file and decompresses an .aec file to PPM, each by `aecodec` as a process of
its own, and prints its peak resident memory, the bytes of the picture itself, and the difference.
The .aec file repeats the payload of one tile: decoding does not know that its tiles are alike.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from skimage import data as photos

from aecodec.codec import Codec
from aecodec.format.constants import DEFAULT_TILE, MAX_PIXELS
from aecodec.format.container import read_container, write_container

CODE = "import sys; from aecodec.cli.main import main; sys.exit(main(sys.argv[1:]))"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Measure the memory of large pictures.")
    parser.add_argument("--decode", metavar="SIDE", type=int, default=8192)
    parser.add_argument("--encode", metavar="SIDE", type=int, default=4096)
    parser.add_argument("--json-file", type=Path)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for verb, side, make, suffix in (
            ("compress", options.encode, write_ppm, ".aec"),
            ("decompress", options.decode, write_aec, ".ppm"),
        ):
            source = make(folder, side)
            rows.append({"command": verb, "side": side} | run(verb, source, suffix, side))
            print(rows[-1])
    if options.json_file:
        options.json_file.write_text(json.dumps(rows, indent=1) + "\n")


def write_ppm(folder: Path, side: int) -> Path:
    """A picture of this side, photos beside photos, a row of them at a time."""
    photo = photos.astronaut()
    row = np.tile(photo, (1, -(-side // photo.shape[1]), 1))[:, :side].tobytes()
    with open(folder / "in.ppm", "wb") as file:
        file.write(f"P6 {side} {side} 255\n".encode())
        for top in range(0, side, len(photo)):
            file.write(row[: 3 * side * min(len(photo), side - top)])
    return folder / "in.ppm"


def write_aec(folder: Path, side: int) -> Path:
    """An .aec file of this side, a multiple of the tile's."""
    photo = photos.astronaut()
    n = DEFAULT_TILE // len(photo)
    tile = read_container(Codec().encode(np.tile(photo, (n, n, 1))))
    header = replace(tile.header, width=side, height=side)
    data = write_container(
        replace(tile, header=header, payloads=tile.payloads * len(header.tiles()))
    )
    (folder / "in.aec").write_bytes(data)
    return folder / "in.aec"


def run(verb: str, source: Path, suffix: str, side: int) -> dict[str, Any]:
    """-> seconds and MiB of one command."""
    limit = str(max(MAX_PIXELS, side * side))
    target = str(source.with_name("out" + suffix))
    line = [sys.executable, "-c", CODE, verb, "--max-pixels", limit, str(source), "-o", target]
    start = time.monotonic()
    process = subprocess.Popen(line)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{verb} failed")
    peak, pixels = usage.ru_maxrss / 1024, 3 * side * side / 2**20
    return {
        "seconds": round(time.monotonic() - start, 1),
        "peak_mib": round(peak),
        "picture_mib": round(pixels),
        "beyond_mib": round(peak - pixels),
    }


if __name__ == "__main__":
    main()
