"""How many letters a filter means, by the counts that are kept of them wherever these say it."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from streams.deadletter.causes import MISSING_LOOKUP
from streams.deadletter.filter.grammar import Filter
from streams.deadletter.filter.terms import Term
from streams.deadletter.index.selecting import OF_GROUP, Clock, Condition, Selection, both, by_reasons, select
from streams.deadletter.index.texts import begins_in
from streams.deadletter.index.writing import HOUR_MS

_DAY_HOURS: Final = 24
_MOST_ROWS: Final = 20
"""Of a lookup that lacks more rows than so many they are counted together."""


class SummaryLine(NamedTuple):
    """The letters that have the asked parts in common."""

    parts: tuple[str, ...]
    """Values, in the order in which they were asked for."""
    owners: str
    """Who mends them; several divided by commas."""
    open: int
    """How many are open."""
    closed: int
    """How many are closed."""
    oldest: int
    """First failure among the open ones (ms); 0 where none is."""
    today: int
    """How many were told first in the last 24 hours, by the full hour."""
    before: int
    """And in the 24 hours before those."""


PARTS: Final[Mapping[str, str]] = MappingProxyType({**OF_GROUP, "mapping": "mapping_version"})
"""By what letters can be counted: name, and column of `groups`."""


class Counted(NamedTuple):
    """The letters of one group that a filter means."""

    grp: int
    """Number of the group."""
    open: int
    """How many are open."""
    closed: int
    """How many are closed."""


def groups(index: sqlite3.Connection, asked: Selection) -> list[Counted]:
    """The groups that a filter means, with all their letters of the status that it means, whatever else it asks."""
    where = both(asked.groups)
    found = index.execute(f"SELECT id, open, closed FROM groups WHERE {where.sql}", where.values)
    meant = [Counted(grp, open_ * asked.opened, closed * asked.closed) for grp, open_, closed in found]
    return [one for one in meant if one.open or one.closed]


def within(asked: Selection, found: Sequence[Counted]) -> Condition:
    """Letters of these groups. Where keys, times or reasons find fewer, the index of groups is left aside."""
    plus = "+" if asked.keyed or asked.timed or asked.worded else ""
    return Condition(f"{plus}l.grp IN ({', '.join(f'{one.grp}' for one in found)})")


def by_index(asked: Selection, *, few: bool) -> str:
    """Which index the letters are found by: nobody but us knows how many are meant."""
    if asked.keyed:
        return ""
    if few and asked.worded:
        return "INDEXED BY letters_by_reason"
    return f"INDEXED BY {'letters_by_group' if few and not asked.timed else 'letters_by_time'}"


def counts(index: sqlite3.Connection, asked: Selection, found: Sequence[Counted]) -> list[Counted]:
    """By group, the letters that a filter means. found: its groups."""
    if not asked.letters:
        return list(found)
    if asked.span is not None:
        return _in_span(index, asked, found, *asked.span)
    if asked.left_out is not None:
        less = {one.grp: one for one in counts(index, asked.left_out, found)}
        left = [
            Counted(
                one.grp,
                *(all_ - out for all_, out in zip(one[1:], less.get(one.grp, one._replace(open=0, closed=0))[1:], strict=True)),
            )
            for one in found
        ]
        return [one for one in left if one.open or one.closed]
    where = both([asked.status, *asked.letters, within(asked, found)])
    counted, by = "SELECT grp, total(l.closed = 0), total(l.closed > 0) FROM letters l", by_index(asked, few=True)
    query = f"{counted} {by} WHERE {where.sql} GROUP BY grp"
    return [Counted(grp, int(open_), int(closed)) for grp, open_, closed in index.execute(query, where.values)]


def some(index: sqlite3.Connection, asked: Selection, found: Sequence[Counted], most: int) -> int:
    """How many letters a filter means that asks of keys, ids or reasons, as far as so many: whoever looks for them stops there."""
    source, where = "letters l INDEXED BY letters_by_time", [*asked.seen]
    if asked.keyed:
        source, where = "letters l", [*asked.letters]
    elif asked.worded:
        meant = by_reasons(asked, [within(asked, found)])
        return _counted(index, f"SELECT 1 FROM {meant.sql} LIMIT {most}", meant.values)
    condition = both([*where, asked.status, within(asked, found)])
    return _counted(index, f"SELECT 1 FROM {source} WHERE {condition.sql} LIMIT {most}", condition.values)


def _counted(index: sqlite3.Connection, rows: str, values: Sequence[object]) -> int:
    return int(index.execute(f"SELECT count(*) FROM ({rows})", values).fetchone()[0])


def _in_span(index: sqlite3.Connection, asked: Selection, found: Sequence[Counted], since: int, until: int) -> list[Counted]:
    """By group, the letters that failed last in a time: whole hours by what is kept of them, the rest letter by letter."""
    first, last = -(-since // HOUR_MS), until // HOUR_MS
    parts = [(since, first * HOUR_MS), (last * HOUR_MS, until)] if first < last else [(since, until)]
    opened: Counter[int] = Counter()
    closed: Counter[int] = Counter()
    hours = index.execute("SELECT grp, sum(open), sum(closed) FROM hours WHERE hour >= ? AND hour < ? GROUP BY grp", (first, last))
    counted = "SELECT grp, sum(closed = 0), sum(closed > 0) FROM letters"
    letters = f"{counted} INDEXED BY letters_by_time WHERE last >= ? AND last < ? GROUP BY grp"
    for rows in (hours, *(index.execute(letters, part) for part in parts)):
        for grp, more_open, more_closed in rows:
            opened[grp] += more_open
            closed[grp] += more_closed
    meant = [Counted(one.grp, opened[one.grp] * asked.opened, closed[one.grp] * asked.closed) for one in found]
    return [one for one in meant if one.open or one.closed]


def summary(index: sqlite3.Connection, wanted: Filter, clock: Clock, *, by: Sequence[str]) -> list[SummaryLine]:
    """The letters that a filter means, counted by these parts (`PARTS`): most open ones first."""
    asked = select(wanted, clock, begins_in(index))
    found = groups(index, asked)
    oldest = _oldest(index, asked, found)
    names = _names(index, {one.grp for one in found}, by)
    hours = _hours(index, clock) if not asked.letters else {}
    lines: dict[tuple[str, ...], SummaryLine] = {}
    owners: dict[tuple[str, ...], set[str]] = {}
    for grp, open_, closed in counts(index, asked, found):
        owner, parts = names[grp]
        before = lines.get(parts) or SummaryLine(parts, "", 0, 0, 0, 0, 0)
        owners.setdefault(parts, set()).add(owner)
        today, yesterday = hours.get(grp, (0, 0))
        lines[parts] = before._replace(
            open=before.open + open_,
            closed=before.closed + closed,
            oldest=min(filter(None, (before.oldest, oldest.get(grp, 0))), default=0),
            today=before.today + today,
            before=before.before + yesterday,
        )
    told = [line._replace(owners=",".join(sorted(owners[parts]))) for parts, line in lines.items()]
    return sorted(told, key=lambda line: (-line.open, -line.closed, line.parts))


def _names(index: sqlite3.Connection, found: Collection[int], by: Sequence[str]) -> dict[int, tuple[str, tuple[str, ...]]]:
    """By group: who mends it, and the parts. Of a lookup that lacks many rows, no row is a part of its own: it is one cause."""
    rows = index.execute(f"SELECT id, owner, rule, {', '.join(PARTS[one] for one in by)} FROM groups")
    named = {grp: (owner, rule, tuple(parts)) for grp, owner, rule, *parts in rows if grp in found}
    if "cause" not in by:
        return {grp: (owner, parts) for grp, (owner, _, parts) in named.items()}
    at, lacks = by.index("cause"), defaultdict[str, set[str]](set)
    for _, rule, parts in named.values():
        if rule == MISSING_LOOKUP:
            lacks[parts[at].partition("=")[0]].add(parts[at])
    many = {where: f"{where}=… ({len(rows)})" for where, rows in lacks.items() if len(rows) > _MOST_ROWS}

    def told(rule: str, parts: tuple[str, ...]) -> tuple[str, ...]:
        cause = many.get(parts[at].partition("=")[0]) if rule == MISSING_LOOKUP else None
        return parts if cause is None else (*parts[:at], cause, *parts[at + 1 :])

    return {grp: (owner, told(rule, parts)) for grp, (owner, rule, parts) in named.items()}


def values(index: sqlite3.Connection, name: str) -> list[str]:
    """What letters have as a part of `PARTS`: for who mistyped one."""
    return [row[0] for row in index.execute(f"SELECT DISTINCT {PARTS[name]} FROM groups ORDER BY 1")]


def unknown(index: sqlite3.Connection, wanted: Filter) -> list[tuple[Term, str]]:
    """Terms of a filter with values that no letter has, open or closed."""
    asked = [one for one in wanted.terms if one.name in PARTS]
    return [(one, value) for one in asked for value in one.values if value not in values(index, one.name)]


def _oldest(index: sqlite3.Connection, asked: Selection, found: Sequence[Counted]) -> dict[int, int]:
    """First failure among the open letters of each group."""
    if not asked.letters:
        return {one.grp: _first(index, one.grp, Condition("1")) for one in found if one.open}
    if asked.left_out is not None:
        return {one.grp: _first(index, one.grp, both(asked.letters)) for one in found if one.open}
    where = both([Condition("l.closed = 0"), asked.status, *asked.letters, within(asked, found)])
    return dict(
        index.execute(
            f"SELECT grp, min(first) FROM letters l {by_index(asked, few=True)} WHERE {where.sql} GROUP BY grp", where.values
        )
    )


def _first(index: sqlite3.Connection, grp: int, where: Condition) -> int:
    """The first failure among the open letters of a group that are meant; 0 for none."""
    query = "SELECT first FROM letters l INDEXED BY letters_by_group WHERE grp = ? AND closed = 0"
    first = index.execute(f"{query} AND {where.sql} ORDER BY first LIMIT 1", (grp, *where.values)).fetchone()
    return first[0] if first else 0


def _hours(index: sqlite3.Connection, clock: Clock) -> dict[int, tuple[int, int]]:
    this = clock.now_ms // HOUR_MS
    query = "SELECT grp, total(told * (hour > ?)), total(told * (hour <= ?)) FROM hours WHERE hour > ? GROUP BY grp"
    found = index.execute(query, (this - _DAY_HOURS, this - _DAY_HOURS, this - 2 * _DAY_HOURS))
    return {grp: (int(today), int(before)) for grp, today, before in found}
