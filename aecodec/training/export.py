"""From a trained model to a weights file: fixed point, tables, id."""

from __future__ import annotations

import copy
from pathlib import Path

from aecodec.entropy import gaussian_tables
from aecodec.model import Model
from aecodec.model.entropy_model import SCALE_COUNT, SCALE_MIN, SCALES_PER_OCTAVE
from aecodec.model.fixed_point import copy_to_float, to_fixed
from aecodec.weights import load_weights, save_weights


def export(model: Model, name: str, path: Path) -> str:
    """Write `model` (floating point) as a weights file and check that it loads; -> its id.

    Raises ModelError when the fixed-point bounds do not hold.
    """
    fixed = to_fixed(copy.deepcopy(model).cpu().requires_grad_(False))
    scales = [SCALE_MIN * 2 ** (k / SCALES_PER_OCTAVE) for k in range(SCALE_COUNT)]
    save_weights(path, name, fixed, gaussian_tables(scales))
    return load_weights(path)[2]


def load_for_training(path: Path) -> Model:
    """A weights file as a floating-point model to train on: the inverse of `export`."""
    fixed, _, _ = load_weights(path)
    model = Model(fixed.config)
    entropy_side = ("entropy.", "hyper_prior.")
    shared = {k: v for k, v in fixed.state_dict().items() if not k.startswith(entropy_side)}
    model.load_state_dict(shared, strict=False)
    copy_to_float(fixed, model)
    return model
