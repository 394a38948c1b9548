"""What `export-onnx` does."""

from __future__ import annotations

from pathlib import Path

from aecodec import outputs
from aecodec.cli.console import failing_for
from aecodec.errors import AecodecError
from aecodec.model.store import find_model


def export(model: str, folder: str, force: bool) -> str:
    """Write a model's decoder into a folder -> what to tell. Raises Failure."""
    with failing_for(model):
        installed = find_model(model)
        try:
            from aecodec.graphs.export import exported
        except Exception as error:  # of a library that is missing or built for another
            raise AecodecError(f"exporting needs pip install onnx ({error})") from error
        files = {Path(folder) / name: data for name, data in exported(installed)}
    for path in files:
        with failing_for(str(path)):
            if outputs.exists(str(path)) and not force:
                raise AecodecError("exists already; -f overwrites it")
            outputs.make_folder(str(path))
    for path, data in files.items():
        with failing_for(str(path)):
            outputs.write_bytes(path, data)
    size = sum(map(len, files.values()))
    return f"{folder}: the decoder of {installed.name}, {len(files)} files, {size:,} bytes"
