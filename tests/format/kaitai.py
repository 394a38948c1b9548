"""A small interpreter of Kaitai Struct, for formats/aec.ksy: a reader of .aec that shares no code
with aecodec. It knows what that file uses and refuses the rest, so nothing in it goes unread."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

FIELD_KEYS = {"id", "type", "size", "contents", "repeat", "enum", "valid", "encoding"}
INTEGERS = {"u1": 1, "u2": 2, "u4": 4, "u8": 8}


class BadFile(Exception):
    """Bytes that the description does not allow."""


def parse(description: Path, data: bytes) -> Any:
    """A .ksy file and a file of that format -> its fields, as attributes."""
    tree = yaml.safe_load(description.read_text())
    return _Reader(tree).struct(tree, io.BytesIO(data))


class _Reader:
    def __init__(self, tree: dict[Any, Any]) -> None:
        self.types, self.enums = tree["types"], tree["enums"]
        assert tree["meta"]["endian"] == "be"

    def struct(self, description: Any, stream: io.BytesIO) -> SimpleNamespace:
        """Fields in order, then the instances, which may use them."""
        found = SimpleNamespace()
        for field in description["seq"]:
            unknown = {key for key in field if not key.startswith("doc")} - FIELD_KEYS
            assert not unknown, unknown
            setattr(found, field["id"], self.repeated(field, stream, vars(found)))
        for name, instance in description.get("instances", {}).items():
            setattr(found, name, evaluate(instance["value"], vars(found)))
        return found

    def repeated(self, field: Any, stream: io.BytesIO, known: dict[str, Any]) -> Any:
        if "repeat" not in field:
            return self.field(field, stream, known)
        assert field["repeat"] == "eos"
        values = []
        while stream.tell() < len(stream.getbuffer()):
            values.append(self.field(field, stream, known))
        return values

    def field(self, field: Any, stream: io.BytesIO, known: dict[str, Any]) -> Any:
        kind = field.get("type")
        if isinstance(kind, dict):
            kind = kind["cases"].get(repr(evaluate(kind["switch-on"], known)).replace("'", '"'))
        if "contents" in field:
            check(take(stream, len(field["contents"])) == bytes(field["contents"]), field["id"])
        elif kind in INTEGERS:
            return self.number(field, int.from_bytes(take(stream, INTEGERS[kind]), "big"))
        elif "size" in field:
            return self.sized(field, kind, take(stream, evaluate(field["size"], known)))
        else:
            return self.struct(self.types[kind], stream)

    def number(self, field: Any, value: int) -> int | str:
        valid = field.get("valid", {})
        bounds = valid if isinstance(valid, dict) else {"min": valid, "max": valid}
        assert bounds.keys() <= {"min", "max"}, bounds
        check(bounds.get("min", value) <= value <= bounds.get("max", value), field["id"])
        names = self.enums[field["enum"]] if "enum" in field else {}
        return names.get(value, value)

    def sized(self, field: Any, kind: str | None, data: bytes) -> Any:
        if kind == "str":
            return data.decode(field["encoding"])
        return data if kind is None else self.struct(self.types[kind], io.BytesIO(data))


def take(stream: io.BytesIO, count: int) -> bytes:
    """Exactly so many bytes."""
    data = stream.read(count)
    check(len(data) == count, "end of file")
    return data


def check(right: bool, what: str) -> None:
    """Raises BadFile."""
    if not right:
        raise BadFile(what)


def evaluate(expression: Any, known: dict[str, Any]) -> Any:
    """A number, or an expression of fields; / is that of integers."""
    return eval(str(expression).replace("/", "//"), {"__builtins__": {}}, dict(known))
