"""The integer twins of the entropy network: near the floating-point network, exact in any order."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from torch import Tensor, nn

from aecodec.errors import ModelError
from aecodec.model.config import ModelConfig
from aecodec.model.entropy_model import (
    QUADTREE,
    index_of_scale,
    put_step,
    scale_of_index,
    take_step,
)
from aecodec.model.fixed_point import (
    INPUT_LIMIT,
    LIMIT,
    ONE,
    FixedActivation,
    FixedAffine,
    FixedPointwise,
    float_twin,
    prepare,
    to_fixed,
)
from aecodec.model.layers import Activation, Pointwise
from aecodec.model.model import Model
from aecodec.training.learner import saturate

TINY = ModelConfig("XS", 8, 4, 8, 1, 8, 1, 8, 12, 1, 8, 1)


def random_model() -> Model:
    """A model with every parameter moved off its start, so that no layer is idle."""
    torch.manual_seed(1)
    model = Model(TINY).requires_grad_(False)
    for parameter in model.parameters():
        parameter.add_(0.1 * torch.randn(parameter.shape))
    return model


def walk(model: Model, z_hat: Tensor, symbols: Tensor, unit: float) -> tuple[Tensor, Tensor]:
    """Run the four steps on given symbols -> mean and scale of every latent."""
    means, scales = torch.zeros_like(symbols), torch.zeros_like(symbols)

    def code_batch(batch: int, mean: Tensor, scale: Tensor) -> Tensor:
        step = batch - 1
        means.copy_(put_step(mean, step, means))
        scales.copy_(put_step(scale, step, scales))
        return unit * take_step(symbols, step) + mean

    model.entropy(z_hat, torch.tensor([30]), code_batch)
    return means, scales


def test_training_saturates_where_fixed_point_does() -> None:
    model = random_model()
    model.entropy.fuse.weight.fill_(40.0)
    saturate(model.entropy)
    fixed = to_fixed(copy.deepcopy(model)).entropy.fuse
    for size, expected in ((0.1, 32.0), (1.0, 64.0), (-1.0, -64.0)):
        x = torch.full((1, TINY.hyper_width, 1, 1), size)
        found = float(model.entropy.fuse(x).mean()), float(fixed(x.double() * ONE).mean() / ONE)
        assert found == pytest.approx((expected, expected), abs=0.5)


def test_fixed_network_is_near_the_floating_one() -> None:
    model = random_model()
    fixed = to_fixed(copy.deepcopy(model))
    z_hat = torch.randint(-3, 4, (1, TINY.hyper, 2, 3)).double()
    symbols = torch.randint(-4, 5, (1, TINY.latent, 8, 12)).double()
    mean, scale = walk(model.double(), z_hat, symbols, 1.0)
    fixed_mean, index = walk(fixed, 16 * z_hat, symbols, 16.0)
    assert (fixed_mean / 16 - mean).abs().max() < 0.1
    assert (
        scale_of_index(index) - scale.clamp(min=float(scale_of_index(torch.tensor(0.0))))
    ).abs().max() < 0.12
    assert torch.equal(fixed_mean, fixed_mean.round()) and torch.equal(index, index.round())


def test_float_twin_inverts_to_fixed() -> None:
    model = random_model()
    again = float_twin(to_fixed(copy.deepcopy(model)))
    for name, parameter in again.named_parameters():
        if name.startswith("entropy."):
            assert torch.allclose(parameter, model.get_parameter(name), atol=1e-3), name


def test_order_of_summation_does_not_matter() -> None:
    layer = FixedPointwise(torch.randn(16, 300), torch.randn(16))
    x = torch.randint(-(2**20), 2**20, (1, 300, 5, 7)).double()
    order = torch.randperm(300)
    shuffled = copy.deepcopy(layer)
    shuffled.weight = layer.weight[:, order]
    shuffled.prepare()
    assert torch.equal(layer(x), shuffled(x[:, order]))
    assert torch.equal(layer(x), layer(x.to(memory_format=torch.channels_last)))


def test_pointwise_is_the_formula_of_the_spec() -> None:
    layer = FixedPointwise(torch.randn(3, 5), torch.randn(3))
    x = torch.randint(-(2**18), 2**18, (1, 5, 1, 1))
    shift = int(layer.shift)
    total = (layer.weight.long() * x.flatten()).sum(1) + layer.bias + 2 ** (shift - 1)
    expected = (total >> shift).clamp(-(2**18), 2**18)
    assert torch.equal(layer(x.double()).flatten().long(), expected)


def test_activation_is_near_hardswish() -> None:
    x = torch.linspace(-8, 8, 1001, dtype=torch.float64)
    fixed = FixedActivation()((x * ONE).round()) / ONE
    assert (fixed - Activation()(x)).abs().max() < 1e-3


def test_a_sum_that_could_reach_2_to_53_is_refused() -> None:
    layer = FixedPointwise(torch.randn(2, 3), torch.zeros(2))
    layer.bias += 2**53
    with pytest.raises(ModelError, match="2\\^53"):
        layer.prepare()


def test_every_latent_is_coded_in_exactly_one_step() -> None:
    y = torch.arange(480.0).view(1, 8, 6, 10)
    parts = [take_step(y, step) for step in range(4)]
    assert all(part.shape == (1, 8, 3, 5) for part in parts)
    assert torch.equal(torch.cat(parts).flatten().sort().values, y.flatten())
    again = torch.zeros_like(y)
    for step, part in enumerate(parts):
        again = put_step(part, step, again)
    assert torch.equal(again, y)
    assert sorted(position for step in QUADTREE for position in step) == sorted([0, 1, 2, 3] * 4)


def test_scale_index_round_trip() -> None:
    index = torch.arange(64.0)
    assert torch.allclose(index_of_scale(scale_of_index(index)), index, atol=1e-4)


def test_unbounded_depth_is_refused() -> None:
    model = to_fixed(random_model())
    model.entropy.fusion = nn.Sequential(*[nn.Identity() for _ in range(8)])
    with pytest.raises(ModelError, match="blocks"):
        prepare(model.entropy)


def test_seven_saturated_blocks_keep_the_input_bound() -> None:
    """Every layer driven to its clamp: the deepest stream nears INPUT_LIMIT and none passes it."""
    deep = dataclasses.replace(TINY, fusion_blocks=7, context_blocks=7)
    model = Model(deep).requires_grad_(False)
    for module in model.entropy.modules():
        if isinstance(module, Pointwise):
            module.bias.fill_(1e6)
    to_fixed(model)
    inputs: list[float] = []
    for module in model.entropy.modules():
        if isinstance(module, FixedAffine):
            module.register_forward_pre_hook(lambda _, x: inputs.append(float(x[0].abs().max())))
    symbols = torch.zeros(1, deep.latent, 8, 8).double()
    walk(model, torch.zeros(1, deep.hyper, 2, 2).double(), symbols, 16.0)
    assert 14 * LIMIT <= max(inputs) <= INPUT_LIMIT


def test_layers_start_at_zero() -> None:
    assert not Pointwise(3, 4, zero=True).weight.any()
