"""The entries of `place.state` by which the next worker knows the claims that ended.

Keys, parts joined by the unit separator (0x1f): `E`: that they are kept from here on. `E`, name of a record: its claim. A name is a
JSON array: service, institution, number of the record, or table and key of its row. Values: `e` and a JSON array that begins with
its form. Behind it stands, of `E` alone, until when there may be claims that nobody knows (ms by the database's clock; 0: there are
none; null: so long after the next one that begins). Of a claim: its visit, when it ended, and table and key of the row that its
visit does not have any more (null for none). Bytes of keys stand in the arrays as characters of ISO 8859-1.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from streams.domain.keys import SEPARATOR
from streams.domain.place.entries import ENDED_FORM, View
from streams.errors import Newer

Where: TypeAlias = tuple[str, bytes]
"""A row: its table, and its key, as its messages have it."""

Name: TypeAlias = Where | tuple[str, str, str]
"""What a claim is of: a record (service, institution, number); a row where nothing else names its record."""

KEPT: Final = b"E"
"""Key of the entry which says that claims are kept."""

NEVER: Final = -1
"""In place of a time."""

_PREFIX: Final = f"E{SEPARATOR}".encode()
_BYTES: Final = "latin-1"


class Claim(NamedTuple):
    """A claim that ended."""

    visit: str
    at: int
    """By the database's clock (ms), which never goes back here."""
    row: Where | None
    """The row, where its visit does not have it any more; None where it is another record there now."""

    def __repr__(self) -> str:
        """Without the keys."""
        return f"Claim(at={self.at})"


def key_of(name: Name) -> bytes:
    """The state key of a claim."""
    return _PREFIX + orjson.dumps(_plain(name))


def dump(claim: Claim) -> bytes:
    """The state value of a claim."""
    return b"e" + orjson.dumps([ENDED_FORM, claim.visit, claim.at, claim.row and _plain(claim.row)])


def kept(until: int | None) -> bytes:
    """The state value that says that claims are kept. until: see above."""
    return b"e" + orjson.dumps([ENDED_FORM, until])


def kept_in(view: View) -> int | None:
    """Until when there may be claims that nobody knows, as above; NEVER where claims were not kept."""
    value = view.get(KEPT)
    if value is None:
        return NEVER
    (until,) = _members(value)
    return None if until is None else int(until)


def claims_in(view: View) -> Iterator[tuple[Name, Claim]]:
    """All that are kept, in the order in which they ended."""
    found = [(_name(orjson.loads(key[len(_PREFIX) :])), _claim(value)) for key in view.scan(_PREFIX) if (value := view.get(key))]
    yield from sorted(found, key=lambda one: one[1].at)


def _claim(value: bytes) -> Claim:
    visit, at, row = _members(value)
    return Claim(visit, at, row and (row[0], row[1].encode(_BYTES)))


def _members(value: bytes) -> list[Any]:
    members: list[Any]
    form, *members = orjson.loads(value[1:])
    if form > ENDED_FORM:
        raise Newer(f"a claim that ended in place.state (form {form}; this version knows {ENDED_FORM})")
    return members


def _plain(name: Name) -> list[str]:
    return [one.decode(_BYTES) if isinstance(one, bytes) else one for one in name]


def _name(parts: list[str]) -> Name:
    match parts:
        case [table, key]:
            return table, key.encode(_BYTES)
        case [service, institution, number]:
            return service, institution, number
        case _:
            raise ValueError("no name of a record")
