"""Imports go one way, as CONTRIBUTING says: read from the sources, whatever is imported when."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import aecodec

PACKAGE = Path(aecodec.__file__).parent
NO_TORCH = ("errors", "files", "outputs", "plan", "process", "format", "image")
ORDER = (*NO_TORCH, "model", "graphs", "coding", "decoding", "codec", "light", "engines")
"""Each may import what stands before it, and the rest below everything here. Nothing here imports
the rest: commands, trainer and plugins, which know of each other as little."""
ABOVE = ("cli", "bench", "training", "picture", "pillow", "ray", "desktop", "__init__", "__main__")
MAY_KNOW = {"__main__": {"cli"}, "cli": {"bench"}, "desktop": {"cli"}}
MUST_NOT_KNOW = {"model": {"image"}}
TORCH_FREE = (*NO_TORCH, "graphs", "decoding", "light", "engines", "cli", "desktop", "ray")
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def room_of(module: Path) -> str:
    return module.parts[0].removesuffix(".py")


def imported(module: Path, at_the_top: bool = False) -> list[str]:
    """Full names of the modules that a module imports, anywhere or at its top."""
    tree = ast.parse((PACKAGE / module).read_text())
    nodes = tree.body if at_the_top else ast.walk(tree)
    found = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"aecodec.{name.name}" for name in node.names if node.module == "aecodec"]
            found += inner or [node.module]
    return found


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_go_one_way(module: Path) -> None:
    room = room_of(module)
    rooms = {name.split(".")[1] for name in imported(module) if name.startswith("aecodec.")}
    rooms -= {room, "__version__"}
    if room in ORDER:
        assert rooms <= set(ORDER[: ORDER.index(room)]) - MUST_NOT_KNOW.get(room, set())
    else:
        assert rooms <= set(ORDER) | MAY_KNOW.get(room, set())
    assert room in ORDER + ABOVE


@pytest.mark.parametrize("module", [m for m in MODULES if room_of(m) in TORCH_FREE], ids=str)
def test_rooms_without_torch(module: Path) -> None:
    assert not {"torch", "safetensors"} & {name.split(".")[0] for name in imported(module, True)}


def test_no_circles() -> None:
    """Not within a room either."""
    names = {".".join(("aecodec", *m.with_suffix("").parts)): m for m in MODULES}
    below = {name: set(imported(module)) & set(names) for name, module in names.items()}
    while leaves := {name for name, needs in below.items() if not needs}:
        below = {name: needs - leaves for name, needs in below.items() if name not in leaves}
    assert not below
