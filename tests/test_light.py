"""Decoding without torch: the same pictures, and what is said of what takes more.

That the symbols and pixels of all vectors are right: tests/format/test_vectors.py.
"""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aecodec import engines
from aecodec.codec import Codec, default_codec
from aecodec.decoding import DecodingCodec
from aecodec.errors import AecodecError, FormatError, ModelError
from aecodec.format.box import Box
from aecodec.format.container import read_container
from aecodec.light import LightCodec, light_codec
from aecodec.model.store import find_model
from tests.photos import levels_apart
from tests.processes import INHERITED, run_python

VECTORS = Path(__file__).resolve().parents[1] / "formats" / "vectors" / "valid"
NO_TORCH = "import sys; sys.modules['torch'] = None\n"
COMMAND = NO_TORCH + "from aecodec.cli.main import main; sys.exit(main(sys.argv[1:]))"
TRAINING = NO_TORCH + "from aecodec.training.__main__ import main; main()"
ENCODING_NEEDS = "needs PyTorch: pip install torch --index-url https://download.pytorch.org/whl/cpu"
VIEWS: dict[str, dict[str, Any]] = {
    "1/2": {"scale": 2},
    "1/4": {"scale": 4},
    "1/8": {"scale": 8},
    "region": {"region": Box(3, 5, 40, 39)},
    "region-1/2": {"region": Box(3, 5, 40, 39), "scale": 2},
}


def vector(name: str) -> bytes:
    return (VECTORS / f"{name}.aec").read_bytes()


@cache
def exact() -> Codec:
    return Codec(exact_pixels=True)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
@pytest.mark.parametrize("name", ["chunks-all", "tiles-3x2-of-128-gray-alpha", "q-63"])
def test_parts_and_sizes_are_those_of_torch(name: str, view: dict[str, Any]) -> None:
    """Filters, alpha, gray and edges of tiles included; a level apart at most (SPEC 5.4)."""
    data = vector(name)
    here, there = (codec.decode_picture(data, **view) for codec in (light_codec(), exact()))
    assert here.pixels.shape == there.pixels.shape
    assert levels_apart(here.pixels, there.pixels) <= 1
    assert (here.exif, here.icc, here.notes) == (there.exif, there.icc, there.notes)
    if there.alpha is not None:
        assert here.alpha is not None and np.array_equal(here.alpha, there.alpha)


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_pieces_and_strips_fit_together(scale: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips are what a filter is applied in."""
    data = vector("q-63")
    assert read_container(data).filter
    whole = light_codec().decode_picture(data, scale=scale).pixels
    monkeypatch.setattr("aecodec.coding.onnx_engine.PIECE", 64)
    monkeypatch.setattr("aecodec.coding.onnx_engine.STRIP_PIXELS", 99)
    assert levels_apart(light_codec().decode_picture(data, scale=scale).pixels, whole) <= 1


@pytest.mark.parametrize("codec", [light_codec(), exact()], ids=["light", "torch"])
def test_damage_and_files_still_arriving(codec: DecodingCodec) -> None:
    data = bytearray(vector("tiles-3x2-of-64-rgb"))
    cut = codec.decode_picture(bytes(data[: len(data) * 2 // 3]), partial=True)
    assert cut.notes == ("cut off: detail is missing in 3 of 6 tiles",)
    data[-20] ^= 1
    with pytest.raises(FormatError, match="tile 5 .*its CRC does not match"):
        codec.decode(bytes(data))
    note = "tile 5 (column 2, row 1) is damaged and left gray: its chunk is damaged"
    assert codec.decode_picture(bytes(data), keep_going=True).notes == (note,)


def test_it_is_for_threads_and_copies() -> None:
    codec, data = pickle.loads(pickle.dumps(LightCodec(threads=1))), vector("q-32")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: np.asarray(codec.decode(data)), range(8)))
    assert all(np.array_equal(pixels, found[0]) for pixels in found)
    with pytest.raises(AecodecError, match="over the limit of 99 pixels"):
        LightCodec(max_pixels=99).decode(data)


def test_commands_without_torch(tmp_path: Path) -> None:
    source, target = str(VECTORS / "q-32.aec"), tmp_path / "q.png"
    done = run_python(COMMAND, "decompress", source, "-o", str(target))
    assert (done.returncode, done.stderr) == (0, "")
    expected = np.asarray(Image.open(VECTORS / "q-32.png"))
    assert levels_apart(np.asarray(Image.open(target)), expected) <= 1
    done = run_python(COMMAND, "compress", str(target))
    error = f"aecodec: error: {target}: compress {ENCODING_NEEDS}\n"
    assert (done.returncode, done.stderr) == (1, error)
    done = run_python(COMMAND, "decompress", source, "-f", "-o", str(target), "--device", "cuda")
    assert done.returncode == 1 and f"the device cuda {ENCODING_NEEDS}" in done.stderr
    assert run_python(COMMAND, "doctor").returncode == 0
    words = ["s1.toml", "--data", str(tmp_path), "--out", str(tmp_path), "--budget", "1s"]
    done = run_python(TRAINING, *words)
    assert (done.returncode, done.stderr) == (1, f"aecodec: error: training {ENCODING_NEEDS}\n")


def test_python_without_torch() -> None:
    code = f"""{NO_TORCH}
import io, pytest, aecodec, aecodec.pillow, numpy as np
from PIL import Image
data = open(sys.argv[1], "rb").read()
image = Image.open(sys.argv[1])
assert np.array_equal(np.asarray(aecodec.decode(data)), np.asarray(image))
for fails in (lambda: aecodec.encode(image), lambda: aecodec.Codec, lambda: image.save("a.aec")):
    with pytest.raises((aecodec.AecodecError, OSError), match="needs PyTorch: pip install torch"):
        fails()
"""
    done = run_python(code, str(VECTORS / "q-32.aec"))
    assert (done.returncode, done.stderr) == (0, "")


def test_what_decodes_for_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(device: str = "cpu", pixels: int = 99) -> type:
        return type(engines.quickest_decoder(device, 100, False, pixels))

    assert (chosen(), chosen("auto"), chosen(pixels=10**7)) == (LightCodec, Codec, Codec)
    monkeypatch.setattr(engines, "has_light", lambda: False)
    assert chosen() is Codec and engines.default_decoder() is default_codec()
    monkeypatch.setattr(engines, "has_torch", lambda: False)
    with pytest.raises(AecodecError, match="the device cuda needs PyTorch: pip install torch"):
        chosen("cuda")
    with pytest.raises(AecodecError, match="decoding needs pip install onnx onnxruntime, or"):
        chosen()


@pytest.mark.parametrize("words", ["std::bad_alloc", "Failed to allocate memory for buffer"])
def test_too_little_memory_is_told(words: str) -> None:
    codec, data = LightCodec(), vector("q-32")
    sessions = codec._engine(codec._read(data, False, False).header.model_id.hex()).sessions

    class Full:
        def run(self, *arguments: Any) -> None:
            raise RuntimeError(words)

    sessions._ready["g_s"] = Full()
    with pytest.raises(AecodecError, match="not enough memory to decode 100x75 pixels"):
        codec.decode(data)


FORKS = """
import os, signal, sys, threading, time
os.register_at_fork(after_in_child=lambda: signal.alarm(30))
signal.alarm(60)
from aecodec.light import LightCodec
data = open(sys.argv[1], "rb").read()

def in_child(work):
    pid = os.fork()
    if pid:
        status = os.waitpid(pid, 0)[1]
        assert status == 0, status
        return
    work()
    sys.exit(0)

def told(codec):
    os.write(1, b"%d\\n" % hash(codec.decode(data).tobytes()))

codec = LightCodec(threads=3)
for _ in range(2):
    works = threading.Thread(target=lambda: [told(codec) for _ in range(4)])
    works.start()
    for _ in range(3):
        time.sleep(0.05)
        in_child(lambda: told(codec))
    works.join()
in_child(lambda: (told(codec), in_child(lambda: told(codec))))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
def test_forks() -> None:
    """While another thread makes sessions, or decodes; a child ends as any process does."""
    run = run_python(FORKS, str(VECTORS / "q-32.aec"), env=INHERITED | {"PYTHONHASHSEED": "1"})
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.split()) == 16 and len(set(run.stdout.split())) == 1


def test_onnx_runtime_tells_nobody(tmp_path: Path) -> None:
    """Else it would write an id of the device into the user's folder, and send it."""
    code = (
        "import os, sys; from aecodec.light import light_codec; light_codec().decode(sys.argv[1]);"
        "assert 'ORT_DISABLE_TELEMETRY' not in os.environ"
    )
    environ = {k: v for k, v in INHERITED.items() if not k.startswith(("ORT_", "XDG_"))}
    home = {"HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    run = run_python(code, str(VECTORS / "q-32.aec"), env=environ | home)
    assert (run.returncode, run.stderr) == (0, "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", engines.LIGHT_PACKAGES)
def test_packages_that_are_broken(name: str, tmp_path: Path) -> None:
    """With PyTorch it decodes; without, and for the export, a line says what is wrong."""
    package = tmp_path / name / "__init__.py"
    package.parent.mkdir()
    package.write_text("raise TypeError('Descriptors cannot be created')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    ends = ["decompress", str(VECTORS / "q-32.aec"), "-f", "-o", str(tmp_path / "q.png")]
    done = run_python(code + COMMAND.partition("\n")[2], *ends)
    assert (done.returncode, done.stderr) == (0, "")
    done = run_python(code + COMMAND, *ends)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "cannot be imported (Descriptors cannot be created): see aecodec doctor" in done.stderr


def test_settings_that_are_none() -> None:
    for threads in (0, -1, "2", 1.5, 2**31):
        with pytest.raises(AecodecError, match="threads is an integer 1 to 1024"):
            LightCodec(threads=threads)  # type: ignore[arg-type]


def test_a_graph_that_cannot_run() -> None:
    sessions = LightCodec()._engine(find_model().model_id).sessions
    with pytest.raises(ModelError, match="g_s cannot run: .*y_r"):
        sessions.run("g_s", y_r=np.zeros((1, 2, 3), np.int32), q=np.zeros(1, np.int64))
