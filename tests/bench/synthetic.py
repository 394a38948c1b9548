"""A photo that needs no file."""

import numpy as np
from PIL import Image

from aecodec.bench.photos import Photo


def synthetic(height: int, width: int, seed: int = 0) -> Photo:
    """A photo of soft blobs and a little noise, uint8 [height, width, 3]."""
    random = np.random.default_rng(seed)
    blobs = Image.fromarray(random.integers(40, 216, (8, 8, 3), dtype=np.uint8))
    soft = np.asarray(blobs.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    noisy = soft + random.integers(-6, 7, soft.shape)
    return Photo(f"synthetic{seed}.png", noisy.clip(0, 255).astype(np.uint8))
