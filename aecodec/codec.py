"""START HERE: a picture to the bytes of an .aec file and back, in the words of the glossary.

    encode: picture -> x -> y = g_a(x, q) -> z = h_a(y, q) -> z_symbols -> y_symbols -> payload
    decode: payload -> z_symbols -> y_symbols -> y_hat -> x_hat = g_s(y_hat, q) -> picture

Both directions call the same `entropy` network with the same integers; only `code_step` differs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from aecodec.container import Container, Header, read_container, size_trouble, write_container
from aecodec.entropy import EntropyCoder, Indexes, SymbolDecoder, SymbolEncoder, Symbols
from aecodec.errors import AecodecError, ImageError, ModelError
from aecodec.model import Model
from aecodec.model.config import HYPER_STRIDE
from aecodec.model.fixed_point import log2_scale
from aecodec.picture import Picture, as_picture, to_pil
from aecodec.planes import from_planes, padded_size, to_planes
from aecodec.quality import quality_to_q
from aecodec.quantize import SIXTEENTHS, dequantize, quantize
from aecodec.weights import find_model, load_weights


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to code: transforms on a device, entropy side on the CPU, and its tables."""

    model: Model
    coder: EntropyCoder
    model_id: str

    @classmethod
    def load(cls, path: Path, device: torch.device) -> LoadedModel:
        """Raises ModelError for a file that is not what it says."""
        model, tables, model_id = load_weights(path)
        model.to(device)
        model.entropy.to("cpu")
        model.hyper_prior.to("cpu")
        return cls(model, EntropyCoder(tables), model_id)


class Codec:
    """Codes and decodes pictures; loads each model once. Safe to share between threads."""

    def __init__(self, model: str | None = None, device: str = "cpu") -> None:
        """model: name or id (default: the default model); device: "auto", "cpu" or "cuda".

        Raises ModelError when the model is not installed or damaged, AecodecError for a device
        that is not there.
        """
        self._device = choose_device(device)
        self._loaded: dict[str, LoadedModel] = {}
        self._lock = threading.Lock()
        self._encoder = self._load(model)

    @property
    def model_id(self) -> str:
        """Id of the model that encodes, 16 hexadecimal digits."""
        return self._encoder.model_id

    def encode(self, image: Picture | Image.Image | NDArray[np.uint8], quality: int = 60) -> bytes:
        """RGB image (uint8 [H, W, 3], PIL or Picture) -> bytes of an .aec file.

        quality is 1 to 100. Raises ImageError for an image that is not 8-bit RGB or too large,
        FormatError for metadata too large for a chunk, AecodecError for a quality out of range
        or too little memory.
        """
        picture, q = as_picture(image), quality_to_q(quality)
        height, width = picture.pixels.shape[:2]
        if trouble := size_trouble(width, height):
            raise ImageError(trouble)
        with memory_errors(width, height):
            payload = encode_pixels(self._encoder, picture.pixels, q)
        header = Header(bytes.fromhex(self._encoder.model_id), width, height, q)
        return write_container(
            Container(header, payload, icc=picture.icc, exif=picture.exif, xmp=picture.xmp)
        )

    def decode(self, data: bytes) -> Image.Image:
        """Bytes of an .aec file -> PIL image, with its metadata in `image.info`.

        Raises FormatError for a damaged file, ModelError when its model is not installed,
        AecodecError for too little memory.
        """
        return to_pil(self.decode_picture(data))

    def decode_picture(self, data: bytes) -> Picture:
        """As `decode`, to a Picture."""
        container = read_container(data)
        header = container.header
        loaded = self._load(header.model_id.hex())
        size = header.width, header.height
        with memory_errors(*size):
            pixels = decode_pixels(loaded, container.payload, *size, header.q)
        return Picture(pixels, icc=container.icc, exif=container.exif, xmp=container.xmp)

    def _load(self, wanted: str | None) -> LoadedModel:
        with self._lock:
            if wanted not in self._loaded:
                installed = find_model(wanted)
                loaded = LoadedModel.load(installed.path, self._device)
                if loaded.model_id != installed.model_id:
                    raise ModelError(f"{installed.path}: changed while it was read")
                self._loaded[loaded.model_id] = loaded
                wanted = loaded.model_id
            return self._loaded[wanted]


@contextmanager
def memory_errors(width: int, height: int) -> Iterator[None]:
    """PyTorch tells of too little memory by RuntimeError: make it an AecodecError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        raise AecodecError(f"not enough memory to code {width}x{height} pixels") from error


def choose_device(name: str) -> torch.device:
    """ "auto", "cpu" or "cuda" -> device of the transforms. Raises AecodecError."""
    if name not in ("auto", "cpu", "cuda"):
        raise AecodecError(f"unknown device {name!r}: auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise AecodecError("no CUDA device is available")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


@torch.inference_mode()
def encode_pixels(loaded: LoadedModel, pixels: NDArray[np.uint8], q: int) -> bytes:
    """uint8 [H, W, 3] -> payload."""
    return encode_latent(loaded, *analyze(loaded.model, pixels, q), q)[0]


@torch.inference_mode()
def decode_pixels(
    loaded: LoadedModel, payload: bytes, width: int, height: int, q: int
) -> NDArray[np.uint8]:
    """Inverse of `encode_pixels`: payload -> uint8 [H, W, 3]. Raises FormatError."""
    y_hat = decode_latent(loaded, payload, width, height, q)
    return synthesize(loaded.model, y_hat, width, height, q)


def full_precision(device: torch.device) -> AbstractContextManager[None]:
    """No TF32 on CUDA, whose convolutions use it by default: SPEC 5.1 asks for binary32."""
    if device.type != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


def analyze(model: Model, pixels: NDArray[np.uint8], q: int) -> tuple[Tensor, Tensor]:
    """uint8 [H, W, 3] -> y [1, M, H'/16, W'/16], z [1, N, H'/64, W'/64], in steps, on the CPU."""
    rate = torch.tensor([q], device=model.device)
    with full_precision(model.device):
        y = model.g_a(to_planes(pixels).to(model.device), rate)
        return y.cpu(), model.h_a(y, rate).cpu()


def synthesize(model: Model, y_hat: Tensor, width: int, height: int, q: int) -> NDArray[np.uint8]:
    """y_hat in steps [1, M, H'/16, W'/16] -> uint8 [H, W, 3]."""
    rate = torch.tensor([q], device=model.device)
    with full_precision(model.device):
        return from_planes(model.g_s(y_hat.to(model.device), rate), width, height)


def encode_latent(loaded: LoadedModel, y: Tensor, z: Tensor, q: int) -> tuple[bytes, Tensor, float]:
    """y and z in steps -> payload, y_hat in steps, and the bits the tables say it costs."""
    encoder = SymbolEncoder(loaded.coder)
    y_hat = quantize_latent(loaded.model, y, z, q, encoder.put)
    return encoder.finish(), y_hat, encoder.bits


def quantize_latent(
    model: Model, y: Tensor, z: Tensor, q: int, put: Callable[[Symbols, Indexes], None]
) -> Tensor:
    """y and z in steps -> y_hat in steps; `put` takes symbols and table indexes, five batches."""
    rate = torch.tensor([q])
    z_mean, z_index = hyper_parameters(model, rate, z)
    z_symbols = quantize(z, z_mean, scale(z_index))
    put(as_symbols(z_symbols), as_indexes(z_index))

    def code_step(mask: Tensor, mean: Tensor, index: Tensor) -> Tensor:
        chosen = mask.bool()
        y_symbols = quantize(y, mean, scale(index))
        put(as_symbols(y_symbols[chosen]), as_indexes(index[chosen]))
        return dequantize(y_symbols, mean, index)

    return in_steps(model.entropy(dequantize(z_symbols, z_mean, z_index), rate, code_step))


def decode_latent(loaded: LoadedModel, payload: bytes, width: int, height: int, q: int) -> Tensor:
    """Inverse of `encode_latent`: payload -> y_hat in steps. Raises FormatError."""
    decoder, rate = SymbolDecoder(loaded.coder, payload), torch.tensor([q])
    padded_width, padded_height = padded_size(width, height)
    like = torch.empty(
        1, loaded.model.config.hyper, padded_height // HYPER_STRIDE, padded_width // HYPER_STRIDE
    )
    z_mean, z_index = hyper_parameters(loaded.model, rate, like)
    z_symbols = from_symbols(decoder.get(as_indexes(z_index))).view(like.shape)

    def code_step(mask: Tensor, mean: Tensor, index: Tensor) -> Tensor:
        chosen = mask.bool()
        y_symbols = torch.zeros_like(mean)
        y_symbols[chosen] = from_symbols(decoder.get(as_indexes(index[chosen])))
        return dequantize(y_symbols, mean, index)

    y_hat = loaded.model.entropy(dequantize(z_symbols, z_mean, z_index), rate, code_step)
    decoder.finish()
    return in_steps(y_hat)


def hyper_parameters(model: Model, q: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """-> mean in 1/16 steps and table index of z, of the shape of `like`."""
    mean, index = model.hyper_prior(q)
    return mean.expand(like.shape), index.expand(like.shape)


def scale(index: Tensor) -> Tensor:
    """Table index -> standard deviation in steps."""
    return log2_scale(index).exp2()


def in_steps(y_hat: Tensor) -> Tensor:
    """1/16 steps, exact -> steps, floating point for the transforms."""
    return (y_hat / SIXTEENTHS).float()


def as_symbols(values: Tensor) -> Symbols:
    return values.reshape(-1).to(torch.int32).numpy()


def from_symbols(symbols: Symbols) -> Tensor:
    return torch.from_numpy(symbols).double()


def as_indexes(values: Tensor) -> Indexes:
    return values.reshape(-1).to(torch.uint8).numpy()
