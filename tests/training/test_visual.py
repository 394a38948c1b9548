"""`tune = "visual"`: the mix, its configuration, and what is reported of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from aecodec.coding.planes import to_planes
from aecodec.errors import AecodecError
from aecodec.training import validate as validation
from aecodec.training.config import TrainConfig, VisualConfig
from aecodec.training.eye import EyeError
from aecodec.training.initialise import lmbda_table
from aecodec.training.objective import Objective, can_compile
from aecodec.training.trainer import Trainer
from tests.photos import photo
from tests.training.tiny import RECIPE, entries_of, recipe, trained

PSNR = recipe()
MIX = VisualConfig(
    share=(0.6, 0.2),
    nu=(0.0016, 2.8),
    contrast=(0.3,),
    weight_rgb=(1.0, 0.5, 0.5),
    weight_x=(1.7,),
    weight_y=(1.3,),
    weight_b=(0.8, 1.2),
)
TABLE = """refined_rounds = 2
[visual]
share = {}
nu = {}
contrast = [0.3]
weight_rgb = [0.5]
weight_x = [1.7]
weight_y = [1.3]
weight_b = [1.2]"""
VISUAL = recipe(tune="visual", visual=MIX)


def test_the_mix_is_what_the_configuration_says() -> None:
    lmbda, q, bpp = lmbda_table(30, 25000), torch.tensor([0, 63]), torch.tensor([0.1, 3.0])
    x = to_planes(photo(64, 64)).expand(2, -1, -1, -1)
    x_hat = x + 0.02 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    judged = Objective(VISUAL, lmbda)(bpp, x, x_hat, q)
    error, contrast, squares = EyeError(64, 64, torch.device("cpu"))(x, x_hat)
    assert torch.equal(judged.raw_error, error) and float(error.min()) > 0.1
    assert float(contrast.min()) > 0 and float(squares.min()) > 0
    share, nu = torch.tensor([0.6, 0.2]), torch.tensor([0.0016, 2.8])
    mse = (x - x_hat).square().mean(dim=(1, 2, 3))
    colour = torch.tensor([1.0, 0.5]) * mse + squares @ torch.tensor([1.7, 1.3, 0.0])
    colour = colour + torch.tensor([0.8, 1.2]) * squares[:, 2]
    structure = 0.7 * error + 0.3 * 400 * contrast
    mixed = bpp + (1 - share) * lmbda[q] * colour + share * nu * structure
    assert torch.allclose(judged.loss, mixed / (lmbda[q] / 600).sqrt(), rtol=1e-4)

    plain = Objective(PSNR, lmbda)(bpp, x, x_hat, q)
    assert torch.allclose(plain.loss, (bpp + lmbda[q] * mse) / (lmbda[q] / 600).sqrt())
    assert not plain.raw_error.any()


@pytest.mark.skipif(not can_compile(), reason="no C++ compiler")
@pytest.mark.filterwarnings("default")
def test_compiled_it_is_the_same() -> None:
    x = to_planes(photo(64, 64))[:, :, :32, :32]
    x_hat = (0.9 * x).requires_grad_()
    pair = []
    for compiled in (False, True):
        error = Objective(VISUAL, lmbda_table(30, 25000), compiled).seen(x, x_hat).raw.sum()
        pair.append((error.detach(), torch.autograd.grad(error, x_hat)[0]))
    assert torch.allclose(pair[0][0], pair[1][0], rtol=1e-4)
    assert torch.allclose(pair[0][1], pair[1][1], rtol=1e-2, atol=1e-3 * float(pair[0][1].max()))


def test_training_for_the_eye_reports_what_the_eye_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aecodec.training.trainer.VALID_CROP", 192)
    monkeypatch.setattr(validation, "VALID_CROP", 192)
    Image.fromarray(photo(192, 192)).save(tmp_path / "a.png")
    run = Trainer(VISUAL, tmp_path, tmp_path, tmp_path / "out", 2.0, "cpu", way="eager")
    entries = entries_of(run)
    assert all(len(entry["train"]) == 4 for entry in trained(entries))
    valid = [entry["valid"] for entry in entries if "valid" in entry]
    for point in valid[-1]["points"]:
        assert set(point) == {"q", "bpp", "psnr", "ssimulacra2", "ms_ssim"}
        assert 0 < point["ms_ssim"] < 1 and point["ssimulacra2"] < 100


@pytest.mark.parametrize(
    ("old", "new", "message"),
    (
        ('tune = "psnr"', 'tune = "visual"', "a table"),
        ('tune = "psnr"', 'tune = "ears"', "ears"),
        ('tune = "psnr"', "", "tune"),
        ("refined_rounds = 2", "refined_rounds = 2\n[visual]\nshares = [1]", "share, shares"),
        ("refined_rounds = 2", TABLE.format([0.5, 1.2], [0.001]), "shares"),
        ("refined_rounds = 2", TABLE.format([0.5], [0.1, 0]), "nu"),
        ("refined_rounds = 2", TABLE.format([0.5], 0.1), "lists"),
        ("refined_rounds = 2", TABLE.format([], [0.1]), "lists"),
        ("refined_rounds = 2", TABLE.format(["a"], [0.1]), "lists"),
        ("refined_rounds = 2", TABLE.format([0.5], "[inf]"), "lists"),
    ),
)
def test_a_wrong_aim_is_an_error(old: str, new: str, message: str, tmp_path: Path) -> None:
    text = RECIPE.read_text()
    assert old in text
    (tmp_path / "t.toml").write_text(text.replace(old, new))
    with pytest.raises(AecodecError, match=message):
        TrainConfig.read(tmp_path / "t.toml")
