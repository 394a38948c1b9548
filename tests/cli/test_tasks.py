"""One file by `compress` and `decompress`: what is written and what is said of it."""

import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from aecodec.cli.main import main
from aecodec.files import readable
from aecodec.format.info import info
from aecodec.image.photo_file import read_picture
from aecodec.image.picture import Picture, without_metadata
from tests.cli.stand_in import PIXELS, StandIn, only_error


def test_compress_and_decompress_beside_the_input(photo: Path, capsys: Any) -> None:
    assert main(["compress", "photo.png"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"aecodec: photo.png -> photo.aec: {photo.stat().st_size:,} -> ")
    assert "bpp, quality 60, " in err and " dB" not in err

    photo.rename("original.png")
    assert main(["decompress", "photo.aec"]) == 0
    assert capsys.readouterr() == ("", "")
    back = read_picture(photo)
    assert np.array_equal(back.pixels, PIXELS)
    assert back.icc == b"a profile"
    assert sorted(os.listdir()) == ["original.png", "photo.aec", "photo.png"]


def test_verbose_tells_the_psnr(photo: Path, capsys: Any) -> None:
    assert main(["compress", "-v", "photo.png"]) == 0
    assert ", inf dB, " in capsys.readouterr().err
    assert main(["decompress", "-v", "photo.aec", "-o", "x.png"]) == 0
    assert "photo.aec -> x.png: " in capsys.readouterr().err


def test_quality_goes_into_the_file(photo: Path) -> None:
    assert main(["compress", "photo.png", "-q", "100"]) == 0
    assert info(Path("photo.aec").read_bytes()).q == 63


def test_a_file_that_did_not_shrink_is_told(photo: Path, capsys: Any) -> None:
    tiny = Image.new("RGB", (1, 1))
    tiny.save("tiny.webp", lossless=True)
    assert main(["compress", "tiny.webp"]) == 0
    assert "aecodec: warning: tiny.aec is not smaller than tiny.webp\n" in capsys.readouterr().err


def test_json(photo: Path, capsys: Any) -> None:
    assert main(["compress", "--json", "photo.png", "-o", "x.aec"]) == 0
    out, _ = capsys.readouterr()
    facts = json.loads(out)
    assert out.count("\n") == 1
    size = Path("x.aec").stat().st_size
    assert facts["seconds"] > 0
    del facts["seconds"]
    assert facts == {
        "input": "photo.png",
        "output": "x.aec",
        "input_bytes": photo.stat().st_size,
        "output_bytes": size,
        "ratio": photo.stat().st_size / size,
        "bpp": 8 * size / (24 * 32),
        "q": 38,
        "quality": 60,
        "model": b"stand-in".hex(),
        "width": 32,
        "height": 24,
        "psnr": None,
    }
    assert main(["decompress", "--json", "x.aec"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["input"], facts["output"], facts["width"]) == ("x.aec", "x.png", 32)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff", ".ppm", ".bmp", ".jpg"])
def test_the_suffix_says_the_format(aec: Path, suffix: str, capsys: Any) -> None:
    assert main(["decompress", "photo.aec", "-o", f"back{suffix}"]) == 0
    assert read_picture(f"back{suffix}").pixels.shape == PIXELS.shape
    warning = f"aecodec: warning: back{suffix} cannot hold: icc\n"
    assert capsys.readouterr().err == (warning if suffix in (".ppm", ".bmp") else "")


def test_damaged_tiles_and_keep_going(aec: Path, capsys: Any) -> None:
    wide = bytearray(StandIn().encode(np.tile(PIXELS, (1, 3, 1)), tile=64))
    wide[-1] ^= 1
    Path("bad.aec").write_bytes(wide)
    assert main(["decompress", "bad.aec"]) == 1
    assert "error: bad.aec: tile 1 (column 1, row 0): damage" in only_error(capsys)
    assert main(["decompress", "bad.aec", "--keep-going", "-v"]) == 1
    assert only_error(capsys) == "aecodec: error: bad.aec: tile 1 is damaged"
    assert read_picture("bad.png").pixels.shape == (24, 96, 3)


def test_region(aec: Path) -> None:
    assert main(["decompress", "photo.aec", "-o", "part.png", "--region", "3,4,10,12"]) == 0
    assert np.array_equal(read_picture("part.png").pixels, PIXELS[4:16, 3:13])


def test_a_region_is_of_the_picture_as_it_is_shown(photo: Path, capsys: Any) -> None:
    exif = Image.Exif()
    for tag in (6, 3):
        exif[274] = tag
        Image.fromarray(PIXELS).save("turned.png", exif=exif)
        upright = without_metadata(read_picture("turned.png")).pixels
        assert main(["compress", "turned.png", "-f"]) == 0
        arguments = ["decompress", "turned.aec", "-f", "-o", "part.png", "--region"]
        assert main([*arguments, "3,4,10,12"]) == 0
        assert np.array_equal(
            without_metadata(read_picture("part.png")).pixels, upright[4:16, 3:13]
        )
        width, height = upright.shape[1], upright.shape[0]
        capsys.readouterr()
        assert main([*arguments, f"0,0,{width + 1},2"]) == 1
        assert f"is not within {width}x{height} pixels" in only_error(capsys)


def test_metadata_that_may_show_the_whole_are_told(photo: Path, capsys: Any) -> None:
    Image.fromarray(PIXELS).save("photo.png", exif=b"Exif\0\0noise", icc_profile=b"a profile")
    assert main(["compress", "photo.png"]) == 0
    capsys.readouterr()
    assert main(["decompress", "photo.aec", "-o", "part.png", "--region", "0,0,9,9"]) == 0
    assert capsys.readouterr().err == (
        "aecodec: warning: photo.aec: EXIF may show the whole and was left out\n"
    )


def test_scale(aec: Path, capsys: Any) -> None:
    assert main(["decompress", "photo.aec", "-o", "small.png", "--scale", "1/8"]) == 0
    assert np.array_equal(read_picture("small.png").pixels, PIXELS[::8, ::8])
    assert main(["decompress", "photo.aec", "-o", "no.png", "--scale", "1/3"]) == 2
    assert "'1/3' is not one of '1', '1/2', '1/4', '1/8'" in capsys.readouterr().err
    assert main(["decompress", "photo.aec", "--scale", "1/2", "--thumbnail", "9"]) == 2
    assert "one of --scale and --thumbnail" in capsys.readouterr().err


def test_a_thumbnail_is_decoded_small(aec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scales: list[int] = []
    decode = StandIn.decode_picture

    def watched(self: StandIn, data: bytes, **view: Any) -> Picture:
        scales.append(view["scale"])
        return decode(self, data, **view)

    monkeypatch.setattr(StandIn, "decode_picture", watched)
    for side in (3, 4, 30):
        assert main(["decompress", "photo.aec", "-f", "--thumbnail", str(side)]) == 0
        assert read_picture("photo.png").pixels.shape[1] == side
    assert scales == [4, 4, 1]


def test_partial(aec: Path, capsys: Any) -> None:
    cut = Path("photo.aec").read_bytes()[:-9]
    Path("cut.aec").write_bytes(cut)
    assert main(["decompress", "cut.aec"]) == 1
    assert "cut inside the chunk TILE" in only_error(capsys)
    assert not Path("cut.png").exists()
    assert main(["decompress", "cut.aec", "--partial"]) == 0
    assert capsys.readouterr().err == "aecodec: warning: cut.aec: cut off\n"
    assert read_picture("cut.png").pixels.shape == PIXELS.shape
    Path("cut.aec").write_bytes(cut[:20])
    assert main(["decompress", "cut.aec", "--partial", "-f"]) == 1
    assert "cut inside the header" in only_error(capsys)


def test_what_reading_changed_is_told(photo: Path, capsys: Any) -> None:
    Image.new("CMYK", (32, 24)).save("cmyk.tiff")
    assert main(["compress", "cmyk.tiff"]) == 0
    warning = "aecodec: warning: cmyk.tiff: CMYK was converted to RGB\n"
    assert capsys.readouterr().err.startswith(warning)


def test_all_that_reading_changed_is_one_line(photo: Path, capsys: Any) -> None:
    texts = PngInfo()
    texts.add_text("parameters", "a cat")
    Image.fromarray(PIXELS).save("photo.png", dpi=(300, 300), pnginfo=texts)
    assert main(["compress", "photo.png"]) == 0
    assert capsys.readouterr().err.splitlines()[0] == (
        "aecodec: warning: photo.png: the resolution of 300 dpi was left out; "
        "text was left out: parameters"
    )


def test_strip(photo: Path) -> None:
    assert main(["compress", "photo.png", "--strip"]) == 0
    assert info(Path("photo.aec").read_bytes()).icc == 0


@pytest.mark.parametrize("name", ["\N{CAT FACE}", os.fsdecode(b"\xff"), "a\nb", "\x1b[1m"])
def test_a_file_of_any_name_there_and_back(photo: Path, name: str, capsys: Any) -> None:
    """And what is said of it is one line."""
    photo.rename(f"{name}.png")
    assert main(["compress", "-v", f"{name}.png"]) == 0
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and f" -> {readable(name)}.aec: " in err
    assert main(["compress", "--json", "-f", f"{name}.png"]) == 0
    assert json.loads(capsys.readouterr().out)["output"] == f"{name}.aec"
    assert main(["compress", f"{name}.png"]) == 1
    said = f"aecodec: error: {readable(name)}.aec: exists already; -f overwrites it, "
    assert only_error(capsys).startswith(said)
    assert main(["decompress", "-v", f"{name}.aec", "-o", "back.png"]) == 0
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("name", ["pipe", "pipe.webp"])
def test_a_pipe_without_a_suffix_is_a_png(aec: Path, name: str) -> None:
    """As standard output is."""
    os.mkfifo(name)
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(Path(name).read_bytes()))
    thread.start()
    assert main(["decompress", "photo.aec", "-o", name]) == 0
    thread.join()
    assert found[0].startswith(b"RIFF" if name.endswith("webp") else b"\x89PNG")


def test_a_file_needs_a_suffix(aec: Path, capsys: Any) -> None:
    assert main(["decompress", "photo.aec", "-o", "back"]) == 1
    assert "back: cannot write a picture as ''" in only_error(capsys)
