"""The pages: links lead somewhere, README fits its reader, and every page of docs/ is found."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    path
    for folder in ("", "docs/", "benchmarks/**/", "weights/**/", "web/", "web/demo/", "formats/")
    for path in sorted(ROOT.glob(f"{folder}*.md"))
]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)#?([^)\s]*)\)")


def anchors(path: Path) -> set[str]:
    """Those that GitHub makes of headings."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


def test_readme_is_short_and_names_every_page_of_docs() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 120
    assert {f"docs/{path.name}" for path in (ROOT / "docs").iterdir()} <= {
        target for target, _ in LINK.findall(text)
    }
