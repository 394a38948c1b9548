"""Whatever happens to a command ends well. CONTRIBUTING has the table of faults and outcomes."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aecodec import outputs
from aecodec.format.info import info
from tests.photos import photo
from tests.processes import INHERITED, run_python

COMMAND = """
import io, os, resource, signal, sys, time
from types import ModuleType
from aecodec import engines, outputs
from tests.cli.stand_in import StandIn, quickest_decoder
engines.quickest_decoder = quickest_decoder
stand_in = ModuleType("aecodec.codec")
stand_in.Codec = StandIn
sys.modules["aecodec.codec"] = stand_in
{before}
from aecodec.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
COMPRESS = ("compress", "-f", "photo.png", "-o", "photo.aec")
OLD = b"what was there before"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Every test here runs in a folder with a photo, which stays as it is."""
    path = tmp_path / "photo.png"
    Image.fromarray(photo(32, 24)).save(path)
    before = hashlib.sha256(path.read_bytes()).digest()
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert hashlib.sha256(path.read_bytes()).digest() == before


def command(
    *arguments: str, before: str = "", program: str = COMMAND, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run `aecodec` around a stand-in for the codec, after the statements `before`."""
    return run_python(program.replace("{before}", before), *arguments, **options)


def temporaries() -> list[str]:
    return [name for name in os.listdir() if name.startswith(".")]


def assert_one_line(done: subprocess.CompletedProcess[str], line: str) -> None:
    """Exit code 1 and one line of error."""
    assert (done.returncode, done.stderr) == (1, f"aecodec: error: {line}\n")


KILLED = {
    "coding": """
encode = StandIn.encode
def killed(*arguments, **options):
    os.kill(os.getpid(), {signal})
    time.sleep(60)
    return encode(*arguments, **options)
StandIn.encode = killed
""",
    "writing": """
class Slow(io.FileIO):
    def write(self, data):
        super().write(data[:9])
        os.kill(os.getpid(), {signal})
        time.sleep(60)
        return 9 + super().write(data[9:])
outputs.open = Slow
""",
    "renaming": """
replace = os.replace
def killed(*arguments):
    os.kill(os.getpid(), {signal})
    replace(*arguments)
os.replace = killed
""",
}
REAL = """
import os, signal, sys
from aecodec.coding import encoder
from aecodec.cli.main import main
encode_latents = encoder.encode_latents
def killed(*arguments):
    encode_latents(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
encoder.encode_latents = killed
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("moment", KILLED)
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_killed(kill: signal.Signals, moment: str) -> None:
    """The old output is still whole, or the new one. Only SIGKILL can leave a hidden temporary.

    Nobody waits for what was being done.
    """
    Path("photo.aec").write_bytes(OLD)
    done = command(*COMPRESS, before=KILLED[moment].replace("{signal}", str(int(kill))))
    codes = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}
    assert (done.returncode, done.stderr) == (codes[kill], "")
    written = Path("photo.aec").read_bytes()
    placed = kill != signal.SIGKILL and moment == "renaming"  # what has begun is waited for
    assert info(written).width == 32 if placed else written == OLD
    left = 1 if kill == signal.SIGKILL and moment != "coding" else 0
    assert len(temporaries()) == left
    assert command(*COMPRESS).returncode == 0
    assert info(Path("photo.aec").read_bytes()).width == 32


def test_killed_between_two_tiles_of_the_real_codec() -> None:
    Image.fromarray(photo(100, 40)).save("large.png")
    done = command("compress", "--tile", "64", "large.png", program=REAL)
    assert done.returncode == -signal.SIGKILL
    assert sorted(os.listdir()) == ["large.png", "photo.png"]


BUSY = """
import os, sys
from aecodec.cli.main import main
from aecodec.coding import refine
descend = refine.descend
def told(*arguments, **options):
    os.write(1, b"busy\\n")
    return descend(*arguments, **options)
refine.descend = told
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_slow_work_at_once(number: signal.Signals, code: int, many: bool) -> None:
    """In its last and longest step, or so: at effort 6, of 12 megapixels in all."""
    for name in ("a.png", "b.png"):
        Image.fromarray(np.tile(photo(64, 64), (47, 32, 1))).save(name)
    inputs = ["a.png", "b.png", "photo.png"] if many else ["a.png"]
    line = [sys.executable, "-c", BUSY, "compress", "--effort", "6", "-j", "2", *inputs]
    pipe = subprocess.PIPE
    with subprocess.Popen(line, env=INHERITED, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        for _ in range(2 if many else 1):
            assert process.stdout.readline() == "busy\n"
        time.sleep(0.5)
        process.send_signal(number)
        start = time.perf_counter()
        _, said = process.communicate(timeout=60)
    assert time.perf_counter() - start < 2 and process.returncode == code
    done = "aecodec: interrupted: 0 of 3 files done; --skip-existing leaves out what is there\n"
    assert said == (done if many else "")
    assert sorted(os.listdir()) == ["a.png", "b.png", "photo.png"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_writing_where_nobody_reads(number: signal.Signals) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("noise.png")
    line = [
        sys.executable,
        "-c",
        COMMAND.replace("{before}", ""),
        "compress",
        "noise.png",
        "-o",
        "-",
    ]
    buffered = {k: v for k, v in INHERITED.items() if k != "PYTHONUNBUFFERED"}
    with subprocess.Popen(line, env=buffered, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        time.sleep(0.3)
        process.send_signal(number)
        assert process.wait(20) == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]


MANY = """
def killed(*arguments, **options):
    for number in (signal.SIGTERM, signal.SIGINT) * 50:
        os.kill(os.getpid(), number)
    time.sleep(60)
StandIn.encode = killed
"""


def test_signals_after_the_first_come_too_late() -> None:
    """The more of them, the likelier that one meets the end of the process half-way."""
    done = command(*COMPRESS, before=MANY)
    assert done.returncode in (130, 143) and done.stderr == ""


def test_the_largest_file_allowed_is_too_small() -> None:
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))"
    Path("photo.aec").write_bytes(OLD)
    assert_one_line(command(*COMPRESS, before=limit), "photo.aec: file too large")
    assert Path("photo.aec").read_bytes() == OLD and not temporaries()


def test_a_full_disk() -> None:
    done = command("compress", "photo.png", "-o", "/dev/full")
    assert_one_line(done, "/dev/full: no space left on device")
    assert os.listdir() == ["photo.png"]


@pytest.mark.parametrize(
    "arguments", [("compress", "photo.png", "-o", "-"), ("info", "photo.aec"), ("models",)]
)
def test_a_full_disk_behind_standard_output(arguments: tuple[str, ...]) -> None:
    assert command(*COMPRESS).returncode == 0
    with open("/dev/full", "w") as full:
        done = command(*arguments, stdout=full)
    assert_one_line(done, "standard input or output: no space left on device")


@pytest.mark.parametrize(("arguments", "closed"), [(("info", "-"), "<"), (("models",), ">")])
def test_a_closed_standard_stream(arguments: tuple[str, ...], closed: str) -> None:
    program = COMMAND.replace("{before}", "")
    line = ["sh", "-c", f'exec "$@" {closed}&-', "sh", sys.executable, "-c", program, *arguments]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr


def through_shell(line: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash in which `run` is the command."""
    program = COMMAND.replace("{before}", "")
    script = f'run() {{ "$PYTHON" -c "$PROGRAM" "$@"; }}; {line}'
    own = INHERITED | {"PYTHON": sys.executable, "PROGRAM": program}
    return subprocess.run(["bash", "-c", script], capture_output=True, env=own, timeout=60)


@pytest.mark.parametrize("redirection", [">", ">>"])
@pytest.mark.parametrize("name", ["/dev/stdout", "/proc/self/fd/1"])
def test_standard_output_by_name(name: str, redirection: str) -> None:
    """Behind which is a file that the shell has opened: neither replaced nor refused."""
    Path("out").write_bytes(OLD)
    os.link("out", "same")
    done = through_shell(f"run compress photo.png -o {name} {redirection} out; echo end >> out")
    assert done.returncode == 0 and b"error" not in done.stderr
    data = Path("same").read_bytes()
    kept = OLD if redirection == ">>" else b""
    assert data.startswith(kept) and data.endswith(b"end\n")
    assert info(data[len(kept) : -4]).width == 32


def test_pipes_that_the_shell_makes() -> None:
    done = through_shell(
        "run compress <(cat photo.png) -o >(cat > coded); wait $!;"
        "run compress /dev/stdin < photo.png > c2; run decompress /dev/stdin < c2 > png2;"
        "run decompress c2 -o >(cat > png); wait $!"
    )
    assert done.returncode == 0 and b"error" not in done.stderr
    assert info(Path("coded").read_bytes()).width == info(Path("c2").read_bytes()).width == 32
    assert Path("png").read_bytes()[:4] == Path("png2").read_bytes()[:4] == b"\x89PNG"


def test_a_pipe_needs_an_output() -> None:
    done = through_shell("run compress <(cat photo.png)")
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1
    assert done.stderr.endswith(b": is no file to write beside: name an output file with -o\n")


def test_an_output_that_reads_no_more_is_told() -> None:
    """A pipe by name is a file; only of standard output its end is the reader's wish."""
    os.mkfifo("pipe.aec")
    before = (
        "import threading\nwrite = outputs._write_on\n"
        "def left(target, parts):\n"
        "    threading.Thread(target=lambda: open(target, 'rb').close()).start()\n"
        "    write(target, [b'x' * 2**20])\n"
        "outputs._write_on = left"
    )
    done = command("compress", "photo.png", "-o", "pipe.aec", before=before)
    assert_one_line(done, "pipe.aec: broken pipe")


def test_an_input_that_cannot_be_read() -> None:
    """Not even by root: the first page of a process is mapped to nothing."""
    done = command("compress", "/proc/self/mem", "-o", "photo.aec")
    assert_one_line(done, "/proc/self/mem: input/output error")
    assert os.listdir() == ["photo.png"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_permissions() -> None:
    Path("mine").mkdir(mode=0o500)
    done = command("compress", "photo.png", "-o", "mine/photo.aec")
    assert_one_line(done, "mine/photo.aec: permission denied")
    Path("secret.png").touch(mode=0)
    done = command("compress", "secret.png")
    assert_one_line(done, "secret.png: permission denied")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_an_old_output_keeps_its_permissions(mode: int) -> None:
    Path("photo.aec").touch()
    Path("photo.aec").chmod(mode)
    os.link("photo.aec", "same.aec")
    assert command(*COMPRESS).returncode == 0
    assert os.stat("photo.aec").st_mode & 0o777 == mode
    assert info(Path("same.aec").read_bytes()).width == 32


WRITE = """
import sys
from aecodec import outputs
for _ in range(300):
    outputs.write_bytes("output", sys.argv[1].encode() * 2**18)
"""


def test_two_processes_write_the_same_output() -> None:
    """Whoever reads meanwhile sees one whole file or the other."""
    outputs.write_bytes("output", b"c" * 2**18)
    both = [subprocess.Popen([sys.executable, "-c", WRITE, letter]) for letter in "ab"]
    seen = set()
    while any(process.poll() is None for process in both):
        data = Path("output").read_bytes()
        assert len(data) == 2**18 and data == data[:1] * 2**18
        seen.add(data[:1])
    assert [process.wait() for process in both] == [0, 0]
    assert {b"a", b"b"} <= seen
    assert not temporaries()
