"""Reconstruction points: where g_s sees a latent, a little beside what its symbol and mean say.

Latents do not lie, on average, in the middle of what rounds to a symbol: distributions fall off
within it, rate-aware rounding moves its ends outwards, and small means of almost certain zeros are
hardly better than zero. A table of the model, fitted after training, says for every scale,
magnitude of the symbol and mean how far beside. Contexts see y_hat as it is.
(Centroids of the decoder: Sullivan 1996, IEEE Trans. Information Theory 42(5).)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aecodec.format.constants import PER_STEP, TABLE_COUNT

SYMBOLS, MEANS = 3, 4
"""Larger magnitudes of symbols, and of means in 1/16 steps, count as these."""


class Points(nn.Module):
    """Symbols, means and table indexes -> how far g_s sees the latents beside y_hat (SPEC 4.5)."""

    def __init__(self) -> None:
        super().__init__()
        shape = TABLE_COUNT, SYMBOLS + 1, 2 * MEANS + 1
        self.register_buffer("table", torch.zeros(shape, dtype=torch.int16))
        self.table: Tensor

    def forward(self, symbols: Tensor, mean: Tensor, index: Tensor) -> Tensor:
        """Integers, mean in 1/16 steps, all of one shape -> steps, of that shape."""
        places, side = point_places(symbols, mean, index)
        return self.table.flatten().take(places) * side / PER_STEP


def point_places(symbols: Tensor, mean: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Where in the table, flat, latents have their points, and on which side they lie: -1, 0, 1.

    The side is that of the symbol, or where it is 0 of the mean.
    """
    side = torch.where(symbols == 0, mean, symbols).sign()
    kind = symbols.abs().clamp(max=SYMBOLS)
    offset = (mean * side).clamp(-MEANS, MEANS) + MEANS
    return ((index * (SYMBOLS + 1) + kind) * (2 * MEANS + 1) + offset).long(), side
