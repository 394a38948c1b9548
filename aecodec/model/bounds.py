"""The bounds within which binary32 computes the entropy network exactly (SPEC 4.2), without torch.

Arrays are those of a weights file, by the names that its layers have in the network `entropy`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from aecodec.errors import ModelError
from aecodec.format.constants import LIMIT
from aecodec.model.config import STEPS, ModelConfig
from aecodec.model.tensors import Array, Weights, tensor_errors

Sums = NDArray[np.float64]

EXACT = 2**24
"""Binary32 has all integers up to here."""
STREAM_LIMIT = 2**22
"""Bound of a stream: half a unit is added to it, and still exact."""
SHIFT_MAX = 24
FRACTION_MAX = 10
"""of what is activated"""
FOLD = 4
"""Parts of its channels that a block sums."""
LAYERS = ("spatial_in", "spatial", "spatial_out", "channel_in", "channel_out")
"""Of a block."""


def check_weights(weights: Weights) -> None:
    """`check_bounds` of a weights file. Raises ModelError also for tensors that are missing."""
    start = "entropy."
    own = {k.removeprefix(start): v for k, v in weights.tensors.items() if k.startswith(start)}
    with tensor_errors(weights):
        check_bounds(weights.config, own)


def check_bounds(config: ModelConfig, tensors: Mapping[str, Array]) -> None:
    """Raises ModelError unless sums, activations and streams stay where binary32 is exact.

    tensors: by their names in the network, as "up1.weight".
    """

    def reach(*names: str) -> float:
        return sum(reach_of(tensors, name) for name in names)

    def blocks(name: str, count: int) -> float:
        return reach(*(f"{name}.{number}" for number in range(count)))

    steps = range(STEPS - 1)
    streams = (
        reach("up1", "block1") + LIMIT,
        reach("up2", "block2"),
        reach("fuse") + blocks("fusion", config.fusion_blocks),
        max(reach(f"steps.{number}.stem") for number in steps)
        + LIMIT
        + blocks("context", config.context_blocks),
    )
    reach("head", *(f"steps.{number}.head" for number in steps))
    if not max(streams) < STREAM_LIMIT:
        raise ModelError("fixed point: a stream could reach 2^22")


def reach_of(tensors: Mapping[str, Array], name: str) -> float:
    """The largest magnitude of what a layer gives, or of what a block adds."""
    if f"{name}.fractions" not in tensors:
        parts = ("weight", "bias", "shift", "input.shift", "input.low", "input.high")
        found = (tensors[f"{name}.{part}"] for part in parts)
        return affine_reach(*found, own_inputs=name.endswith(".spatial"))
    reach = {layer: reach_of(tensors, f"{name}.{layer}") for layer in LAYERS}
    pairs = ("spatial_in", "spatial", 1), ("channel_in", "channel_out", FOLD)
    for fraction, (before, after, count) in zip(tensors[f"{name}.fractions"], pairs, strict=True):
        inputs = (tensors[f"{name}.{after}.input.{part}"] for part in ("high", "shift"))
        check_activation(int(fraction), reach[before], largest_input(*inputs), count)
    return reach["spatial_out"] + reach["channel_out"]


def affine_reach(
    weight: Array,
    bias: Array,
    shift: Array,
    input_shift: Array,
    low: Array,
    high: Array,
    *,
    own_inputs: bool = False,
) -> float:
    """The largest magnitude of an output of a layer. weight is [outputs, inputs] or, where every
    output has an input of its own, [outputs, 9]. Raises ModelError."""
    for each in (shift, input_shift):
        if not ((each >= 0) & (each <= SHIFT_MAX)).all():
            raise ModelError(f"fixed point: a shift is not in 0..{SHIFT_MAX}")
    if not ((low <= 0) & (high >= 0)).all():
        raise ModelError("fixed point: a range does not hold zero")
    ranges = (low[:, None], high[:, None]) if own_inputs else (low, high)
    sums = largest_sums(weight, bias, *ranges)
    if not sums.max() < EXACT:
        raise ModelError("fixed point: a sum could reach 2^24")
    return float((sums * np.exp2(-shift.astype(np.float64))).max()) + 1


def largest_sums(weight: Array, bias: Array, low: Array, high: Array) -> Sums:
    """The largest magnitude of any partial sum, by output, of weight [outputs, taps] and bias.

    Inputs lie in low..high: [taps] or, where every output has inputs of its own, [outputs, 1].
    """
    weight, bias = weight.astype(np.float64), bias.astype(np.float64)
    ends = weight * low, weight * high
    above = np.maximum(*ends).sum(axis=1) + bias.clip(min=0)
    below = np.minimum(*ends).sum(axis=1) + bias.clip(max=0)
    return np.maximum(above, -below)


def largest_input(high: Array, shift: Array) -> float:
    """The largest that requantization does not limit, before it is divided."""
    return float((high * np.exp2(shift.astype(np.float64))).max())


def check_activation(fraction: int, before: float, behind: float, parts: int) -> None:
    """Raises ModelError where what is activated, or sums of `parts` of it, could pass 2^24 before
    it is limited. before: what the layer in front of it reaches; behind: the `largest_input` of the
    layer behind it."""
    if not 0 <= fraction <= FRACTION_MAX:
        raise ModelError(f"fixed point: a fraction is not in 0..{FRACTION_MAX}")
    # What is larger may be rounded: it is limited. Parts below zero are above -9/4 4^f.
    least = parts * 9 / 4 * 4**fraction
    if behind + least >= EXACT or before + 3 * 2**fraction >= EXACT:
        raise ModelError("fixed point: an activation could reach 2^24")
