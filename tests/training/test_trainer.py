"""The trainer on a tiny budget: phases, log, resuming, export, and what the pieces promise."""

from __future__ import annotations

import dataclasses
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from aecodec.coding.planes import to_planes
from aecodec.errors import AecodecError
from aecodec.format.constants import SCALES_PER_OCTAVE
from aecodec.image.psnr import psnr
from aecodec.model.config import SIZES
from aecodec.model.loaded import LoadedModel
from aecodec.model.model import Model
from aecodec.model.store import find_model
from aecodec.model.weights import load_weights
from aecodec.training import small
from aecodec.training.config import TrainConfig
from aecodec.training.data import Pictures, Tiles, random_crop
from aecodec.training.export import (
    COST_MAX,
    FIT_Q,
    code_batches,
    export,
    fixed_point_cost,
    refined_latents,
)
from aecodec.training.initialise import best_overlap, initialise, lmbda_table
from aecodec.training.integers import to_fixed
from aecodec.training.loss import code, rate_distortion
from aecodec.training.schedule import annealing, crop_at, lr_at, phase_at
from aecodec.training.start import load_for_training
from aecodec.training.trainer import Trainer
from tests.payloads import decode_pixels, encode_pixels
from tests.photos import photo
from tests.training.tiny import RECIPE, TINY, WEIGHTS, Entries, recipe, trained

CONFIG = recipe(
    last_crop=128,
    last_crop_share=0.2,
    warmup_steps=2,
    entropy_share=0.3,
    decay_share=0.6,
    decoder_share=0.4,
    refined_share=0.2,
)

PHASES = ["entropy", "joint", "decoder", "refined"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture, and a tar of pictures in a folder of its own."""
    folder = tmp_path_factory.mktemp("data")
    Image.fromarray(photo(300, 280)).save(folder / "a.png")
    (folder / "more").mkdir()
    with tarfile.open(folder / "more" / "b.tar", "w") as tar:
        tar.add(folder / "a.png", "inside.png")
    return folder


def train(folder: Path, out: Path, budget: float) -> Trainer:
    trainer = Trainer(CONFIG, folder, folder, out, budget, "cpu")
    trainer.run(lambda values: None)
    return trainer


def log(out: Path) -> Entries:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_a_run_improves_resumes_and_exports(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aecodec.training.trainer.LOG_SECONDS", 0.0)
    monkeypatch.setattr("aecodec.training.trainer.SAVE_SECONDS", 2.0)
    first = train(folder, tmp_path, 9.0)
    assert list(dict.fromkeys(entry["phase"] for entry in trained(log(tmp_path)))) == PHASES
    losses = [entry["valid"]["loss"] for entry in log(tmp_path) if "valid" in entry]
    assert losses[-1] < losses[0]

    spent = train(folder, tmp_path, 9.0)
    assert spent.learner.step == first.learner.step  # nothing is left of its budget
    assert train(folder, tmp_path, 13.0).learner.step > first.learner.step

    path = tmp_path / "model.safetensors"
    export(first.learner.ema, "tiny", path, [photo(256, 256)])
    loaded = LoadedModel.load(path)
    payload = encode_pixels(loaded, photo(100, 60), 60)
    assert psnr(photo(100, 60), decode_pixels(loaded, payload, 100, 60, 60)) > 25
    again, ema = load_for_training(path), first.learner.ema
    for name, value in ema.state_dict().items():
        unit = 1 / SCALES_PER_OCTAVE if name.startswith("hyper_prior.") else 0.02
        if not name.startswith("entropy."):  # its layers have other units, but the same outputs
            assert torch.allclose(again.state_dict()[name], value, atol=unit, rtol=0.01), name
    x, q = to_planes(photo(256, 256)), torch.tensor([40])
    with torch.no_grad():
        (bpp, _), (same, _) = (rate_distortion(each, x, q, "decoder") for each in (ema, again))
    assert torch.allclose(same, bpp, rtol=0.01)


def test_a_new_model_is_already_a_codec(tmp_path: Path) -> None:
    """Linear transform and plausible tables: 35 dB at the top before the first step."""
    torch.manual_seed(0)
    model = Model.untrained(dataclasses.replace(TINY, latent=256))
    initialise(model, [photo(512, 384)], lmbda_table(50, 12000))
    export(model, "new", tmp_path / "model.safetensors", [photo(256, 256)])
    loaded = LoadedModel.load(tmp_path / "model.safetensors")
    pixels = photo(128, 128)
    assert psnr(pixels, decode_pixels(loaded, encode_pixels(loaded, pixels, 63), 128, 128, 63)) > 35


def test_what_points_were_fitted_to_is_nearer_with_them(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, pixels = Model.untrained(dataclasses.replace(TINY, latent=256)), photo(256, 256)
    model.lmbda.copy_(lmbda_table(50, 12000))
    initialise(model, [photo(512, 384)], model.lmbda)
    export(model, "new", tmp_path / "model.safetensors", [pixels])
    fixed = load_weights(tmp_path / "model.safetensors")[0]
    twin = load_for_training(tmp_path / "model.safetensors").requires_grad_(False)
    latents = {q: refined_latents(twin, pixels, q, 2, "psnr") for q in (10, 31, 52)}

    def distortion() -> float:
        total = 0.0
        for q, part in latents.items():
            y_hat = code_batches(fixed, part, q)[0]
            error = to_planes(pixels) - fixed.g_s(y_hat, torch.tensor([q]))
            total += float(fixed.lmbda[q] * error.square().mean())
        return total

    with_points, table = distortion(), fixed.points.table.clone()
    fixed.points.table.zero_()
    without = distortion()
    fixed.points.table.copy_(-table)
    assert with_points < 0.999 * without < without < distortion()


def test_overlap_is_orthogonal() -> None:
    overlap = best_overlap()
    assert torch.allclose(overlap @ overlap.t(), torch.eye(16), atol=1e-5)
    assert not torch.allclose(overlap, torch.eye(16), atol=0.1)


def test_schedule() -> None:
    assert [phase_at(CONFIG, share) for share in (0, 0.5, 0.7, 0.99)] == PHASES
    assert [crop_at(CONFIG, share) for share in (0, 0.9)] == [64, 128]
    assert lr_at(CONFIG, 0.2, 0) == 0.5
    assert lr_at(CONFIG, 0.2, 9) == 1.0
    assert lr_at(CONFIG, 1.0, 9) == pytest.approx(0.02)
    assert [annealing(CONFIG, share) for share in (0.4, 0.41)] == [False, True]


def test_with_no_share_to_decay_over_rates_stay() -> None:
    steady = dataclasses.replace(CONFIG, decay_share=0.0)
    assert [lr_at(steady, share, 9) for share in (0, 0.5, 1)] == [1, 1, 1]
    assert not annealing(steady, 1.0)


def test_every_third_batch_of_the_last_phase_is_not_refined(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = []

    def recorded(*arguments: Any) -> tuple[torch.Tensor, torch.Tensor]:
        rounds.append(arguments[-2])
        return code(*arguments)

    monkeypatch.setattr("aecodec.training.learner.code", recorded)
    trainer = Trainer(CONFIG, folder, None, tmp_path, 100.0, "cpu")
    for _ in range(6):
        trainer.learner.train_step(torch.zeros(8, 3, 64, 64, dtype=torch.uint8), 0.99)
    assert rounds == [0, 2, 2, 0, 2, 2]


def test_new_files_are_found_while_training(folder: Path, tmp_path: Path) -> None:
    Image.fromarray(photo(80, 80)).save(tmp_path / "a.png")
    tiles = Tiles(tmp_path, 64, torch.device("cpu"))
    (tmp_path / "half.tar").write_bytes((folder / "more" / "b.tar").read_bytes()[:700])
    tiles.rescan()
    assert len(tiles.tiles) == 1  # what has arrived of the tar is not a picture yet
    (tmp_path / "half.tar").write_bytes((folder / "more" / "b.tar").read_bytes())
    tiles.rescan()
    assert len(tiles.tiles) == 1 + 4 * 4  # of 280x300, tiles of 80
    tiles.rescan()
    assert len(tiles.tiles) == 1 + 4 * 4


def test_crops_have_their_size() -> None:
    random = np.random.default_rng(0)
    assert {random_crop(photo(300, 200), 64, random).shape for _ in range(50)} == {(64, 64, 3)}


def test_no_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AecodecError, match="no pictures"):
        Pictures(tmp_path, 64)


def test_unknown_keys_are_errors(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text(RECIPE.read_text() + "\nlearning_rat = 3\n")
    with pytest.raises(AecodecError, match="learning_rat"):
        TrainConfig.read(tmp_path / "t.toml")


def test_the_small_network_starts_as_what_is_nearer_and_learns(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"EXAMPLES": 2, "BATCH": 2, "LOG_STEPS": 10}.items():
        monkeypatch.setattr(small, name, value)
    model, pictures = load_weights(find_model().path)[0], Pictures(folder, small.CROP)
    after = 2, "visual"
    before = [parameter.clone() for parameter in model.small.parameters()]
    examples = small.make_examples(model, pictures, np.random.default_rng(small.SEED), 2, after)
    small.start(model, examples)
    assert all(map(torch.equal, before, model.small.parameters()))
    with torch.no_grad():
        for parameter in model.small.parameters():
            parameter.zero_()
    small.start(model, examples)
    assert torch.equal(model.small.stem.weight, model.synthesis.stem.weight)
    told: list[str] = []
    small.train(model, pictures, 40, after, told.append)
    first, *_, last = (float(text.split("1/4: ")[1].split(" dB")[0]) for text in told)
    assert last < first


RECIPES = [*sorted(Path("weights").glob("*/train.toml")), Path("benchmarks/training/recipe.toml")]


@pytest.mark.parametrize("path", RECIPES, ids=str)
def test_recipes_can_be_read(path: Path) -> None:
    assert TrainConfig.read(path).size in SIZES


def test_integers_cost_little_where_they_were_made_for_such_pictures() -> None:
    model, pixels = load_for_training(WEIGHTS), photo(128, 128)
    cost = fixed_point_cost(model, to_fixed(model, [pixels], FIT_Q), [pixels])
    assert abs(cost.mean) < 0.01 and abs(cost.decibels) < 0.03 and cost.worst < 0.03
    narrow = to_fixed(model, [np.full_like(pixels, 127)], FIT_Q)
    assert fixed_point_cost(model, narrow, [pixels]).worst > COST_MAX
