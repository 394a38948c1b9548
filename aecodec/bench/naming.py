"""A codec's name and settings: from the command line, and as text for the report."""

from dataclasses import fields
from typing import Any

from aecodec.bench.codecs import CLASSES, BenchCodec, InGray, Steps
from aecodec.errors import AecodecError


def split_codecs(text: str) -> tuple[str, ...]:
    """'jpeg:q=75,avif:q=60,speed=4' -> one string a codec: a setting belongs to what is before."""
    found: list[str] = []
    for part in text.split(","):
        if found and "=" in part and ":" not in part.partition("=")[0]:
            found[-1] += f",{part}"
        else:
            found.append(part)
    return tuple(found)


def make_codec(text: str, device: str = "cpu") -> BenchCodec:
    """'avif:q=60,speed=4' -> a codec, which may turn out not to be installed.

    A curve of some points: 'jpeg:q=20/50/80'.

    Raises:
        AecodecError: no codec of that name, no such setting, or a value that is none.
    """
    name, _, rest = text.partition(":")
    if name not in CLASSES:
        raise AecodecError(f"codec {name!r} unknown; choose from {', '.join(CLASSES)}")
    known = {field.name: field for field in fields(CLASSES[name])}
    chosen: dict[str, Any] = {"device": device} if name == "aec" and device != "cpu" else {}
    for part in rest.split(",") if rest else []:
        key, _, value = part.partition("=")
        if key not in known:
            raise AecodecError(f"{text}: no setting {key!r}; {name} has {', '.join(known)}")
        chosen[key] = _value(text, known[key].default, value)
    codec: BenchCodec = CLASSES[name](**chosen)
    return codec


def _value(text: str, default: Any, value: str) -> Any:
    """A setting's text as a value of the default's type."""
    try:
        if isinstance(default, tuple):
            return tuple(float(each) if "." in each else int(each) for each in value.split("/"))
        if isinstance(default, bool):
            return {"yes": True, "no": False}[value]
        return int(value) if isinstance(default, int) else value
    except (ValueError, KeyError):
        raise AecodecError(f"{text}: {value!r} is no value for a setting like {default}") from None


def name_of(codec: BenchCodec) -> str:
    """The codec as on the command line, without its steps: 'jpeg:chroma=444'; in gray as well."""
    codec = _plain(codec)
    name = next(name for name, each in CLASSES.items() if each is type(codec))
    told = [
        f"{field.name}={_text(getattr(codec, field.name))}"
        for field in fields(codec)[1:]
        if getattr(codec, field.name) != field.default
    ]
    return f"{name}:{','.join(told)}" if told else name


def settings_of(codec: BenchCodec) -> str:
    """All that is the same at all RD points, and what differs: 'chroma=420, progressive=yes; q'."""
    told = [
        f"{field.name}={_text(getattr(codec, field.name))}"
        for field in fields(codec)[1:]
        if getattr(codec, field.name) != ""
    ]
    fixed = getattr(codec, "fixed", "")
    return "; ".join(part for part in (", ".join(told), fixed, f"points by {knob(codec)}") if part)


def knob(codec: BenchCodec) -> str:
    """The name of the setting that differs between RD points."""
    return fields(codec)[0].name


def steps_of(codec: BenchCodec) -> Steps:
    """The values of that setting."""
    codec = _plain(codec)
    steps: Steps = getattr(codec, knob(codec))
    return steps


def _plain(codec: BenchCodec) -> BenchCodec:
    return codec.codec if isinstance(codec, InGray) else codec


def _text(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
