"""Rows that the place stage has and the join has not: they wait for their header, or waited in vain."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from streams.domain.place.entries import is_row, load, row_of
from streams.explain.logs import Logs
from streams.explain.subject import Keys, RowName


class Unplaced(NamedTuple):
    """One such row."""

    source: str
    """Source in site.yaml."""
    row: str
    """Table and key, as they may be seen."""
    waits: bool
    """Whether it waits for its header still."""
    until: int
    """When it is told that it has none (ms); 0 where no time says so."""
    told: str
    """Rule of the letter that was written of it; `""` where none was."""

    def __repr__(self) -> str:
        """Without the key."""
        return f"Unplaced(source={self.source!r}, waits={self.waits})"

    @property
    def words(self) -> str:
        """The same, for people."""
        if self.waits:
            return "waits in the place stage for its header, of which no row came yet"
        return f"has no visit: its header did not come; see its letter ({self.told})"


def unplaced(logs: Logs, keys: Keys, key: str, sources: Iterable[str]) -> Iterator[Unplaced]:
    """The rows with this number that are in no visit. sources: those with rows under headers. Raises as `Logs.state`."""
    for source in sources:
        latest = {one.key: one for one in logs.placed(source, {key.encode()}) if one.key is not None}
        for where, message in latest.items():
            if not is_row(where) or row_of(where)[1] != key or message.value is None:
                continue
            entry = load(where, message.value)
            if not entry.deleted and entry.sent is None and (entry.deadline or entry.told):
                name = keys.row(RowName(source, row_of(where)[0], (key,)))
                yield Unplaced(source, name, not entry.told, 0 if entry.told else entry.deadline, entry.told)
