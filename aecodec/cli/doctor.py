"""What `aecodec doctor` finds out: the installation and the machine, and what is broken."""

from __future__ import annotations

import importlib
import os
import platform
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec

from aecodec import __version__
from aecodec.engines import LIGHT_PACKAGES, TORCH, has_light, has_torch
from aecodec.errors import AecodecError
from aecodec.model import store
from aecodec.process import cores, kept_to, memory, processor, quota, without_telemetry

NEEDED = {
    "torch": "torch",
    "numpy": "numpy",
    "pillow": "PIL",
    "constriction": "constriction",
    "safetensors": "safetensors",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
}
"""What pictures need: packages, and what they are imported as."""
REINSTALL = "install aecodec again"
NOT_FOR_USERS = ("dev", "experiments")
_EXTRA = re.compile(r"([\w.-]+).*\bextra == ['\"](\w+)['\"]")


@dataclass(frozen=True)
class Diagnosis:
    """The fields are the keys of `aecodec doctor --json`."""

    aecodec: str
    python: str
    system: str
    processor: str
    cores: int
    """that this process may use: of those it is kept to, or a container's quota"""
    kept_to: int
    quota: float | None
    """cores' worth of time"""
    memory: int | None
    """bytes, the machine's or a container's"""
    packages: dict[str, str | None]
    """version; None: not installed"""
    build: str | None
    """of PyTorch: "CPU", "CUDA 12.8", "ROCm 6.4"; None, as below: it is missing or broken"""
    threads: int | None
    bfloat16: list[str] | None
    """what the processor multiplies in it by; nothing: networks run in binary32"""
    cuda: str | None
    """the name of the device, if there is one"""
    models: dict[str, str]
    """names and ids of those that are whole; nothing where packages are broken"""
    avif: bool | None
    """whether Pillow reads it"""
    extras: dict[str, list[str]]
    """what is missing for each"""
    problems: list[str]
    """what must be mended before pictures can be coded, with how"""


def diagnose() -> Diagnosis:
    """Import what pictures need, read the models that encode, and tell."""
    broken = list(_broken_packages())
    build, threads, bfloat16, cuda = (None,) * 4 if broken or not has_torch() else _torch()
    models, damaged = ({}, []) if broken else _models()
    return Diagnosis(
        aecodec=__version__,
        python=platform.python_version(),
        system=platform.platform(),
        processor=processor(),
        cores=cores(),
        kept_to=kept_to(),
        quota=quota(),
        memory=memory(),
        packages={name: _version(name) for name in NEEDED},
        build=build,
        threads=threads,
        bfloat16=bfloat16,
        cuda=cuda,
        models=models,
        avif=_avif(),
        extras=_extras(),
        problems=broken + damaged,
    )


def _broken_packages() -> Iterator[str]:
    spared = (*LIGHT_PACKAGES * has_torch(), *("torch",) * has_light())  # one decodes
    for name, module in NEEDED.items():
        if name in spared and find_spec(module) is None:
            continue
        try:
            with without_telemetry():
                importlib.import_module(module)
        except Exception as error:  # of a library that is missing or built for another
            reason = " ".join(str(error).split())
            mend = TORCH if name == "torch" else f"pip install {name}"
            yield f"{name}: cannot be imported ({reason}): {mend}"


def _torch() -> tuple[str, int, list[str], str | None]:
    import torch

    from aecodec.model.precision import bfloat16_by

    kinds = {"CUDA": torch.version.cuda, "ROCm": torch.version.hip}
    build = next((f"{kind} {found}" for kind, found in kinds.items() if found), "CPU")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a driver that is too old, or not there
        cuda = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return build, min(torch.get_num_threads(), cores()), list(bfloat16_by()), cuda


def _models() -> tuple[dict[str, str], list[str]]:
    """Those whose tensors have the ids that they say, and what is wrong with the others."""
    from aecodec.model.bounds import check_weights
    from aecodec.model.tensors import read_weights

    whole, problems = {}, []
    for name in store.TUNED.values():
        try:
            weights = read_weights(store.find_model(name).path)
            check_weights(weights)
            whole[name] = weights.model_id
        except AecodecError as error:
            problems.append(f"{error}: {REINSTALL}")
    return whole, problems


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _avif() -> bool | None:
    try:
        from PIL import features
    except ImportError:
        return None
    return features.check("avif")


def _extras() -> dict[str, list[str]]:
    """The packages that each extra lacks. Nothing is known of what pip has not installed."""
    try:
        requirements = requires("aecodec") or []
    except PackageNotFoundError:
        requirements = []
    found: dict[str, list[str]] = {}
    for requirement in requirements:
        match = _EXTRA.match(requirement)
        if match and match[2] not in NOT_FOR_USERS and "python_version" not in requirement:
            missing = found.setdefault(match[2], [])
            missing += [] if _version(match[1]) else [match[1]]
    return found


def text(found: Diagnosis) -> str:
    """For people, who paste it into a report of a bug."""
    limit = "no quota" if found.quota is None else f"a quota of {found.quota:g}"
    rows = {
        "aecodec": f"{found.aecodec}, Python {found.python}, {found.system}",
        "packages": ", ".join(f"{name} {v or 'missing'}" for name, v in found.packages.items()),
        "processor": found.processor,
        "cores": f"{found.cores}: kept to {found.kept_to} of {os.cpu_count()}, {limit}",
        "memory": "unknown" if found.memory is None else f"{found.memory / 2**30:.1f} GiB",
    }
    if found.build is not None:
        by = f"by {', '.join(found.bfloat16)}" if found.bfloat16 else "no, binary32 instead"
        rows |= {
            "PyTorch": f"build for {found.build}, {found.threads} threads",
            "bfloat16": by,
            "CUDA": found.cuda or "no device",
        }
    elif found.models:
        rows["PyTorch"] = f"missing: files are decoded, none made; {TORCH}"
    if found.models:
        rows["models"] = ", ".join(f"{name} {id_}" for name, id_ in found.models.items())
        rows["AVIF"] = "read by Pillow" if found.avif else "not read by Pillow"
    extras = [
        f"{name} (without {', '.join(missing)})" if missing else name
        for name, missing in found.extras.items()
    ]
    rows["extras"] = ", ".join(extras) or "unknown, for pip did not install aecodec"
    return "\n".join(f"{name:<10} {value}" for name, value in rows.items())
