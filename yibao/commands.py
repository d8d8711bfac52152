"""Every command of the command line as plain values: for completion, and for the tests that walk all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import typer.main


class Takes(StrEnum):
    """What may stand at an option or argument. SOURCE, INSTITUTION: a name of the site's file. WORD: anything."""

    NOTHING = "nothing"
    WORD = "word"
    FILE = "file"
    FOLDER = "folder"
    SOURCE = "source"
    INSTITUTION = "institution"


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What may stand at an option or argument."""

    takes: Takes
    """What kind of text."""
    choices: tuple[str, ...] = ()
    """The values, where they are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a command."""

    names: tuple[str, ...]
    """All of them, the negative of a switch too."""
    about: str
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command."""

    words: tuple[str, ...]
    """Words behind `yibao`; none for the overview."""
    about: str
    """What it does, in one line."""
    help: str
    """As `--help` shows it."""
    options: tuple[Option, ...]
    """Its options."""
    arguments: tuple[Value, ...]
    """What may stand at each of its arguments."""
    children: dict[str, str]
    """Summary of each command below it, by its word."""

    @property
    def options_by_name(self) -> dict[str, Option]:
        """Its options, by each of their names."""
        return {name: option for option in self.options for name in option.names}


HELP = Option(names=("-h", "--help"), about="Show the help and exit.", value=Value(takes=Takes.NOTHING))


def tree(root: typer.Typer) -> Iterator[Command]:
    """`root` and every command below it; each command comes before those that it holds."""
    yield from _walk(typer.main.get_command(root), ())


def _walk(command: Any, words: Sequence[str]) -> Iterator[Command]:
    below: dict[str, Any] = getattr(command, "commands", {})
    shown = [param for param in command.params if not getattr(param, "hidden", False)]
    yield Command(
        words=tuple(words),
        about=_summary(command),
        help=(command.help or "").replace("\b\n", ""),
        options=(*(_option(param) for param in shown if param.param_type_name == "option"), HELP),
        arguments=tuple(_value(param) for param in shown if param.param_type_name == "argument"),
        children={name: _summary(child) for name, child in below.items()},
    )
    for name, child in below.items():
        yield from _walk(child, (*words, name))


def _option(param: Any) -> Option:
    """A switch takes nothing; what a person reads of it is its help's first line."""
    value = Value(takes=Takes.NOTHING) if param.is_flag else _value(param)
    return Option(names=(*param.opts, *param.secondary_opts), about=" ".join((param.help or "").split()), value=value)


def _value(param: Any) -> Value:
    described = param.type_descriptor
    choices = tuple(f"{getattr(one, 'value', one)}" for one in described.choices or ()) or _suggested(param)
    if choices:
        return Value(takes=Takes.WORD, choices=choices)
    if (name := f"{param.name}".removeprefix("paused_")) in {"source", "institution"}:
        return Value(takes=Takes(name))
    if "pathlib" not in f"{described.annotation}":
        return Value(takes=Takes.WORD)
    return Value(takes=Takes.FILE if described.parameter_info.file_okay else Takes.FOLDER)


def _suggested(param: Any) -> tuple[str, ...]:
    """The words of `autocompletion=` where an option is a text of which some are known."""
    if param._custom_shell_complete is None:  # noqa: SLF001 - Typer gives no other way to ask
        return ()
    return tuple(item.value for item in param.shell_complete(None, ""))


def _summary(command: Any) -> str:
    return f"{command.get_short_help_str(limit=300)}".rstrip(".")
