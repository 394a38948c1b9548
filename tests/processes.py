"""Python code in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

INHERITED = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


def run_python(code: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run it, with what it prints caught as text unless `options` say otherwise."""
    pipe = subprocess.PIPE
    usual: dict[str, Any] = {
        "stdout": pipe,
        "stderr": pipe,
        "text": True,
        "timeout": 120,
        "env": INHERITED,
    }
    return subprocess.run([sys.executable, "-c", code, *arguments], **(usual | options))
