"""refine.py: the gradients it goes by, and that refined files are better ones for every decoder."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch

from aecodec.coding import transform
from aecodec.coding.descent import context_slope, measured_curvature, rounding_bias, unrefined_bias
from aecodec.coding.distortion import distortion, distortion_slope
from aecodec.coding.effort import MAX_EFFORT, ROUNDS, effort_to_rounds
from aecodec.coding.encoder import Encoder, Settings, encode_latents
from aecodec.coding.pieces import reach
from aecodec.coding.planes import to_planes
from aecodec.coding.refine import Surroundings, refine
from aecodec.coding.transform import AnalyzedPicture, analyze
from aecodec.errors import AecodecError
from aecodec.format.box import Box
from aecodec.format.constants import SIXTEENTHS
from aecodec.format.container import read_container
from aecodec.image.picture import Picture
from aecodec.model.model import Model
from aecodec.model.store import TUNED
from tests.payloads import codec, loaded, pixels_of
from tests.photos import photo

Q = 30


def cost(
    tune: str,
    pixels: np.ndarray,
    y: torch.Tensor,
    z: torch.Tensor,
    bias: torch.Tensor | float = 1.0,
) -> float:
    """bits + distortion of the file that y and z become."""
    model = loaded(TUNED[tune]).model
    _, y_hat, bits = encode_latents(loaded(TUNED[tune]), y, z, Q, bias)
    height, width = pixels.shape[:2]
    x_hat = to_planes(pixels_of(model, y_hat, width, height, Q))
    return bits + float(distortion(model, to_planes(pixels), x_hat, model.qs(Q), tune))


@pytest.mark.parametrize("tune", TUNED)
def test_refinement_lowers_the_cost(tune: str) -> None:
    pixels, whole, model = photo(192, 128), Box(0, 0, 128, 192), loaded(TUNED[tune])
    costs = [cost(tune, pixels, *analyze(model.model, pixels, Q))]
    for rounds in (1, 4):
        refined = refine(model.float_model, pixels, Q, whole, rounds, tune)
        costs.append(cost(tune, pixels, *refined))
    assert costs[2] < costs[1] < 0.98 * costs[0]
    assert costs[2] < 0.97 * costs[0]


@pytest.mark.parametrize("tune", TUNED)
def test_the_slope_of_the_distortion(tune: str) -> None:
    """Against a difference of two distortions, along the slope itself."""
    pixels, box, model = photo(128, 64), Box(0, 0, 64, 128), loaded(TUNED[tune]).float_model
    y, qs, x = analyze(model, pixels, Q)[0].clone(), model.qs(Q), to_planes(pixels)
    slope = Surroundings(model, pixels, Q, tune, box, y).slope(box, y)
    assert torch.allclose(slope, distortion_slope(model, x, qs, tune, None, y), atol=1e-4)
    way = 0.3 * slope / slope.norm()
    with torch.no_grad():
        ends = [distortion(model, x, model.g_s(at, qs), qs, tune) for at in (y + way, y - way)]
    assert float(ends[0] - ends[1]) / 2 == pytest.approx(float((slope * way).sum()), rel=0.02)


def test_for_psnr_errors_are_squared() -> None:
    model, x = loaded().model, to_planes(photo(64, 64))
    found = distortion(model, x, x + 0.1, model.qs(Q), "psnr")
    assert float(found) == pytest.approx(float(model.lmbda[Q]) * 0.01 * 64 * 64, rel=1e-4)


def test_to_the_eye_errors_hide_in_what_is_busy_and_show_in_what_is_dark() -> None:
    model, noise = loaded().model, torch.rand(1, 3, 64, 64, generator=torch.Generator())
    error = 0.05 * torch.rand(1, 1, 64, 64, generator=torch.Generator()) - 0.025
    flat, busy, dark = 0 * noise, 0.8 * (noise.mean(dim=1, keepdim=True) - 0.5), 0 * noise - 0.4
    found = [
        float(distortion(model, each, each + error, model.qs(Q), "visual"))
        for each in (busy.expand(-1, 3, -1, -1), flat, dark)
    ]
    assert found == sorted(found)


def test_the_curvature_is_found_by_two_slopes() -> None:
    """Of a quadratic distortion that is the product of a factor of place and one of channel."""
    random = torch.Generator().manual_seed(1)
    linear = 20 + 20 * torch.rand(1, 48, 1, 1, generator=random)
    place = torch.linspace(1, 1.5, 64).view(1, 1, 8, 8)
    channel = 0.5 + torch.rand(1, 48, 1, 1, generator=random)
    y_hat = torch.randn(1, 48, 8, 8, generator=random)
    true = linear * place * channel
    found = measured_curvature(lambda y: true * y, y_hat, true * y_hat, linear)
    assert float((found / true - 1).abs().mean()) < 0.05


def test_rounding_leans_further_where_errors_count_less() -> None:
    curvature = torch.tensor([0.0, 8.0, 15.73, 20.0, 1000.0])
    assert rounding_bias(curvature, "psnr").tolist() == pytest.approx(
        [2, 1.966, 1, 0.786, 0.5], 1e-3
    )
    assert rounding_bias(curvature, "visual").tolist() == pytest.approx(
        [2, 1.402, 1, 0.887, 0.5], 1e-3
    )


@pytest.mark.parametrize("tune", TUNED)
def test_the_bias_of_rounding_makes_smaller_files_for_their_errors(tune: str) -> None:
    pixels, whole, model = photo(192, 128), Box(0, 0, 128, 192), loaded(TUNED[tune])
    refined = refine(model.float_model, pixels, Q, whole, 1, tune)
    assert cost(tune, pixels, *refined) < cost(tune, pixels, refined.y, refined.z)


def test_what_refinement_sees_is_what_the_file_holds() -> None:
    """But for fixed point, which moves a mean by less than a sixteenth of a step."""
    pixels, with_points = photo(128, 64), loaded(TUNED["psnr"])
    y, z = (t.clone() for t in analyze(with_points.model, pixels, Q))
    qs = torch.tensor([Q])
    bias = unrefined_bias(with_points.model, qs, "psnr")
    seen, points, slope, z_slope = context_slope(with_points.float_model, y, z, qs, bias)
    _, y_hat, _ = encode_latents(with_points, y, z, Q, bias)
    assert float(((seen + points - y_hat).abs() <= 2 / SIXTEENTHS).float().mean()) > 0.98
    pointless = dataclasses.replace(with_points, model=copy.deepcopy(with_points.model))
    pointless.model.points.table.zero_()
    beside = y_hat - encode_latents(pointless, y, z, Q, bias)[1]
    assert float((points - beside).abs().mean()) < 0.3 * float(beside.abs().mean())
    assert slope.shape == y.shape and z_slope.shape == z.shape
    assert float(slope.abs().max()) > 0 and float(z_slope.abs().max()) > 0


def test_a_tile_sees_as_far_as_it_reaches() -> None:
    """Its slope beside what `Box.grown` takes around it is that beside the whole picture."""
    pixels, tile, model = photo(512, 64), Box(0, 192, 64, 256), loaded().float_model
    tune = loaded().tune
    y = analyze(model, pixels, Q)[0].clone()
    near = tile.grown(reach(model.config.synthesis_blocks), 512, 64)
    assert near.width < 512
    parts = y[..., near.left // 16 : near.right // 16]
    inside = y[..., 12:16]
    far_slope = Surroundings(model, pixels, Q, tune, Box(0, 0, 64, 512), y).slope(tile, inside)
    near_slope = Surroundings(model, pixels, Q, tune, near, parts).slope(tile, inside)
    torch.testing.assert_close(near_slope, far_slope, rtol=1e-3, atol=1e-3)
    alone = Surroundings(model, pixels[:, 192:256], Q, tune, Box(0, 0, 64, 64), inside)
    assert not torch.allclose(alone.slope(Box(0, 0, 64, 64), inside), far_slope, atol=0.1)


def test_every_piece_is_analyzed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though tiles and what lies around them share pieces; those above are forgotten."""
    pixels, seen, g_a = photo(320, 260), [], Model.g_a

    def counted(model: Model, x: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        seen.append(x.shape)
        return g_a(model, x, q)

    monkeypatch.setattr(transform, "PIECE", 64)
    monkeypatch.setattr(Model, "g_a", counted)
    Encoder(loaded(), Picture(pixels), Settings(tile_side=128, effort=1)).encode(Q)
    assert len(seen) == 5 * 5
    y_of = AnalyzedPicture(loaded().model, pixels, Q)
    y_of(Box(0, 0, 128, 320))
    assert y_of(Box(192, 64, 256, 192)).shape[2:] == (4, 8)
    assert sorted(y_of.known) == [16, 17]


def test_every_effort_is_decoded_by_the_same_decoder() -> None:
    pixels = photo(100, 70)
    files = {effort: codec().encode(pixels, effort=effort, tile=64) for effort in (0, 2, 3)}
    assert len(set(files.values())) == 3
    assert all(codec().decode(data).size == (100, 70) for data in files.values())
    latents = refine(
        loaded().float_model, pixels, 38, Box(0, 0, 64, 64), effort_to_rounds(2), loaded().tune
    )
    again, _, _ = encode_latents(loaded(), latents.y, latents.z, 38, latents.rounding_bias)
    container = read_container(files[2])
    assert container.header.q == 38 and container.payloads[0].data == again


def test_efforts() -> None:
    assert [effort_to_rounds(effort) for effort in range(MAX_EFFORT + 1)] == sorted(set(ROUNDS))
    for wrong in (-1, 10, 2.5):
        with pytest.raises(AecodecError):
            codec().encode(photo(16, 16), effort=wrong)  # type: ignore[arg-type]
