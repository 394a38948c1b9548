"""Which of PyTorch and ONNX Runtime is there, and which decodes what. Imports neither by itself."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from aecodec.errors import AecodecError

if TYPE_CHECKING:
    from aecodec.decoding import DecodingCodec

LIGHT_PACKAGES = ("onnx", "onnxruntime")
LIGHT_PIXELS = 2**22
"""From about there on PyTorch is done first, its start included, if it computes in bfloat16: of
768x512 pixels in 1.2 s (0.6), of 2400x1800 in 2.1 (2.0), of 4000x3000 in 4.4 (5.6) by 2 cores."""
TORCH = "pip install torch --index-url https://download.pytorch.org/whl/cpu"
"""The small build, which is not PyPI's on Linux."""


def has_torch() -> bool:
    """Whether PyTorch is installed: what encodes and trains, and decodes too."""
    return _installed("torch")


def has_light() -> bool:
    """Whether what decodes without PyTorch is installed."""
    return all(_installed(name) for name in LIGHT_PACKAGES)


def _installed(name: str) -> bool:
    spec = find_spec(name)
    return spec is not None and spec.origin is not None  # a folder of that name has none


def check_torch(what: str) -> None:
    """Raises AecodecError, saying that `what` needs it, where PyTorch is not installed."""
    if not has_torch():
        raise AecodecError(f"{what} needs PyTorch: {TORCH}")


def default_decoder() -> DecodingCodec:
    """What decodes for a program, on the CPU: PyTorch, or where it is missing, ONNX Runtime.

    Raises AecodecError where both are, or the one that is there cannot be imported.
    """
    if has_torch():
        from aecodec.codec import default_codec

        return default_codec()
    return _light_codec()


def quickest_decoder(
    device: str, max_pixels: int, exact_pixels: bool, pixels: int
) -> DecodingCodec:
    """What decodes so many pixels for a process that has just begun, and ends with it.

    For few, that is ONNX Runtime, which starts in a tenth of the time. Raises AecodecError for a
    device that is not there, or nothing that decodes.
    """
    if not has_torch() and device != "cuda":
        return _light_codec(max_pixels)
    if device == "cpu" and pixels <= LIGHT_PIXELS and has_light():
        try:
            return _light_codec(max_pixels)
        except AecodecError:  # it is broken, which `aecodec doctor` tells of
            pass
    check_torch(f"the device {device}")
    from aecodec.codec import Codec

    return Codec(None, device, max_pixels, exact_pixels)


def _light_codec(*settings: int) -> DecodingCodec:
    """Raises AecodecError where its packages are missing or cannot be imported."""
    if not has_light():
        raise AecodecError(f"decoding needs pip install {' '.join(LIGHT_PACKAGES)}, or {TORCH}")
    try:
        from aecodec.light import LightCodec, light_codec
    except Exception as error:  # of a library that is built for another, a protobuf that is too old
        reason = " ".join(str(error).split())
        names = " and ".join(LIGHT_PACKAGES)
        raise AecodecError(f"{names} cannot be imported ({reason}): see aecodec doctor") from error
    return LightCodec(*settings) if settings else light_codec()
