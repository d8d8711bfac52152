"""What waits in the join, for what, and since when: counted by the index of its state, shown from the topic."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from streams.domain.changes import Incoming
from streams.domain.join.entries import visit_key_of
from streams.domain.roles import REPORTED, SERVICE_OF
from streams.explain.decoding import gone_in, row_in
from streams.explain.logs import Logs
from streams.explain.places import Place
from streams.explain.subject import Keys, RowName
from streams.explain.waits import WITHDRAWAL, end_of, kind_of, words_for

_AT_ONCE: Final = 2_000
_SERVICES: Final = {one.prefix: one.service.value for one in REPORTED}
_WANTED: Final = "part <> '' AND (? = '' OR source = ?) AND (? = '' OR institution = ?)"
_COUNTS: Final = f"SELECT part, role, count(*), min(since), total(told) FROM entries WHERE {_WANTED} GROUP BY part, role"  # noqa: S608 - ours
_OLDEST: Final = f"SELECT partition, offset, part FROM entries WHERE {_WANTED} ORDER BY since, key"  # noqa: S608 - ours
_BY_INSTITUTION: Final = """
SELECT source, institution, part, count(*), total(told), min(since) FROM entries WHERE part <> ''
GROUP BY source, institution, part
"""


class Wanted(NamedTuple):
    """What is asked for. `""`: all."""

    source: str = ""
    """Source in site.yaml."""
    institution: str = ""
    """FIXMEDINS_CODE."""
    kind: str = ""
    """What is waited for, as `Kind.kind` names it."""


class Waiting(NamedTuple):
    """One row that waits, or a record of which a person is to be told that no row backs it. Times are milliseconds."""

    kind: str
    """What it waits for: a part, `lookup <name>`, `withdrawal`."""
    words: str
    """The same, for people."""
    service: str
    """As what it is reported."""
    institution: str
    """FIXMEDINS_CODE; `""` where nobody registered it."""
    source: str
    """Source in site.yaml."""
    row: str
    """Table and key, as they may be seen."""
    visit: str
    """Key of its visit, as it may be seen."""
    since: int
    """When it began."""
    until: int
    """When it is given up; 0 where no time ends it."""
    told: bool
    """Whether a person was told, and it waits on."""

    def __repr__(self) -> str:
        """Without keys."""
        return f"Waiting(kind={self.kind!r}, service={self.service!r}, since={self.since})"


class Kind(NamedTuple):
    """How many rows wait for one thing."""

    kind: str
    """What they wait for."""
    words: str
    """The same, for people."""
    service: str
    """As what they are reported; `""` of records without a row."""
    rows: int
    """How many."""
    told: int
    """Of how many a person was told."""
    oldest: int
    """When the first of them began to wait (ms)."""


class Awaited(NamedTuple):
    """How many rows of one source and institution wait for one thing."""

    source: str
    """Source in site.yaml."""
    institution: str
    """FIXMEDINS_CODE; `""` where nobody registered it."""
    kind: str
    """What they wait for, as `Kind.kind`."""
    rows: int
    """How many."""
    told: int
    """Of how many a person was told."""
    oldest: int
    """When the first of them began to wait (ms)."""


class Pending(NamedTuple):
    """What waits."""

    kinds: Sequence[Kind]
    """All of it, the most first."""
    oldest: Sequence[Waiting]
    """As many as were asked for, those that wait longest first."""

    @property
    def total(self) -> int:
        """How many wait."""
        return sum(one.rows for one in self.kinds)


def pending(logs: Logs, keys: Keys, wanted: Wanted, *, most: int) -> Pending:
    """What waits in all partitions. most: of the oldest. Raises as `Logs.state`."""
    values = (wanted.source, wanted.source, wanted.institution, wanted.institution)

    def question(index: sqlite3.Connection) -> tuple[list[Kind], list[tuple[Place, str]]]:
        kinds = _added(Kind(kind_of(part), "", _SERVICES.get(role, ""), *rest) for part, role, *rest in _counts(index, values))
        return kinds, [(Place(*place), part) for *place, part in index.execute(_OLDEST, values)]

    kinds, places = logs.state(question)
    if wanted.kind:
        kinds = [one for one in kinds if one.kind == wanted.kind]
        places = [one for one in places if kind_of(one[1]) == wanted.kind]
    return Pending(kinds, list(_read(logs, keys, [place for place, _ in places[:most]])))


def awaited(index: sqlite3.Connection) -> list[Awaited]:
    """What waits, by source, institution and what it waits for; what waits longest first."""
    found: dict[tuple[str, str, str], Awaited] = {}
    for source, institution, part, rows, told, oldest in index.execute(_BY_INSTITUTION):
        of = source, institution, kind_of(part)
        known = found.get(of, Awaited(*of, 0, 0, oldest))
        found[of] = Awaited(*of, known.rows + rows, known.told + int(told), min(known.oldest, oldest))
    return sorted(found.values(), key=lambda one: (one.oldest, one))


def _counts(index: sqlite3.Connection, values: Sequence[str]) -> Iterator[tuple[str, str, int, int, int]]:
    for part, role, count, oldest, told in index.execute(_COUNTS, values):
        yield part, role, count, int(told), oldest


def _added(kinds: Iterator[Kind]) -> list[Kind]:
    """One of each kind and service: collisions name their transactions."""
    found: dict[tuple[str, str], Kind] = {}
    for one in kinds:
        known = found.get((one.kind, one.service))
        count, told, oldest = (known.rows, known.told, known.oldest) if known else (0, 0, one.oldest)
        words = words_for(one.kind)
        found[one.kind, one.service] = Kind(
            one.kind, words, one.service, count + one.rows, told + one.told, min(oldest, one.oldest)
        )
    return sorted(found.values(), key=lambda one: (-one.rows, one.kind, one.service))


def _read(logs: Logs, keys: Keys, places: Sequence[Place]) -> Iterator[Waiting]:
    """What stands at these places, in their order. What is not there any more was written anew, or went, a moment ago."""
    for first in range(0, len(places), _AT_ONCE):
        some = places[first : first + _AT_ONCE]
        there = {Place(one.partition, one.offset): one for one in logs.at(logs.topics.state, {*some})}
        for place in some:
            if place in there and (waiting := waiting_in(there[place], keys)) is not None:
                yield waiting


def waiting_in(message: Incoming, keys: Keys) -> Waiting | None:
    """What a message of `visit.state` says of a wait; None where it says none."""
    visit = keys.visit(visit_key_of(message.key or b"").decode())
    if (row := row_in(message)) is not None:
        institution = row.reported_as.partition("/")[0] or keys.institution(row.source, row.role, row.columns)
        name = keys.row(RowName(row.source, row.table, row.key))
        words, until = words_for(row.waits_for, deadline=row.deadline), end_of(row.since, row.deadline)
        about = SERVICE_OF[row.role].value, institution, row.source, name, visit, row.since, until, bool(row.refused)
        return Waiting(kind_of(row.waits_for), words, *about) if row.waits_for else None
    if (gone := gone_in(message)) is None or not gone.deadline:
        return None
    name, institution = keys.row(RowName(gone.source, gone.table, gone.key)), gone.record.partition("/")[0]
    about = SERVICE_OF[gone.role].value, institution, gone.source, name, visit, gone.since, end_of(gone.since, gone.deadline), False
    return Waiting(WITHDRAWAL, words_for(WITHDRAWAL), *about)
