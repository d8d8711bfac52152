"""Whether the rows of a source may be placed: as `visit.control` says, read before the first row is taken and again and again."""

from connector.contract import FactsDocument
from streams.lanes.ports import Broker, TopicPartition
from streams.topics.control import Control, Controls


class Gate:
    """What `visit.control` says, as far as it was read. topic: its name."""

    def __init__(self, broker: Broker, *, topic: str) -> None:
        self._broker = broker
        self._at = TopicPartition(topic, 0)
        self._next: int | None = None
        self._controls = Controls()
        self._unwritten: dict[str, Control] = {}

    def of(self, source: str) -> Control | None:
        """The entry of a source; None where there is none."""
        return self._unwritten.get(source) or self._controls.by_source.get(source)

    async def refresh(self) -> None:
        """Take what was written since the last time. Raises Newer, Fatal for what is no entry, and what the broker raises."""
        await self._flush()
        if self._next is None:
            self._next = await self._broker.first_offset(self._at)
        if (await self._broker.end_offsets([self._at]))[self._at] <= self._next:
            return
        async for page in self._broker.read(self._at, self._next):
            self._controls.take(value for _key, value in page.entries)
            self._next = page.position

    async def write(self, control: Control) -> None:
        """Write an entry. Here it is in force at once, also where the broker does not take it now: then a later `refresh` writes
        it.
        """
        self._unwritten[control.source] = control
        await self.refresh()

    async def _flush(self) -> None:
        for source, control in list(self._unwritten.items()):
            await self._broker.send(self._at, control.dump(), key=control.key)
            self._controls.by_source[source] = control
            if self._unwritten.get(source) is control:
                del self._unwritten[source]


def facts_of(control: Control | None) -> FactsDocument | None:
    """What the source's capture was applied against; None where nobody has looked yet."""
    return None if control is None else control.facts
