"""The one network without training: PCA, which every study is compared with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.autoencoders.trainer import Autoencoder, to_float


def pca(images: Tensor, size: int) -> Autoencoder:
    """The `size` principal components of uint8 pictures [N, C, H, W], as an autoencoder.

    y [B, size] = basis (x - mean). Nothing of the same size that is linear has a lower MSE on
    `images`.
    """
    x = to_float(images).flatten(1)
    mean = x.mean(dim=0)
    torch.manual_seed(0)
    _, _, basis = torch.pca_lowrank(x, min(size + 8, *x.shape), niter=3)  # [C H W, size + 8]
    basis, size = basis[:, :size], min(size, basis.shape[1])
    encoder, decoder = nn.Linear(x.shape[1], size), nn.Linear(size, x.shape[1])
    with torch.no_grad():
        encoder.weight.copy_(basis.T)
        encoder.bias.copy_(-(mean @ basis))
        decoder.weight.copy_(basis)
        decoder.bias.copy_(mean)
    shape = images.shape[1:]
    model = Autoencoder(
        nn.Sequential(nn.Flatten(), encoder), nn.Sequential(decoder, nn.Unflatten(1, shape))
    )
    return model.requires_grad_(False).eval()
