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
