"""The log events of the product, read from its code: every call of a logger's method."""

import ast
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).parents[3]
PACKAGES = ("connector", "streams", "yibao")
LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "exception"})
LOGGERS = frozenset({"log", "_log", "logger"})


class Event(NamedTuple):
    """One call. name: None where it is not written out. fields: `*` for what is handed over as a mapping."""

    name: str | None
    level: str
    fields: frozenset[str]
    place: str


def events():
    """All of them."""
    for package in PACKAGES:
        for file in sorted((CHECKOUT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _is_logger(node.func):
                    yield _event(node, f"{file.relative_to(CHECKOUT)}:{node.lineno}")


def _is_logger(function):
    if not (isinstance(function, ast.Attribute) and function.attr in LEVELS):
        return False
    of = function.value
    if isinstance(of, ast.Call):
        return getattr(of.func, "attr", "") in {"get_logger", "getLogger"}
    return (of.id if isinstance(of, ast.Name) else getattr(of, "attr", "")) in LOGGERS


def _event(call, place):
    name = call.args[0].value if len(call.args) == 1 and isinstance(call.args[0], ast.Constant) else None
    return Event(name, call.func.attr, frozenset(keyword.arg or "*" for keyword in call.keywords), place)
