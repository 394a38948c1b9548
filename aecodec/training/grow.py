"""A trained model in a larger size: at first the same function, with room to learn more.

What is new computes something, but what was there does not listen yet: its new columns are zero
(Net2Net: Chen, Goodfellow and Shlens, ICLR 2016, has the idea). New blocks start at zero anyway.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aecodec.errors import AecodecError
from aecodec.model.config import ModelConfig
from aecodec.model.entropy_model import ScaleOutput
from aecodec.model.layers import DepthwiseBlock, Pointwise
from aecodec.model.model import Model

FOUR_ROWS = ("synthesis.stem", "small.stem", "entropy.up1", "entropy.up2")
"""Layers before `depth_to_space`: their rows are four times a width."""
FOUR_COLUMNS = ("analysis.head", "hyper_analysis.down1", "hyper_analysis.down2")
"""Layers after `space_to_depth`: their columns are."""
SURE = ScaleOutput.FLOOR + 1
"""log2 scale of new hyper-latents, which are all 0 at first: they cost next to nothing."""


@torch.no_grad()
def grow(model: Model, config: ModelConfig) -> Model:
    """A floating-point model -> one of `config`, no narrower, that does the same.

    Raises AecodecError where it cannot: latents decide what is coded.
    """
    old_config, new_config = model.config.to_dict(), config.to_dict()
    if config.latent != model.config.latent or any(
        new_config[key] < value for key, value in old_config.items() if key != "size"
    ):
        raise AecodecError(f"weights of size {model.config.size} do not grow to {config.size}")
    larger = Model.untrained(config)
    layers = dict(model.named_modules())
    folds = {
        f"{name}.channel_in": layer.fold
        for name, layer in layers.items()
        if isinstance(layer, DepthwiseBlock)
    }
    old = model.state_dict()
    for name, value in larger.state_dict().items():
        layer_name, _, part = name.rpartition(".")
        if name not in old:
            continue
        layer, rows = layers[layer_name], folds.get(layer_name, 4 if layer_name in FOUR_ROWS else 1)
        if isinstance(layer, Pointwise):
            columns = 4 if layer_name in FOUR_COLUMNS else 1
            place(old[name], value, rows, columns if part == "weight" else 0)
        else:  # channels come first, but last in tables of q
            value[tuple(slice(n) for n in old[name].shape)] = old[name]
    hyper = model.config.hyper
    larger.hyper_analysis.down2.weight[hyper:] = 0
    larger.hyper_prior.scale.knots[:, hyper:] = SURE
    return larger


def place(old: Tensor, new: Tensor, rows: int, columns: int) -> None:
    """Write `old` over `new` [D, C] or, with columns = 0, [D], both in so many parts each way.

    Rows of `old` get zeros in the new columns; new rows stay.
    """
    kept = new.unflatten(0, (rows, -1))[:, : len(old) // rows]
    if columns:
        kept.zero_()
        kept = kept.unflatten(2, (columns, -1))[..., : old.shape[1] // columns]
        old = old.unflatten(1, (columns, -1))
    kept.copy_(old.unflatten(0, (rows, -1)))
