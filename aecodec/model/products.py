"""Matrix products of the networks, by the fastest library that PyTorch brings along.

PyTorch leaves products in binary32 to MKL, which on AMD's processors takes twice as long as oneDNN;
on Intel's they are alike. oneDNN's is a private operation of PyTorch (what torch.compile takes),
so that where it is missing the public one does.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache, partial
from threading import Lock
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Product = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""x, weight, bias -> as of `linear`."""


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x [..., inputs], weight [outputs, inputs], bias [outputs] -> [..., outputs].

    The order of sums does not depend on the threads, in products of such sizes as ours.
    """
    ours = x.dtype == weight.dtype == torch.float32 and x.device.type == "cpu"
    learns = weight.requires_grad or (bias is not None and bias.requires_grad)
    allowed = bool(torch.backends.mkldnn.enabled) and not torch.is_autocast_enabled("cpu")
    onednn = onednn_linear() if ours and allowed and not learns else None
    if onednn is None:
        return F.linear(x, weight, bias)
    if torch.is_grad_enabled() and x.requires_grad:
        return _Linear.apply(onednn, x, weight, bias)  # type: ignore[no-untyped-call]
    return onednn(x, weight, bias)


@cache
def onednn_linear() -> Product | None:
    """oneDNN's product in binary32, on x86; None where it is not to be had."""
    if not torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        return None
    try:
        operation = torch.ops.mkldnn._linear_pointwise
        operation(torch.zeros(1, 2), torch.zeros(3, 2), None, "none", [], "")
    except (AttributeError, RuntimeError):
        return None
    return lambda x, weight, bias: operation(x, weight, bias, "none", [], "")


class Held(AbstractContextManager[None]):
    """A setting of the whole process, at a value for as long as any thread wants it so."""

    def __init__(self, read: Callable[[], Any], write: Callable[[Any], None], value: Any) -> None:
        self.read, self.write, self.value = read, write, value
        self.lock, self.holders, self.before = Lock(), 0, None

    def __enter__(self) -> None:
        with self.lock:
            if not self.holders:
                self.before = self.read()
                self.write(self.value)
            self.holders += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.holders -= 1
            if not self.holders and self.read() == self.value:  # and nobody has set it meanwhile
                self.write(self.before)


def _binary32() -> Held:
    matmul = getattr(torch.backends.mkldnn, "matmul", None)
    if matmul is None:  # before PyTorch 2.9
        return Held(
            torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"
        )

    def write(value: str) -> None:
        matmul.fp32_precision = "none"  # what is set for all of PyTorch
        if matmul.fp32_precision != value:
            matmul.fp32_precision = value

    return Held(lambda: matmul.fp32_precision, write, "ieee")


binary32_products = _binary32()
"""While it is held, products of binary32 are in binary32, whatever was allowed outside."""
with_onednn = Held(
    partial(getattr, torch.backends.mkldnn, "enabled"),
    partial(setattr, torch.backends.mkldnn, "enabled"),
    True,
)
"""As `torch.backends.mkldnn.flags(enabled=True)`, which warns where there is no Intel GPU."""


class _Linear(torch.autograd.Function):
    """The same, with a gradient by x."""

    @staticmethod
    def forward(
        ctx: Any, product: Product, x: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        ctx.product = product
        ctx.save_for_backward(weight)
        return product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[None, Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        slope = ctx.product(slopes[0].contiguous(), weight.t().contiguous(), None)
        return None, slope, None, None
