"""Broken forms of a rule of Prometheus, each with one fault that a slip of the hand makes."""

import re
from collections.abc import Iterator
from typing import Any

_NUMBER = re.compile(r"(?<=[><*] )\d+(?:\.\d+)?(?:e\d+)?\b")
_FOLDS = {"min": "max", "max": "min", "sum": "min"}


def mutants(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is broken, and the rule that it makes."""
    expr = rule["expr"]
    for what, found, instead in (*_limits(expr), *_names(expr)):
        yield f"{what} at {found.start()}", {**rule, "expr": expr[: found.start()] + instead + expr[found.end() :]}
    for name in ("for", "keep_firing_for"):
        if name in rule:
            yield f"without {name}", {key: value for key, value in rule.items() if key != name}
            yield f"{name} twice as long", {**rule, name: re.sub(r"\d+", lambda found: f"{int(found[0]) * 2}", rule[name])}


def _limits(expr: str) -> Iterator[tuple[str, re.Match[str], str]]:
    for found in re.finditer(r" ([><]) ", expr):
        yield f"{found[1]} turned", found, {">": " < ", "<": " > "}[found[1]]
    for found in _NUMBER.finditer(expr):
        number = float(found[0])
        for other in {0.0: (1.0,), 1.0: (0.0, 2.0)}.get(number, (number * 1.1, number / 1.1)):
            yield f"{found[0]} is {other:g}", found, repr(other)
    for found in re.finditer(r"\b(min|max|sum)(?= by| ?\()", expr):
        yield f"{found[1]} is {_FOLDS[found[1]]}", found, _FOLDS[found[1]]
    for found in re.finditer(r"\[(\d+)m(?=[\]:])", expr):
        yield f"[{found[1]}m] is longer", found, f"[{int(found[1]) * 3}m"


def _names(expr: str) -> Iterator[tuple[str, re.Match[str], str]]:
    for found in re.finditer(r"\bcdc_\w+", expr):
        yield f"{found[0]} misspelt", found, f"{found[0]}x"
    for found in re.finditer(r"\{([^{}]+)\}", expr):
        for one in (kept := found[1].split(",")):
            yield f"without {one}", found, "{" + ",".join(other for other in kept if other != one) + "}"
    for found in re.finditer(r"\b(by|on) \(([a-z, ]+)\)", expr):
        for one in (kept := found[2].split(", ")):
            yield f"{found[1]} without {one}", found, f"{found[1]} ({', '.join(other for other in kept if other != one)})"
