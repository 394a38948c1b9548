"""Write formats/vectors, the conformance vectors of SPEC 7, from seeds: no photos, no network.

    python formats/make_vectors.py

Rewrites the whole folder with one model of this installation; run it after a change of that model
or of the format. Tests only read what it writes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from bad_files import Invalid, invalid_vectors
from good_files import MODEL, Valid, valid_vectors

from aecodec.codec import Codec
from aecodec.coding.preview import preview_file
from aecodec.coding.torch_engine import symbol_reader
from aecodec.errors import AecodecError, FormatError
from aecodec.format.constants import PER_STEP
from aecodec.format.container import read_container, write_container
from aecodec.format.info import info
from aecodec.format.payload import SymbolDecoder
from aecodec.format.preview import read_preview
from aecodec.image.modes import joined
from aecodec.image.picture import Picture
from aecodec.model.loaded import LoadedModel, load_model

FOLDER = Path(__file__).resolve().parent / "vectors"
PEAK_ERROR = 1
"""levels of 255, SPEC 5.4"""
RMSE = 0.1
"""levels of 255: one sample in a hundred may be a level off"""
MAX_BYTES = 2_000_000
"""of everything in the folder"""


def main() -> None:
    """Rewrite the folder and tell how large it is."""
    codec = Codec(MODEL, exact_pixels=True)
    for kind in ("valid", "invalid"):
        (FOLDER / kind).mkdir(parents=True, exist_ok=True)
        for old in [*(FOLDER / kind).glob("*.aec"), *(FOLDER / kind).glob("*.png")]:
            old.unlink()
    manifest: dict[str, Any] = {
        "format_version": 1,
        "model": codec.model_id,
        "valid": [write_valid(codec, vector) for vector in valid_vectors(codec)],
        "invalid": [write_invalid(codec, vector) for vector in invalid_vectors(codec)],
    }
    (FOLDER / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    if size > MAX_BYTES:
        raise SystemExit(f"{size:,} bytes are over the limit of {MAX_BYTES:,}")
    print(f"{len(manifest['valid'])} valid, {len(manifest['invalid'])} invalid, {size:,} bytes")


def write_valid(codec: Codec, vector: Valid) -> dict[str, Any]:
    """File and expected pixels -> its entry in the manifest."""
    (FOLDER / "valid" / f"{vector.name}.aec").write_bytes(vector.data)
    write_pixels(codec.decode_picture(vector.data), f"{vector.name}.png")
    digest, escapes = symbols_digest(load_model(MODEL), vector.data)
    facts = asdict(info(vector.data))
    header = {key: facts[key] for key in ("width", "height", "mode", "q", "tile", "tiles")}
    return {
        "name": vector.name,
        "what": vector.what,
        "sha256": hashlib.sha256(vector.data).hexdigest(),
        "symbols_sha256": digest,
        "escapes": escapes,
        "peak_error": PEAK_ERROR,
        "rmse": RMSE,
        **header,
        "chunks": [[chunk["type"], chunk["bytes"]] for chunk in facts["chunks"]],
        **write_preview_of(codec, vector),
    }


def write_pixels(picture: Picture, name: str) -> None:
    """Colours and alpha alone."""
    image = joined(picture.pixels, picture.alpha)
    image.save(FOLDER / "valid" / name, optimize=True)


def write_preview_of(codec: Codec, vector: Valid) -> dict[str, Any]:
    """The expected pixels of its preview, if it has one that decodes -> what the manifest has."""
    container = read_container(vector.data)
    if container.preview is None:
        return {}
    try:
        picture = codec.decode_preview(vector.data)
    except FormatError:
        return {}
    write_pixels(picture, f"{vector.name}.preview.png")
    preview = read_preview(container.preview, container.header)
    data = write_container(preview_file(preview, container.header))
    return {"preview_symbols_sha256": symbols_digest(load_model(MODEL), data)[0]}


def write_invalid(codec: Codec, vector: Invalid) -> dict[str, str]:
    """File -> its entry in the manifest. Fails where the file does not give the error named."""
    (FOLDER / "invalid" / f"{vector.name}.aec").write_bytes(vector.data)
    try:
        (info if vector.found_by == "info" else codec.decode)(vector.data)
    except AecodecError as error:
        if vector.error not in str(error):
            raise
    else:
        raise SystemExit(f"{vector.name} decodes")
    return {
        "name": vector.name,
        "what": vector.what,
        "sha256": hashlib.sha256(vector.data).hexdigest(),
        "found_by": vector.found_by,
        "error": vector.error,
    }


def symbols_digest(model: LoadedModel, data: bytes) -> tuple[str, int]:
    """SHA-256 of y_r of every tile as SPEC 7.2 has it, and how many symbols escape."""
    container, digest = read_container(data), hashlib.sha256()
    header = container.header
    escapes = 0
    with torch.inference_mode():
        for tile, payload in zip(header.tiles(), container.payloads, strict=True):
            decoder = SymbolDecoder(model.tables, payload.data)
            shape = model.hyper_shape(tile.width, tile.height)
            y_hat = model.model.walk_symbols(shape, header.q, symbol_reader(decoder))
            escapes += decoder.escapes
            digest.update((PER_STEP * y_hat).contiguous().numpy().astype("<i4").tobytes())
    return digest.hexdigest(), escapes


if __name__ == "__main__":
    main()
