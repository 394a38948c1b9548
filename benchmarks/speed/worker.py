"""A codec with its model loaded, in a process of its own: does what it is asked on standard input.

    python worker.py PHOTO QUALITY [OPTION...]      OPTION: of `Codec`, where it has it, set to True

The first line it answers is JSON: the folder it took `aecodec` from, and the OPTIONs that it has.
Then each line of JSON that it reads names a `call`, "encode" or "decode", and what that takes; it
answers "done". Runs with `aecodec` of any commit since 1.0.0, and imports nothing else from here.
"""

import inspect
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

try:  # as the command of that tree prepares its process, before torch is imported
    from aecodec.process import prepare
except ImportError:  # of before there was anything to prepare
    pass
else:
    prepare()
import aecodec


def main(photo: str, quality: str, *wanted: str) -> None:
    """Answer until standard input ends; what is decoded is the photo at the default effort."""
    has = [name for name in wanted if name in inspect.signature(aecodec.Codec).parameters]
    options: dict[str, Any] = dict.fromkeys(has, True)
    codec = aecodec.Codec(**options)
    with Image.open(photo) as file:
        picture = file.convert("RGB")
    data = codec.encode(picture, int(quality))
    calls: dict[str, Callable[..., object]] = {
        "encode": partial(codec.encode, picture, int(quality)),
        "decode": partial(codec.decode, data),
    }
    print(json.dumps({"tree": str(Path(aecodec.__file__).parents[1]), "has": has}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        calls[order.pop("call")](**order)
        print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
