"""refine.py: the gradients it goes by, and that refined files are better ones for every decoder."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch

from aecodec.coding.descent import context_slope
from aecodec.coding.effort import MAX_EFFORT, ROUNDS, effort_to_rounds
from aecodec.coding.encoder import encode_latents
from aecodec.coding.refine import Surroundings, refine
from aecodec.coding.transform import analyze, reach
from aecodec.errors import AecodecError
from aecodec.format.box import Box
from aecodec.format.constants import SIXTEENTHS
from aecodec.format.container import read_container
from aecodec.model.store import TUNED
from tests.payloads import codec, loaded, pixels_of
from tests.photos import photo

Q = 30


def cost(pixels: np.ndarray, y: torch.Tensor, z: torch.Tensor) -> float:
    """bits + lambda SE of the file that y and z become."""
    _, y_hat, bits = encode_latents(loaded(), y, z, Q)
    height, width = pixels.shape[:2]
    error = (pixels_of(loaded().model, y_hat, width, height, Q) - pixels.astype(float)) / 255
    return bits + float(loaded().model.lmbda[Q]) * float((error**2).sum()) / 3


def test_refinement_lowers_the_cost() -> None:
    pixels, whole = photo(192, 128), Box(0, 0, 128, 192)
    costs = [cost(pixels, *analyze(loaded().model, pixels, Q))]
    for rounds in (1, 4):
        refined = refine(loaded().float_model, pixels, Q, whole, rounds)
        costs.append(cost(pixels, *refined))
    assert costs[2] < costs[1] < 0.98 * costs[0]
    assert costs[2] < 0.97 * costs[0]


def test_the_slope_of_the_distortion() -> None:
    """Against a difference of two distortions, along the slope itself."""
    pixels, box, model = photo(130, 70), Box(0, 0, 70, 130), loaded().float_model
    y = analyze(model, pixels, Q)[0].clone()
    field = Surroundings(model, pixels, Q, Box(0, 0, 128, 192), y)
    slope = field.slope(box, y)

    def distortion(at: torch.Tensor) -> float:
        with torch.no_grad():
            x_hat = model.g_s(at, torch.tensor([Q]))[0, :, :70, :130]
        x = torch.from_numpy(pixels).permute(2, 0, 1) / 255 - 0.5
        return float(model.lmbda[Q] * (x - x_hat).double().square().sum() / 3)

    way = 0.01 * slope / slope.norm()
    difference = (distortion(y + way) - distortion(y - way)) / 2
    assert difference == pytest.approx(float((slope * way).sum()), rel=0.02)


def test_what_refinement_sees_is_what_the_file_holds() -> None:
    """But for fixed point, which moves a mean by less than a sixteenth of a step."""
    pixels, with_points = photo(128, 64), loaded(TUNED["psnr"])
    y, z = (t.clone() for t in analyze(with_points.model, pixels, Q))
    seen, points, slope, z_slope = context_slope(with_points.float_model, y, z, torch.tensor([Q]))
    _, y_hat, _ = encode_latents(with_points, y, z, Q)
    assert float(((seen + points - y_hat).abs() <= 2 / SIXTEENTHS).float().mean()) > 0.98
    pointless = dataclasses.replace(with_points, model=copy.deepcopy(with_points.model))
    pointless.model.points.table.zero_()
    beside = y_hat - encode_latents(pointless, y, z, Q)[1]
    assert float((points - beside).abs().mean()) < 0.3 * float(beside.abs().mean())
    assert slope.shape == y.shape and z_slope.shape == z.shape
    assert float(slope.abs().max()) > 0 and float(z_slope.abs().max()) > 0


def test_a_tile_sees_as_far_as_it_reaches() -> None:
    """Its slope beside what `Box.grown` takes around it is that beside the whole picture."""
    pixels, tile, model = photo(512, 64), Box(0, 192, 64, 256), loaded().float_model
    y = analyze(model, pixels, Q)[0].clone()
    near = tile.grown(reach(model.config.synthesis_blocks), 512, 64)
    assert near.width < 512
    parts = y[..., near.left // 16 : near.right // 16]
    inside = y[..., 12:16]
    far_slope = Surroundings(model, pixels, Q, Box(0, 0, 64, 512), y).slope(tile, inside)
    near_slope = Surroundings(model, pixels, Q, near, parts).slope(tile, inside)
    torch.testing.assert_close(near_slope, far_slope, rtol=1e-3, atol=1e-3)
    alone = Surroundings(model, pixels[:, 192:256], Q, Box(0, 0, 64, 64), inside)
    assert not torch.allclose(alone.slope(Box(0, 0, 64, 64), inside), far_slope, atol=0.1)


def test_every_effort_is_decoded_by_the_same_decoder() -> None:
    pixels = photo(100, 70)
    files = {effort: codec().encode(pixels, effort=effort, tile=64) for effort in (0, 2, 3)}
    assert len(set(files.values())) == 3
    assert all(codec().decode(data).size == (100, 70) for data in files.values())
    y, z = refine(loaded().float_model, pixels, 38, Box(0, 0, 64, 64), effort_to_rounds(2))
    again, _, _ = encode_latents(loaded(), y, z, 38)
    container = read_container(files[2])
    assert container.header.q == 38 and container.payloads[0].data == again


def test_efforts() -> None:
    assert [effort_to_rounds(effort) for effort in range(MAX_EFFORT + 1)] == sorted(set(ROUNDS))
    for wrong in (-1, 10, 2.5):
        with pytest.raises(AecodecError):
            codec().encode(photo(16, 16), effort=wrong)  # type: ignore[arg-type]
