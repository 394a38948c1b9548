"""An old commit beside this tree: the same work by both in turn, in one run on one machine.

Each has its codec loaded in a process of its own (worker.py), and runs its commands as a person
would: the start of Python and the import of torch count. All keep to the same cores, and nothing
but they themselves tells their threads how to wait.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from aecodec.errors import AecodecError
from aecodec.model.store import TUNED
from benchmarks.measuring import median_seconds
from benchmarks.pages import ROOT, table
from benchmarks.trees import (
    checked_out,
    environment,
    finish,
    kept_to,
    machine,
    name_of,
    name_of_this,
    start,
)

EXACT = "exact_pixels"
"""The option of `Codec` that gives up speed for the same pixels on every machine."""
ORDERS: dict[str, dict[str, Any]] = {
    "decode": {"call": "decode"},
    "decode at 1/8": {"call": "decode", "scale": 8},
    "encode, effort 0": {"call": "encode", "effort": 0},
    **{f"encode, default effort, {tune}": {"call": "encode", "tune": tune} for tune in TUNED},
}
"""What a loaded codec is timed at."""
VERBS = ("compress", "decompress")
AT_ONCE = 4  # commands
LOOPS = 2
BESIDE = f"beside {LOOPS} busy processes"
LARGE_REPEATS = 3  # at most: a turn takes minutes
WORKER = Path(__file__).with_name("worker.py")
HEAD = ("old, s", "new, s", "old / new")

Ask = Callable[[dict[str, Any]], None]
"""Has a loaded codec carry out an order."""
Row = dict[str, Any]
"""What was done; its median seconds by side: "old", "new" and, where this tree has that option,
"exact"; of commands also the peak MiB of one by side, or this process's where that is more."""


def compare(
    picture: Image.Image, large: tuple[int, int] | None, options: argparse.Namespace
) -> dict[str, Any]:
    """Measure a photo, and what commands take for the same photo scaled to a large size."""
    commits = {"old": name_of(options.against), "new": name_of_this()}
    with (
        checked_out(options.against) as old,
        tempfile.TemporaryDirectory() as folder,
        kept_to(options.threads),
    ):
        turns = Turns({"old": old, "new": ROOT}, Path(folder), options.quality, options.repeats)
        found = turns.rows(picture) | {"large": turns.large(picture, large) if large else []}
    return {
        "machine": machine(),
        "torch": torch.__version__,
        "commits": commits,
        "size": list(picture.size),
        "quality": options.quality,
        "threads": options.threads,
        "repeats": options.repeats,
        **found,
    }


@dataclass(frozen=True)
class Turns:
    """The same work by two trees in turn."""

    trees: Mapping[str, Path]
    """By side: "old" and "new"."""
    folder: Path
    """For photos and files."""
    quality: int
    repeats: int

    def rows(self, picture: Image.Image) -> dict[str, list[Row]]:
        """By loaded codecs; by commands, one and several at once; both beside busy processes."""
        photo = self.folder / "photo.png"
        picture.save(photo)
        with self.loaded(photo) as codecs:
            called = [self.asked(what, codecs, order, 1) for what, order in ORDERS.items()]
            run = [self.command(verb, photo, verb, warm_up=1) for verb in VERBS]
            for verb in VERBS:
                run.append(self.command(verb, photo, f"{verb}, {AT_ONCE} at once", AT_ONCE))
            with busy(LOOPS):
                called.append(self.asked(f"decode {BESIDE}", codecs, ORDERS["decode"]))
                run.append(self.command("decompress", photo, f"decompress {BESIDE}"))
        return {"codecs": called, "commands": run}

    def large(self, picture: Image.Image, size: tuple[int, int]) -> list[Row]:
        """By commands, the photo scaled and as PPM, which takes no time to read and write."""
        photo = self.folder / "large.ppm"
        picture.resize(size, Image.Resampling.LANCZOS).save(photo)
        turns = replace(self, repeats=min(self.repeats, LARGE_REPEATS))
        return [turns.command(verb, photo, f"{verb} {size[0]}x{size[1]}") for verb in VERBS]

    @contextmanager
    def loaded(self, photo: Path) -> Iterator[dict[str, Ask]]:
        """Codecs of both trees, and of the new one with exact pixels where it has that option."""
        with ExitStack() as stack:
            codecs = {}
            for side, tree in self.trees.items():
                codecs[side], _ = stack.enter_context(worker(tree, photo, self.quality))
            exact = worker(self.trees["new"], photo, self.quality, EXACT)
            ask, has = stack.enter_context(exact)
            yield codecs | ({"exact": ask} if has else {})

    def asked(
        self, what: str, codecs: Mapping[str, Ask], order: dict[str, Any], warm_up: int = 0
    ) -> Row:
        """The seconds of an order to loaded codecs."""
        calls = {side: partial(ask, order) for side, ask in codecs.items()}
        return self.timed(what, calls, warm_up)

    def command(self, verb: str, photo: Path, what: str, count: int = 1, warm_up: int = 0) -> Row:
        """The seconds of so many commands at once, and the highest peak of their memory."""
        peaks = dict.fromkeys(self.trees, 0.0)

        def call(side: str) -> None:
            lines = [self.line(verb, photo, f"{side}-{n}") for n in range(count)]
            running = [start(line, self.trees[side]) for line in lines]
            peaks[side] = max(peaks[side], *(finish(process) for process in running))

        row = self.timed(what, {side: partial(call, side) for side in self.trees}, warm_up)
        return row | {"mib": {side: round(peak) for side, peak in peaks.items()}}

    def line(self, verb: str, photo: Path, name: str) -> list[str | Path]:
        """What a command is told: "decompress" takes the file that "compress" of that name made."""
        coded = self.folder / f"{photo.stem}-{name}.aec"
        if verb == "compress":
            return [verb, photo, "-o", coded, "-q", str(self.quality), "-f"]
        return [verb, coded, "-o", coded.with_suffix(photo.suffix), "-f"]

    def timed(self, what: str, calls: Mapping[str, Callable[[], None]], warm_up: int) -> Row:
        """The median seconds of calls by side."""
        print(f"{what} ...", file=sys.stderr)
        seconds = median_seconds([*calls.values()], self.repeats, warm_up)
        return {"what": what, "seconds": dict(zip(calls, seconds, strict=True))}


@contextmanager
def worker(tree: Path, photo: Path, quality: int, *options: str) -> Iterator[tuple[Ask, list[str]]]:
    """A tree's codec with these options -> what takes orders, and the options that it has.

    Raises AecodecError where it ends before it is told to; it has said itself why.
    """
    line = [sys.executable, str(WORKER), str(photo), str(quality), *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(line, stdin=pipe, stdout=pipe, text=True, env=environment(tree)) as run:
        assert run.stdin and run.stdout
        questions, answers = run.stdin, run.stdout

        def answer() -> str:
            if told := answers.readline():
                return told
            raise AecodecError(f"the codec of {tree} ended")

        def ask(order: dict[str, Any]) -> None:
            print(json.dumps(order), file=questions, flush=True)
            answer()

        facts = json.loads(answer())
        if Path(facts["tree"]) != tree.resolve():
            raise AecodecError(f"the codec is that of {facts['tree']}, not of {tree}")
        yield ask, facts["has"]


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that do nothing, as fast as they can, as long as this one is there."""
    code = f"import os\nwhile os.getppid() == {os.getpid()}: pass"
    loops = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def tables(result: dict[str, Any]) -> str:
    """Where it was measured; loaded codecs; commands."""
    width, height = result["size"]
    old, new = result["commits"].values()
    about = (
        f"{old} (old) and {new} (new) in turn, kept to {result['threads']} cores of "
        f"{result['machine']}, torch {result['torch']}. {width}x{height} photo, quality "
        f"{result['quality']}, medians of {result['repeats']} turns, a large one of "
        f"{min(result['repeats'], LARGE_REPEATS)}."
    )
    sides = ["exact"] if "exact" in result["codecs"][0]["seconds"] else []
    titles = [title for _ in sides for title in ("new, exact pixels, s", "old / that")]
    large = [[*cells(row), *row["mib"].values()] for row in result["large"]]
    told = [
        about,
        table(("codec loaded", *HEAD, *titles), [cells(row, *sides) for row in result["codecs"]]),
        table(("command", *HEAD), map(cells, result["commands"])),
        table(("command, large photo", *HEAD, "old, peak MiB", "new, peak MiB"), large),
    ]
    return "\n\n".join(told if large else told[:-1])


def cells(row: Row, *sides: str) -> list[str]:
    """What was done, the seconds of the old commit, those of each other side, and their ratios."""
    seconds = row["seconds"]
    told = [row["what"], f"{seconds['old']:.3f}"]
    for side in ("new", *sides):
        told += [f"{seconds[side]:.3f}", f"{seconds['old'] / seconds[side]:.2f}"]
    return told
