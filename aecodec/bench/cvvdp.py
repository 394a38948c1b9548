"""ColorVideoVDP of still pictures, by the PyPI package `cvvdp`, which is installed without what it
depends on: `pip install --no-deps cvvdp`.

Its dependencies are for videos and files, and would bring other builds of torch. Pictures need the
module of the metric alone, and of what that imports only what `STAND_INS` has.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from logging import CRITICAL, Logger
from types import ModuleType
from typing import Any

import torch
from torch.nn.functional import conv2d, pad

from aecodec.image.modes import Pixels

DISPLAY = "standard_fhd"
"""24 inches of 1920x1080 pixels from 0.6 m, 200 cd/m2, sRGB"""


class GaussianBlur:
    """torchvision's, of [N, 1, H, W]: an odd window of `size` samples, borders mirrored."""

    def __init__(self, size: int, sigma: float) -> None:
        places = torch.arange(size) - size // 2
        window = torch.exp(-0.5 * (places / sigma) ** 2)
        self._window = window / window.sum()  # [size]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Blur along both axes."""
        half, window = len(self._window) // 2, self._window[None, None]
        rows = conv2d(pad(x, (half, half, half, half), mode="reflect"), window[..., None, :])
        return conv2d(rows, window[..., None])


def _all_of(values: Any, disable: bool) -> Any:
    """tqdm without its bar."""
    return values


STAND_INS: dict[str, dict[str, Any]] = {
    "torchvision.transforms": {"GaussianBlur": GaussianBlur},
    "tqdm": {"tqdm": _all_of},
    "imageio.v2": {},
    "ffmpeg": {},
}
"""What stands for modules that cannot be imported here, while the package is."""
SILENT = Logger("pycvvdp", CRITICAL + 1)
"""What stands for its `logging`: it warns of dark photos."""


@torch.no_grad()
def jod(image: Pixels, image_hat: Pixels) -> float:
    """How good uint8 [H, W, 3] looks beside the original on `DISPLAY`; 10 is identical."""
    pictures = (torch.from_numpy(each.copy()) for each in (image_hat, image))
    return float(_metric().predict(*pictures, dim_order="HWC")[0])


@cache
def _metric() -> Any:
    """The metric, made once a process."""
    with _importable():
        module = import_module("pycvvdp.cvvdp_metric")
    return module.cvvdp(DISPLAY, device=torch.device("cpu"), quiet=True)


@contextmanager
def _importable() -> Iterator[None]:
    """Make modules of `pycvvdp` importable, without its `__init__`, which imports all of them.

    The package also imports from its own folder, under names like `interp`, and speaks through the
    root's logger. Afterwards it is silent, and nobody finds it or what stood in for others.
    """
    found = find_spec("pycvvdp")
    assert found and found.submodule_search_locations
    (folder,) = found.submodule_search_locations
    added = [_module("pycvvdp", {"__path__": [folder]}), *_stand_ins()]
    path, before = list(sys.path), dict(sys.modules)
    sys.modules.update({module.__name__: module for module in added})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.path[:] = path
        for name, module in list(sys.modules.items()):
            if module in added or (getattr(module, "__file__", None) or "").startswith(folder):
                vars(module)["logging"] = SILENT
                del sys.modules[name]
        sys.modules.update(before)


def _stand_ins() -> Iterator[ModuleType]:
    """Of `STAND_INS` those whose modules cannot be imported here, for whatever reason."""
    for name, content in STAND_INS.items():
        try:
            import_module(name)
        except Exception:  # torchvision beside another build of torch: RuntimeError
            yield _module(name, content)


def _module(name: str, content: dict[str, Any]) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(content)
    return module
