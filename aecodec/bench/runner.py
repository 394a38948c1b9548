"""The order of events: photos, codecs one after the other, comparison, files."""

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from aecodec.bench.bd_rate import bd_rate, psnr_overlap
from aecodec.bench.codecs import open_codec
from aecodec.bench.measure import measure_codec
from aecodec.bench.photos import is_kodak, read_bundled, read_folder
from aecodec.bench.published import PUBLISHED, read_published
from aecodec.bench.report import BdRate, CodecResult, Report
from aecodec.bench.write import write_report
from aecodec.errors import AecodecError

ANCHORS = ("jpeg", "jpeg2000", "bpg", "vtm")


def run_benchmark(
    folder: Path | None,
    names: Sequence[str],
    report_folder: Path,
    device: str,
    progress: Callable[[str], None],
) -> Report:
    """`aecodec.bench.run`, once its arguments are known to be good."""
    notes: list[str] = []

    def note(message: str) -> None:
        notes.append(message)
        progress(message)

    with _file_errors(report_folder):
        report_folder.mkdir(parents=True, exist_ok=True)
    photos = read_bundled() if folder is None else read_folder(folder, note)
    results: list[CodecResult] = []
    for name in dict.fromkeys(names):
        codec = open_codec(name, device)
        if codec is not None:
            results.append(measure_codec(codec, photos, progress))
        elif is_kodak(photos):
            results.append(read_published(name))
        else:
            note(_why_left_out(name))
    report = Report(
        photos="scikit-image's photos" if folder is None else folder.resolve().name,
        photo_names=tuple(photo.name for photo in photos),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        codecs=compare(results),
        notes=tuple(notes),
    )
    with _file_errors(report_folder):
        write_report(report, report_folder)
    return report


def compare(results: Sequence[CodecResult]) -> tuple[CodecResult, ...]:
    """The results, each with its BD-rate against every anchor among them but itself."""
    anchors = [result for result in results if result.name in ANCHORS]
    return tuple(
        replace(
            result,
            bd_rates={
                anchor.name: _bd_rate(anchor, result)
                for anchor in anchors
                if anchor.name != result.name
            },
        )
        for result in results
    )


def _bd_rate(anchor: CodecResult, test: CodecResult) -> BdRate | None:
    """A BD-rate with its PSNR range; None without one."""
    percent, overlap = bd_rate(anchor.curve, test.curve), psnr_overlap(anchor.curve, test.curve)
    return None if percent is None or overlap is None else BdRate(percent, *overlap)


@contextmanager
def _file_errors(folder: Path) -> Iterator[None]:
    """What the file system refuses, as our error."""
    try:
        yield
    except OSError as error:
        raise AecodecError(f"{folder}: {error}") from error


def _why_left_out(name: str) -> str:
    """The note for a codec that has nothing to show."""
    missing = "bpgenc and bpgdec are not on PATH" if name == "bpg" else "it is not run here"
    assert name in PUBLISHED
    return (
        f"{name}: left out. {missing}, and its published curve is of the 24 Kodak photos, "
        "which these are not."
    )
