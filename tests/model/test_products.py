"""Matrix products: alike by every library and number of threads, with the public gradient."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from aecodec.model.products import Held, linear, onednn_linear

SIZES = [(6144, 128, 512), (7, 384, 512), (1536, 992, 192), (1, 192, 128), (3, 3072, 8)]


def operands(rows: int, inputs: int, outputs: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(rows, inputs), torch.randn(outputs, inputs), torch.randn(outputs)


@pytest.mark.parametrize("size", SIZES)
@torch.inference_mode()
def test_product_is_the_public_one_and_no_matter_of_threads(size: tuple[int, int, int]) -> None:
    x, weight, bias = operands(*size)
    found, before = linear(x, weight, bias), torch.get_num_threads()
    assert torch.allclose(found, F.linear(x, weight, bias), atol=1e-3)
    try:
        for threads in (1, 2, 3, 4):
            torch.set_num_threads(threads)
            assert torch.equal(linear(x, weight, bias), found)
    finally:
        torch.set_num_threads(before)


def test_gradient_is_that_of_the_public_one() -> None:
    x, weight, bias = operands(5, 12, 7)
    slopes = []
    for product in (linear, F.linear):
        y = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(product(y, weight, bias).square().sum(), y)
        slopes.append(slope)
    assert torch.allclose(slopes[0], slopes[1], atol=1e-3)


def test_weights_that_learn_have_their_gradient() -> None:
    x, weight, bias = operands(5, 12, 7)
    weight.requires_grad_()
    linear(x, weight, bias).sum().backward()
    assert weight.grad is not None and torch.allclose(weight.grad, x.sum(0).expand(7, 12))


def test_without_the_private_operation_the_public_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    onednn_linear.cache_clear()
    try:
        assert onednn_linear() is None
        x, weight, bias = operands(3, 4, 5)
        assert torch.equal(linear(x, weight, bias), F.linear(x, weight, bias))
    finally:
        onednn_linear.cache_clear()


def test_a_setting_is_held_until_the_last_who_wants_it_lets_go() -> None:
    setting = ["before"]
    held = Held(lambda: setting[0], lambda value: setting.__setitem__(0, value), "held")
    first, second = ExitStack(), ExitStack()
    first.enter_context(held)
    second.enter_context(held)
    first.close()
    assert setting == ["held"]
    second.close()
    assert setting == ["before"]
    with pytest.raises(KeyError), held:
        raise KeyError
    assert setting == ["before"]
