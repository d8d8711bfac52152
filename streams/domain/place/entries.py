"""The place stage's memory of one source: headers and the rows under them, so that a row goes where its header is.

Keys, parts joined by the unit separator (0x1f): `R`, table, row key: a row. `H`, table, name, row key: this row is the header with
this name; written only where the name is not the row's key. `C`, header tables (joined by 0x1e), name, table, row key: this row
hangs under this header. `K`, `I` and `T`: who claims a record (`streams.domain.place.claims`). `E`: what claims ended
(`streams.domain.place.ended_entries`). `A`: what rows are awaited (`streams.domain.place.awaited`). Value of a row: `r` and a JSON
array or, where something is to be done about it at some time, `w`, the 13 digits of that time (ms), `-` and the array. Value of `H`
and `C`: `-`.

The array begins with its form (`FORM`). Whatever is changed about entries takes the next number: an entry of a later form is
refused, because a row that is written back without what was added to it would have lost it.
"""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

import orjson

from connector.contract import Mark
from streams.domain.exchanged import Beneath
from streams.domain.keys import SEPARATOR
from streams.domain.records import Row
from streams.errors import Newer

FORM: Final = 2
"""The latest form of entries of rows. 2: what stands under a row's key besides it, while a transaction exchanges keys."""
ALONE: Final = 1
"""The form of the entries that this version writes, but for those of rows with something beneath them."""
CLAIMS_FORM: Final = 3
"""Of claims (`streams.domain.place.claims`), which are in no state of earlier versions."""
ENDED_FORM: Final = 4
"""Of claims that ended (`streams.domain.place.ended_entries`), which earlier versions forgot."""
AWAITED_FORM: Final = 5
"""Of orders to read a row again (`streams.domain.place.awaited`), and the latest form of all. Only a recapture writes them."""

THERE: Final = b"-"
"""The value of an entry that says all by its key."""

NOTHING: Final[Row] = MappingProxyType({})
"""No columns."""

_FORMS: Final = {b"K": CLAIMS_FORM, b"I": CLAIMS_FORM, b"T": CLAIMS_FORM, b"E": ENDED_FORM, b"A": AWAITED_FORM}
_DIGITS: Final = 13
_WAITS: Final = b"w"


class Link(NamedTuple):
    """Where a row belongs: to a visit by its own columns, or to where its header is. Neither: it names nothing."""

    visit: str = ""
    """Visit key; `""` where it is under a header, or names nothing."""
    headers: str = ""
    """Tables of its header, joined; `""` where it is under none."""
    name: str = ""
    """By what it names its header."""

    def __repr__(self) -> str:
        """Without the keys."""
        return f"Link(headers={self.headers!r})"


class Entry(NamedTuple):
    """One row as the place stage remembers it."""

    link: Link
    """Where it belongs."""
    name: str
    """By what rows under it name it; `""` where none hang under it."""
    columns: Row
    """The captured columns; empty after a delete."""
    source: Mapping[str, object]
    """What capture said of its last change: its place in the log, the time of its commit."""
    mark: Mark | None = None
    """By what changes are recognised that were folded before."""
    deleted: bool = False
    """Whether it was deleted."""
    sent: str | None = None
    """The visit that it was last sent to; None where it is in none."""
    carried: Row = NOTHING
    """What of its header went along."""
    told: str = ""
    """Rule of the letter that was written because it has no visit; `""` where none was."""
    deadline: int = 0
    """When it is told that it has no visit, or, after a delete, forgotten (ms); 0: never."""
    beneath: Beneath | None = None
    """What stands under its key besides it; None: nothing, as a rule."""

    def __repr__(self) -> str:
        """Without what the row holds."""
        return f"Entry(deleted={self.deleted}, told={self.told!r}, deadline={self.deadline})"


NEVER: Final = Entry(Link(), "", NOTHING, MappingProxyType({}), deleted=True)
"""A row of which nothing came yet."""


class View(Protocol):
    """The state of one source as the chunk in hand sees it."""

    def get(self, key: bytes) -> bytes | None:
        """One entry."""

    def scan(self, prefix: bytes) -> Iterable[bytes]:
        """The keys of the entries of one header: those that begin with this."""

    def due(self, at: int) -> Iterable[bytes]:
        """The keys of the rows for which a tick at `at` (ms) has something to do."""


def row_key(table: str, key: str) -> bytes:
    """The state key of a row."""
    return f"R{SEPARATOR}{table}{SEPARATOR}{key}".encode()


def row_of(key: bytes) -> tuple[str, str]:
    """Table and row key in the state key of a row."""
    _, table, row = key.decode().split(SEPARATOR, 2)
    return table, row


def names_prefix(table: str, name: str) -> bytes:
    """What the entries of the rows have in common that are a header by this name."""
    return f"H{SEPARATOR}{table}{SEPARATOR}{name}{SEPARATOR}".encode()


def children_prefix(headers: str, name: str) -> bytes:
    """What the entries of the rows have in common that hang under a header. A child's table and row key stand behind it."""
    return f"C{SEPARATOR}{headers}{SEPARATOR}{name}{SEPARATOR}".encode()


def is_row(key: bytes) -> bool:
    """Whether a state key is that of a row."""
    return key[:1] == b"R"


def form_of(key: bytes) -> int:
    """The form of the entry with this key, but of a row with something beneath it."""
    return _FORMS.get(key[:1], ALONE)


def due_from(value: bytes | None) -> int:
    """When something is to be done about a row, read without parsing it; 0: never."""
    return int(value[1 : 1 + _DIGITS]) if value is not None and value[:1] == _WAITS else 0


def fingerprint(entry: Entry) -> str:
    """Equal as long as nothing is done to a row; where it belongs may change meanwhile."""
    content = [tuple(entry.link), dict(entry.columns), entry.source, entry.mark and tuple(entry.mark)]
    return blake2b(orjson.dumps(content), digest_size=16).hexdigest()


def dump(entry: Entry) -> bytes:
    """The state value of a row."""
    mark = entry.mark and tuple(entry.mark)
    link, name, columns, source, _, deleted, sent, carried, told, deadline, beneath = entry
    members = [tuple(link), name, dict(columns), source, mark, deleted, sent, dict(carried), told, deadline]
    document = orjson.dumps([ALONE, *members] if beneath is None else [FORM, *members, beneath.members()])
    return b"w%013d-%b" % (entry.deadline, document) if entry.deadline else b"r" + document


def load(key: bytes, value: bytes) -> Entry:
    """The row in a state entry. Raises Newer where a later version wrote it."""
    members = orjson.loads(value[_DIGITS + 2 :] if value[:1] == _WAITS else value[1:])
    form, beneath = members[0], None
    if form == FORM:
        *members, beneath = members
    elif form != ALONE:
        table, _ = row_of(key)
        raise Newer(f"a row of {table} in place.state (form {form}; this version knows {FORM})")
    _, link, name, columns, source, known_by, deleted, sent, carried, told, deadline = members
    mark = known_by and Mark(tuple(known_by[0]), known_by[1], known_by[2])
    there = beneath and Beneath.of(*beneath)
    return Entry(Link._make(link), name, columns, source, mark, deleted, sent, carried, told, deadline, there)
