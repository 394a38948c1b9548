"""What `compress` and `decompress` do with one file; libraries are imported by the first one."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aecodec import files
from aecodec.cli.console import failing_for, name_of
from aecodec.cli.jobs import Job
from aecodec.cli.summary import Stopwatch, Summary
from aecodec.coding.effort import scale_for
from aecodec.format.box import Box
from aecodec.format.header import Header, read_header
from aecodec.format.info import info

if TYPE_CHECKING:
    from aecodec.cli.progress import Advance
    from aecodec.codec import Codec
    from aecodec.coding.target import Target
    from aecodec.image.picture import Picture

_codec_lock = threading.Lock()


@dataclass(frozen=True)
class Outcome:
    """What the command tells of one file."""

    summary: Summary | None
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


@dataclass
class Task:
    """The options that both directions share, and the codec once there is one."""

    model: str | None
    device: str
    max_pixels: int
    force: bool
    verbose: bool
    threads: int | None = field(default=None, init=False)  # of one file; None: PyTorch's choice
    _codec: Codec | None = field(default=None, init=False)

    def codec(self, model: str | None) -> Codec:
        """The codec of this run, loaded by the first file."""
        with _codec_lock:
            if self._codec is None:
                from aecodec.codec import Codec

                if self.threads is not None:
                    import torch

                    torch.set_num_threads(self.threads)
                self._codec = Codec(model, self.device, self.max_pixels)
            return self._codec


@dataclass
class Compress(Task):
    """A photo to an .aec file."""

    quality: int = 60
    strip: bool = False
    tile: int = 0
    verify: bool = False
    effort: int = 0
    target: Target | None = None
    """instead of the quality"""
    advance: Advance | None = field(default=None, init=False)
    """told of a slow encoding on its way"""

    def __call__(self, job: Job) -> Outcome:
        """Raises Failure."""
        with failing_for(job.target):
            files.check_output(job.target, job.source, self.force)
        with failing_for(job.source):
            photo = files.read_bytes(job.source)

            from PIL import Image

            from aecodec.image.picture import psnr, read_picture, without_metadata

            Image.MAX_IMAGE_PIXELS = None  # read_picture has our own limit, before any pixel
            picture = read_picture(photo, self.max_pixels)
            picture = without_metadata(picture) if self.strip else picture
            codec = self.codec(self.model)
            with Stopwatch() as watch:
                options = (self.tile, self.verify, self.effort)
                if self.target:
                    data = codec.encode_to(picture, self.target, *options)
                else:
                    data = codec.encode(picture, self.quality, *options, on_progress=self.advance)
            checked = self.verbose or self.verify or self.effort > 0
            decoded = codec.decode_picture(data) if checked else None
            quality_db = psnr(picture.pixels, decoded.pixels) if decoded else None
        with failing_for(job.target):
            files.write_bytes(job.target, data)
        told = quality_db if self.verbose or self.verify else None
        summary = Summary(
            job.source, len(photo), job.target, len(data), info(data), watch.seconds, told
        )
        warnings = [f"{name_of(job.source)}: {note}" for note in picture.notes]
        if summary.grew:
            warnings.append(f"{name_of(job.target)} is not smaller than {name_of(job.source)}")
        if quality_db is not None:
            warnings += _worse_than_jpeg(job, picture, len(data), quality_db)
        return Outcome(summary, tuple(warnings))


def _worse_than_jpeg(job: Job, picture: Picture, size: int, psnr: float) -> list[str]:
    """A warning where JPEG would do better: line art, text, noise are not what models know."""
    from aecodec.image.picture import jpeg_psnr

    jpeg = jpeg_psnr(picture, size)
    if jpeg is None or jpeg <= psnr:
        return []
    return [
        f"{name_of(job.target)} has {psnr:.2f} dB; JPEG has {jpeg:.2f} dB in no more bytes: "
        "this picture is unlike the photos that the model knows"
    ]


@dataclass(frozen=True)
class View:
    """What of a file is decoded: arguments of `Codec.decode_picture`."""

    region: Box | None = None
    scale: int = 1
    partial: bool = False
    keep_going: bool = False


@dataclass
class Decompress(Task):
    """An .aec file to a photo."""

    view: View = View()
    thumbnail: int | None = None  # pixels

    def __call__(self, job: Job) -> Outcome:
        """Raises Failure."""
        suffix = Path(job.target).suffix
        if job.target == files.STANDARD or self.thumbnail:
            suffix = ".png"
        with failing_for(job.target):
            files.check_output(job.target, job.source, self.force)
        with failing_for(job.source):
            data = files.read_bytes(job.source)
            header = read_header(data)

        from aecodec.image.picture import output_format, picture_file, small

        with failing_for(job.target):
            output_format(suffix)
        with failing_for(job.source):
            codec = self.codec(header.model_id.hex())
            with Stopwatch() as watch:
                picture = codec.decode_picture(data, **vars(self._view(header)))
        noted = picture.notes
        picture = small(picture, self.thumbnail) if self.thumbnail else picture
        with failing_for(job.target):
            parts, left_out = picture_file(picture, suffix)
            files.write_bytes(job.target, *parts)
        warnings = [f"{name_of(job.target)} cannot hold: {', '.join(left_out)}"] if left_out else []
        if not noted:
            size = sum(len(part) for part in parts)
            summary = Summary(job.source, len(data), job.target, size, info(data), watch.seconds)
            return Outcome(summary, tuple(warnings))
        notes = [f"{name_of(job.source)}: {note}" for note in noted]
        if self.view.keep_going:
            return Outcome(None, tuple(warnings), tuple(notes))
        return Outcome(None, tuple(warnings + notes))

    def _view(self, header: Header) -> View:
        """For a thumbnail, at the scale that leaves twice its pixels each way, or just above."""
        if not self.thumbnail:
            return self.view
        box = self.view.region or Box(0, 0, header.height, header.width)
        side, wanted = max(box.width, box.height), 2 * self.thumbnail
        return replace(self.view, scale=scale_for((side, side), (wanted, wanted)))
