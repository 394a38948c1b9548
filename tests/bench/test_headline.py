"""The sentence that says what a run found."""

from math import log2

import pytest

pytest.importorskip("scipy")

from aecodec.bench.headline import headline
from aecodec.bench.report import CodecResult, RDPoint
from aecodec.bench.runner import compare


def codec(name: str, psnr: float, ssimulacra2: float | None = None, low: float = 30) -> CodecResult:
    """A codec that needs these shares of some rate at equal quality, from about `low` dB on."""
    points = [
        RDPoint(
            setting=step,
            bpp=2**step,
            psnr=low + 4 * (step - log2(psnr)),
            ssimulacra2=ssimulacra2 and 20 + 10 * (step - log2(ssimulacra2)),
        )
        for step in range(4)
    ]
    return CodecResult(name, "1", "q", "run", tuple(points))


def sentence(*codecs: CodecResult, photos: int = 24) -> str:
    return headline(compare(codecs), photos).partition(". On ")[0]


def test_it_compares_with_jpeg_and_avif_and_says_what_is_more() -> None:
    codecs = codec("aec", 0.5, 0.3), codec("webp", 0.8, 0.8), codec("jpeg", 1, 1)
    told = headline(compare([*codecs, codec("avif", 0.4, 0.4)]), 24)
    assert told == (
        "At equal SSIMULACRA2, aec needs 30 % of JPEG's bytes and 75 % of AVIF's; "
        "at equal PSNR, 50 % of JPEG's bytes and 125 % of AVIF's (more). "
        "On these 24 photos, on average over the qualities that both codecs reach (BD-rate)."
    )
    assert ". On this photo, on" in headline(compare(codecs), 1)


def test_what_was_not_measured_or_has_no_common_range_is_not_said() -> None:
    aec, jpeg = codec("aec:tune=psnr", 0.5), codec("jpeg", 1)
    assert sentence(aec, jpeg) == "At equal PSNR, aec:tune=psnr needs 50 % of JPEG's bytes"
    assert sentence(aec, codec("jpeg", 1, low=80)) == ""
    far = sentence(aec, codec("jpeg", 1, low=80), codec("avif", 0.5))
    assert far == "At equal PSNR, aec:tune=psnr needs 100 % of AVIF's bytes"
    far = sentence(aec, codec("jpeg", 1, low=80), codec("webp", 1, low=80), codec("jxl", 0.25))
    assert far == "At equal PSNR, aec:tune=psnr needs 200 % of jxl's bytes (more)"


def test_without_the_usual_codecs() -> None:
    aec, webp, jxl, jpeg = (codec(name, 1) for name in ("aec", "webp", "jxl", "jpeg"))
    assert sentence(webp, aec) == "At equal PSNR, aec needs 100 % of webp's bytes"
    assert sentence(jpeg, webp, jxl) == "At equal PSNR, webp needs 100 % of JPEG's bytes"
    assert sentence(aec) == sentence(jpeg) == sentence() == ""
