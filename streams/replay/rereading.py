"""From a dead letter to the row that is read again because of it, whether or not anybody remembers the row."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Final, NamedTuple

import orjson

from connector.contract import Op, TableRole, table_of
from streams.deadletter.record import DeadLetterView
from streams.domain.images import text_of
from streams.domain.keys import names_something
from streams.domain.normalise.record import CompiledMapping
from streams.domain.recapture import Asked, Recapture
from streams.domain.replay import Replay
from streams.domain.violations import DeadClass
from streams.errors import Rejected
from streams.replay.ordering import Ordering, as_it_was, visit_of
from streams.replay.plan import Outcome

_UNREADABLE: Final = frozenset({DeadClass.WITHDRAWN.value, DeadClass.DECODE.value})
"""Of these no row is to be read: it is gone, or there never was one."""
_ROWS: Final = frozenset({TableRole.VISIT, TableRole.SETTLEMENT, TableRole.FEE})
_JOIN: Final = "join"


class Reread(NamedTuple):
    """A row that is to be read, for one of its letters."""

    source: str
    """Of the row."""
    table: str
    """`schema.table`."""
    key: tuple[str, ...]
    """Values of its key columns, in the mapping's order."""
    columns: tuple[str, ...]
    """The key columns."""
    asked: Asked
    """The letter."""
    again: Replay | None = None
    """Of a letter that is not the join's: what goes once more where its row is as it was. What differs has gone by then."""

    def __repr__(self) -> str:
        """Without the key."""
        return f"Reread(source={self.source!r}, table={self.table!r})"


def reread_of(letter: DeadLetterView, ordering: Ordering, mappings: Mapping[str, CompiledMapping]) -> Reread | Outcome:
    """The row of a letter, or why none is read. mappings: of the site, by source."""
    if letter.dead_class in _UNREADABLE:
        return Outcome.EXCLUDED
    found = ordering.row_of(letter) if letter.service else _as_captured(letter, mappings)
    if found is None:
        return Outcome.UNKNOWN
    source, table, key = found
    if mappings[source].tables[table].role not in _ROWS:
        return Outcome.EXCLUDED
    if not all(map(names_something, key.values())):
        return Outcome.UNKNOWN
    own = letter.stage == _JOIN
    asked = Asked(letter.id, letter.replay_count, letter.first_failed_at, visit_of(letter), own)
    return Reread(source, table, tuple(key.values()), tuple(key), asked, None if own else _again(letter, found))


def _again(letter: DeadLetterView, row: tuple[str, str, Mapping[str, str]]) -> Replay:
    source, table, key = row
    order = Replay(source, table, key, visit_of(letter), "", letter.id, letter.replay_count, letter.first_failed_at)
    return as_it_was(order, letter)


class Batch(NamedTuple):
    """Rows of one table that are read by one order."""

    source: str
    """Their source."""
    table: str
    """`schema.table`."""
    rows: Mapping[tuple[str, ...], Recapture]
    """By key, in the mapping's order of its columns: what is said of each row."""
    again: Sequence[Replay] = ()
    """What goes once more, behind the end of the reading, where its row is as it was."""

    def __repr__(self) -> str:
        """Without keys."""
        return f"Batch(source={self.source!r}, table={self.table!r}, rows={len(self.rows)})"

    @property
    def letters(self) -> list[str]:
        """The letters of these rows."""
        return [one.letter for row in self.rows.values() for one in row.letters]


def batches(rereads: Iterable[Reread], *, plan: str, most: int) -> Iterator[Batch]:
    """The rows of one source and table together, each row once, so many at most."""
    ordered = sorted(rereads, key=lambda one: (one.source, one.table, one.key))
    for (source, table), of_table in groupby(ordered, key=lambda one: (one.source, one.table)):
        rows = iter([(key, list(same)) for key, same in groupby(of_table, key=lambda one: one.key)])
        while some := dict(islice(rows, most)):
            again = [one.again._replace(plan=plan) for same in some.values() for one in same if one.again is not None]
            yield Batch(source, table, {key: _order(same, plan) for key, same in some.items()}, again)


def _order(same: Sequence[Reread], plan: str) -> Recapture:
    first = same[0]
    return Recapture(
        first.source, first.table, dict(zip(first.columns, first.key, strict=True)), plan, tuple([one.asked for one in same])
    )


def _as_captured(letter: DeadLetterView, mappings: Mapping[str, CompiledMapping]) -> tuple[str, str, Mapping[str, str]] | None:
    """The row in the bytes of a letter of a row that had no place: those of its message."""
    try:
        envelope = orjson.loads(letter.value or b"")
        said, image = envelope["source"], envelope["before" if envelope["op"] == Op.DELETE else "after"]
        source, table = f"{said['name']}", table_of(said)
        values = {name: text_of(image[name]) for name in mappings[source].tables[table].key}
    except (orjson.JSONDecodeError, KeyError, TypeError, Rejected):
        return None
    key = {name: value for name, value in values.items() if value is not None}
    return (source, table, key) if len(key) == len(values) else None
