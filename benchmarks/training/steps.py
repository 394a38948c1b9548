"""The trainer's own steps, to be timed: what `throughput` and `probe` share.

Runs where only PyTorch, NumPy, Pillow, safetensors and click are installed.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch

from aecodec.training.config import TrainConfig
from aecodec.training.start import load_for_training
from aecodec.training.trainer import Trainer


def add_training(parser: argparse.ArgumentParser) -> None:
    """What is trained, on what, and where."""
    parser.add_argument("config", type=Path, help="train.toml")
    parser.add_argument("--data", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--start", type=Path, help="weights (default: new ones)")
    parser.add_argument("--device", default="cpu", help="%(default)s")


def make_trainer(options: argparse.Namespace, way: str = "graph") -> Trainer:
    """A trainer that takes steps in that way, one of WAYS, and writes nothing."""
    config = TrainConfig.read(options.config)
    weights = load_for_training(options.start) if options.start else None
    with tempfile.TemporaryDirectory() as folder:
        out, device = Path(folder), options.device
        trainer = Trainer(config, options.data, None, out, 1.0, device, weights, way)
    trainer.learner.entropy_done = True
    return trainer


def now(device: torch.device) -> float:
    """Seconds, once the device has done what was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
