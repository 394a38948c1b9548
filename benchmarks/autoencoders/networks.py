"""Networks that more than one study uses: PCA, without training, and the convolutional pair."""

import torch
from torch import Tensor, nn

from benchmarks.autoencoders.trainer import Autoencoder, to_float

LATENT, WIDTHS = 32, (32, 64)
"""Channels of the convolutional networks: of y, and on the way to it."""


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


def encoder(outputs: int = LATENT) -> nn.Sequential:
    """x [B, 3, H, W] -> [B, outputs, H/8, W/8]"""
    first, second = WIDTHS
    return nn.Sequential(
        *(nn.Conv2d(3, first, 5, 2, 2), nn.ReLU()),
        *(nn.Conv2d(first, second, 5, 2, 2), nn.ReLU()),
        nn.Conv2d(second, outputs, 5, 2, 2),
    )


def decoder(steps: int = 3) -> nn.Sequential:
    """y -> x_hat, `steps` doublings of resolution: 3 for high, 2 for medium."""
    first, second = WIDTHS
    layers = [up(LATENT, second), nn.ReLU(), up(second, first), nn.ReLU(), up(first, 3)]
    if steps == 2:
        layers = [up(LATENT, second), nn.ReLU(), up(second, 3)]
    return nn.Sequential(*layers)


def up(inner: int, outer: int) -> nn.Module:
    return nn.ConvTranspose2d(inner, outer, 5, 2, 2, output_padding=1)


class Variational(Autoencoder):
    """Latents of a mean and a log-variance each; `encode` gives the mean, to be coded."""

    def __init__(self) -> None:
        super().__init__(encoder(2 * LATENT), decoder())

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x)[:, :LATENT]
