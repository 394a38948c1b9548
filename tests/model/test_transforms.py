"""The transforms at 1/2, 1/4 and 1/8 of the size."""

import pytest
import torch
from torch.nn import functional as F

from aecodec.model.transforms import LappedTransform, mean_of_pixels


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_the_linear_part_is_exact(scale: int) -> None:
    torch.manual_seed(0)
    transform = LappedTransform(48)
    transform.basis.data.normal_()
    transform.overlap.copy_(torch.linalg.qr(torch.randn(16, 16))[0])
    u = torch.randn(2, 48, 3, 4)
    with torch.no_grad():
        whole, small = transform.inverse(u), transform.inverse(u, scale)
    assert torch.allclose(F.avg_pool2d(whole, scale), small, atol=1e-4)


def test_means_of_pixels() -> None:
    rows = torch.arange(192.0)[:, None]
    means = mean_of_pixels(rows, 4).view(2, 2, 3)
    assert torch.equal(means[1, 0], rows.view(8, 8, 3)[4:, :4].mean(dim=(0, 1)))
