"""The networks of g_a and g_s in bfloat16, where the processor has it and nobody minds.

Products of bfloat16 are several times as fast there, and what they move is less than a level
(SPEC 5.4). What must be exact, the linear part and the filter stay as they are, and so do stems
and the stream that blocks add to: those two would make half of the errors.
"""

from __future__ import annotations

import os
from copy import deepcopy
from functools import cache

import torch
from torch import Tensor, nn

from aecodec.model.layers import Depthwise, Pointwise, pointwise
from aecodec.model.model import Model

CAPABILITIES = {"_is_avx512_bf16_supported": "AVX-512", "_is_amx_tile_supported": "AMX"}
"""Tests of `torch.cpu` for instructions that multiply bfloat16 and sum in binary32. On ARM nobody
has measured it, so that it counts as none; PyTorch's own test of oneDNN counts emulation, too."""
LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Set in the environment, oneDNN may use less than the processor has, and be slow in bfloat16."""
NETWORKS = ("analysis", "synthesis", "small")


@cache
def has_bfloat16() -> bool:
    """Whether the processor multiplies matrices of bfloat16, as far as PyTorch can tell."""
    return bool(bfloat16_by())


def bfloat16_by() -> tuple[str, ...]:
    """What it does so by."""
    if not torch.backends.mkldnn.is_available() or any(name in os.environ for name in LIMITS):
        return ()
    return tuple(by for name, by in CAPABILITIES.items() if getattr(torch.cpu, name, bool)())


def add_fast_networks(model: Model) -> None:
    """Let a model that only codes have its networks in bfloat16, too, if its device is for it."""
    if model.device.type == "cpu" and has_bfloat16():
        model.fast = {name: fast(deepcopy(model.get_submodule(name))) for name in NETWORKS}


def fast(network: nn.Module) -> nn.Module:
    """Replace all but the stem of a network, in place, and return it."""
    for name, child in network.named_children():
        if isinstance(child, Pointwise) and name != "stem":
            setattr(network, name, FastPointwise(child))
        elif isinstance(child, Depthwise):
            child.bfloat16()
        else:
            fast(child)
    return network.requires_grad_(False)


class FastPointwise(nn.Module):
    """Pointwise in bfloat16, of inputs of any type."""

    def __init__(self, layer: Pointwise) -> None:
        super().__init__()
        self.register_buffer("weight", layer.weight.detach().bfloat16())
        self.register_buffer("bias", layer.bias.detach().bfloat16())
        self.weight: Tensor
        self.bias: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return pointwise(x.to(self.weight.dtype), self.weight, self.bias)
