"""JSON of an answer, read so that nothing of it gets lost: a member that stands twice is remembered."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

MOST_DEPTH: Final = 32
"""Objects, lists and texts of JSON inside of each other that are walked through; real answers have three or four."""
_AROUND: Final = "\ufeff \t\r\n"


class Members(dict[str, Any]):
    """A JSON object. doubled: the members that stand in it twice and say two things; a plain dictionary keeps the last one in
    silence.
    """

    __slots__ = ("doubled",)

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.doubled: tuple[str, ...] = () if len(self) == len(pairs) else _differing(pairs)

    def at(self, path: Sequence[str]) -> tuple["Members | None", object]:
        """The object that holds the last member of `path`, and that member; None where the way there breaks off. An object that
        stands as text in a string is entered, too.
        """
        beside = self
        for name in path[:-1]:
            inner = entered(beside.get(name))
            if not isinstance(inner, Members):
                return None, None
            beside = inner
        return beside, beside.get(path[-1])

    def inside(self) -> Iterator["Members"]:
        """The objects one step further in: members, entries of lists, and JSON that stands as text."""
        for value in self.values():
            for one in value if isinstance(value, list) else (value,):
                if isinstance(inner := entered(one), Members):
                    yield inner


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of an answer, or an entry of a list under its name."""

    path: tuple[str, ...]
    """The names that lead to it, from the outermost one; lists are passed through."""
    value: object
    owner: Members
    """The object that it stands in."""


@dataclass(slots=True, kw_only=True)
class Walk:
    """All that stands in an answer."""

    members: list[Member] = field(default_factory=list)
    """In the order in which they stand there."""
    doubled: list[tuple[str, ...]] = field(default_factory=list)
    """Those that stand twice."""
    deep: bool = False
    """Whether it goes on below `MOST_DEPTH`."""


def walked(found: Members, passed: Sequence[tuple[str, ...]]) -> Walk:
    """Every member of `found`, at any depth. passed: paths of members that are left out with all that stands in them; `*` is any
    name.
    """
    walk = Walk()
    todo: list[tuple[tuple[str, ...], object, Members, int]] = [((), found, found, 0)]
    while todo:
        path, value, owner, depth = todo.pop()
        if path:
            walk.members.append(Member(path=path, value=value, owner=owner))
        inner = entered(value)
        if inner is None:
            continue
        if depth == MOST_DEPTH:
            walk.deep = True
        elif isinstance(inner, Members):
            names = [(*path, name) for name in inner]
            todo += [(at, inner[at[-1]], inner, depth + 1) for at in reversed(names) if not _is_passed(at, passed)]
            walk.doubled += [at for name in inner.doubled if not _is_passed(at := (*path, name), passed)]
        else:
            todo += [(path, one, owner, depth + 1) for one in reversed(inner)]
    return walk


def _is_passed(path: tuple[str, ...], passed: Sequence[tuple[str, ...]]) -> bool:
    return bool(passed) and any(
        len(one) == len(path) and all(want in ("*", name) for want, name in zip(one, path, strict=True)) for one in passed
    )


def entered(value: object) -> Members | list[Any] | None:
    """`value` as an object or a list, also where it is the text of one; None for anything else."""
    found = parsed(value) if isinstance(value, str) and value.lstrip(_AROUND)[:1] in ("{", "[") else value
    return found if isinstance(found, Members | list) else None


def parsed(text: str) -> object:
    """The JSON value of `text`; None where it is none, or nested beyond all reason."""
    try:
        return _DECODER.decode(text.strip(_AROUND))
    except (ValueError, RecursionError):
        return None


def whole(text: str) -> str:
    """`text` without halves of characters, which nothing can write: JSON may hold them."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _differing(pairs: Sequence[tuple[str, Any]]) -> tuple[str, ...]:
    before: dict[str, Any] = {}
    twice: dict[str, None] = {}
    for name, value in pairs:
        if name in before and not _is_same(before[name], value):
            twice[name] = None
        before[name] = value
    return tuple(twice)


def _is_same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other and not isinstance(one, Mapping | list)


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _number(text: str) -> float:
    found = float(text)
    return found if abs(found) != float("inf") else _no_number(text)


_DECODER: Final = json.JSONDecoder(object_pairs_hook=Members, parse_constant=_no_number, parse_float=_number)
"""Made once: `json.loads` makes one for each text. Neither NaN nor a number that is too large is JSON."""
