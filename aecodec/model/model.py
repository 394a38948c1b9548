"""The class that holds all learned parts, the transforms and the entropy model."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from aecodec.format.constants import BRANCH_WEIGHT, Q_COUNT, SIXTEENTHS, SMALL_REDUCTIONS
from aecodec.model.ambient import autocast_to
from aecodec.model.config import ModelConfig
from aecodec.model.entropy_model import (
    CodeBatch,
    EntropyNetwork,
    HyperAnalysis,
    HyperPrior,
    Whiten,
    put_steps,
)
from aecodec.model.layers import Depthwise, PerQ, Pointwise
from aecodec.model.points import Points
from aecodec.model.quantize import dequantize
from aecodec.model.transforms import Analysis, LappedTransform, SmallSynthesis, Synthesis

LEAST_FAST_Q = 12
"""At lower q the networks do so much of a picture that bfloat16 would move samples by more than a
level, if only two of 20 million at q 0. Chosen on validation pictures."""

SymbolSource = Callable[[int, Tensor, Tensor], Tensor]
"""(batch, mean in 1/16 steps, table index) -> symbols, float64 integers, all of one shape."""


class Model(nn.Module):
    """All learned parts. `entropy` is what must be exact; the rest may be floating point.

    x planes are RGB minus one half, float [B, 3, H, W] with H and W multiples of 64; y and y_hat
    are in quantization steps. Of a file, g_s takes y_r: y_hat at its reconstruction `points`.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("lmbda", torch.zeros(Q_COUNT, dtype=torch.float32))
        self.lmbda: Tensor
        """what the rates were trained for: bits a pixel that a unit of MSE over RGB is worth"""
        self.skip = LappedTransform(config.latent)
        self.analysis = Analysis(config)
        self.synthesis = Synthesis(config)
        self.small = SmallSynthesis(config)
        self.log_gain = PerQ(config.latent)
        """log of steps per pixel unit, encoder"""
        self.log_step = PerQ(config.latent)
        """log of pixel units per step, decoder"""
        self.whiten = Whiten(config.latent)
        """floating-point twin of entropy.whiten, for the networks that need not be exact"""
        self.hyper_analysis = HyperAnalysis(config)
        self.hyper_prior = HyperPrior(config)
        self.entropy = EntropyNetwork(config)
        self.points = Points()
        self.fast: dict[str, nn.Module] = {}
        """networks of the transforms in bfloat16, where the codec has them (precision.py)"""

    @classmethod
    def untrained(cls, config: ModelConfig) -> Model:
        """With random weights, which a model that is to be loaded does without."""
        model = cls(config)
        for layer in model.modules():
            if isinstance(layer, Pointwise | Depthwise):
                layer.randomise()
        return model

    @property
    def device(self) -> torch.device:
        """Of the transforms; a fixed-point entropy side stays on the CPU."""
        return self.skip.basis.device

    def qs(self, q: int) -> Tensor:
        """A single q as the transforms take it, int64 [1] on their device."""
        return torch.tensor([q], device=self.device)

    def network(self, name: str, q: Tensor) -> nn.Module:
        """Of the transforms, by name: the fast one where there is one and q is not too low."""
        fast = self.fast and int(q.min()) >= LEAST_FAST_Q
        return self.fast[name] if fast else self.get_submodule(name)

    def g_a(self, x: Tensor, q: Tensor, network_dtype: torch.dtype | None = None) -> Tensor:
        """x [B, 3, H, W], q int64 [B] -> y [B, M, H/16, W/16]."""
        with autocast_to(x.device.type, network_dtype):
            branch = self.network("analysis", q)(x, q)
        return (self.skip(x) + BRANCH_WEIGHT * branch.float()) * self.log_gain(q).exp()

    def h_a(self, y: Tensor, q: Tensor, network_dtype: torch.dtype | None = None) -> Tensor:
        """y [B, M, H/16, W/16] -> z [B, N, H/64, W/64]."""
        whitened = self.whiten(y, q)
        with autocast_to(y.device.type, network_dtype):
            z = self.hyper_analysis(whitened)
        return z.float()

    def g_s(
        self,
        y_hat: Tensor,
        q: Tensor,
        network_dtype: torch.dtype | None = None,
        reduction: int = 1,
    ) -> Tensor:
        """y_hat [B, M, H/16, W/16] -> x_hat [B, 3, H/r, W/r], the reduction r 1, 2, 4 or 8."""
        network = self.network("small" if reduction in SMALL_REDUCTIONS else "synthesis", q)
        whitened = self.whiten(y_hat, q)
        with autocast_to(y_hat.device.type, network_dtype):
            branch = network(whitened, q, reduction)
        linear = self.skip.inverse(y_hat * self.log_step(q).exp(), reduction)
        return torch.add(linear, branch, alpha=BRANCH_WEIGHT)

    def walk(
        self,
        shape: torch.Size,
        q: Tensor,
        code_batch: CodeBatch,
        network_dtype: torch.dtype | None = None,
    ) -> Tensor:
        """The walk over coded batches -> y_hat: the hyper-latent, of this shape, then four steps.

        `code_batch` encodes, decodes or simulates each: see its type for what it takes, and
        entropy_model.py for its units. With `network_dtype`, networks run under autocast to it.
        """
        mean, scale = (part.expand(shape) for part in self.hyper_prior(q))
        return self.entropy(code_batch(0, mean, scale), q, code_batch, network_dtype)

    def walk_symbols(self, shape: torch.Size, q: int, source: SymbolSource) -> Tensor:
        """The walk in fixed point -> y_r, that is y_hat at its points, in steps (SPEC 4.5).

        What the decoder must repeat the encoder does too: one chooses the symbols of every batch,
        the other reads them. shape: of z, [1, N, H'/64, W'/64]; -> [1, M, H'/16, W'/16], binary32,
        exact below 2^16 steps, beyond which only forged payloads lie.
        """
        points: list[Tensor] = []

        def code_batch(batch: int, mean: Tensor, index: Tensor) -> Tensor:
            symbols = source(batch, mean, index)
            if batch:
                points.append(self.points(symbols, mean, index))
            return dequantize(symbols, mean)

        y_hat = self.walk(shape, torch.tensor([q]), code_batch)
        return (y_hat / SIXTEENTHS + put_steps(points, y_hat)).float()
