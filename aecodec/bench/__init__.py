"""`aecodec bench`: compare aecodec with other codecs on a folder of photos, through real files.

Read the modules in this order; nothing refers forward:

    photos.py     the photos: a folder's, or those that come with scikit-image
    kodak.py      the names and checksums of the Kodak photos
    programs.py   BPG and VVC, which are programs
    codecs.py     the codecs: START HERE to add one
    naming.py     their names and settings as text
    cvvdp.py      ColorVideoVDP, from a package of which little is needed
    metrics.py    PSNR, MS-SSIM, SSIMULACRA2, CVVDP, Butteraugli
    measure.py    one photo at one setting -> bytes, metrics, seconds
    scales.py     the metrics by name, and the even scales that BD-rates go by
    tasks.py      many of those in several processes, results kept
    report.py     all results as one object and as JSON
    bd_rate.py    two RD curves -> one percentage
    headline.py   what a run found, in a sentence
    published.py  RD curves read from papers' data instead of run here
    view.py       which pictures the report's viewer shows
    table.py, plot.py, html.py    what a person reads
    files.py      the files of a report, written and read back
    runner.py     the order of events
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from aecodec.bench.report import Report
from aecodec.coding.effort import OnProgress
from aecodec.errors import AecodecError

__all__ = ["DEFAULT_CODECS", "Report", "run"]

DEFAULT_CODECS = "aec,jpeg,jpeg:chroma=444,jpeg2000,webp,avif,avif:tune=psnr,jxl,heic,bpg,vvc"
"""Each at settings that its own experts would defend; those that are not installed are left out."""
EXTRA_MODULES = ("matplotlib", "scipy", "skimage", "torch")


def silent(*_: object) -> None:
    """The callback that says nothing."""


def run(
    folder: Path | None,
    codecs: str,
    report_folder: Path,
    device: str = "cpu",
    jobs: int = 0,
    command: str = "",
    say: Callable[[str], None] = silent,
    on_progress: OnProgress = silent,
) -> Report:
    """Measure `codecs` on every photo, write the report's files, return the report.

    What a run that was stopped has measured is taken up from `report_folder`.

    Args:
        folder: photos to measure on, not searched recursively; None: scikit-image's photos.
        codecs: such as "aec,jpeg:q=20/50/80,avif:q=60,speed=4", or names of published curves.
        report_folder: created if need be; gets report.html, report.json, table.md, CSV files,
            plots and compressai/, replacing those of an earlier run, and cache.jsonl.
        device: where aecodec's own model runs; the other codecs always use the CPU.
        jobs: processes, each with its share of the cores; 0: all in this process, where a codec
            that crashes takes the run along, and without peak memory.
        command: what the user typed, for the record.
        say: called with one line for everything left out.
        on_progress: called with how many of how many tasks are done.

    Raises:
        AecodecError: an unknown codec or setting, a missing package, a folder without photos, a
            report that cannot be written. A codec that fails is in the report instead.
    """
    missing = [name for name in EXTRA_MODULES if find_spec(name) is None]
    if missing:
        raise AecodecError(f"{', '.join(missing)} missing: pip install 'aecodec[bench]'")
    from aecodec.bench.naming import split_codecs
    from aecodec.bench.runner import Settings, run_benchmark

    settings = Settings(folder, split_codecs(codecs), report_folder, device, jobs, command)
    return run_benchmark(settings, say, on_progress)
