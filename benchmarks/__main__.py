"""python -m benchmarks NAME [options]: run a benchmark. Without a name: list them.

Only the module of the benchmark that was asked for is imported.
"""

import argparse
import sys
from importlib import import_module

from aecodec.errors import AecodecError

NAMES = {
    "demo": ("demo", "one photo through the real commands, then codecs on bundled photos"),
    "effort": ("effort.measure", "what every effort of the encoder saves, and what it takes"),
    "firstday": ("firstday.measure", "what a new user types, what is printed, how long it takes"),
    "browser": ("browser.measure", "how long decoding takes in Chromium, beside Python"),
    "webdemo": ("webdemo", "photos for the demo page of the browser's decoder"),
    "speed": ("speed.measure", "how long one photo takes, beside the arithmetic in it"),
    "multiresolution": ("multiresolution.measure", "one file decoded at several sizes, in part"),
    "channels": ("multiresolution.channels", "a small picture from some channels of the latents"),
    "picture": ("multiresolution.picture", "small and partial decodes, to look at"),
    "memory": ("memory", "peak memory of coding and decoding large pictures"),
    "load": ("load", "commands one after the other, and several at a time"),
    "monotone": ("monotone", "whether bytes and PSNR grow with each of the 64 rates"),
    "diagnosis": ("training.diagnosis", "where the bits and the decibels go"),
    "experiments": ("training.experiments", "which choice of the recipe wins in equal time"),
    "throughput": ("training.throughput", "how fast a training step is, and where its time goes"),
    "probe": ("training.probe", "which way of taking a training step is fastest on a device"),
    "sheets": ("sheets", "crops of photos by several codecs at equal bytes, to look at"),
    "crops": ("crops", "the pictures of README and docs/losses.md, from the published run"),
    "sizes": ("sizes", "how much disk other codecs take, installed"),
    "publish": ("publish", "all tables, plots and model cards from the results that are kept"),
    "autoencoders": ("autoencoders.run", "five write-ups rebuilt and measured as codecs"),
}
"""Module and what it does in a line, by name. A module has `add_options` and `run`; and PAGE, where
the result of `run` is kept."""


def main(words: list[str]) -> None:
    """Run what the command line asks for; our own errors are one line and exit code 1."""
    name = words[0] if words else "--help"
    if name in ("-h", "--help"):
        print(__doc__.partition("\n")[0] + "\n")
        print("\n".join(f"    {each:16} {line}" for each, (_, line) in NAMES.items()))
        return
    if name not in NAMES:
        sys.exit(f"no benchmark {name!r}; there are {', '.join(NAMES)}")
    module = import_module(f"benchmarks.{NAMES[name][0]}")
    parser = argparse.ArgumentParser(
        f"python -m benchmarks {name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_options(parser)
    page = getattr(module, "PAGE", None)
    if page:
        page.add_name(parser)
    options = parser.parse_args(words[1:])
    try:
        result = module.run(options)
        if page:
            page.keep(options.name, result)
    except (AecodecError, OSError) as error:
        print(f"{name}: error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
