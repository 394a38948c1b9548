"""The entropy network in integers: what encoder and decoder compute alike (SPEC 4.3).

The walk of EntropyNetwork, with the layers of fixed_point.py. Of a stem, what was decoded in each
step is added once, for all steps that follow, and only where it lies: zeros are not multiplied.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from aecodec.format.constants import FRACTION_BITS, LIMIT, SIXTEENTHS_BITS
from aecodec.model.bounds import LAYERS, check_bounds
from aecodec.model.config import STEPS, ModelConfig
from aecodec.model.entropy_model import (
    CodeBatch,
    EntropyNetwork,
    mean_scale_rows,
    set_step,
    step_places,
)
from aecodec.model.fixed_point import (
    FixedAffine,
    FixedBlock,
    FixedPointwise,
    working_dtype,
)
from aecodec.model.fixed_tables import (
    FixedBias,
    FixedHyperPrior,
    FixedMeanOutput,
    FixedPhaseBias,
    FixedScaleOutput,
    FixedTable,
    FixedWhiten,
)
from aecodec.model.model import Model
from aecodec.model.products import linear, one_arithmetic


class FixedHead(FixedPointwise):
    """MeanScaleHead: outputs for M means, then M scales, of a group of channels at a time."""

    def prepare(self, dtype: torch.dtype) -> None:
        super().prepare(dtype)
        own = self.weight_exact, self.bias_exact
        places = step_places(0, len(self.bias) // 2)
        self.groups = [[mean_scale_rows(part, place[0]) for part in own] for place in places]

    def forward(self, x: Tensor, group: int) -> Tensor:  # type: ignore[override]
        """[P, inputs] -> [P, 2, M / 4]."""
        return linear(self.input(x), *self.groups[group]).floor_().unflatten(1, (2, -1))


class FixedStem(FixedPointwise):
    """Stem of a step: of (y_hat so far, whitened: v), |v| and the fused features, part by part."""

    def __init__(self, latent: int, fused: int, width: int) -> None:
        super().__init__(2 * latent + fused, width)
        self.latent = latent

    def prepare(self, dtype: torch.dtype) -> None:
        super().prepare(dtype)
        latents = self.weight_exact[:, : 2 * self.latent].unflatten(1, (2, STEPS, -1))
        self.groups = [part.flatten(1).contiguous() for part in latents.unbind(2)]
        self.fused = self.weight_exact[:, 2 * self.latent :].contiguous()

    def begin(self, fused: Tensor) -> Tensor:
        """Sums with nothing decoded, [P, F] -> [P, width]."""
        a = self.input(fused, slice(2 * self.latent, None))
        return linear(a, self.fused, self.bias_exact)

    def add(self, sums: Tensor, v: Tensor, step: int) -> None:
        """Add the latents v [P / 4, M] of a step to sums [H, W, width]."""
        for group, (channels, *places) in zip(
            self.groups, step_places(step, self.latent), strict=True
        ):
            beside = slice(self.latent + channels.start, self.latent + channels.stop)
            part, values = sums[tuple(places)], v[:, channels]
            a = torch.cat([self.input(values, channels), self.input(values.abs(), beside)], 1)
            part += linear(a, group).view_as(part)


class FixedStep(nn.Module):
    """What steps 1 to 3 do not share."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.context_width
        self.stem = FixedStem(config.latent, config.fusion_width, width)
        self.phase = FixedPhaseBias(width)
        self.head = FixedHead(width, 2 * config.latent)


class FixedNetwork(nn.Module):
    """EntropyNetwork in integers; its modules have the same names."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, fusion = config.hyper_width, config.fusion_width
        self.config, self.latent = config, config.latent
        self.up1 = FixedPointwise(config.hyper, 4 * width)
        self.q_bias = FixedBias(width)
        self.block1 = FixedBlock(width)
        self.up2 = FixedPointwise(width, 4 * width)
        self.block2 = FixedBlock(width)
        self.fuse = FixedPointwise(width, fusion)
        blocks = (FixedBlock(fusion) for _ in range(config.fusion_blocks))
        self.fusion: Sequence[FixedBlock] = nn.ModuleList(blocks)  # type: ignore[assignment]
        self.head = FixedHead(fusion, 2 * config.latent)
        steps = (FixedStep(config) for _ in range(STEPS - 1))
        self.steps: Sequence[FixedStep] = nn.ModuleList(steps)  # type: ignore[assignment]
        blocks = (FixedBlock(config.context_width) for _ in range(config.context_blocks))
        self.context: Sequence[FixedBlock] = nn.ModuleList(blocks)  # type: ignore[assignment]
        self.whiten = FixedWhiten(config.latent)
        self.mean = FixedMeanOutput(config.latent)
        self.scale = FixedScaleOutput(config.latent)

    def prepare(self) -> None:
        """Check bounds and make working copies, after integers were set. Raises ModelError."""
        check_bounds(self.config, {name: each.numpy() for name, each in self.state_dict().items()})
        self.dtype = working_dtype()
        for module in self.modules():
            if isinstance(module, FixedAffine):
                module.prepare(self.dtype)
        for module in self.modules():
            if isinstance(module, FixedBlock):
                module.prepare()

    def forward(
        self,
        z_hat: Tensor,
        q: Tensor,
        code_batch: CodeBatch,
        network_dtype: torch.dtype | None = None,
    ) -> Tensor:
        """See EntropyNetwork.forward, of which this is the other path; network_dtype says nothing.

        z_hat [1, N, H/64, W/64] and y_hat [1, M, H/16, W/16] in 1/16 steps, binary64.
        """
        with one_arithmetic():
            fused, rows, columns = self.fuse_hyper(z_hat, q)
            shape = (1, self.latent, rows, columns)
            y_hat = torch.zeros(shape, dtype=torch.float64)
            sums = [step.stem.begin(fused) for step in self.steps]
            for number in range(STEPS):
                head, x = self.head, fused
                if number:
                    step = self.steps[number - 1]
                    head, x = step.head, self.in_context(step, sums[number - 1], rows, columns)
                mean, scale = self.predict(head, number, x.view(rows, columns, -1), q)
                y = code_batch(1 + number, mean, scale)
                set_step(y, number, y_hat)
                if number < STEPS - 1:
                    v = self.whiten(y, q)[0].permute(1, 2, 0).flatten(0, 1).to(self.dtype)
                    for later, seen in zip(self.steps[number:], sums[number:], strict=True):
                        later.stem.add(seen.view(rows, columns, -1), v, number)
        return y_hat

    def fuse_hyper(self, z_hat: Tensor, q: Tensor) -> tuple[Tensor, int, int]:
        """z_hat -> features [P, F], rows and columns of latents."""
        rows, columns = z_hat.shape[2:]
        z = (z_hat[0] * 2.0 ** (FRACTION_BITS - SIXTEENTHS_BITS)).clamp(-LIMIT, LIMIT)
        x = shuffled(self.up1(z.permute(1, 2, 0).flatten(0, 1).to(self.dtype)), rows, columns)
        x += self.q_bias(q).to(self.dtype)
        x = self.block1(x, 2 * rows, 2 * columns)
        x = shuffled(self.up2(x), 2 * rows, 2 * columns)
        rows, columns = 4 * rows, 4 * columns
        x = self.fuse(self.block2(x, rows, columns))
        for block in self.fusion:
            x = block(x, rows, columns)
        return x, rows, columns

    def in_context(self, step: FixedStep, sums: Tensor, rows: int, columns: int) -> Tensor:
        """The sums of a stem -> features of the step, [P, width], in their memory."""
        cells = sums.floor_().view(rows // 2, 2, columns // 2, 2, -1)
        cells += step.phase()[None, :, None].to(self.dtype)
        for block in self.context:
            sums = block(sums, rows, columns)
        return sums

    def predict(
        self, head: FixedHead, step: int, features: Tensor, q: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Features [H, W, C] -> mean and table index of the latents of this step,
        [1, M, H / 2, W / 2] each."""
        rows, columns, width = features.shape
        outputs = [
            head(features[tuple(places)].reshape(-1, width), group)
            for group, (_, *places) in enumerate(step_places(step, self.latent))
        ]
        together = torch.stack(outputs, dim=2).double().clamp_(-LIMIT, LIMIT)  # [P, 2, 4, M / 4]
        size = rows // 2, columns // 2
        mean, scale = together.flatten(2).permute(1, 2, 0).unflatten(2, size)
        return self.mean(mean[None], q), self.scale(scale[None], q)

    def to_float(self, network: EntropyNetwork) -> None:
        """Give a floating-point network the values of this one."""
        stream = torch.tensor(2.0**-FRACTION_BITS, dtype=torch.float64)
        targets = dict(network.named_modules())
        for name, module in self.named_modules():
            if isinstance(module, FixedBlock | FixedTable | FixedPhaseBias):
                module.to_float(targets[name])
            elif isinstance(module, FixedPointwise) and not name.endswith(LAYERS):
                module.to_float(targets[name], module.input.unit(FRACTION_BITS), stream)


def shuffled(x: Tensor, rows: int, columns: int) -> Tensor:
    """[P, 4 C] -> [4 P, C] at twice the size: `depth_to_space`."""
    size = x.shape[1] // 4
    cells = x.view(rows, columns, 2, 2, size).permute(0, 2, 1, 3, 4)
    return cells.reshape(4 * rows * columns, size)


def fixed_model(config: ModelConfig) -> Model:
    """A model whose entropy side is in integers, all of them 0 so far."""
    model = Model(config)
    set_fixed(model, FixedNetwork(config), FixedHyperPrior(config.hyper))
    return model


def set_fixed(model: Model, network: FixedNetwork, prior: FixedHyperPrior) -> None:
    """Let the entropy side of `model` be in integers."""
    model.entropy = network  # type: ignore[assignment]
    model.hyper_prior = prior  # type: ignore[assignment]


def float_twin(fixed: Model) -> Model:
    """-> a floating-point model with the values of `fixed`."""
    model = Model(fixed.config)
    entropy_side = ("entropy.", "hyper_prior.")
    shared = {k: v for k, v in fixed.state_dict().items() if not k.startswith(entropy_side)}
    model.load_state_dict(shared, strict=False)
    with torch.no_grad():
        fixed.hyper_prior.to_float(model.hyper_prior)  # type: ignore[operator]
        fixed.entropy.to_float(model.entropy)  # type: ignore[operator]
    return model
