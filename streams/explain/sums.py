"""Which settlements have lines that add up to something else than they say (rule R2): found by the index of the join's state, the
largest difference first, read from the topic.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

from connector.contract import TableRole
from streams.domain.changes import Incoming
from streams.domain.join.entries import visit_key_of
from streams.domain.join.stored import StoredRow
from streams.explain.decoding import row_in, sums_in
from streams.explain.logs import Logs
from streams.explain.places import Place
from streams.explain.subject import Keys, RowName

_AT_ONCE: Final = 2_000
_LARGEST: Final = """
SELECT abs(off), key, visit, partition, offset FROM entries
WHERE role = 'u' AND (:source = '' OR source = :source) AND abs(off) <= :off AND (abs(off), key) < (:off, :key)
ORDER BY abs(off) DESC, key DESC LIMIT :most
"""
_SETTLEMENTS: Final = "SELECT partition, offset FROM entries WHERE visit = ? AND role = 's'"


class WantedSums(NamedTuple):
    """What is asked for. `""`: all."""

    source: str = ""
    """Source in site.yaml."""
    institution: str = ""
    """FIXMEDINS_CODE."""


class Differing(NamedTuple):
    """One settlement whose lines add up to something else than it says. Amounts are cents, times milliseconds."""

    source: str
    """Source in site.yaml."""
    institution: str
    """FIXMEDINS_CODE; `""` where nobody registered it."""
    visit: str
    """Key of its visit, as it may be seen."""
    settlement: str
    """Table and key of its row, as they may be seen; `""` where the row went a moment ago."""
    lines: int
    """How many lines it has."""
    lines_cents: int
    """What they add up to."""
    stated_cents: int
    """What it says."""
    since: int
    """When one of its rows changed last, or, where that was before, when it was counted that they differ."""

    def __repr__(self) -> str:
        """Without keys and amounts."""
        return f"Differing(source={self.source!r}, institution={self.institution!r}, lines={self.lines}, since={self.since})"

    @property
    def off(self) -> int:
        """By how many cents the lines add up to more; below 0: to less."""
        return self.lines_cents - self.stated_cents


class _Page(NamedTuple):
    """A part of the list."""

    last: tuple[int, bytes]
    """Behind which the next one begins."""
    sums: Sequence[Place]
    """Where the sums stand, in order."""
    settlements: Collection[Place]
    """Where the settlements of the same visits stand."""
    is_full: bool
    """Whether there may be more."""

    def __repr__(self) -> str:
        """Without what keys become."""
        return f"_Page(sums={len(self.sums)}, is_full={self.is_full})"


def differing_sums(logs: Logs, keys: Keys, wanted: WantedSums, *, at_once: int = _AT_ONCE) -> Iterator[Differing]:
    """Those of all partitions, the largest difference first. No more of them is read than is taken, and so many stand in memory at
    once. Raises as `Logs.state`.
    """
    last = 1 << 62, b""
    while True:
        page = logs.state(partial(_page, source=wanted.source, last=last, most=at_once))
        yield from (one for one in _read(logs, keys, page) if wanted.institution in ("", one.institution))
        if not page.is_full:
            return
        last = page.last


def _page(index: sqlite3.Connection, *, source: str, last: tuple[int, bytes], most: int) -> _Page:
    found = index.execute(_LARGEST, {"source": source, "off": last[0], "key": last[1], "most": most}).fetchall()
    visits = {one[2] for one in found}
    settlements = {Place(*one) for visit in visits for one in index.execute(_SETTLEMENTS, (visit,))}
    return _Page(found[-1][:2] if found else last, [Place(*one[3:]) for one in found], settlements, len(found) == most)


def _read(logs: Logs, keys: Keys, page: _Page) -> Iterator[Differing]:
    """What stands there. What does not any more was written anew, or went, a moment ago."""
    there = {Place(one.partition, one.offset): one for one in logs.at(logs.topics.state, {*page.sums, *page.settlements})}
    rows = settlements_in((there[place] for place in page.settlements if place in there), keys)
    for place in page.sums:
        for (visit, source, name), summed in sums_in([there[place]] if place in there else []).items():
            row = rows.get((visit, source, name))
            yield Differing(
                source,
                "" if row is None else row.reported_as.partition("/")[0] or keys.institution(source, row.role, row.columns),
                keys.visit(visit.decode()),
                "" if row is None else keys.row(RowName(source, row.table, row.key)),
                summed.tally.lines,
                summed.tally.lines_cents,
                summed.tally.stated_cents,
                summed.at,
            )


def settlements_in(messages: Iterable[Incoming], keys: Keys) -> Mapping[tuple[bytes, str, str], StoredRow]:
    """The settlements in messages of `visit.state`, by visit, source, and as what their lines name them."""
    found = {}
    for message in messages:
        row = row_in(message)
        if row is not None and row.role is TableRole.SETTLEMENT and (name := keys.named_by_lines(row)) is not None:
            found[visit_key_of(message.key or b""), row.source, name] = row
    return found
