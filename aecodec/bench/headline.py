"""What a run found, in a sentence: the bytes that one codec needs of others' at equal quality."""

from collections.abc import Sequence

from aecodec.bench.report import CodecResult
from aecodec.bench.scales import METRICS

TOLD = ("ssimulacra2", "cvvdp", "psnr")
"""The metrics of the sentence; the eye's first. No model of ours is trained on CVVDP."""
ANCHORS = {"jpeg": "JPEG", "avif": "AVIF"}
"""What it compares with, and the names there; without both, the first other codec."""


def headline(codecs: Sequence[CodecResult], photos: int) -> str:
    """The sentence, from the BD-rates of mean curves over so many photos.

    It is about aecodec; without that about the first codec that was run, but for JPEG. "" where
    there is nothing to say: no two codecs, or none with a common range of quality.
    """
    subject = _subject(codecs)
    found = [(METRICS[name].title, _shares(subject, name)) for name in TOLD if subject]
    told = [(title, shares) for title, shares in found if shares]
    if subject is None or not told:
        return ""
    (title, shares), *others = told
    text = f"At equal {title}, {subject.name} needs {shares}"
    text += "".join(f"; at equal {title}, {shares}" for title, shares in others)
    where = "this photo" if photos == 1 else f"these {photos} photos"
    return f"{text}. On {where}, on average over the qualities that both codecs reach (BD-rate)."


def _subject(codecs: Sequence[CodecResult]) -> CodecResult | None:
    run = [codec for codec in codecs if codec.status == "run"]
    ours = [codec for codec in run if codec.name.partition(":")[0] == "aec"]
    return next(iter(ours or [codec for codec in run if codec.name != "jpeg"]), None)


def _shares(subject: CodecResult, metric: str) -> str:
    """ "37 % of JPEG's bytes and 77 % of AVIF's", of anchors with a common range."""
    rates = {name: rate for name, rate in subject.bd_rates[metric].items() if rate}
    shares = [
        f"{100 + rates[name].percent:.0f} % of {ANCHORS.get(name, name)}'s"
        f"{' (more)' if round(rates[name].percent) > 0 else ''}"
        for name in [name for name in ANCHORS if name in rates] or list(rates)[:1]
    ]
    return " and ".join(shares).replace("'s", "'s bytes", 1)
