"""The manual page of a command and all of its commands, made of what their --help says."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc

import click

AS_IT_STANDS = "\b\n"
"""What begins a paragraph of a help text whose lines are not joined."""

SIGNS = {
    "\n": " ",
    "\\": "\\(rs",
    "-": "\\-",
    '"': "\\(dq",
    "'": "\\(aq",
    "`": "\\(ga",
    "^": "\\(ha",
    "~": "\\(ti",
}
"""What roff would take for something else, or print as something else."""


def manual(group: click.Group, name: str, version: str) -> str:
    """The page in roff, with the macros of man(7). name: of the command, as it is called."""
    context = click.Context(group, info_name=name, **group.context_settings)
    title, *rest = _paragraphs(group)
    lines = [
        f'.TH {_text(name.upper())} 1 "" "{_text(name)} {_text(version)}" "User Commands"',
        ".ad l",
        ".nh",
        ".SH NAME",
        f"{_text(name)} \\- {_text(title.rstrip('.'))}",
        ".SH SYNOPSIS",
        f"\\fB{_text(name)}\\fR {_text(' '.join(group.collect_usage_pieces(context)))}",
        ".SH DESCRIPTION",
        *_prose([title, *rest]),
        *_options(context),
        ".SH COMMANDS",
    ]
    for command_name in group.list_commands(context):
        command = group.commands[command_name]
        inner = click.Context(command, context, command_name)
        usage = " ".join(command.collect_usage_pieces(inner))
        lines += [f'.SS "{_text(f"{name} {command_name} {usage}")}"']
        lines += [*_prose(_paragraphs(command)), *_options(inner)]
    return "\n".join(lines) + "\n"


def _paragraphs(command: click.Command) -> list[str]:
    return cleandoc(command.help or "").split("\n\n")


def _prose(paragraphs: list[str]) -> Iterator[str]:
    for paragraph in paragraphs:
        yield ".PP"
        if paragraph.startswith(AS_IT_STANDS):
            kept = paragraph.removeprefix(AS_IT_STANDS).split("\n")
            yield from (".nf", *map(_text, kept), ".fi")
        else:
            yield _text(paragraph)


def _options(context: click.Context) -> Iterator[str]:
    for parameter in context.command.get_params(context):
        names, says = parameter.get_help_record(context) or ("", "")
        if says:
            yield from (".TP", f"\\fB{_text(names)}\\fR", _text(says))


def _text(text: str) -> str:
    """Text as roff takes it, in one line: nothing in it is a request or an escape."""
    line = "".join(SIGNS.get(sign, sign) for sign in text)
    line = "".join(sign if sign.isascii() else f"\\[u{ord(sign):04X}]" for sign in line)
    return f"\\&{line}" if line.startswith((".", " ")) else line
