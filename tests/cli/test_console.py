"""console.py in real processes: what is imported, how long it takes, how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from aecodec.format.container import Container, Payload, write_container
from aecodec.format.header import Header
from tests.processes import INHERITED, run_python

HEAVY = {"torch", "numpy", "PIL", "skimage", "constriction", "matplotlib", "safetensors"}
RUN = "import sys; from aecodec.cli.main import main; sys.exit(main())"


def run(code: str, *arguments: str, **options: Any) -> tuple[int, str]:
    """Run Python code in a process of its own: its exit code and standard error."""
    done = run_python(code, *arguments, **options)
    return done.returncode, done.stderr


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A sound .aec file."""
    path = tmp_path / "x.aec"
    container = Container(Header(b"a model.", 8, 8, q=9), (Payload(b"payload"),))
    path.write_bytes(write_container(container))
    return str(path)


@pytest.mark.parametrize(
    "arguments", ["--help", "--version", "info FILE", "models", "compress --help", "bench --help"]
)
def test_light_commands_import_nothing_heavy(file: str, arguments: str) -> None:
    code = (
        "import sys; from aecodec.cli.main import main; code = main(sys.argv[1:])\n"
        f"print({HEAVY} & set(sys.modules), file=sys.stderr); sys.exit(code)"
    )
    assert run(code, *arguments.replace("FILE", file).split(" ")) == (0, "set()\n")


def test_info_answers_in_under_0_3_seconds(file: str) -> None:
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        assert run(RUN, "info", file) == (0, "")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.3


def test_python_m_aecodec() -> None:
    code = "import runpy; runpy.run_module('aecodec', run_name='__main__')"
    assert run(code, "info", "none") == (1, "aecodec: error: none: no such file or directory\n")


def test_a_reader_that_leaves_ends_the_command_quietly(file: str) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as nobody:
        assert run(RUN, "info", file, stdout=nobody) == (1, "")
        assert run(RUN, "info", *[file] * 500, stdout=nobody) == (1, "")


CAT = "\N{CAT FACE}.aec"
NO_UTF8 = os.fsdecode(b"\xff.aec")
ENCODINGS: list[dict[str, str]] = [
    {"PYTHONIOENCODING": "cp1252"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "ascii:surrogateescape"},
    {"LC_ALL": "C"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "C.UTF-8"},
]


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_any_name_on_any_standard_output(file: str, encoding: dict[str, str]) -> None:
    folder = Path(file).parent
    for name in (CAT, NO_UTF8):
        os.link(file, folder / name)
    line = [sys.executable, "-c", RUN, "info", CAT, NO_UTF8, "none\n" + CAT]
    done = subprocess.run(line, env=INHERITED | encoding, cwd=folder, capture_output=True)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert out.count("aec\n  picture  8 x 8 RGB\n") == 2
    assert done.returncode == 1 and err.count("\n") == 1
    assert err.startswith("aecodec: error: none ")
    assert err.endswith(".aec: no such file or directory\n")


def test_json_keeps_any_name(file: str, tmp_path: Path) -> None:
    os.link(file, tmp_path / NO_UTF8)
    env = INHERITED | {"PYTHONIOENCODING": "cp1252"}
    done = run_python(RUN, "info", "--json", NO_UTF8, env=env, cwd=tmp_path)
    assert os.fsencode(json.loads(done.stdout)["file"]) == b"\xff.aec"


def test_a_name_with_control_characters_is_one_line(tmp_path: Path) -> None:
    name = "a\x1b[2J\r\n\x07  b"
    assert run(RUN, "info", name) == (
        1,
        "aecodec: error: a\\x1b[2J  \\x07  b: no such file or directory\n",
    )


def test_standard_error_may_be_closed(file: str) -> None:
    line = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", RUN]
    for arguments, code in ((["info", file], 0), (["info", "none"], 1), (["compress", "none"], 1)):
        assert subprocess.run([*line, *arguments], stdout=subprocess.DEVNULL).returncode == code


def test_ctrl_c_while_waiting_exits_130() -> None:
    code = f"import aecodec.cli.main; print('ready', flush=True); {RUN}"
    pipes: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    line = [sys.executable, "-c", code, "info", "-"]
    with subprocess.Popen(line, env=INHERITED, **pipes) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.2)  # it now waits for its input
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (130, b"")
