"""How much disk other codecs take: each package in an environment of its own, by `du`.

The first day has the same of this package.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from aecodec.errors import AecodecError
from benchmarks.firstday.measure import Day
from benchmarks.pages import DOCS, RESULTS, Page, table

PACKAGES = {"pillow": "JPEG, WebP, AVIF, JPEG 2000", "pillow-jxl-plugin": "the same and JPEG XL"}
"""What each codes."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(options: argparse.Namespace) -> dict[str, int]:
    """Megabytes by package."""
    return {package: installed(package) for package in PACKAGES}


def installed(package: str) -> int:
    """The megabytes of an environment with nothing else. Raises AecodecError where pip fails."""
    with tempfile.TemporaryDirectory() as folder:
        done = Day(Path(folder).resolve()).all(
            f"{sys.executable} -m venv venv",
            f'pip install --quiet -c "$SOURCE/constraints.txt" {package}',
            "du -sm venv",
        )
    if any(each["code"] for each in done):
        raise AecodecError(f"{package}: {' '.join(each['printed'] for each in done)}")
    return int(done[-1]["printed"].split()[0])


def tables(name: str, result: dict[str, int]) -> dict[str, str]:
    """One row a package."""
    rows = [[f"`{package}`", PACKAGES[package], size] for package, size in result.items()]
    return {name: table(("package", "codes", "MB"), rows)}


PAGE = Page(DOCS / "results.md", ("sizes",), tables, folder=RESULTS)
