"""The answer to a mistyped command line: what is wrong, what was probably meant, and where the help is.

Typer's own messages are for those who know Typer, and where a value does not fit they are pydantic's.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import typer

from streams.wording import in_words, nearest

_NO_COMMAND: Final = re.compile(r"No such command '([^']*)'")
_TOO_MANY: Final = re.compile(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)")


def refuse_empty_names(command: Any) -> None:
    """Make every option and argument of a command line that names a file or a folder refuse the empty text, as an unset variable of
    a script leaves it: as a path it means the current folder.
    """
    for param in command.params:
        if "pathlib" in f"{param.type_descriptor.annotation}":
            param.process_value = partial(_named_only, param, param.process_value)
    for below in getattr(command, "commands", {}).values():
        refuse_empty_names(below)


def _named_only(param: Any, take: Callable[[Any, Any], Any], context: Any, value: Any) -> Any:
    if "" in (value if isinstance(value, list | tuple) else (value,)):
        wanted = "file" if param.type_descriptor.parameter_info.file_okay else "directory"
        raise typer.BadParameter(f"an empty text names no {wanted}", ctx=context, param=param)
    return take(context, value)


def explain(error: typer.TyperException) -> str:
    """The error, how the command is used, and where its help is; the help itself where a command was only begun."""
    context: Any = getattr(error, "ctx", None)
    if "NoArgs" in type(error).__name__:
        return error.format_message()
    told = f"error: {_what(error, context)}"
    if context is None:
        return told
    usage = " ".join(context.get_usage().split()).replace("Usage:", "usage:")
    return f"{told}\n{usage}\n`{context.command_path} -h` explains it, with examples"


def _what(error: typer.TyperException, context: Any) -> str:
    option, param = getattr(error, "option_name", None), getattr(error, "param", None)
    if hasattr(error, "possibilities") and context is not None:
        return _no_option(f"{option}", context)
    if option is not None:
        return f"{option} needs a value"
    if param is None:
        return _of_words(error.format_message(), context)
    if hasattr(error, "param_type"):
        return f"{_named(param)} is missing"
    details = getattr(error.__cause__, "errors", None)
    return f"{_named(param)}: {error.message}" if details is None else _unfit(details()[0], param)


def _of_words(message: str, context: Any) -> str:
    """Words that are no options: a verb that is none, or more of them than a verb takes."""
    if named := _NO_COMMAND.search(message):
        known = list(context.command.commands)
        return f"`{named[1]}` is nothing that `{context.command_path}` can do{nearest(named[1], known)}; it has: {', '.join(known)}"
    if extra := _TOO_MANY.search(message):
        return f"`{extra[1]}` is more than `{context.command_path}` takes"
    return message


def _no_option(name: str, context: Any) -> str:
    """An option that this command does not have; one of a verb's that stands too early is told its place."""
    near = nearest(name, _options(context.command))
    below: Mapping[str, Any] = getattr(context.command, "commands", {})
    if not near and below:
        owners = [verb for verb, command in below.items() if name in _options(command)]
        verb = owners[0] if owners else "VERB"
        return (
            f"{name} is no option of `{context.command_path}`; a verb's stand behind it: `{context.command_path} {verb} {name} …`"
        )
    return f"{name} is no option of `{context.command_path}`{near}"


def _options(command: Any) -> list[str]:
    return ["--help", *(name for param in command.params for name in (*param.opts, *param.secondary_opts) if name.startswith("-"))]


def _unfit(detail: Mapping[str, Any], param: Any) -> str:
    """A value that does not fit. It is repeated: it was typed a moment ago."""
    value = detail["input"]
    choices = [f"{getattr(one, 'value', one)}" for one in param.type_descriptor.choices or ()]
    if choices:
        return f"{_named(param)}: `{value}` is none of {', '.join(choices)}{nearest(f'{value}', choices)}"
    what = in_words(detail["type"], detail.get("ctx", {}), message=detail["msg"], written=value)
    return f"{_named(param)} {what}, and not `{value}`"


def _named(param: Any) -> str:
    return param.metavar or param.name if param.param_type_name == "argument" else " / ".join(param.opts)
