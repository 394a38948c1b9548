"""python -m benchmarks: its names, the commands that pages tell, what comes from results."""

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("skimage")
pytest.importorskip("matplotlib")

from aecodec.model.store import TUNED, find_model
from benchmarks.__main__ import NAMES, main
from benchmarks.cards import REPORTS, SETS, WEIGHTS, card, read_reports, results
from benchmarks.pages import ROOT, Page, between
from benchmarks.publish import MEASURED, kept, shown_by_pages
from benchmarks.speed import measure as speed
from tests.processes import run_python

TEXTS = [
    *(ROOT / name for name in ("Makefile", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "benchmarks").rglob("*.md")),
    *sorted((ROOT / "weights").rglob("*.md")),
    *sorted((ROOT / "benchmarks").rglob("*.py")),
]


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_tells_its_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m benchmarks {name}")


def test_the_list_imports_no_benchmark() -> None:
    code = "import sys; from benchmarks.__main__ import main; main([]); print(sorted(sys.modules))"
    told = run_python(code).stdout
    assert all(f"    {name} " in told for name in NAMES)
    assert not {f"'{name}'" for name in ("torch", "matplotlib", "skimage")} & set(told.split(", "))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(SystemExit, match="no benchmark 'effect'; there are demo, effort"):
        main(["effect"])


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_that_are_told_exist(path: Path) -> None:
    text = path.read_text()
    told = re.findall(r"(?:-m benchmarks|\$\(BENCHMARKS\)) ([a-z]+)", text)
    assert set(told) <= set(NAMES)
    assert not re.search(r"-m benchmarks\.|python benchmarks/", text)


@pytest.mark.parametrize("page", [each.PAGE for each in MEASURED], ids=lambda page: page.names[0])
def test_pages_hold_the_results(page: Page) -> None:
    text = page.path.read_text()
    for name in page.names:
        tables = page.tables(name, json.loads(page.file(name).read_text()))
        assert all(between(text, marker, f"{table}\n") == text for marker, table in tables.items())


def test_readme_and_docs_hold_the_reports() -> None:
    short = speed.short_table(kept(speed, "kodak-size"))
    for path, shown in shown_by_pages(read_reports([], SETS), short).items():
        text = path.read_text()
        assert all(between(text, name, f"{table}\n") == text for name, table in shown.items())


@pytest.mark.parametrize("tune", TUNED)
def test_cards_hold_notes_recipe_and_reports(tune: str) -> None:
    model, short = find_model(tune=tune), speed.short_table(kept(speed, "kodak-size"))
    shown = card(model, results(model, read_reports([model], REPORTS), short))
    assert (WEIGHTS / model.name / "card.md").read_text() == shown


def test_markers_that_are_missing_are_told() -> None:
    assert between("<!-- a:begin -->\nold<!-- a:end -->", "a", "new\n").count("new") == 1
    with pytest.raises(SystemExit, match="no markers b:begin"):
        between("", "b", "")
