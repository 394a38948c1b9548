"""A trained entropy network to integers: units, ranges and roundings of fixed_point.py.

Nothing is trained. What the layers see on training pictures says how: the range of every channel,
and the unit at which what its rounding costs and what that of its weights costs are equal. Weights
are rounded one input after the other, each rounding's error made good by those that follow
(GPTQ: Frantar et al., ICLR 2023, section 3, after Optimal Brain Surgeon).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product

import torch
from torch import Tensor

from aecodec.coding.planes import Pixels
from aecodec.coding.transform import analyze
from aecodec.errors import ModelError
from aecodec.format.constants import FRACTION_BITS
from aecodec.model.bounds import EXACT, FRACTION_MAX, LAYERS, SHIFT_MAX, largest_sums
from aecodec.model.entropy_model import take_batch
from aecodec.model.fixed_network import FixedNetwork, set_fixed
from aecodec.model.fixed_point import (
    FixedAffine,
    FixedBlock,
    FixedDepthwise,
    FixedPointwise,
    half_unit,
)
from aecodec.model.fixed_tables import FixedHyperPrior, FixedPhaseBias, FixedTable
from aecodec.model.layers import Depthwise, DepthwiseBlock, Pointwise
from aecodec.model.model import Model
from aecodec.model.quantize import rounded_residual

MARGIN = 1.25
"""Ranges are so many times as wide as what was seen."""
BALANCE = 0.1
"""Share of what a rounded weight costs that is left once others make up for it. Chosen, as MARGIN,
on validation pictures: what integers cost there is lowest."""
WEIGHT_MAX = 2**15 - 1
DAMPING = 0.01
"""Of the mean square of all inputs, that of an input is taken to be larger by."""
SPARE = 2**13
"""What rounded weights and ranges may have sums larger by."""
INPUT_SHIFT_MAX = 12
"""Ranges are rounded up to a multiple of its power of two."""


@dataclass
class Seen:
    """Of the inputs of a layer: how many, their range, and the sums of their products [I, I] and of
    themselves [I]."""

    count: int = 0
    low: Tensor = field(default_factory=lambda: torch.zeros(()))
    high: Tensor = field(default_factory=lambda: torch.zeros(()))
    products: Tensor = field(default_factory=lambda: torch.zeros(()))
    sums: Tensor = field(default_factory=lambda: torch.zeros(()))

    def add(self, x: Tensor) -> None:
        """x: [P, I]."""
        self.count += len(x)
        self.low = torch.minimum(self.low, x.amin(0).double())
        self.high = torch.maximum(self.high, x.amax(0).double())
        self.products = self.products + (x.t() @ x).double()
        self.sums = self.sums + x.sum(0).double()

    def times(self, factor: float) -> Seen:
        """Of inputs so many times as large."""
        return Seen(
            self.count,
            self.low * factor,
            self.high * factor,
            self.products * factor**2,
            self.sums * factor,
        )

    def means(self) -> Tensor:
        """[I]"""
        return self.sums / self.count

    def squares(self) -> Tensor:
        """Mean squares [I]."""
        return self.products.diagonal() / self.count


def to_fixed(model: Model, pictures: Sequence[Pixels], rates: Sequence[int]) -> Model:
    """A copy of `model` (floating point) on the CPU whose entropy side is in integers.

    What layers see is taken from `pictures`, uint8 [H, W, 3], at these q. Raises ModelError where
    the bounds of SPEC 4.2 do not hold.
    """
    seen = observe(model, pictures, rates)
    fixed = copy.deepcopy(model).cpu().requires_grad_(False)
    network, twin = fixed.entropy, FixedNetwork(model.config)
    prior, twin_prior = fixed.hyper_prior, FixedHyperPrior(model.config.hyper)
    sources = dict(network.named_modules())
    with torch.no_grad():
        twin_prior.from_float(prior)
        for name, block in twin.named_modules():
            if isinstance(block, FixedBlock):
                set_block(block, sources[name], {n: seen[f"{name}.{n}"] for n in LAYERS})
            elif isinstance(block, FixedTable | FixedPhaseBias):
                block.from_float(sources[name])
            elif isinstance(block, FixedPointwise) and not name.endswith(LAYERS):
                set_pointwise(block, sources[name], seen[name], FRACTION_BITS, FRACTION_BITS)
    twin.prepare()
    set_fixed(fixed, twin, twin_prior)
    return fixed.eval()


def set_block(block: FixedBlock, source: DepthwiseBlock, seen: dict[str, Seen]) -> None:
    """Set the integers of a block. seen: by layer of it."""
    activated = {name: seen[name].times(6) for name in ("spatial", "channel_out")}
    first, second = (
        fraction_of(float(activated[name].high.max()), parts)
        for name, parts in (("spatial", 1), ("channel_out", source.fold))
    )
    block.fractions.copy_(torch.tensor([first, second]))
    layers = (getattr(source, name) for name in LAYERS)
    spatial_in, spatial, spatial_out, channel_in, channel_out = layers
    set_pointwise(block.spatial_in, spatial_in, seen["spatial_in"], FRACTION_BITS, first)
    units = set_pointwise(block.spatial_out, spatial_out, seen["spatial_out"], None, FRACTION_BITS)
    set_depthwise(block.spatial, spatial, activated["spatial"], 2 * first, -units)
    set_pointwise(block.channel_in, channel_in, seen["channel_in"], FRACTION_BITS, second)
    set_pointwise(
        block.channel_out, channel_out, activated["channel_out"], 2 * second, FRACTION_BITS, 1 / 6
    )


def fraction_of(largest: float, parts: int) -> int:
    """The finest units 2^-f of u with the sums of six Hardswish(u), in those of 2^-2f, below 2^24.

    largest: that was seen.
    """
    room = (EXACT - SPARE) / (MARGIN * largest + parts * 9 / 4)
    return max(0, min(FRACTION_MAX, math.floor(math.log(room, 4))))


def set_pointwise(
    layer: FixedPointwise,
    source: Pointwise,
    seen: Seen,
    fraction_in: int | None,
    fraction_out: int,
    factor: float = 1.0,
) -> Tensor:
    """Set the integers of a layer; -> the exponents of its inputs' units [inputs].

    fraction_in: inputs come in units of 2^-fraction_in; None: in those that suit the layer.
    factor: on weights.
    """
    weight, bias = source.weight.detach().double() * factor, source.bias.detach().double()
    bits = bits_of_sums(weight, bias, seen.low, seen.high, fraction_out)
    costs = BALANCE * torch.exp2(-2.0 * bits).sum() / weight.square().sum(0)
    units = set_input(layer, costs, seen, fraction_in)
    set_rounded(layer, weight, bias, bits, bits - fraction_out, round_weights(units, seen))
    return units


def set_depthwise(
    layer: FixedDepthwise, source: Depthwise, seen: Seen, fraction_in: int, fraction_out: Tensor
) -> None:
    """The same, of six times Hardswish; a fraction for each output."""
    weight, bias = source.weight.detach().double().flatten(1) / 6, source.bias.detach().double()
    bits = bits_of_sums(weight, bias, seen.low[:, None], seen.high[:, None], fraction_out)
    costs = weight.shape[1] * torch.exp2(-2.0 * bits) / weight.square().sum(1)
    units = set_input(layer, costs, seen, fraction_in)
    set_rounded(layer, weight, bias, bits, bits - fraction_out, round_taps(units, seen))


Rounding = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Weights of inputs of order 1 -> integers for inputs in their units, and what to add to biases."""


def set_rounded(
    layer: FixedAffine,
    weight: Tensor,
    bias: Tensor,
    bits: Tensor,
    shift: Tensor,
    rounding: Rounding,
) -> None:
    """Set weights, biases and shifts: sums in units of 2^-bits, or a little coarser where rounded
    weights would exceed the bounds. Raises ModelError where outputs are larger than 2^24."""
    while True:
        if not bool((shift >= 0).all()):
            raise ModelError("fixed point: a layer's outputs could reach 2^24")
        scale = torch.exp2(bits.double())
        rounded, change = rounding(weight * scale[:, None])
        biases = (bias * scale + change + half_unit(shift)).round()
        sums = sums_of(rounded, biases, *layer.ranges())
        wrong = ((sums >= EXACT) | (rounded.abs().amax(1) > WEIGHT_MAX)).long()
        if not bool(wrong.any()):
            break
        bits, shift = bits - wrong, shift - wrong
    layer.weight.copy_(rounded)
    layer.bias.copy_(biases)
    layer.shift.copy_(shift)


def bits_of_sums(
    weight: Tensor, bias: Tensor, low: Tensor, high: Tensor, fraction_out: int | Tensor
) -> Tensor:
    """By output: sums in units of 2^-bits stay below 2^24, and shifts within their limit.

    low, high: that were seen, as of `largest_sums`.
    """
    largest = sums_of(weight, bias, MARGIN * low, MARGIN * high)
    bits = ((EXACT - SPARE) / largest.clamp(min=2.0**-60)).log2().floor()
    return bits.clamp(max=SHIFT_MAX + torch.as_tensor(fraction_out)).long()


def set_input(layer: FixedAffine, costs: Tensor, seen: Seen, fraction_in: int | None) -> Tensor:
    """Set how inputs are requantized; -> the exponents of their units [inputs].

    costs: what a squared unit of each input costs by the rounding of weights, beside a squared unit
    by its own. Where the two are the same, their sum is least.
    """
    largest = MARGIN * torch.maximum(-seen.low, seen.high)
    least = (largest / 2**14).log2().clamp(min=-30).ceil()  # within 16 bits
    units = ((costs * seen.squares()).log2() / 4).nan_to_num().round().clamp(min=-12, max=12)
    if fraction_in is not None:
        units = units.clamp(min=-fraction_in, max=INPUT_SHIFT_MAX - fraction_in)
    units = torch.maximum(units, least).long()
    scale = torch.exp2(units.double())
    layer.input.shift.copy_(0 * units if fraction_in is None else units + fraction_in)
    layer.input.low.copy_((MARGIN * seen.low / scale).floor())
    layer.input.high.copy_((MARGIN * seen.high / scale).ceil())
    return units


def round_taps(units: Tensor, seen: Seen) -> Rounding:
    """Each to the nearest integer, of a depthwise layer."""
    scale = torch.exp2(units.double())

    def rounding(weight: Tensor) -> tuple[Tensor, Tensor]:
        exact = weight * scale[:, None]
        return exact.round(), (exact - exact.round()).sum(1) * seen.means() / scale

    return rounding


def round_weights(units: Tensor, seen: Seen) -> Rounding:
    """One input after the other, so that those behind it make up for the error, and the bias for
    what is left of its mean."""
    scale, means = torch.exp2(units.double()), seen.means()
    centred = (seen.products / seen.count - means[:, None] * means) / scale / scale[:, None]
    ridge = DAMPING * centred.diagonal().mean() + 1 / 12
    inverse = torch.linalg.inv(centred + ridge * torch.eye(len(means), dtype=torch.float64))
    factor = torch.linalg.cholesky((inverse + inverse.t()) / 2, upper=True)

    def rounding(weight: Tensor) -> tuple[Tensor, Tensor]:
        exact = weight * scale
        left, rounded = exact.clone(), torch.empty_like(exact)
        for column, row in enumerate(factor):
            rounded[:, column] = left[:, column].round()
            error = (left[:, column] - rounded[:, column]) / row[column]
            left[:, column:] -= error[:, None] * row[column:]
        return rounded, (exact - rounded) @ (means / scale)

    return rounding


@torch.no_grad()
def observe(model: Model, pictures: Sequence[Pixels], rates: Sequence[int]) -> dict[str, Seen]:
    """What every layer of the entropy network sees, by name."""
    seen: dict[str, Seen] = {}

    def see(name: str, x: Tensor) -> None:
        seen.setdefault(name, Seen()).add(x.permute(0, 2, 3, 1).flatten(0, 2))

    hooks = [
        layer.register_forward_pre_hook(lambda _, x, name=name: see(name, x[0]))
        for name, layer in model.entropy.named_modules()
        if isinstance(layer, Pointwise | Depthwise)
    ]
    try:
        for pixels, q in product(pictures, rates):
            y, z = analyze(model, pixels, q)

            def code_batch(batch: int, mean: Tensor, scale: Tensor) -> Tensor:
                part = take_batch(y, z, batch)  # noqa: B023 (called before they change)
                return mean + rounded_residual(part - mean, scale)

            model.walk(z.shape, model.qs(q), code_batch)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def sums_of(weight: Tensor, bias: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """`largest_sums` of tensors."""
    arrays = (part.detach().numpy() for part in (weight, bias, low, high))
    return torch.from_numpy(largest_sums(*arrays))
