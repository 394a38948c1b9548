"""AdamW in the entropy phase; then Muon for the matrices of the networks, AdamW for the rest.

Source: Jordan et al., Muon (2024); rates matched to AdamW's as in Liu et al., Muon is Scalable
for LLM Training (arXiv 2502.16982), section 2.2.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from aecodec.model.layers import Pointwise
from aecodec.model.model import Model
from aecodec.training.config import TrainConfig


def matrices_of(network: nn.Module) -> list[nn.Parameter]:
    """What Muon is for."""
    return [layer.weight for layer in network.modules() if isinstance(layer, Pointwise)]


def parameters_but(network: nn.Module, others: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """All parameters but some."""
    left_out = {id(parameter) for parameter in others}
    return [parameter for parameter in network.parameters() if id(parameter) not in left_out]


class Muon(torch.optim.Muon):
    """torch.optim.Muon at AdamW's rates, all matrices of one shape at once: a sixth of the kernels.

    As in the fused AdamW, `lr` may be a tensor, and where `found_inf` is 1 a step does nothing.
    """

    found_inf: Tensor | None = None

    def __init__(self, matrices: list[nn.Parameter], lr: float, decay: float = 0.0) -> None:
        super().__init__(matrices, lr=lr, weight_decay=decay, adjust_lr_fn="match_rms_adamw")

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for matrix in group["params"]:
                if matrix.grad is not None:
                    alike[matrix.shape].append(matrix)
            for matrices in alike.values():
                self.step_alike(matrices, group)

    def step_alike(self, matrices: list[Tensor], group: dict[str, Any]) -> None:
        """One step of matrices of one shape."""
        for matrix in matrices:
            if "momentum_buffer" not in self.state[matrix]:
                self.state[matrix]["momentum_buffer"] = torch.zeros_like(matrix)
        buffers = [self.state[matrix]["momentum_buffer"] for matrix in matrices]
        slope = torch.stack([matrix.grad for matrix in matrices])  # type: ignore[misc]
        lr, learnt = group["lr"], 1 - group["momentum"]
        if self.found_inf is not None:
            slope.masked_fill_(self.found_inf.bool(), 0.0)
            lr, learnt = lr * (1 - self.found_inf), learnt * (1 - self.found_inf)
        average = torch.stack(buffers).lerp_(slope, learnt)
        torch._foreach_copy_(buffers, average.unbind())
        direction = orthogonal(slope.lerp_(average, group["momentum"]), group)
        change = direction.mul_(lr * 0.2 * math.sqrt(max(slope.shape[1:])))
        if group["weight_decay"]:
            change.add_(torch.stack(matrices).mul_(lr * group["weight_decay"]))
        torch._foreach_sub_(matrices, change.unbind())


def orthogonal(x: Tensor, group: dict[str, Any]) -> Tensor:
    """[n, rows, columns] -> about the nearest orthogonal matrices, by Newton and Schulz."""
    a, b, c = group["ns_coefficients"]
    tall = x.shape[1] > x.shape[2]
    y = (x.mT if tall else x).bfloat16()
    y = y / torch.linalg.vector_norm(y, dim=(1, 2), keepdim=True).clamp(min=group["eps"])
    for _ in range(group["ns_steps"]):
        gram = y @ y.mT
        y = torch.baddbmm(y, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), y, beta=a)
    return (y.mT if tall else y).to(x.dtype)


class Optimizers:
    """The optimizers of one phase as one."""

    def __init__(self, model: Model, config: TrainConfig, phase: str) -> None:
        entropy = phase == "entropy"
        lr = config.entropy_lr if entropy else config.adamw_lr
        matrices = matrices_of(model)
        rest = parameters_but(model, [*matrices, model.skip.basis])
        skip: dict[str, Any] = {"params": [model.skip.basis], "lr": lr * config.skip_lr_share}
        adamw = torch.optim.AdamW(
            [{"params": rest, "lr": lr}, skip],
            lr=lr,
            weight_decay=0.0,
            fused=True,
            capturable=True,
        )
        self.parts: list[torch.optim.Optimizer] = [adamw]
        if config.muon_lr > 0 and not entropy:
            self.parts.append(Muon(matrices, config.muon_lr, config.weight_decay))
        else:
            adamw.add_param_group({"params": matrices})
        self.full_lr = [float(group["lr"]) for group in self.groups()]
        for group in self.groups():
            group["lr"] = torch.tensor(group["lr"], device=model.device)

    def groups(self) -> list[dict[str, Any]]:
        return [group for part in self.parts for group in part.param_groups]

    def step(self, share: Tensor, absurd: Tensor) -> None:
        """Use `share` of the full rates; nothing but the gradients changes where `absurd` is 1.

        Both float []: nothing waits for the device.
        """
        for group, full in zip(self.groups(), self.full_lr, strict=True):
            group["lr"].copy_(share * full)
        for part in self.parts:
            part.found_inf = absurd  # type: ignore[attr-defined]
            part.step()
            part.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict[str, Any]]:
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Their state alone: rates and other settings are those of now."""
        for part, state in zip(self.parts, states, strict=True):
            part.load_state_dict(state | {"param_groups": part.state_dict()["param_groups"]})
