"""The first day of a new user, from an empty environment: what is typed and printed, in seconds.

Makes photos, an environment of its own for the package, and runs commands there, one after the
other, each in a process of its own. Takes ten minutes and two gigabytes of disk.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import skimage.data
from PIL import Image

from aecodec.errors import AecodecError
from benchmarks.pages import BENCHMARKS, ROOT, Page, table
from benchmarks.speed.measure import read_photo
from benchmarks.trees import machine

TORCH = "--index-url https://download.pytorch.org/whl/cpu"
LARGE = 4000, 3000
REPEATS = 5
A_PHOTO = (
    "aecodec compress photo.png -q 60",
    "aecodec info photo.aec",
    "aecodec decompress photo.aec -o back.png",
    "aecodec compress photo.jpg --target-size 20KB -o small.aec -f",
)
_OTHERS = "aecodec compress --effort 0 --keep-going -f -v -r other -o others"
_COMPLETE = "_AECODEC_COMPLETE=bash_complete COMP_CWORD=2"
LINES = {
    "Wrong names": (
        "aecodec compress photo.jpg -o small.jpg",
        "aecodec compress photo.png gray.png -o one.aec",
        "aecodec compress photo.aec",
        "aecodec decompress photo.png",
        "ls",
    ),
    "Other formats": (
        _OTHERS,  # without the extra
        'pip install --quiet -c "$SOURCE/constraints.txt" "$SOURCE[formats]"',
        _OTHERS,
    ),
    "A shell, a manual, a desktop": (
        f'{_COMPLETE} COMP_WORDS="aecodec compress pho" aecodec',
        f'{_COMPLETE} COMP_WORDS="aecodec compress --skip" aecodec',
        "python -m aecodec.desktop",
        "python -m aecodec.desktop --man | head -4",
    ),
    "In Python": (
        "python -c \"import aecodec, pathlib; p = pathlib.Path('x.aec');"
        " p.write_bytes(aecodec.encode('photo.png'));"
        " print(aecodec.decode(p), aecodec.info(open(p, 'rb')).bpp)\"",
        'python -c "from PIL import Image; import aecodec.pillow;'
        " print(Image.open('x.aec').size)\"",
    ),
}
"""What is typed in the chapters after that, by their titles."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Where PyTorch comes from."""
    what = "what pip is told to get PyTorch from (%(default)s)"
    parser.add_argument("--torch", default=TORCH, help=what)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """The whole day."""
    with tempfile.TemporaryDirectory() as folder:
        day = Day(Path(folder).resolve())
        make_photos(day.folder)
        chapters = {
            "Installing": installing(day, options.torch),
            "A photo": day.all(*A_PHOTO),
            "Ctrl-C, SIGTERM, and going on": stopping(day),
            **{title: day.all(*lines) for title, lines in LINES.items()},
        }
        return {"machine": machine(), "chapters": chapters, "thumbnails": thumbnails(day)}


class Day:
    """A folder, and an environment in it that holds nothing yet."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.venv = folder, folder / "venv"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL"))}
        path = f"{self.venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self.environ = inherited | {"PATH": path, "HOME": str(folder), "SOURCE": str(ROOT)}

    def do(self, line: str, stop: signal.Signals | None = None, after: float = 0) -> dict[str, Any]:
        """Type a line; stop: send this signal to what runs, so many seconds later."""
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        start = time.perf_counter()
        shell = ["bash", "-c", f"exec {line}" if stop else line]
        with subprocess.Popen(shell, cwd=self.folder, env=self.environ, **pipe) as process:  # type: ignore[call-overload]
            if stop:
                time.sleep(after)
                process.send_signal(stop)
                start = time.perf_counter()
            printed, _ = process.communicate()
        seconds, told = time.perf_counter() - start, f"kill -{stop.name[3:]}" if stop else None
        printed = printed.replace(str(self.folder), "~").replace(str(ROOT), "$SOURCE")
        return {
            "line": line,
            "stopped": told and f"{told}, {after:g} s later",
            "printed": printed.strip(),
            "seconds": seconds,
            "code": process.returncode,
        }

    def all(self, *lines: str) -> list[dict[str, Any]]:
        """Type lines, one after the other."""
        return [self.do(line) for line in lines]


def make_photos(folder: Path) -> None:
    """Small ones of scikit-image's under many suffixes, and two of 12 megapixels."""
    photo = Image.fromarray(skimage.data.coffee())
    exif = Image.Exif()
    exif[274] = 6
    photo.save(folder / "photo.png")
    photo.save(folder / "photo.jpg", quality=90, exif=exif)
    Image.fromarray(skimage.data.camera()).save(folder / "gray.png")
    other = folder / "other"
    other.mkdir()
    photo.save(other / "a.avif", exif=exif)
    photo.save(other / "b.jp2")
    pillow_heif.from_pillow(photo).save(other / "c.heic", exif=exif.tobytes())
    (other / "d.jxl").write_bytes(imagecodecs.jpegxl_encode(np.asarray(photo), level=90))
    large = read_photo(None, LARGE)
    (folder / "large").mkdir()
    for name in ("a.jpg", "b.jpg"):
        large.save(folder / "large" / name, quality=92)


def installing(day: Day, torch: str) -> list[dict[str, Any]]:
    """The lines of README."""
    done = day.all(
        f"{sys.executable} -m venv venv",
        'pip install --quiet -c "$SOURCE/constraints.txt" "$SOURCE"',
        "du -sm venv",
        'aecodec decompress "$SOURCE/formats/vectors/valid/q-63.aec" -o q.png',
        f"pip install --quiet torch==2.13.0 {torch}".strip(),
        "du -sm venv",
        "aecodec doctor",
    )
    done[0]["line"] = "python3 -m venv venv && . venv/bin/activate"
    broken = [each for each in done if each["code"]]
    if broken:
        raise AecodecError(f"{broken[0]['line']}: {broken[0]['printed']}")
    return done


def stopping(day: Day) -> list[dict[str, Any]]:
    """In the middle of the longest work, then a folder of which a part is done."""
    slow = "aecodec compress --effort 6 -j 2 -r large -o out"
    done = [day.do(slow, stop, 20) for stop in (signal.SIGINT, signal.SIGTERM)]
    return done + day.all(
        "find out",
        "aecodec compress --effort 0 large/a.jpg -o out/",
        "aecodec compress --effort 0 -r large -o out",
        "aecodec compress --effort 0 -r large -o out --skip-existing",
    )


def thumbnails(day: Day) -> list[dict[str, Any]]:
    """256 pixels of a file of 12 megapixels, with a preview and without, in turn."""
    day.all(
        "aecodec compress --effort 0 -f large/a.jpg -o with.aec",
        "aecodec compress --effort 0 -f --no-preview large/a.jpg -o without.aec",
    )
    sizes = [(day.folder / f"{name}.aec").stat().st_size for name in ("with", "without")]
    rows = []
    pillow = (
        "import sys, time, aecodec.pillow; from PIL import Image\n"
        "Image.open('photo.aec').load(); start = time.perf_counter()\n"
        "Image.open(sys.argv[1]).thumbnail((256, 256)); print(time.perf_counter() - start)"
    )
    (day.folder / "thumbnail.py").write_text(pillow)
    command = "aecodec decompress -f --thumbnail 256 {}.aec -o t.png"
    for name, line in (("command", command), ("Pillow", "python thumbnail.py {}.aec")):
        seconds: dict[str, list[float]] = {"without": [], "with": []}
        for _ in range(REPEATS):
            for kind, found in seconds.items():
                done = day.do(line.format(kind))
                found.append(float(done["printed"]) if name == "Pillow" else done["seconds"])
        before, after = (statistics.median(seconds[kind]) for kind in ("without", "with"))
        row = {"by": name, "without": before, "with": after, "ratio": before / after}
        rows.append(row | {"bytes": sizes[0], "preview": sizes[0] - sizes[1]})
    return rows


def tables(name: str, result: dict[str, Any]) -> dict[str, str]:
    """What was typed and printed, and a table of thumbnails."""
    parts = [f"On {result['machine']}."]
    for title, steps in result["chapters"].items():
        parts += [f"### {title}", "\n".join(map(step_text, steps))]
    head = ("256-pixel thumbnail of 12 megapixels, by", "s without preview", "s with", "ratio")
    rows = [[row["by"], row["without"], row["with"], row["ratio"]] for row in result["thumbnails"]]
    first = result["thumbnails"][0]
    size = f"The file has {first['bytes']:,} bytes, of which {first['preview']:,} are the preview."
    parts.append(f"### Thumbnails\n\nMedians of {REPEATS}, in turn. {size}\n\n{table(head, rows)}")
    return {name: "\n\n".join(parts)}


def step_text(step: dict[str, Any]) -> str:
    """As a terminal shows it."""
    lines = [f"    $ {step['line']}"]
    lines += [f"    $ {step['stopped']}"] if step["stopped"] else []
    lines += [f"    {line}".rstrip() for line in step["printed"].splitlines()]
    code = f", exit code {step['code']}" if step["code"] else ""
    return "\n".join([*lines, f"    ({step['seconds']:.1f} s{code})"])


PAGE = Page(BENCHMARKS / "firstday" / "README.md", ("day",), tables)
