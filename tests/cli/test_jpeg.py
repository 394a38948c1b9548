"""Where JPEG would do better."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from aecodec.cli.jpeg import jpeg_psnr
from aecodec.cli.main import main
from aecodec.image.picture import Picture
from tests.cli.stand_in import PIXELS, StandIn


def test_a_warning_where_jpeg_is_better(photo: Path, capsys: Any) -> None:
    class Worse(StandIn):
        def decode_picture(self, *_: Any) -> Picture:
            return Picture(PIXELS ^ np.uint8(64))

    assert main(["compress", "photo.png"]) == 0
    assert "JPEG" not in capsys.readouterr().err
    sys.modules["aecodec.codec"].Codec = Worse  # type: ignore[attr-defined]
    assert main(["compress", "photo.png", "-f"]) == 0
    err = capsys.readouterr().err
    assert err.startswith("aecodec: warning: photo.aec has 12.01 dB; JPEG has ")
    assert main(["compress", "photo.png", "-f", "--effort", "0"]) == 0
    assert "JPEG" not in capsys.readouterr().err


def test_the_best_jpeg_of_a_size() -> None:
    """Noise too, which takes JPEG more bytes than pixels."""
    noise = np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    for pixels in (noise, np.zeros_like(noise), noise[..., 0].copy()):
        found = [jpeg_psnr(Picture(pixels), size) for size in (10, 5_000, 30_000, 200_000)]
        assert found[0] is None and found[-1] is not None
        known = [value for value in found if value is not None]
        assert known == sorted(known)
