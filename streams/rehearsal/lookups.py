"""What the lookup tables hold in a rehearsal: the join's own tables without a topic, and which rows were asked for in vain."""

from collections.abc import AsyncIterator, Mapping, Sequence

from streams.domain.changes import Incoming
from streams.domain.records import Row
from streams.lanes.join.lookups import LookupTable, LookupTables
from streams.telemetry.outcomes import Outcomes


class LookupRows:
    """tables: by topic."""

    def __init__(self, tables: Mapping[str, LookupTable]) -> None:
        self._tables = LookupTables(_NoFeed(), tables, outcomes=Outcomes("join"))
        self._taken = 0
        self.missed: dict[tuple[str, tuple[str, ...]], None] = {}
        """Lookup and key of each row that was asked for and was not there, in their order."""

    def take(self, topic: str, key: bytes | None, value: bytes, now: int) -> None:
        """A change of a lookup's row."""
        self._tables.take([Incoming(topic, 0, self._taken, key, value, (), now)])
        self._taken += 1

    def find(self, name: str, key: tuple[str, ...]) -> Row | None:
        """As the join finds it."""
        row = self._tables.find(name, key)
        if row is None:
            self.missed[name, key] = None
        return row


class _NoFeed:
    """Rows come from the case alone."""

    async def up_to_the_end(self) -> AsyncIterator[Sequence[Incoming]]:
        """Nothing."""
        nothing: tuple[Sequence[Incoming], ...] = ()
        for page in nothing:
            yield page

    async def stop(self) -> None:
        """There is nothing to close."""
