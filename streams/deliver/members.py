"""JSON of an answer, read so that nothing of it gets lost: a member that stands twice is remembered."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson


class Members(dict[str, Any]):
    """A JSON object. doubled: whether one of its members stands in it twice; a plain dictionary keeps the last one in silence."""

    __slots__ = ("doubled",)

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.doubled = len(self) < len(pairs)

    def at(self, path: Sequence[str]) -> tuple["Members | None", object]:
        """The object that holds the last member of `path`, and that member; None where the way there breaks off. An object that
        stands as text in a string is entered, too.
        """
        beside = self
        for name in path[:-1]:
            inner = entered(beside.get(name))
            if inner is None:
                return None, None
            beside = inner
        return beside, beside.get(path[-1])

    def inside(self) -> Iterator["Members"]:
        """The objects one step further in: members, entries of lists, and JSON that stands as text."""
        for value in self.values():
            for one in value if isinstance(value, list) else (value,):
                if (inner := entered(one)) is not None:
                    yield inner


def entered(value: object) -> Members | None:
    """`value` as an object, also where it is the text of one; None for anything else."""
    found = parsed(value) if isinstance(value, str) and value.lstrip().startswith("{") else value
    return found if isinstance(found, Members) else None


def parsed(text: str) -> object:
    """The JSON value of `text`; None where it is none, or nested beyond all reason."""
    try:
        orjson.loads(text)  # stricter than the standard library: no NaN, no halves of characters
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


_DECODER: Final = json.JSONDecoder(object_pairs_hook=Members)
"""Made once: `json.loads` makes one for each text."""
