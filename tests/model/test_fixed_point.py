"""The entropy network in integers: near the floating-point network, exact in any order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from aecodec.coding.transform import analyze
from aecodec.errors import ModelError
from aecodec.format.constants import QUADTREE
from aecodec.model import fixed_network, fixed_point
from aecodec.model.bounds import EXACT, affine_reach, largest_input
from aecodec.model.config import ModelConfig
from aecodec.model.entropy_model import index_of_scale, put_step, scale_of_index, take_step
from aecodec.model.fixed_network import FixedNetwork, float_twin
from aecodec.model.fixed_point import (
    FixedAffine,
    FixedBlock,
    FixedDepthwise,
    FixedPointwise,
    six_hardswish,
    working_dtype,
)
from aecodec.model.layers import Activation, Pointwise
from aecodec.model.model import Model
from aecodec.training.integers import to_fixed
from tests.photos import photo
from tests.processes import run_python

TINY = ModelConfig("XS", 8, 4, 8, 1, 8, 1, 8, 12, 1, 8, 1)


def random_model() -> Model:
    """A model with every parameter moved off its start, so that no layer is idle."""
    torch.manual_seed(1)
    model = Model.untrained(TINY).requires_grad_(False)
    for parameter in model.parameters():
        parameter.add_(0.1 * torch.randn(parameter.shape))
    model.log_gain.knots.add_(1.0)
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


def fixed_of(model: Model) -> Model:
    """Its integers, from what it sees on a photo."""
    return to_fixed(model, [photo(128, 128)], (10, 30, 50))


def network_of(model: Model) -> FixedNetwork:
    assert isinstance(model.entropy, FixedNetwork)
    return model.entropy


def some_symbols(size: int) -> tuple[Tensor, Tensor]:
    """z_hat and symbols of y, at random."""
    torch.manual_seed(2)
    z_hat = torch.randint(-3, 4, (1, TINY.hyper, 2, 3)).double()
    return z_hat, torch.randint(-size, size + 1, (1, TINY.latent, 8, 12)).double()


def symbols_of(model: Model) -> tuple[Tensor, Tensor]:
    """z_hat and symbols of y, of the photo."""
    y, z = analyze(model, photo(128, 128), 30)
    return z.round().double(), y.round().double()


def pointwise_of(weight: Tensor, bias: int, shift: int, reach: int) -> FixedPointwise:
    """A layer of such integers, of inputs in units of a quarter and within reach."""
    layer = FixedPointwise(weight.shape[1], weight.shape[0])
    layer.weight.copy_(weight)
    layer.bias.fill_(bias)
    layer.shift.fill_(shift)
    layer.input.shift.fill_(2)
    layer.input.low.fill_(-reach)
    layer.input.high.fill_(reach)
    layer.prepare(torch.float32)
    return layer


def test_fixed_network_is_near_the_floating_one() -> None:
    model = random_model()
    fixed = fixed_of(model)
    z_hat, symbols = symbols_of(model)
    assert symbols.abs().max() > 3
    mean, scale = walk(model.double(), z_hat, symbols, 1.0)
    fixed_mean, index = walk(fixed, 16 * z_hat, symbols, 16.0)
    wrong = (fixed_mean / 16 - mean).abs()
    assert wrong.mean() < 0.03 and wrong.max() < 0.2 * mean.abs().max()
    least = float(scale_of_index(torch.tensor(0.0)))
    assert (scale_of_index(index) - scale.clamp(min=least)).abs().mean() < 0.1
    assert torch.equal(fixed_mean, fixed_mean.round()) and torch.equal(index, index.round())


def test_float_twin_computes_what_the_integers_do() -> None:
    fixed = fixed_of(random_model())
    z_hat, symbols = symbols_of(fixed)
    mean, scale = walk(float_twin(fixed).double(), z_hat, symbols, 1.0)
    fixed_mean, index = walk(fixed, 16 * z_hat, symbols, 16.0)
    assert (fixed_mean / 16 - mean).abs().mean() < 0.03
    assert (scale_of_index(index) - scale).clamp(min=0).mean() < 0.1


def test_order_of_summation_does_not_matter() -> None:
    torch.manual_seed(3)
    weight, x = torch.randint(-20, 21, (16, 300)), torch.randint(-5000, 5001, (35, 300)).float()
    order = torch.randperm(300)
    layer = pointwise_of(weight, 77, 5, 1200)
    shuffled = pointwise_of(weight[:, order], 77, 5, 1200)
    assert torch.equal(layer(x), shuffled(x[:, order]))
    assert torch.equal(layer(x), layer(x.t().contiguous().t()))


def test_pointwise_is_the_formula_of_the_spec() -> None:
    torch.manual_seed(4)
    weight, x = torch.randint(-999, 1000, (3, 5)), torch.randint(-9999, 10000, (40, 5))
    a = ((x + 2) >> 2).clamp(-2000, 2000)
    assert bool((a.abs() == 2000).any())
    expected = (a @ weight.t() - 12345) >> 7
    assert torch.equal(pointwise_of(weight, -12345, 7, 2000)(x.float()).long(), expected)


def test_activation_is_six_times_hardswish_exactly() -> None:
    u = torch.arange(-5000, 5001)
    exact = u * (u + 3 * 2**9).clamp(0, 6 * 2**9)
    assert exact.max() < EXACT
    found = six_hardswish(u.float(), 9)
    assert torch.equal(found.long(), exact)
    assert (found / 6 / 2.0**18 - Activation()(u / 2.0**9)).abs().max() < 1e-5


def test_what_passes_2_to_24_is_limited_as_integers_would_be() -> None:
    """Sums of activations that binary32 rounds: far above what the layer behind them takes."""
    torch.manual_seed(5)
    u = torch.randint(-(2**14), 2**15, (500, 4))
    g = u * (u + 3 * 2**9).clamp(0, 6 * 2**9)
    assert (g.sum(1) > EXACT).any() and (g.sum(1) < EXACT).any()
    layer = pointwise_of(torch.ones(1, 1, dtype=torch.int16), 0, 0, 2**15 - 1)
    layer.input.shift.fill_(8)
    layer.prepare(torch.float32)
    largest = largest_input(layer.input.high.numpy(), layer.input.shift.numpy())
    assert largest + 4 * 9 / 4 * 4**9 < EXACT
    found = layer.input(six_hardswish(u.float(), 9).sum(1, keepdim=True))
    assert torch.equal(found.long()[:, 0], ((g.sum(1) + 128) >> 8).clamp(max=2**15 - 1))


def reach_of(layer: FixedAffine, own_inputs: bool = False) -> float:
    parts = layer.weight, layer.bias, layer.shift
    inputs = layer.input.shift, layer.input.low, layer.input.high
    return affine_reach(*(part.numpy() for part in (*parts, *inputs)), own_inputs=own_inputs)


def test_sums_that_could_reach_2_to_24_are_refused() -> None:
    weight = torch.full((2, 64), 127)
    assert 64 * 127 * 2047 < EXACT < 64 * 127 * 2100
    assert reach_of(pointwise_of(weight, 0, 5, 2047)) == 64 * 127 * 2047 / 2**5 + 1
    for wrong in (pointwise_of(weight, 0, 5, 2100), pointwise_of(weight, -(2**18), 5, 2047)):
        with pytest.raises(ModelError, match="2\\^24"):
            reach_of(wrong)


def test_a_depthwise_channel_is_bounded_by_its_own_range() -> None:
    """Though it has as many taps as there are channels."""
    layer = FixedDepthwise(9)
    layer.weight[8] = 2**15 - 1
    layer.input.high[8] = 2**15 - 1
    with pytest.raises(ModelError, match="2\\^24"):
        reach_of(layer, own_inputs=True)
    layer.input.high[8], layer.input.high[0] = 50, 2**15 - 1
    reach_of(layer, own_inputs=True)


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("up1.shift", -1, "shift"),
        ("up1.input.shift", 25, "shift"),
        ("up1.input.low", 1, "zero"),
        ("block1.fractions", 11, "fraction"),
        ("block1.spatial.input.shift", 24, "activation"),
        ("block1.channel_in.shift", 0, "activation"),
        ("up2.shift", 0, "stream"),
    ],
)
def test_integers_out_of_bounds_are_refused(name: str, value: int, what: str) -> None:
    network = network_of(fixed_of(random_model()))
    network.get_buffer(name).fill_(value)
    if what == "stream":
        network.up2.bias.fill_(2**23)
        network.up2.weight.zero_()
    if name == "block1.channel_in.shift":
        network.block1.channel_in.bias.fill_(EXACT - 2)
        network.block1.channel_in.weight.zero_()
    if name == "block1.spatial.input.shift":
        network.block1.spatial.input.high.fill_(1)
    with pytest.raises(ModelError, match=what):
        network.prepare()


@pytest.fixture
def any_dtype() -> Iterator[None]:
    """Lets `working_dtype` be asked again, here and afterwards."""
    working_dtype.cache_clear()
    yield
    working_dtype.cache_clear()


def with_bits(x: Tensor, bits: int) -> Tensor:
    """Rounded to so many significant bits."""
    fraction, exponent = torch.frexp(x)
    return torch.ldexp((fraction * 2**bits).round(), exponent - bits)


@pytest.mark.usefixtures("any_dtype")
@pytest.mark.parametrize("bits", [8, 11], ids=["bfloat16", "TF32"])
def test_binary64_does_where_binary32_is_none(monkeypatch: pytest.MonkeyPatch, bits: int) -> None:
    fixed = fixed_of(random_model())
    z_hat, symbols = some_symbols(200)
    before = walk(fixed, 16 * z_hat, symbols, 16.0)
    assert network_of(fixed).dtype == working_dtype() == torch.float32

    def reduced(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        if x.dtype == torch.float32:
            x, weight = (with_bits(part, bits) for part in (x, weight))
        return torch.nn.functional.linear(x, weight, bias)

    working_dtype.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(fixed_point, "linear", reduced)
        patch.setattr(fixed_network, "linear", reduced)
        assert working_dtype() == torch.float64
        network_of(fixed).prepare()
        after = walk(fixed, 16 * z_hat, symbols, 16.0)
    assert all(map(torch.equal, before, after))


ALLOWED = """
import torch
from tests.model.test_fixed_point import fixed_of, random_model, some_symbols, walk
fixed = fixed_of(random_model())
z_hat, symbols = some_symbols(4)
with torch.no_grad():
    before = walk(fixed, 16 * z_hat, symbols, 16.0)
    {allow}
    with torch.autocast("cpu", torch.bfloat16), torch.backends.mkldnn.flags(enabled={onednn}):
        after = walk(fixed, 16 * z_hat, symbols, 16.0)
    {check}
assert all(map(torch.equal, before, after))
"""


@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize(
    ("allow", "check"),
    [
        (
            "torch.set_float32_matmul_precision('medium')",
            "assert torch.get_float32_matmul_precision() == 'medium'",
        ),
        (
            "torch.backends.mkldnn.matmul.fp32_precision = 'bf16'",
            "assert torch.backends.mkldnn.matmul.fp32_precision == 'bf16'",
        ),
        ("torch.backends.fp32_precision = 'tf32'", ""),
    ],
)
def test_what_is_allowed_outside_does_not_matter(allow: str, check: str, onednn: bool) -> None:
    """In a process of its own: PyTorch does not let one mix its old setting and the new ones."""
    done = run_python(ALLOWED.format(allow=allow, check=check, onednn=onednn))
    assert done.returncode == 0, done.stderr


def test_strips_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    block: FixedBlock = network_of(fixed_of(random_model())).block1
    x = torch.randint(-(2**14), 2**14, (40, TINY.hyper_width)).float()
    whole = block(x.clone(), 5, 8)
    monkeypatch.setattr(fixed_point, "STRIP", 7 * TINY.hyper_width)
    assert torch.equal(block(x.clone(), 5, 8), whole)


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


def test_layers_start_at_zero() -> None:
    assert not Pointwise(3, 4, zero=True).weight.any()
