"""What `compress` and `decompress` do with one file."""

from __future__ import annotations

import shlex
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aecodec import engines, files, outputs
from aecodec.cli.console import failing_for, name_of
from aecodec.cli.jpeg import jpeg_warning
from aecodec.cli.summary import Stopwatch, Summary
from aecodec.coding.effort import SLOW_EFFORT, OnProgress, reduction_for
from aecodec.coding.target import Target
from aecodec.errors import FormatError, ImageError
from aecodec.format.box import Box
from aecodec.format.container import Container, read_head
from aecodec.format.header import SIGNATURE
from aecodec.format.info import Info, info
from aecodec.format.preview import read_preview
from aecodec.image.hidden import without_hidden_colours
from aecodec.image.metadata import orientation
from aecodec.image.modes import Pixels
from aecodec.image.photo_file import output_format, photo_format, picture_file, read_picture
from aecodec.image.picture import Picture, as_stored, small, without_metadata
from aecodec.image.previews import metadata_of_a_part
from aecodec.image.psnr import psnr
from aecodec.image.ssimulacra2 import ssimulacra2
from aecodec.plan import Job
from aecodec.process import lasting_imports, limit_threads

if TYPE_CHECKING:
    from aecodec.codec import Codec
    from aecodec.decoding import DecodingCodec


@dataclass(frozen=True)
class Outcome:
    """What the command tells of one file."""

    summary: Summary | None
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """The options that both directions share, named as the parameters of the command."""

    sources: tuple[str, ...]
    output: str | None
    recursive: bool
    workers: int  # files at a time
    keep_going: bool
    skip_existing: bool
    force: bool
    verbose: bool
    as_json: bool
    device: str
    exact_pixels: bool
    max_pixels: int

    @property
    def slow(self) -> bool:
        """Whether a single file takes so long that its progress is shown."""
        return False

    @abstractmethod
    def __call__(self, job: Job, late: LateCodec, on_progress: OnProgress | None = None) -> Outcome:
        """Process one file. Raises Failure."""


class LateCodec:
    """The codec of all files of a task, loaded by the first one that is good for it."""

    def __init__(self, task: Task, threads: int, files: int = 1) -> None:
        """threads: the most that PyTorch may take for a file; ONNX Runtime's are shared by all.
        files: how many there are."""
        self._task, self._threads, self._files = task, threads, files
        self._encoder: Codec | None = None
        self._decoder: DecodingCodec | None = None
        self._lock = threading.Lock()

    def encoder(self, model: str | None) -> Codec:
        """What encodes, and decodes; the first call decides by which model. Raises AecodecError."""
        with self._ready():
            if self._encoder is None:
                engines.check_torch("compress")
                with lasting_imports():
                    from aecodec.codec import Codec
                task = self._task
                self._encoder = Codec(model, task.device, task.max_pixels, task.exact_pixels)
            return self._encoder

    def decoder(self, pixels: int) -> DecodingCodec:
        """What decodes; the first call decides, by the pixels of its file. Raises AecodecError."""
        with self._ready():
            if self._decoder is None:
                task, pixels = self._task, self._files * pixels
                with lasting_imports():
                    self._decoder = engines.quickest_decoder(
                        task.device, task.max_pixels, task.exact_pixels, pixels
                    )
            return self._decoder

    @contextmanager
    def _ready(self) -> Iterator[None]:
        """One thread at a time. Importing takes seconds, so that it is late: a file that cannot be
        read is told at once."""
        with self._lock:
            yield
            limit_threads(self._threads)


class _Seen:
    """What the decoder will see of a picture: decoded once, by the first who asks."""

    def __init__(self, codec: Codec, data: bytes, picture: Picture) -> None:
        self._codec, self._data, self._picture = codec, data, picture

    @cached_property
    def photo(self) -> Pixels:
        """What was coded."""
        return without_hidden_colours(self._picture).pixels

    @cached_property
    def pixels(self) -> Pixels:
        """As they are decoded."""
        return self._codec.decode_picture(self._data).pixels

    @cached_property
    def psnr(self) -> float:
        """dB."""
        return psnr(self.photo, self.pixels)

    @cached_property
    def ssimulacra2(self) -> float:
        """As `image.ssimulacra2` has it."""
        return ssimulacra2(self.photo, self.pixels)


def _jpeg_warning(target: str, facts: Info, seen: _Seen) -> list[str]:
    """Metadata and alpha, which a JPEG does without or has beside it, count for neither."""
    size = facts.bytes - facts.icc - facts.exif - facts.xmp - facts.preview - facts.alpha
    return jpeg_warning(name_of(target), seen.photo, size, facts.quality, lambda: seen.psnr)


def _noted(source: str, picture: Picture) -> list[str]:
    """What reading a file changed or lost, in one line."""
    return [f"{name_of(source)}: {'; '.join(picture.notes)}"] if picture.notes else []


def _command(name: str, source: str) -> str:
    """What to type for it."""
    return f"aecodec {name} {shlex.quote(source)}"


def _head(data: bytes, source: str) -> Container:
    """All but the tiles. Raises FormatError, which says so if this is a photo."""
    try:
        return read_head(data)
    except FormatError as error:
        form = photo_format(data)
        if form is None:
            raise
        raise FormatError(f"is {form}, not .aec; {_command('compress', source)}") from error


@dataclass(frozen=True, kw_only=True)
class Compress(Task):
    """A photo to an .aec file."""

    quality: int
    target: Target | None  # what to reach instead of the quality, if anything
    effort: int
    strip: bool
    tile: int
    verify: bool
    preview: bool
    tune: str | None
    model: str | None

    @property
    def slow(self) -> bool:
        return self.effort >= SLOW_EFFORT and not self.target

    @property
    def _scored(self) -> bool:
        """Whether the SSIMULACRA2 that was the target is told."""
        wanted = self.target is not None and self.target.ssimulacra2 is not None
        return wanted and (self.verbose or self.as_json)

    def __call__(self, job: Job, late: LateCodec, on_progress: OnProgress | None = None) -> Outcome:
        with failing_for(job.source):
            if files.begins_with(job.source, SIGNATURE):  # before its own name is in its way
                raise ImageError(f"is an .aec file already; {_command('decompress', job.source)}")
        with failing_for(job.target):
            outputs.check_output(job.target, job.source, self.force)
        with failing_for(job.source):
            photo = files.read_bytes(job.source)
            picture = read_picture(photo, self.max_pixels)
            picture = without_metadata(picture) if self.strip else picture
            codec = late.encoder(self.model)
            with Stopwatch() as watch:
                data = self._encode(codec, picture, on_progress)
            facts, seen = info(data), _Seen(codec, data, picture)
            told = seen.psnr if self.verbose else None
            score = seen.ssimulacra2 if self._scored else None
            warnings = _noted(job.source, picture)
        with failing_for(job.target):
            outputs.write_bytes(job.target, data)
        quality = facts.quality if self.target else self.quality
        sizes = job.source, len(photo), job.target, len(data)
        summary = Summary(*sizes, facts, watch.seconds, quality, told, score)
        if summary.grew:
            warnings.append(f"{name_of(job.target)} is not smaller than {name_of(job.source)}")
        if self.effort > 0:
            with failing_for(job.source):
                warnings += _jpeg_warning(job.target, facts, seen)
        return Outcome(summary, tuple(warnings))

    def _encode(self, codec: Codec, picture: Picture, on_progress: OnProgress | None) -> bytes:
        options: dict[str, Any] = {
            "tile": self.tile,
            "verify": self.verify,
            "preview": self.preview,
            "effort": self.effort,
            "tune": self.tune,
        }
        if self.target:
            return codec.encode_to(picture, self.target, **options)
        return codec.encode(picture, self.quality, **options, on_progress=on_progress)


@dataclass(frozen=True, kw_only=True)
class Decompress(Task):
    """An .aec file to a photo."""

    region: Box | None
    scale: int
    thumbnail: int | None  # pixels of the longer side
    partial: bool

    def __call__(self, job: Job, late: LateCodec, on_progress: OnProgress | None = None) -> Outcome:
        suffix = Path(job.target).suffix
        if self.thumbnail or (not suffix and files.is_stream(job.target)):
            suffix = ".png"
        with failing_for(job.source):
            if outputs.exists(job.source) and not files.begins_with(job.source, SIGNATURE):
                _head(files.read_bytes(job.source), job.source)  # not its name, which may be PNG
        with failing_for(job.target):
            outputs.check_output(job.target, job.source, self.force)
        with failing_for(job.source):
            data = files.read_bytes(job.source)
            head = _head(data, job.source)
            region = self._as_stored(self.region, head) if self.region else None
        with failing_for(job.target):
            output_format(suffix)
        with failing_for(job.source):
            preview, options = self._preview(region, head), {"keep_going": self.keep_going}
            options["partial"] = self.partial
            box = preview or region or head.header.whole()
            codec = late.decoder(box.width * box.height)
            with Stopwatch() as watch:
                if preview:
                    picture = codec.decode_preview(data, **options)
                else:
                    scale = self._scale(box)
                    picture = codec.decode_picture(data, region=region, scale=scale, **options)
        notes = tuple(f"{name_of(job.source)}: {note}" for note in picture.notes)
        picture = small(picture, self.thumbnail) if self.thumbnail else picture
        with failing_for(job.target):
            parts, left_out = picture_file(picture, suffix)
            outputs.write_bytes(job.target, *parts)
        warnings = (f"{name_of(job.target)} cannot hold: {', '.join(left_out)}",) * bool(left_out)
        warnings += tuple(self._dropped(job.source, head)) if region else ()
        if notes:  # of damage, or of what has not arrived
            errors, notes = (notes, ()) if self.keep_going else ((), notes)
            return Outcome(None, warnings + notes, errors)
        size = sum(len(part) for part in parts)
        facts = info(data)
        sizes = job.source, len(data), job.target, size
        summary = Summary(*sizes, facts, watch.seconds, facts.quality)
        return Outcome(summary, warnings)

    def _preview(self, region: Box | None, head: Container) -> Box | None:
        """The pixels of the preview, where that is enough."""
        if self.thumbnail and region is None and head.preview is not None:
            small = read_preview(head.preview, head.header).header(head.header)
            if max(small.width, small.height) >= self.thumbnail:
                return small.whole()
        return None

    def _as_stored(self, region: Box, head: Container) -> Box:
        """A region, which counts pixels as they are shown, as one of the pixels as stored.

        Raises AecodecError where it sticks out.
        """
        tag, width, height = orientation(head.exif), head.header.width, head.header.height
        shown = (height, width) if tag > 4 else (width, height)
        replace(head.header, width=shown[0], height=shown[1]).region(region)
        return as_stored(region, tag, width, height)

    def _dropped(self, source: str, head: Container) -> Iterator[str]:
        """Warnings of metadata that a part of a picture has lost: thumbnails have none anyway."""
        for name in () if self.thumbnail else metadata_of_a_part(head.exif, head.xmp).left_out:
            yield f"{name_of(source)}: {name} may show the whole and was left out"

    def _scale(self, box: Box) -> int:
        """For a thumbnail of a box, the scale that leaves twice its pixels each way, or more."""
        if not self.thumbnail:
            return self.scale
        side, wanted = max(box.width, box.height), 2 * self.thumbnail
        return reduction_for((side, side), (wanted, wanted))
