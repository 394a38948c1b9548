"""Which models are installed, told from their weights files' metadata, without torch."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aecodec.errors import AecodecError, ModelError, shown
from aecodec.files import data_folder

TUNED = {"visual": "v1", "psnr": "s1"}
"""What a file shall be good at -> the model that is best at it: how it looks, or its PSNR."""
DEFAULT_TUNE = "visual"
FILE_NAME = "model.safetensors"
MAX_HEADER_BYTES = 2**20
"""of the JSON in front of a safetensors file; ours are below 64 KiB"""


@dataclass(frozen=True)
class InstalledModel:
    """One weights file of this installation."""

    name: str
    model_id: str
    """hexadecimal, 16 digits"""
    size: str
    """XS, S, M or L"""
    tune: str
    """what it was trained for, "visual" or "psnr" """
    bytes: int
    path: Path
    default: bool
    """whether it is what encodes where neither a model nor a tune is named"""


def installed_models() -> list[InstalledModel]:
    """All models of this installation, by name. Raises ModelError for an unreadable file."""
    paths = sorted(data_folder("weights").glob(f"*/{FILE_NAME}"))
    return [_installed(path) for path in paths]


def find_model(wanted: str | None = None, tune: str = DEFAULT_TUNE) -> InstalledModel:
    """The model of that name or id; None: the one for a tune.

    Raises ModelError when there is none, AecodecError for a tune that is none.
    """
    if not isinstance(tune, str) or tune not in TUNED:
        raise AecodecError(f"tune {shown(tune)} unknown; choose from {', '.join(TUNED)}")
    if not isinstance(wanted, str | None):
        raise ModelError(f"a model has a name or an id, not {shown(wanted)}")
    wanted = wanted or TUNED[tune]
    models = installed_models()
    for model in models:
        if wanted in (model.name, model.model_id):
            return model
    names = ", ".join(f"{model.name} ({model.model_id})" for model in models) or "none"
    raise ModelError(f"model {wanted} is not installed; installed: {names}")


def _installed(path: Path) -> InstalledModel:
    facts = read_metadata(path)
    return InstalledModel(
        name=facts["name"],
        model_id=facts["model_id"],
        size=facts["size"],
        tune=tune_of(facts),
        bytes=path.stat().st_size,
        path=path,
        default=facts["name"] == TUNED[DEFAULT_TUNE],
    )


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a weights file, read without its tensors. Raises ModelError."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > MAX_HEADER_BYTES:
                raise ModelError(f"{path}: not a weights file (header too long)")
            facts = json.loads(file.read(length))["__metadata__"]
            missing = {"name", "size", "model_id", "config"} - set(facts)
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise ModelError(f"{path}: not a weights file ({error})") from error
    if missing:
        raise ModelError(f"{path}: no {', '.join(sorted(missing))} in its metadata")
    return {str(key): str(value) for key, value in facts.items()}


def tune_of(facts: Mapping[str, str]) -> str:
    """What a model was trained for: files from before the key were all for PSNR."""
    return facts.get("tune", "psnr")
