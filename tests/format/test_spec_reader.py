"""formats/aec.ksy, read by an interpreter of its own, sees in every vector what aecodec sees."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path

import pytest

from aecodec.format.container import Container, read_container
from aecodec.format.info import Info, info
from tests.format.kaitai import BadFile, parse

ROOT = Path(__file__).resolve().parents[2]
FORMATS = ROOT / "formats"
DESCRIPTION = FORMATS / "aec.ksy"
VALID = sorted((FORMATS / "vectors" / "valid").glob("*.aec"))
REFUSED = (
    "2-* 2.1-* 2.2-* 2.4-width* 2.4-height* 2.6-* 2.7-tile-* 3.1-cut-* "
    "3.7-cut 3.7-limits 3.7-table 3.8-cut 3.8-reduction* 3.8-q"
)
"""Of the invalid vectors, those that break what the description says."""


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_the_description_reads_what_aecodec_reads(path: Path) -> None:
    data = path.read_bytes()
    read, container, facts = parse(DESCRIPTION, data), read_container(data), info(data)
    same_header(read.header, container, facts)
    assert [(c.type, c.len_data) for c in read.chunks] == [(c.type, c.bytes) for c in facts.chunks]
    bodies = {chunk.type: chunk.data for chunk in read.chunks}
    assert bodies.get("iccp") == container.icc
    assert bodies.get("exif") == container.exif
    assert bodies.get("xmpx") == container.xmp
    assert bodies.get("ALPH") == container.alpha
    if container.filter is not None:
        body = bodies["FLTR"]
        tables = [body.difference_table, body.limited_table, body.sample_table, body.offset_table]
        assert bytes([body.num_limits, *tables, *body.payload]) == container.filter
    if container.preview is not None:
        body = bodies["prvw"]
        start = body.reduction.to_bytes(2, "big") + bytes([body.q])
        assert start + bytes(body.payload) == container.preview
    payloads = [chunk.data for chunk in read.chunks if chunk.type == "TILE"]
    assert payloads == [payload.data for payload in container.payloads]
    assert len(payloads) == read.header.rows * read.header.columns
    if "TIDX" in bodies:
        assert bodies["TIDX"].len_payloads == [len(payload) for payload in payloads]
    assert read.header.crc == zlib.crc32(data[:28])


def same_header(read: object, container: Container, facts: Info) -> None:
    header = container.header
    assert vars(read) | {"crc": 0, "signature": None} == {
        "signature": None,
        "version": facts.format_version,
        "model_id": header.model_id,
        "width": header.width,
        "height": header.height,
        "mode": facts.mode.lower(),
        "q": header.q,
        "tile_units": header.tile_side // 64,
        "crc": 0,
        "tile": header.tile_side,
        "columns": header.columns,
        "rows": header.rows,
    }


@pytest.mark.parametrize("pattern", REFUSED.split())
def test_the_description_refuses_what_it_can(pattern: str) -> None:
    paths = list((FORMATS / "vectors" / "invalid").glob(f"{pattern}.aec"))
    assert paths
    for path in paths:
        with pytest.raises(BadFile):
            parse(DESCRIPTION, path.read_bytes())


def test_sections_that_are_cited_exist() -> None:
    text = (FORMATS / "SPEC.md").read_text()
    sections = set(re.findall(r"^(?:#+ )?(\d(?:\.\d)?)\. ", text, re.MULTILINE))
    code = [path.read_text() for path in (ROOT / "aecodec").rglob("*.py")]
    cited = {section for text in code for section in re.findall(r"SPEC (\d(?:\.\d)?)", text)}
    cited |= set(re.findall(r"SPEC\.md (\d(?:\.\d)?)", DESCRIPTION.read_text()))
    vectors = json.loads((FORMATS / "vectors" / "manifest.json").read_text())["invalid"]
    cited |= {vector["name"].partition("-")[0] for vector in vectors}
    assert len(cited) > 20
    assert cited <= sections
