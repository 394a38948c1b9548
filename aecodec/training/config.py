"""The one frozen configuration of a training run, read from a TOML file."""

from __future__ import annotations

import math
import sys
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from aecodec.errors import AecodecError
from aecodec.format.constants import HYPER_STRIDE
from aecodec.model.config import SIZES
from aecodec.model.store import TUNED

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


WAYS = ("eager", "graph", "compiled")
"""How a GPU takes steps: every kernel by itself; as CUDA graphs; as those of compiled blocks. On a
CPU there are no graphs; all but "eager" may compile SSIMULACRA2."""
Curve = tuple[float, ...]


@dataclass(frozen=True)
class VisualConfig:
    """The mix of `tune = "visual"`: see objective.py.

    Each is one number or more, evenly spaced from q = 0 to q = 63, between which it is linear.
    """

    share: Curve
    """of raw error and contrast"""
    nu: Curve
    """bits a pixel that a unit of the raw error is worth; its logarithm is linear"""
    contrast: Curve
    """the part of lost contrast in their share"""
    weight_rgb: Curve
    """of the MSE of RGB"""
    weight_x: Curve
    weight_y: Curve
    weight_b: Curve
    """of the squared errors of X, Y and B; about 0.9, 1.3 and 2.5 are worth the MSE of RGB"""

    def __post_init__(self) -> None:
        if not all(is_curve(curve) for curve in astuple(self)):
            raise AecodecError("training configuration: [visual] holds lists of numbers")
        if not all(0 <= share <= 1 for share in (*self.share, *self.contrast)):
            raise AecodecError("training configuration: shares of [visual] must be in 0 to 1")
        if not all(nu > 0 for nu in self.nu):
            raise AecodecError("training configuration: nu of [visual] must be above 0")


def is_curve(value: Any) -> bool:
    """Whether a value of the file is a list of finite numbers, at least one."""
    if not isinstance(value, tuple) or not value:
        return False
    return all(type(each) in (int, float) and math.isfinite(each) for each in value)


@dataclass(frozen=True)
class TrainConfig:
    """Every number of the recipe. Unknown or missing keys of the file are errors."""

    name: str
    """model name: the folder under weights/"""
    size: str
    """XS, S, M or L"""
    tune: str
    """what is trained for beside the rate: "psnr", or "visual", a mix with SSIMULACRA2"""
    seed: int
    batch: int
    """crops a step, a multiple of 8: every batch holds q from every eighth of the range"""
    crop: int
    """pixels, a multiple of 64"""
    last_crop: int
    """crop of the last part of the budget"""
    last_crop_share: float
    lmbda_min: float
    lmbda_max: float
    """lambda of q = 0 and q = 63, on MSE of RGB in [0, 1]; log-spaced between"""
    entropy_lr: float
    """AdamW's, for everything, in the entropy phase"""
    muon_lr: float
    """afterwards, for the matrices of the networks (RMS-matched to AdamW); 0 for AdamW alone"""
    adamw_lr: float
    """afterwards, for biases, depthwise kernels and rows of q"""
    skip_lr_share: float
    """the linear skip's rate as a share of adamw_lr"""
    weight_decay: float
    clip: float
    """gradient norm"""
    ema: float
    warmup_steps: int
    entropy_share: float
    """first share of the budget: entropy model and gains alone, on the linear transform"""
    decay_share: float
    """last share of the budget, over which rates fall to 2 %; 0: they stay"""
    decoder_share: float
    """last share of the budget: g_a and h_a frozen, truly rounded latents"""
    refined_share: float
    """last share of the budget: as before, of latents refined for each crop
    (coding/descent.py), but for every third batch"""
    refined_rounds: int
    visual: VisualConfig | None = None
    """the table [visual] of the file, there if tune is "visual" and only then"""

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise AecodecError(f"training configuration: size {self.size!r} is not {list(SIZES)}")
        if self.batch % 8 or self.crop % HYPER_STRIDE or self.last_crop % HYPER_STRIDE:
            raise AecodecError("training configuration: batch must be a multiple of 8, crops of 64")
        if self.tune not in TUNED:
            raise AecodecError(f"training configuration: tune {self.tune!r} is not {list(TUNED)}")
        if (self.tune == "visual") != (self.visual is not None):
            raise AecodecError("training configuration: a table [visual] goes with tune = 'visual'")

    @classmethod
    def read(cls, path: Path) -> TrainConfig:
        """Raises AecodecError, naming the file and the keys, for an unreadable configuration."""
        try:
            values = tomllib.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise AecodecError(f"{path}: {error}") from error
        visual = values.pop("visual", None)
        check_keys(path, cls, values, optional=frozenset({"visual"}))
        if visual is not None:
            check_keys(path, VisualConfig, visual)
            curves = {k: tuple(v) if isinstance(v, list) else v for k, v in visual.items()}
            values["visual"] = VisualConfig(**curves)
        return cls(**values)


def check_keys(
    path: Path, kind: type[Any], values: dict[str, Any], optional: frozenset[str] = frozenset()
) -> None:
    """Raises AecodecError unless the values are those that a dataclass of this kind wants."""
    known = {field.name for field in fields(kind)} - optional
    if set(values) != known:
        wrong = ", ".join(sorted(set(values) ^ known))
        raise AecodecError(f"{path}: unknown or missing keys: {wrong}")
