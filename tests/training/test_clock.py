"""The time of a run: what counts, and that one with a moment to end by keeps it."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from aecodec.errors import AecodecError, ModelError
from aecodec.model.weights import halved, load_weights
from aecodec.training import clock as clock_module
from aecodec.training.clock import Clock
from aecodec.training.data import Tiles
from aecodec.training.learner import Learner
from aecodec.training.start import load_for_training, read_checkpoint, save_full_rate
from aecodec.training.trainer import Trainer
from tests.photos import photo
from tests.training.tiny import TINY, WEIGHTS, Entries, entries_of, recipe, trained

CONFIG = recipe(warmup_steps=2)


class Time:
    """A monotonic clock that goes as it is told."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Time:
    hands = Time()
    monkeypatch.setattr(clock_module, "time", hands)
    return hands


def test_a_stop_is_left_out(hands: Time) -> None:
    clock = Clock(elapsed=7.0)
    hands.pass_by(3)
    assert clock.elapsed() == 10
    hands.pass_by(3600)  # between two beats: nothing in this process ran
    assert clock.elapsed() == 10 + clock_module.PAUSE_SECONDS


def test_with_a_moment_to_end_by_everything_counts(hands: Time) -> None:
    clock = Clock(until=1.0)
    hands.pass_by(3600)
    assert clock.elapsed() == 3600


def test_a_long_step_is_no_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_module, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr(clock_module, "PAUSE_SECONDS", 0.2)
    clock = Clock()
    with clock.beating():
        time.sleep(0.6)
        assert clock.elapsed() > 0.55


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.fromarray(photo(256, 256)).save(tmp_path / "a.png")
    return tmp_path


def run_until(folder: Path, seconds: float, **changes: Any) -> tuple[Trainer, Entries]:
    """Train for so many seconds, start-up included."""
    end = time.time() + seconds
    config = dataclasses.replace(CONFIG, **changes)
    run = Trainer(config, folder, folder, folder / "out", 0.0, "cpu", until=end)
    entries = entries_of(run)
    assert time.time() < end
    return run, entries


def test_a_run_ends_annealed_and_written_before_its_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it starts slowly, and something stalls it on its way."""
    plain, calls = Learner.learn, []

    def slow(self: Learner, batch: torch.Tensor, phase: str, rounds: int) -> torch.Tensor:
        calls.append(phase)
        time.sleep(1.0 if len(calls) == 5 else 0.0)
        return plain(self, batch, phase, rounds)

    monkeypatch.setattr(Learner, "learn", slow)
    monkeypatch.setattr("aecodec.training.trainer.LOG_SECONDS", 0.5)
    run, entries = run_until(folder, 9.0)
    last = trained(entries)[-1]
    assert last["share"] == 1 and last["lr"] < 0.1
    assert "valid" in entries[-1]
    carried = read_checkpoint(folder / "out" / "carry.pt")
    assert carried["step"] == run.learner.step and carried["share"] == 1


def test_what_is_carried_is_small_and_goes_on_at_full_rates(folder: Path) -> None:
    run, _ = run_until(folder, 6.0, decay_share=0.5)
    carry = folder / "out" / "carry.pt"
    values = {**run.learner.model.state_dict(), **run.learner.ema.state_dict()}
    bytes_each = [v.numel() * (2 if halved(name) else 4) for name, v in values.items()]
    assert carry.stat().st_size < 2 * sum(bytes_each) + 100_000
    assert run.learner.full_rate is not None
    again = load_for_training(carry).state_dict()
    for name, value in run.learner.full_rate.items():
        assert torch.equal(again[name], value.to(again[name])), name
    values = dict(run.learner.model.named_parameters())
    assert not all(torch.equal(again[name], values[name]) for name in values)  # annealed since

    (folder / "next").mkdir()
    (folder / "next" / "checkpoint.pt").write_bytes(carry.read_bytes())
    config = dataclasses.replace(CONFIG, decay_share=0.5)
    finished = Trainer(config, folder, None, folder / "next", 1.0, "cpu")
    finished.run(lambda values: pytest.fail("a finished run takes no step"))
    found = finished.learner.ema.state_dict()
    for name, value in run.learner.ema.state_dict().items():
        assert torch.allclose(found[name], value, atol=1e-3, rtol=1e-3), name
    for seconds, until in ((100.0, None), (0.0, time.time() + 100)):
        longer = Trainer(config, folder, None, folder / "next", seconds, "cpu", until=until)
        assert longer.learner.full_rate is None and longer.share() < 1
        for name, value in again.items():
            assert torch.equal(longer.learner.model.state_dict()[name], value), name

    (folder / "start.safetensors").write_bytes(carry.read_bytes())  # whatever its name
    assert load_for_training(folder / "start.safetensors").config == TINY


def test_a_run_that_fails_goes_on_in_another_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its last checkpoint, to the same end."""
    end, plain = time.time() + 16.0, Learner.learn
    monkeypatch.setattr("aecodec.training.trainer.SAVE_SECONDS", 1.0)
    monkeypatch.setattr("aecodec.training.trainer.LOG_SECONDS", 0.0)

    def failing(self: Learner, batch: torch.Tensor, phase: str, rounds: int) -> torch.Tensor:
        if self.full_rate is not None and time.time() > end - 9:
            raise RuntimeError("CUDA error: operation failed due to a previous error")
        return plain(self, batch, phase, rounds)

    monkeypatch.setattr(Learner, "learn", failing)
    config = dataclasses.replace(CONFIG, decay_share=0.9)
    entries: Entries = []
    with pytest.raises(RuntimeError):
        Trainer(config, folder, folder, folder / "out", 0.0, "cpu", until=end).run(entries.append)
    monkeypatch.setattr(Learner, "learn", plain)
    again = Trainer(config, folder, folder, folder / "out", 0.0, "cpu", way="eager", until=end)
    assert again.learner.step > 0 and again.learner.full_rate is not None
    again.run(entries.append)
    assert time.time() < end
    shares = [entry["share"] for entry in trained(entries)]
    assert shares[-1] == 1 and min(b - a for a, b in zip(shares, shares[1:], strict=False)) > -0.2
    assert read_checkpoint(folder / "out" / "carry.pt")["step"] == again.learner.step


def test_what_takes_long_near_the_end_does_not_take_the_end_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shard is read when hardly any time is left: the last steps are still written."""
    monkeypatch.setattr("aecodec.training.trainer.RESCAN_SECONDS", 2.0)
    monkeypatch.setattr(Tiles, "rescan", lambda tiles: time.sleep(2.0))
    run = Trainer(CONFIG, folder, folder, folder / "out", 5.0, "cpu")
    last = trained(entries_of(run))[-1]
    assert last["share"] == 1 and last["step"] == run.learner.step
    assert read_checkpoint(folder / "out" / "checkpoint.pt")["step"] == run.learner.step


def test_a_run_that_learns_nothing_stops(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aecodec.training.trainer.LOG_SECONDS", 0.0)
    run = Trainer(CONFIG, folder, None, folder / "out", 60.0, "cpu")
    with torch.no_grad():
        run.learner.model.skip.basis.fill_(float("nan"))
    with pytest.raises(AecodecError, match="nothing is learnt"):
        run.run(lambda values: None)


def test_a_run_that_does_not_anneal_keeps_nothing_beside(folder: Path) -> None:
    run, entries = run_until(folder, 8.0, decay_share=0.0)
    assert run.learner.full_rate is None
    assert trained(entries)[-1]["lr"] == 1


def test_weights_from_before_the_anneal_come_back(tmp_path: Path) -> None:
    model = load_for_training(WEIGHTS)
    path = tmp_path / "before-anneal.safetensors"
    save_full_rate(path, "s1", model.state_dict(), model.config)
    assert path.stat().st_size < 16e6
    again = load_for_training(path)
    for name, value in model.state_dict().items():
        assert torch.allclose(again.state_dict()[name], value, rtol=1e-3, atol=1e-6), name
    with pytest.raises(ModelError):
        load_weights(path)  # it cannot code
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ModelError, match=r"before-anneal\.safetensors: not a weights file"):
        load_for_training(path)


@pytest.mark.parametrize("data", (b"", b"no checkpoint"))
def test_what_is_no_checkpoint_is_an_error(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(data)
    with pytest.raises(AecodecError, match=r"a\.pt: not a checkpoint"):
        load_for_training(tmp_path / "a.pt")
    torch.save({"model": 1}, tmp_path / "a.pt")
    with pytest.raises(AecodecError, match="no config, elapsed, ema"):
        load_for_training(tmp_path / "a.pt")
