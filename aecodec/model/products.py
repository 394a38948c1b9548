"""Matrix products of the networks, by the fastest library that PyTorch brings along.

PyTorch leaves products in binary32 to MKL, which on AMD's processors takes twice as long as oneDNN;
on Intel's they are alike. oneDNN's is a private operation of PyTorch (what torch.compile takes),
so that where it is missing the public one does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache, partial
from threading import get_ident
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from aecodec.model.ambient import autocast_to
from aecodec.process import no_fork

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
        x, weight = (torch.zeros(rows, 2, dtype=torch.float32) for rows in (1, 3))
        operation(x, weight, None, "none", [], "")
    except (AttributeError, RuntimeError):
        return None
    return lambda x, weight, bias: operation(x, weight, bias, "none", [], "")


class Held(AbstractContextManager[None]):
    """A setting of the whole process, at a value for as long as any thread wants it so."""

    def __init__(self, read: Callable[[], Any], write: Callable[[Any], None], value: Any) -> None:
        self.read, self.write, self.value, self.before = read, write, value, None
        self.holders: list[int] = []
        """threads, as often as they hold it"""
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.keep_own)

    def __enter__(self) -> None:
        with no_fork:
            if not self.holders:
                self.before = self.read()
                self.write(self.value)
            self.holders.append(get_ident())

    def __exit__(self, *error: object) -> None:
        with no_fork:
            self.holders.remove(get_ident())
            self.let_go()

    def let_go(self) -> None:
        """Where nobody holds it, and nobody has set it meanwhile."""
        if not self.holders and self.read() == self.value:
            self.write(self.before)

    def keep_own(self) -> None:
        """In a forked child, where the other threads are gone."""
        if self.holders:
            self.holders = [thread for thread in self.holders if thread == get_ident()]
            self.let_go()


def _flag(owner: Any, name: str, value: Any) -> Held:
    return Held(partial(getattr, owner, name), partial(setattr, owner, name), value)


def _ieee(operation: Any) -> Held:
    """Binary32 for an operation of a library."""

    def write(value: str) -> None:
        operation.fp32_precision = "none"  # what is set for all of PyTorch
        if operation.fp32_precision != value:
            operation.fp32_precision = value

    return Held(lambda: operation.fp32_precision, write, "ieee")


def _settings() -> dict[str, list[Held]]:
    """By device: what `one_arithmetic` holds. On the CPU not `torch.backends.mkldnn.flags`, which
    warns where there is no Intel GPU; on CUDA not those of cuDNN, which fail beside newer ones."""
    mkldnn: Any = torch.backends.mkldnn
    cudnn: Any = torch.backends.cudnn
    products = torch.backends.cuda.matmul
    cpu = [_flag(mkldnn, "enabled", True)]
    cuda = [_flag(cudnn, "enabled", True), _flag(cudnn, "benchmark", False)]
    if hasattr(mkldnn, "matmul"):
        cpu += [_ieee(mkldnn.matmul), _ieee(mkldnn.conv)]
        cuda += [_ieee(products), _ieee(cudnn.conv)]
    else:  # before PyTorch 2.9
        read, write = torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
        cpu += [Held(read, write, "highest")]
        cuda += [_flag(products, "allow_tf32", False), _flag(cudnn, "allow_tf32", False)]
    return {"cpu": cpu, "cuda": cuda}


SETTINGS = _settings()


@contextmanager
def one_arithmetic(device: str = "cpu") -> Iterator[None]:
    """The same kernels whatever was set outside, as SPEC 4.2, 5.1 and 5.4 ask for.

    What is in binary32 is computed in binary32, on CUDA not in TF32, which convolutions use by
    default; on the CPU by oneDNN, whose depthwise convolution sums in another order than PyTorch's
    own.
    """
    with ExitStack() as stack:
        for held in SETTINGS[device]:
            stack.enter_context(held)
        stack.enter_context(autocast_to(device, None))
        yield


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
