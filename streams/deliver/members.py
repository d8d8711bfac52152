"""JSON of an answer, read so that nothing of it gets lost: a member that stands twice is remembered."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn, TypeAlias

from streams.deliver.places import Place, Places

MOST_DEPTH: Final = 32
"""Objects, lists and texts of JSON inside of each other that are walked through; real answers have three or four."""
_AROUND: Final = "\ufeff \t\r\n"
_MAY_OPEN: Final = frozenset("{[" + _AROUND)
"""Characters with which the text of an object or a list may begin."""


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


Taking: TypeAlias = Callable[[Place, object, Members, Members | list[Any] | None], None]
"""Is given a member, or an entry of a list: where it stands, its value, the object that it stands in, and what it is itself as an
object or a list.
"""


class Walk:
    """One way through all that stands in an answer, in its order. taking: is given what may say something. Members that the site
    passes over are left out, with all that stands in them.
    """

    def __init__(self, found: Members, places: Places, taking: Taking) -> None:
        self.doubled: list[tuple[str, ...]] = []
        """Members that stand twice in their object."""
        self.deep = False
        """Whether it goes on below `MOST_DEPTH`."""
        self._places = places
        self._taking = taking
        self._object(found, places.root(), 0)

    def _object(self, found: Members, at: Place, depth: int) -> None:
        for name in found.doubled:
            twice = self._places.inside(at, name)
            if not twice.passed:
                self.doubled.append(twice.path)
        known, taking = at.children, self._taking
        for name, value in found.items():
            place = known.get(name) or self._places.inside(at, name)
            if place.passed:
                continue
            kind = value.__class__
            if kind is str:
                inner = entered(value) if value[:1] in _MAY_OPEN else None
            else:
                inner = value if kind is Members or kind is list else None
            if place.notable:
                taking(place, value, found, inner)
            if inner is not None:
                self._enter(inner, place, found, depth + 1)

    def _enter(self, inner: Members | list[Any], place: Place, owner: Members, depth: int) -> None:
        if depth == MOST_DEPTH:
            self.deep = True
        elif isinstance(inner, Members):
            self._object(inner, place, depth)
        else:
            for one in inner:
                within = one if one.__class__ is Members else entered(one)
                if place.notable:
                    self._taking(place, one, owner, within)
                if within is not None:
                    self._enter(within, place, owner, depth + 1)


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
