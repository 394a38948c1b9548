"""AdamW in the entropy phase; then Muon for the matrices of the networks, AdamW for the rest.

Source: Jordan et al., Muon (2024); rates matched to AdamW's as in Liu et al., Muon is Scalable
for LLM Training (arXiv 2502.16982), section 2.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from aecodec.model import Model
from aecodec.model.layers import Pointwise
from aecodec.training.config import TrainConfig


def matrices_of(network: nn.Module) -> list[nn.Parameter]:
    """What Muon is for."""
    return [layer.weight for layer in network.modules() if isinstance(layer, Pointwise)]


def parameters_but(network: nn.Module, others: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """All parameters but some."""
    left_out = {id(parameter) for parameter in others}
    return [parameter for parameter in network.parameters() if id(parameter) not in left_out]


def muon(matrices: list[nn.Parameter], rate: float, decay: float = 0.0) -> torch.optim.Optimizer:
    """Muon at AdamW's rates."""
    return torch.optim.Muon(matrices, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")


class Optimizers:
    """The optimizers of one phase as one: `step(share)` uses `share` of the full rates."""

    def __init__(self, model: Model, config: TrainConfig, phase: str) -> None:
        entropy = phase == "entropy"
        rate = config.entropy_lr if entropy else config.adamw_lr
        matrices = matrices_of(model)
        rest = parameters_but(model, [*matrices, model.skip.basis])
        skip: dict[str, Any] = {"params": [model.skip.basis], "lr": rate * config.skip_lr_share}
        self.parts: list[torch.optim.Optimizer] = [
            torch.optim.AdamW([{"params": rest, "lr": rate}, skip], lr=rate, weight_decay=0.0)
        ]
        if config.muon_lr > 0 and not entropy:
            self.parts.append(muon(matrices, config.muon_lr, config.weight_decay))
        else:
            self.parts[0].add_param_group({"params": matrices})
        for group in self.groups():
            group["full_lr"] = group["lr"]

    def groups(self) -> list[dict[str, Any]]:
        return [group for part in self.parts for group in part.param_groups]

    def step(self, share: float) -> None:
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = group["full_lr"] * share
            part.step()
            part.zero_grad(set_to_none=True)

    def drop_gradients(self) -> None:
        for part in self.parts:
            part.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict[str, Any]]:
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        for part, state in zip(self.parts, states, strict=True):
            part.load_state_dict(state)
