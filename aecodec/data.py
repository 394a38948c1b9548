"""Where the data files that travel with the package are: inside the wheel, or in the checkout."""

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent
_IN_CHECKOUT = {"weights": "weights", "published": "benchmarks/published"}


def data_folder(name: Literal["weights", "published"]) -> Path:
    """The folder of that name in the wheel, else in the checkout beside the package.

    The caller says what is missing when the folder or a file in it is not there.
    """
    in_wheel = _PACKAGE / "_data" / name
    return in_wheel if in_wheel.is_dir() else _PACKAGE.parent / _IN_CHECKOUT[name]
