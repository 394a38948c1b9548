"""console.py in real processes: what is imported, how long it takes, how it ends."""

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

HEAVY = {"torch", "numpy", "PIL", "skimage", "constriction", "matplotlib", "safetensors"}
RUN = "import sys; from aecodec.cli.main import main; sys.exit(main())"
PROCESS: dict[str, Any] = {
    "env": os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    "stderr": subprocess.PIPE,
}


def run(code: str, *arguments: str, stdout: Any = subprocess.PIPE) -> tuple[int, bytes]:
    """Run Python code in a process of its own: its exit code and standard error."""
    line = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(line, stdout=stdout, timeout=60, **PROCESS)
    return done.returncode, done.stderr


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A sound .aec file."""
    path = tmp_path / "x.aec"
    path.write_bytes(
        write_container(Container(Header(b"a model.", 8, 8, q=9), (Payload(b"payload"),)))
    )
    return str(path)


@pytest.mark.parametrize(
    "arguments", ["--help", "--version", "info FILE", "models", "compress --help", "bench --help"]
)
def test_light_commands_import_nothing_heavy(file: str, arguments: str) -> None:
    code = (
        "import sys; from aecodec.cli.main import main; code = main(sys.argv[1:])\n"
        f"print({HEAVY} & set(sys.modules), file=sys.stderr); sys.exit(code)"
    )
    assert run(code, *arguments.replace("FILE", file).split(" ")) == (0, b"set()\n")


def test_info_answers_in_under_0_3_seconds(file: str) -> None:
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        assert run(RUN, "info", file) == (0, b"")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.3


def test_python_m_aecodec() -> None:
    code = "import runpy; runpy.run_module('aecodec', run_name='__main__')"
    assert run(code, "info", "none") == (1, b"aecodec: error: none: no such file or directory\n")


def test_a_reader_that_leaves_ends_the_command_quietly(file: str) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as nobody:
        assert run(RUN, "info", file, stdout=nobody) == (1, b"")
        assert run(RUN, "info", *[file] * 500, stdout=nobody) == (1, b"")


def test_ctrl_c_while_waiting_exits_130() -> None:
    code = f"print('ready', flush=True); {RUN}"
    line = [sys.executable, "-c", "import aecodec.cli.main; " + code, "info", "-"]
    with subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **PROCESS
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.2)  # it now waits for its input
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (130, b"")
