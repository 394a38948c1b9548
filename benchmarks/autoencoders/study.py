"""What every study is given: data, a folder for figures, how much to do, whom to tell."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from aecodec.bench.photos import Photo
from aecodec.training.data import Pictures
from benchmarks.autoencoders.data import DataFolder, crops
from benchmarks.autoencoders.trainer import Loss, Recipe, Rows, fit, own_mse

SEEDS = {"train": 1, "valid": 2, "test": 3}


@dataclass
class Study:
    """One run."""

    data: DataFolder
    out: Path
    quick: bool
    say: Callable[[str], None]
    earlier: float = 0.0
    """Seconds of trainings taken from a run that was stopped."""
    _pictures: dict[str, Pictures] = field(default_factory=dict)
    _photos: list[Photo] = field(default_factory=list)

    def crops(self, part: str, size: int, count: int) -> Tensor:
        """Pieces of photographs: [count, 3, size, size]; "valid" and "test" share no photo."""
        folder = "train" if part == "train" else "valid"
        if folder not in self._pictures:
            self._pictures[folder] = self.data.pictures(folder, 256)
        pictures = self._pictures[folder]
        half = len(pictures.items) // 2
        items = {"train": pictures.items, "valid": pictures.items[:half]}
        return crops(items.get(part, pictures.items[half:]), size, count, SEEDS[part])

    def train(
        self,
        name: str,
        model: nn.Module,
        train: Tensor,
        held_out: Mapping[str, Tensor],
        recipe: Recipe,
        loss: Loss = own_mse,
    ) -> Rows:
        """`fit`, told and kept. name: the study's, a dash, and which of its trainings."""
        self.say(name)
        kept = f"{name}-{len(train)}x{recipe.epochs}".replace(" ", "-")
        return self.kept(kept, model, lambda: fit(model, train, held_out, recipe, loss))

    def kept(self, name: str, model: nn.Module, train: Callable[[], Rows]) -> Rows:
        """Train `model`, or take weights and losses of a run that was stopped later on.

        name: begins with the study's and a dash, and tells this training from all others.
        """
        path = self.out / "unfinished" / f"{name}.pt"
        if path.is_file():
            found = torch.load(path, weights_only=True)
            model.load_state_dict(found["weights"])
            model.eval()
            self.earlier += found["seconds"]
            return list(found["rows"])
        start = time.perf_counter()
        rows = train()
        path.parent.mkdir(parents=True, exist_ok=True)
        seconds = time.perf_counter() - start
        torch.save({"weights": model.state_dict(), "rows": rows, "seconds": seconds}, path)
        return rows

    def forget(self, study: str) -> None:
        """Remove what is kept of a study: it is finished."""
        for path in (self.out / "unfinished").glob(f"{study}-*.pt"):
            path.unlink()
        self.earlier = 0.0

    def photos(self) -> list[Photo]:
        """Kodak's: all 24, or three of them."""
        if not self._photos:
            self._photos = self.data.kodak(3 if self.quick else 24)
        return self._photos

    def kodak(self) -> list[Tensor]:
        """The same: uint8 [1, 3, H, W] each."""
        return [planes(photo.image) for photo in self.photos()]


def planes(image: np.typing.NDArray[np.uint8]) -> Tensor:
    """[H, W, 3] -> [1, 3, H, W]"""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]


def to_json(results: object) -> str:
    """Indented JSON, with lists of numbers and rows of numbers on one line each."""
    text = json.dumps(results, indent=1)
    flat = r"[\[{][^\[\]{}]*[\]}]"  # what holds no other list or object
    return re.sub(flat, lambda match: " ".join(match[0].split()), text) + "\n"
