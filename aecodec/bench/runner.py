"""The order of events: photos, codecs, tasks, comparison, pictures for the viewer, files."""

import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from aecodec.bench.bd_rate import bd_rate, overlap
from aecodec.bench.codecs import BenchCodec
from aecodec.bench.files import write_report
from aecodec.bench.headline import headline
from aecodec.bench.kodak import SHA256, differences
from aecodec.bench.naming import make_codec, name_of, settings_of, steps_of
from aecodec.bench.photos import Photo, read_bundled, read_folder
from aecodec.bench.programs import NotInstalled
from aecodec.bench.published import PUBLISHED, read_published
from aecodec.bench.report import (
    BdRate,
    CodecResult,
    Failure,
    Measurement,
    Report,
    curve,
    mean_point,
    speed,
)
from aecodec.bench.scales import METRICS
from aecodec.bench.tasks import Results, Task, core_shares, run_alone, run_tasks
from aecodec.bench.view import RATES, VIEWED, Views, wanted_views
from aecodec.coding.effort import OnProgress
from aecodec.errors import AecodecError
from aecodec.files import readable
from aecodec.model.store import DEFAULT_TUNE, TUNED
from aecodec.process import cores, processor

INSTEAD = {"vvc": "vtm"}
"""The published curve to show where a codec cannot be run, if it has another name."""


@dataclass(frozen=True)
class Settings:
    """What `aecodec.bench.run` was asked for."""

    folder: Path | None
    codecs: tuple[str, ...]
    report_folder: Path
    device: str
    jobs: int
    command: str


def run_benchmark(
    settings: Settings, say: Callable[[str], None], on_progress: OnProgress
) -> Report:
    """`aecodec.bench.run`, once its arguments are known to be good."""
    notes: list[str] = []

    def note(message: str) -> None:
        notes.append(message)
        say(message)

    opened = [_open(text, settings.device) for text in _with_tunes(settings.codecs)]
    with _file_errors(settings.report_folder):
        settings.report_folder.mkdir(parents=True, exist_ok=True)
        results = Results(settings.report_folder / "cache.jsonl", machine(settings.jobs))
    folder = settings.folder
    photos = read_bundled() if folder is None else read_folder(folder, note)
    kodak = is_kodak(photos, note)
    run = [one for one in opened if isinstance(one, Opened)]
    with _file_errors(settings.report_folder):
        rows = run_tasks(_tasks(run, photos), results, settings.jobs, on_progress)
        found = {one.name: _result(one, rows) for one in run}
        if settings.jobs:
            for one in run:
                peak = _peak(one, photos, results, settings.jobs)
                found[one.name] = replace(found[one.name], peak_mib=peak)
        views = _views(run, photos, found, results, settings.jobs, on_progress)
    shown = [
        found[one.name] if isinstance(one, Opened) else _published(one, kodak, note)
        for one in opened
    ]
    compared = compare([result for result in shown if result])
    report = Report(
        photos="scikit-image's photos" if folder is None else readable(folder.resolve().name),
        photo_names=tuple(photo.name for photo in photos),
        machine=machine(settings.jobs),
        command=settings.command,
        codecs=compared,
        notes=(*notes, *_failed(shown)),
        headline=headline(compared, len(photos)),
    )
    with _file_errors(settings.report_folder):
        write_report(report, views, settings.report_folder)
    return report


@dataclass(frozen=True)
class Opened:
    """A codec that can be run."""

    codec: BenchCodec
    version: str

    @property
    def name(self) -> str:
        """As on the command line, without steps."""
        return name_of(self.codec)


@dataclass(frozen=True)
class Absent:
    """A codec that cannot be run here, or is known by its published curve only."""

    name: str
    why: str


def _with_tunes(texts: Sequence[str]) -> list[str]:
    """'aec' stands for each tune."""
    tuned = ["aec", *(f"aec:tune={tune}" for tune in TUNED if tune != DEFAULT_TUNE)]
    return list(
        dict.fromkeys(each for text in texts for each in (tuned if text == "aec" else [text]))
    )


def _open(text: str, device: str) -> Opened | Absent:
    """Raises AecodecError for what is no codec."""
    if text in PUBLISHED and text not in ("jpeg", "jpeg2000", "bpg"):
        return Absent(text, "it is not run here")
    codec = make_codec(text, device)
    try:
        return Opened(codec, codec.version)
    except NotInstalled as error:
        return Absent(text, str(error))


def is_kodak(photos: Sequence[Photo], note: Callable[[str], None]) -> bool:
    """Whether these are the 24 Kodak photos, by SHA-256; tells where only their names agree."""
    if not any(photo.name in SHA256 for photo in photos):
        return False
    troubles = differences({photo.name: photo.sha256 for photo in photos})
    for trouble in troubles:
        note(trouble)
    return not troubles


def _tasks(run: Sequence[Opened], photos: Sequence[Photo]) -> list[Task]:
    """Photo by photo, so that the time left can be told from the first ones."""
    return [
        Task("measure", one.codec, one.version, step, photo)
        for photo in photos
        for one in run
        for step in steps_of(one.codec)
    ]


def _result(one: Opened, rows: dict[Task, dict[str, object] | str]) -> CodecResult:
    """What was found of one codec."""
    measured: list[Measurement] = []
    failures: list[Failure] = []
    for task, row in rows.items():
        if task.codec == one.codec and isinstance(row, str):
            failures.append(Failure(one.name, task.step, task.photo.name, row))
        elif task.codec == one.codec and isinstance(row, dict):
            measured.append(Measurement(**row))  # type: ignore[arg-type]
    order = steps_of(one.codec).index
    measured.sort(key=lambda row: (order(row.setting), row.image))
    failures.sort(key=lambda row: (order(row.setting), row.image))
    # A point is a mean over all photos: one that lacks a photo would be of other pictures.
    lacking = {failure.setting for failure in failures}
    points = [
        mean_point([row for row in measured if row.setting == step])
        for step in steps_of(one.codec)
        if step not in lacking
    ]
    return CodecResult(
        name=one.name,
        version=one.version,
        settings=settings_of(one.codec),
        status="run",
        points=tuple(points),
        measurements=tuple(measured),
        failures=tuple(failures),
        encode_mp_s=speed(measured, "encode_s"),
        decode_mp_s=speed(measured, "decode_s"),
    )


def _peak(one: Opened, photos: Sequence[Photo], results: Results, jobs: int) -> float | None:
    """Peak memory in MiB of a fresh process that codes and decodes the largest photo."""
    steps = steps_of(one.codec)
    largest = max(photos, key=lambda photo: photo.pixels)
    task = Task("memory", one.codec, one.version, steps[len(steps) // 2], largest)
    row = results.get(task) or run_alone(task, jobs)
    if isinstance(row, str):
        return None
    results.put(task, row)
    return float(row["peak_mib"])


def _views(
    run: Sequence[Opened],
    photos: Sequence[Photo],
    found: dict[str, CodecResult],
    results: Results,
    jobs: int,
    on_progress: OnProgress,
) -> Views:
    """The viewer's pictures: some photos, at some rates, by every codec.

    Twice: by the curves measured, then as near as they can to the rates that the first codec has.
    """
    shown = [photos[n * len(photos) // VIEWED] for n in range(VIEWED)] if photos else []
    views = Views(list(dict.fromkeys(shown)), {})
    for _ in range(2):
        wanted = {
            (photo.name, rate, one.name): Task("view", one.codec, one.version, step, photo)
            for photo in views.photos
            for one in run
            for rate, step in _wanted(one, found[one.name], photo.name, views, run[0].name)
        }
        rows = run_tasks(list(dict.fromkeys(wanted.values())), results, jobs, on_progress)
        pictures = {key: rows[task] for key, task in wanted.items()}
        views = Views(
            views.photos, {k: row for k, row in pictures.items() if isinstance(row, dict)}
        )
    return views


def _wanted(
    one: Opened, found: CodecResult, photo: str, views: Views, first: str
) -> list[tuple[float, float]]:
    """`wanted_views` by all that is known so far of a codec and a photo."""
    known = {row.bpp: row.setting for row in found.measurements if row.image == photo}
    targets = {}
    for rate in RATES:
        if row := views.pictures.get((photo, rate, one.name)):
            known[row["bpp"]] = row["setting"]
        targets[rate] = views.pictures.get((photo, rate, first), {}).get("bpp", rate)
    return wanted_views(one.codec, known, targets)


def compare(results: Sequence[CodecResult]) -> tuple[CodecResult, ...]:
    """The results, each with its BD-rates against every other."""

    def against(test: CodecResult, metric: str) -> dict[str, BdRate | None]:
        others = [anchor for anchor in results if anchor.name != test.name]
        return {anchor.name: _bd_rate(anchor, test, metric) for anchor in others}

    return tuple(
        replace(result, bd_rates={metric: against(result, metric) for metric in METRICS})
        for result in results
    )


def _bd_rate(anchor: CodecResult, test: CodecResult, metric: str) -> BdRate | None:
    """A BD-rate with its range and those of the photos; None without one."""
    curves = curve(anchor.points, metric), curve(test.points, metric)
    percent, common = bd_rate(*curves), overlap(*curves)
    if percent is None or common is None:
        return None
    images: dict[str, float] = {}
    for image in dict.fromkeys(row.image for row in test.measurements):
        each = [
            curve([row for row in codec.measurements if row.image == image], metric)
            for codec in (anchor, test)
        ]
        found = bd_rate(*each)
        if found is not None:
            images[image] = found
    return BdRate(percent, *common, images)


def machine(jobs: int) -> str:
    """System, processor, and how many cores each of the processes had."""
    text = f"{platform.system()} {platform.machine()}, {processor()}, {cores()} cores"
    if not jobs:
        return f"{text}; one process, {cores()} threads"
    share = len(core_shares(jobs)[0])
    each = f"{share} thread{'s' * (share > 1)}" if share else "any number of threads"
    return f"{text}; {jobs} photo{'s' * (jobs > 1)} at a time, {each} each"


@contextmanager
def _file_errors(folder: Path) -> Iterator[None]:
    """What the file system refuses, as our error."""
    try:
        yield
    except OSError as error:
        raise AecodecError(f"{folder}: {error}") from error


def _published(one: Absent, kodak: bool, note: Callable[[str], None]) -> CodecResult | None:
    """The curve that others measured, if it is of these photos; else a note."""
    name = INSTEAD.get(one.name, one.name)
    if name in PUBLISHED and kodak:
        return read_published(name)
    also = " Its published curve is of the 24 Kodak photos, which these are not."
    note(f"{one.name}: left out. {one.why}.{also if name in PUBLISHED else ''}")
    return None


def _failed(results: Sequence[CodecResult | None]) -> list[str]:
    """A note for every codec that failed."""
    failed = [result for result in results if result and result.failures]
    return [
        f"{result.name}: {len(result.failures)} failed; first {failure.image} at "
        f"{failure.setting}: {failure.what}"
        for result in failed
        for failure in result.failures[:1]
    ]
