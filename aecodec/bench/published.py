"""RD curves that others measured on Kodak and published; never mixed with other photos."""

import json

from aecodec.bench.report import CodecResult, RDPoint
from aecodec.errors import AecodecError
from aecodec.files import data_folder

PUBLISHED = {
    "jpeg": "jpeg.json",
    "jpeg2000": "jpeg2000.json",
    "bpg": "bpg-444-x265-ycbcr.json",
    "vtm": "vtm.json",
    "hyperprior": "paper-bmshj2018-hyperprior.json",
}


def read_published(name: str) -> CodecResult:
    """The published Kodak curve of a codec in `PUBLISHED`, with its source as `settings`.

    Raises:
        AecodecError: the file is missing or not of the form described in benchmarks/README.md.
    """
    path = data_folder("published") / PUBLISHED[name]
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        curve = content["results"]
        points = [
            RDPoint(setting=None, bpp=float(bpp), psnr=float(psnr))
            for bpp, psnr in zip(curve["bpp"], curve["psnr-rgb"], strict=True)
        ]
        settings = f"{content['name']}; {content['dataset']}; {content['source']}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AecodecError(f"{path}: not a published curve ({error!r})") from error
    return CodecResult(name, None, settings, "published", tuple(points))
