"""A model that is ready to code."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from aecodec.errors import AecodecError, ModelError, shown
from aecodec.format.box import padded_size
from aecodec.format.constants import HYPER_STRIDE
from aecodec.format.payload import CodingTables
from aecodec.model.ambient import own_state
from aecodec.model.fixed_network import float_twin
from aecodec.model.model import Model
from aecodec.model.precision import add_fast_networks
from aecodec.model.store import InstalledModel, find_model, read_metadata, tune_of
from aecodec.model.weights import load_weights
from aecodec.process import no_fork


@dataclass(frozen=True)
class LoadedModel:
    """A model: transforms on a device, entropy side in fixed point on the CPU, and its tables."""

    model: Model
    tables: CodingTables
    model_id: str
    tune: str
    """what it was trained for, "psnr" or "visual": the encoder refines for the same"""

    twins: list[Model] = field(default_factory=list, repr=False, compare=False)
    """`float_model`, once it has been asked for"""

    @property
    @own_state()
    def float_model(self) -> Model:
        """The same in floating point throughout, for what needs gradients."""
        with no_fork:
            if not self.twins:
                twin = float_twin(self.model).requires_grad_(False).to(self.model.device).eval()
                twin.fast = self.model.fast
                self.twins.append(twin)
            return self.twins[0]

    @classmethod
    @own_state()
    def load(
        cls, path: Path, device: torch.device | str = "cpu", exact_pixels: bool = False
    ) -> LoadedModel:
        """From a weights file. Raises ModelError for one that is not what it says.

        exact_pixels: networks in binary32 even where the device is faster in less (precision.py).
        """
        model, tables, identity = load_weights(path)
        model.to(device)
        for exact in (model.entropy, model.hyper_prior, model.points):
            exact.to("cpu")
        if not exact_pixels:
            add_fast_networks(model)
        return cls(model, CodingTables(tables), identity, tune_of(read_metadata(path)))

    def hyper_shape(self, width: int, height: int) -> torch.Size:
        """The shape of z of so many pixels, [1, N, H'/64, W'/64]."""
        columns, rows = (n // HYPER_STRIDE for n in padded_size(width, height))
        return torch.Size((1, self.model.config.hyper, rows, columns))


def load_model(
    wanted: str | None = None, device: torch.device | str = "cpu", exact_pixels: bool = False
) -> LoadedModel:
    """An installed model by name or id (None: the default), ready to code.

    Raises ModelError when it is not installed or its file is not what it says.
    """
    return load_installed(find_model(wanted), device, exact_pixels)


def load_installed(
    installed: InstalledModel, device: torch.device | str, exact_pixels: bool = False
) -> LoadedModel:
    """The same, of a model that has been found."""
    loaded = LoadedModel.load(installed.path, device, exact_pixels)
    if loaded.model_id != installed.model_id:
        raise ModelError(f"{installed.path}: changed while it was read")
    return loaded


@own_state()
def choose_device(name: str) -> torch.device:
    """ "auto", "cpu" or "cuda" -> device of the transforms. Raises AecodecError."""
    if not isinstance(name, str) or name not in ("auto", "cpu", "cuda"):
        raise AecodecError(f"unknown device {shown(name)}: auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise AecodecError("no CUDA device is available")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
