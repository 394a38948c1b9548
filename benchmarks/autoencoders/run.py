"""Five write-ups on autoencoders, rebuilt: results (JSON) and figures go into the folder --out."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from aecodec.errors import AecodecError
from aecodec.outputs import write_bytes
from aecodec.process import cores
from benchmarks.autoencoders import cifar10, common, mnist, resolutions, stl10, ycbcr
from benchmarks.autoencoders.data import DataFolder
from benchmarks.autoencoders.study import Study, to_json

STUDIES: dict[str, Callable[[Study], dict[str, Any]]] = {
    "stl10": stl10.run,
    "cifar10": cifar10.run,
    "ycbcr": ycbcr.run,
    "resolutions": resolutions.run,
    "mnist": mnist.run,
    "common": common.run,
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which studies, on what, and where the results go."""
    data, out = Path("..", "shared", "data"), Path("autoencoders-out")
    text = "folder with kodak, train, valid, small (default: %(default)s)"
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=f"of {', '.join(STUDIES)}")
    parser.add_argument("--quick", action="store_true", help="small data, few epochs: minutes")
    parser.add_argument("--data", "-d", type=Path, default=data, help=text)
    parser.add_argument("--out", "-o", type=Path, default=out, help="default: %(default)s")


def run(options: argparse.Namespace) -> None:
    """Run the studies that were asked for, or all."""
    run_studies(options.studies or list(STUDIES), options.data, options.out, options.quick)


def run_studies(names: list[str], data: Path, out: Path, quick: bool) -> None:
    """Run studies by name. Raises AecodecError for bad input."""
    unknown = [name for name in names if name not in STUDIES]
    if unknown:
        raise AecodecError(f"no study {unknown[0]!r}; there are {', '.join(STUDIES)}")
    if not data.is_dir():
        raise AecodecError(f"{data}: not a folder; name one with --data")
    out.mkdir(parents=True, exist_ok=True)
    study = Study(DataFolder(data), out, quick, say)
    for name in names:
        start = time.perf_counter()
        results = STUDIES[name](study)
        seconds = round(time.perf_counter() - start + study.earlier)
        about = {"study": name, "command": command(name, quick), "seconds": seconds}
        text = to_json(about | machine() | results)
        write_bytes(out / f"{name}.json", text.encode())
        study.forget(name)
        say(f"{name}: {seconds} s")


def command(name: str, quick: bool) -> str:
    """What repeats the study, without this machine's paths."""
    return f"python -m benchmarks autoencoders {name}{' --quick' if quick else ''} --data DATA"


def machine() -> dict[str, Any]:
    return {"cores": cores(), "threads": torch.get_num_threads(), "torch": torch.__version__}


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
