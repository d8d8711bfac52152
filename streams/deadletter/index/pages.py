"""Letters out of the index: a page of them, all that a filter means, what happened to one."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from streams.deadletter.filter.grammar import Filter
from streams.deadletter.index.counting import Counted, by_index, counts, groups, some, within
from streams.deadletter.index.entry import RESTS, SEPARATOR, Group
from streams.deadletter.index.selecting import Clock, Condition, Selection, both, by_reasons, select
from streams.deadletter.index.texts import begins_in

_FEW: Final = 20_000
"""So many letters are sorted; of more the latest are looked for in the order of time."""
MOST_COUNTED: Final = 10_000
"""Of letters that keys, ids or reasons choose, so many are counted for a page."""
_LATEST: Final = 20_000
_LATEST_OF_REASONS: Final = 5_000
"""So many of the latest letters are looked through one by one, before all that are meant are looked for; where reasons find these,
the fewer.
"""
_AT_ONCE: Final = 500


class Letter(NamedTuple):
    """A letter as the index has it. What is not known is `""`."""

    id: str
    """32 hex characters."""
    dead_class: str
    """Class."""
    rule: str
    """Rule."""
    field: str
    """Interface field that is wrong."""
    cause: str
    """What caused it."""
    service: str
    """Service."""
    institution: str
    """FIXMEDINS_CODE."""
    owner: str
    """Who mends it."""
    stage: str
    """Stage that gave it up."""
    source: str
    """Source of the row."""
    row_table: str
    """Table of the row."""
    code: str
    """Answer code of the platform."""
    mapping_version: str
    """Mapping that judged it."""
    attempts: int
    """How often it was tried."""
    replays: int
    """How often it was replayed."""
    message: str
    """Reason, masked."""
    record_key: str
    """As far as it may be shown, as the next two."""
    row_key: str
    """Key of the row."""
    visit_key: str
    """Key of the visit."""
    first: int
    """First failure (ms)."""
    last: int
    """Last failure (ms)."""
    closed: int
    """When it was closed (ms); 0 while it is open."""
    partition: int
    """Where its latest message stands."""
    offset: int
    """Where its latest message stands."""
    form: int
    """Form of that message."""
    record_hash: bytes
    """Equal for equal records."""
    rest: str
    """What is only shown, as `streams.deadletter.index.entry` writes it."""

    def __repr__(self) -> str:
        """Without keys and reasons."""
        return f"Letter(id={self.id}, dead_class={self.dead_class}, rule={self.rule})"

    @property
    def shown(self) -> Mapping[str, str]:
        """What is only shown, by name (`RESTS`)."""
        return dict(zip(RESTS, self.rest.split(SEPARATOR), strict=True))


class Event(NamedTuple):
    """What happened to a letter after it was told first."""

    at: int
    """When (ms)."""
    closed: str
    """What closed it; `""`: it failed again."""
    who: str
    """Who closed it: a person, or a stage."""
    why: str
    """The reason, masked."""
    evidence: str
    """By what it was closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of the letters that a filter means."""

    letters: Sequence[Letter]
    """The latest failures first."""
    total: int
    """How many letters the filter means, as far as they were counted."""
    exact: bool
    """Whether these are all; False: there are more."""
    after: str
    """Where the next page begins; `""` where this is the last."""


_GROUP_COLUMNS: Final = ", ".join(Group._fields)
_OWN_COLUMNS: Final = "record_key, row_key, visit_key, first, last, l.closed, partition, offset, form, record_hash, rest"
_COLUMNS: Final = f"l.id, {_GROUP_COLUMNS}, r.text, {_OWN_COLUMNS}"
_FROM: Final = "FROM letters l JOIN groups g ON g.id = l.grp JOIN reasons r ON r.id = l.reason"


def page(index: sqlite3.Connection, wanted: Filter, clock: Clock, *, most: int, after: str = "") -> Page:
    """The latest failures that a filter means. after: as the page before says; ValueError for what no page says."""
    asked = select(wanted, clock, begins_in(index))
    found = groups(index, asked)
    behind = [_behind(after)] if after else []
    total, exact = _total(index, asked, found)
    if not total:
        return Page(letters=[], total=0, exact=True, after="")
    few = sum(one.open + one.closed for one in found) <= _FEW or (asked.worded and exact and total <= _FEW)
    rows: list[Sequence[object]] = []
    if asked.letters and asked.span is None and not (few or (asked.keyed and exact)):
        rows = _latest(index, asked, found, behind, most=most + 1)
    if len(rows) <= most:
        rows = list(index.execute(*_ordered(asked, found, behind, most=most + 1, few=few)))
    letters = [_letter(row) for row in rows[:most]]
    last = letters[-1] if len(rows) > most else None
    return Page(letters=letters, total=total, exact=exact, after=f"{last.last}-{last.id}" if last else "")


def every(index: sqlite3.Connection, wanted: Filter, clock: Clock) -> Iterator[Letter]:
    """All letters that a filter means, the oldest message first: for whoever reads them from the topic, too."""
    asked = select(wanted, clock, begins_in(index))
    where = both([asked.status, *asked.letters, within(asked, groups(index, asked))])
    query = f"SELECT {_COLUMNS} {_FROM} WHERE {where.sql} ORDER BY partition, offset"
    for row in index.execute(query, where.values):
        yield _letter(row)


def named(index: sqlite3.Connection, ids: Sequence[str]) -> Iterator[Letter]:
    """The letters with these ids that the index holds."""
    for first in range(0, len(ids), _AT_ONCE):
        some = [bytes.fromhex(one) for one in ids[first : first + _AT_ONCE]]
        for row in index.execute(f"SELECT {_COLUMNS} {_FROM} WHERE l.id IN ({', '.join('?' * len(some))})", some):
            yield _letter(row)


def history(index: sqlite3.Connection, letter_id: str) -> list[Event]:
    """What happened to a letter after it was told first, in the order of time."""
    found = index.execute(
        "SELECT at, closed, who, why, evidence FROM history WHERE id = ? ORDER BY at, partition, offset",
        (bytes.fromhex(letter_id),),
    )
    return [Event(*row) for row in found]


def _total(index: sqlite3.Connection, asked: Selection, found: Sequence[Counted]) -> tuple[int, bool]:
    """How many letters a filter means, and whether these are all."""
    if not asked.letters or asked.span is not None:
        return sum(one.open + one.closed for one in counts(index, asked, found)), True
    counted = some(index, asked.left_out or asked, found, MOST_COUNTED + 1)
    if asked.left_out is None:
        return min(counted, MOST_COUNTED), counted <= MOST_COUNTED
    if counted <= MOST_COUNTED:
        return sum(one.open + one.closed for one in found) - counted, True
    kept = some(index, asked, found, MOST_COUNTED + 1)
    return min(kept, MOST_COUNTED), kept <= MOST_COUNTED


def _latest(
    index: sqlite3.Connection, asked: Selection, found: Sequence[Counted], behind: Sequence[Condition], *, most: int
) -> list[Sequence[object]]:
    """The letters that are meant among the latest: where there are as many as a page needs, these are its letters, and nothing is
    looked at behind them.
    """
    here = both([asked.status, within(asked, found), *asked.times, *behind])
    letters = "letters l INDEXED BY letters_by_time"
    looked = _LATEST_OF_REASONS if asked.worded else _LATEST
    last = f"SELECT last FROM {letters} WHERE {here.sql} ORDER BY last DESC LIMIT 1 OFFSET {looked}"
    earliest = index.execute(last, here.values).fetchone()
    meant = both([here, *asked.seen, Condition("last >= ?", earliest or (0,))])
    numbers = f"SELECT number FROM {letters} WHERE {meant.sql} ORDER BY last DESC, id DESC LIMIT {most}"
    query = f"SELECT {_COLUMNS} {_FROM} WHERE l.number IN ({numbers}) ORDER BY last DESC, l.id DESC"
    return list(index.execute(query, meant.values))


def _ordered(
    asked: Selection, found: Sequence[Counted], behind: Sequence[Condition], *, most: int, few: bool
) -> tuple[str, tuple[object, ...]]:
    """The numbers of the letters first, from an index alone; then what is shown of them."""
    if asked.worded:
        where = by_reasons(asked, [*behind, within(asked, found)])
        source = where.sql
    else:
        where = both([asked.status, *asked.letters, *behind, within(asked, found)])
        source = f"letters l {by_index(asked, few=few)} WHERE {where.sql}"
    numbers = f"SELECT number FROM {source} ORDER BY last DESC, l.id DESC LIMIT {most}"
    return f"SELECT {_COLUMNS} {_FROM} WHERE l.number IN ({numbers}) ORDER BY last DESC, l.id DESC", where.values


def _behind(after: str) -> Condition:
    last, dash, letter_id = after.partition("-")
    if not dash or not last.isdigit():
        raise ValueError(after)
    return Condition("(last, l.id) < (?, ?)", (int(last), bytes.fromhex(letter_id)))


def _letter(row: Sequence[object]) -> Letter:
    identity, *rest = row
    assert isinstance(identity, bytes)
    return Letter(identity.hex(), *rest)  # type: ignore[arg-type]  # as the query orders them
