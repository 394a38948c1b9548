"""Many machines: compress a collection through Ray Data. `pip install 'aecodec[ray]'`

    python -m aecodec.ray photos/ compressed/ --workers 16 --quality 75

Or in a pipeline of your own, from a dataset with the column `bytes`, a photo's file:

    photos = ray.data.read_binary_files(folder, include_paths=True)
    photos.map_batches(Compress, fn_constructor_kwargs={"quality": 75}, concurrency=16)

The model is loaded once a worker. The bytes are those of the command `aecodec compress`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from aecodec import engines, files, outputs
from aecodec.coding.effort import DEFAULT_EFFORT, MAX_EFFORT
from aecodec.errors import AecodecError
from aecodec.format.quality import DEFAULT_QUALITY, MAX_QUALITY
from aecodec.image.formats import PHOTO_SUFFIXES
from aecodec.image.photo_file import read_picture
from aecodec.model.store import DEFAULT_TUNE, TUNED, find_model
from aecodec.plan import InputError, plan
from aecodec.process import prepare

Batch = dict[str, NDArray[Any]]
"""Columns of a dataset, one entry a row."""


class Compress:
    """A worker of `map_batches`: reads the column `bytes`, adds `aec` and `error`.

    `aec` holds an .aec file, or nothing where `error` says in a line why there is none.
    """

    def __init__(
        self,
        quality: int = DEFAULT_QUALITY,
        threads: int = 1,
        effort: int = DEFAULT_EFFORT,
        tune: str = DEFAULT_TUNE,
    ) -> None:
        """threads: PyTorch's, in this worker; as many as the CPUs that Ray gives it.

        The worker's process is taken to be for this alone (`aecodec.process.prepare`).
        """
        prepare()
        engines.check_torch("aecodec.ray")
        import torch  # late: it reads what was prepared

        from aecodec.codec import Codec

        torch.set_num_threads(threads)
        find_model(tune=tune)  # a wrong one is told at once
        self.quality, self.effort, self.tune, self.codec = quality, effort, tune, Codec()

    def __call__(self, batch: Batch) -> Batch:
        """Code every row."""
        coded = [self.code(bytes(photo)) for photo in batch["bytes"]]
        columns = {"aec": [aec for aec, _ in coded], "error": [error for _, error in coded]}
        return batch | {name: np.array(values, dtype=object) for name, values in columns.items()}

    def code(self, photo: bytes) -> tuple[bytes, str]:
        """A photo's file -> an .aec file, or nothing, and why."""
        try:
            picture = read_picture(photo)
            return self.codec.encode(picture, self.quality, effort=self.effort, tune=self.tune), ""
        except AecodecError as error:
            return b"", str(error)


class CompressFiles(Compress):
    """As Compress, from the columns `source` and `target`, names of files that workers share.

    Names are text or, as the file system has them, bytes.
    """

    def __call__(self, batch: Batch) -> Batch:
        """Code every file; adds `error`, empty where all went well."""
        pairs = zip(batch["source"], batch["target"], strict=True)
        errors = [self.file(os.fsdecode(source), os.fsdecode(target)) for source, target in pairs]
        return batch | {"error": np.array(errors, dtype=object)}

    def file(self, source: str, target: str) -> str:
        """One file to another -> why not, or nothing."""
        try:
            data, error = self.code(files.read_bytes(source))
            if not error:
                outputs.make_folder(target)
                outputs.write_bytes(target, data)
            return error
        except AecodecError as failure:
            return str(failure)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.argument("output", type=click.Path(file_okay=False))
@click.option(
    "-q",
    "--quality",
    type=click.IntRange(1, MAX_QUALITY),
    default=DEFAULT_QUALITY,
    show_default=True,
)
@click.option(
    "--effort", type=click.IntRange(0, MAX_EFFORT), default=DEFAULT_EFFORT, show_default=True
)
@click.option("--tune", type=click.Choice([*TUNED]), default=DEFAULT_TUNE, show_default=True)
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="A worker's.")
def main(
    folder: str, output: str, quality: int, effort: int, tune: str, workers: int, threads: int
) -> None:
    """Compress the photos under FOLDER into the same tree under OUTPUT, on a Ray cluster.

    Both must be on a file system that all machines share. Exit code 1 if a file failed.
    """
    import ray  # an extra, which the rest of this module does without

    try:
        planned = plan([folder], output, ".aec", PHOTO_SUFFIXES, recursive=True)
    except InputError as error:
        _say(f"error: {error.source}: {error}")
        raise SystemExit(1) from error
    for note in planned.notes:
        _say(f"warning: {note}")
    names = [
        {"source": _bytes_of(job.source), "target": _bytes_of(job.target)} for job in planned.jobs
    ]
    done = ray.data.from_items(names).map_batches(
        CompressFiles,
        fn_constructor_kwargs={
            "quality": quality,
            "threads": threads,
            "effort": effort,
            "tune": tune,
        },
        concurrency=workers,
        num_cpus=threads,
        batch_size=4,
    )
    failed = [row for row in done.iter_rows() if row["error"]]
    for row in failed:
        _say(f"error: {os.fsdecode(row['source'])}: {row['error']}")
    _say(f"{len(names) - len(failed)} of {len(names)} files compressed")
    raise SystemExit(1 if failed else 0)


def _bytes_of(name: str) -> bytes:
    """The whole of a file's name, as Arrow keeps it even where it is no UTF-8."""
    return os.fsencode(Path(name).resolve())


def _say(line: str) -> None:
    click.echo(f"aecodec: {files.readable(line)}", err=True)


if __name__ == "__main__":
    main()
