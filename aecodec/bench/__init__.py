"""`aecodec bench`: compare aecodec with other codecs on a folder of photos, through real files.

Read the modules in this order; nothing refers forward:

    photos.py     the photos: a folder's, or those that come with scikit-image
    codecs.py     the codecs: aec, Pillow's, BPG's programs; each writes and reads real files
    measure.py    one photo at one setting -> bytes, PSNR, MS-SSIM, seconds
    bd_rate.py    two RD curves -> one percentage
    published.py  RD curves read from papers' data instead of run here
    report.py     all results as one object and as JSON
    table.py, plot.py, write.py    what a person reads
    runner.py     the order of events
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from aecodec.bench.report import Report
from aecodec.errors import AecodecError

__all__ = ["CODECS", "DEFAULT_CODECS", "Report", "run"]

DEFAULT_CODECS = ("aec", "jpeg", "jpeg2000", "bpg")
CODECS = (*DEFAULT_CODECS, "webp", "avif", "vtm", "hyperprior")
EXTRA_MODULES = ("matplotlib", "scipy", "skimage")


def silent(message: str) -> None:
    """The progress callback that says nothing."""


def run(
    folder: Path | None,
    codecs: Sequence[str],
    report_folder: Path,
    device: str = "cpu",
    progress: Callable[[str], None] = silent,
) -> Report:
    """Measure `codecs` on every photo, write the report's files, return the report.

    Args:
        folder: photos to measure on, not searched recursively; None: scikit-image's photos.
        codecs: names out of `CODECS`.
        report_folder: created if need be; gets report.json, table.md, points.csv, images.csv,
            rd.png and rd.svg, replacing those of an earlier run.
        device: where aecodec's own model runs; the other codecs always use the CPU.
        progress: called with one line of text for every photo skipped and setting measured.

    Raises:
        AecodecError: an unknown codec, a missing package, a folder without photos, a codec that
            fails or changes a photo's size (the message names codec, setting and photo).
    """
    unknown = [name for name in codecs if name not in CODECS]
    if unknown or not codecs:
        raise AecodecError(f"codecs {unknown} unknown; choose from {', '.join(CODECS)}")
    missing = [name for name in EXTRA_MODULES if find_spec(name) is None]
    if missing:
        raise AecodecError(f"{', '.join(missing)} missing: pip install 'aecodec[bench]'")
    from aecodec.bench.runner import run_benchmark

    return run_benchmark(folder, codecs, report_folder, device, progress)
