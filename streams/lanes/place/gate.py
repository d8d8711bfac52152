"""Whether the rows of a source may be placed: as `visit.control` says, read before the first row is taken and again and again."""

from connector.contract import FactsDocument
from streams.lanes.control_feed import ControlFeed
from streams.lanes.ports import Broker
from streams.topics.control import Control


class Gate(ControlFeed):
    """What `visit.control` says, as far as it was read. topic: its name."""

    def __init__(self, broker: Broker, *, topic: str) -> None:
        super().__init__(broker, topic=topic)
        self._unwritten: dict[str, Control] = {}

    def of(self, source: str) -> Control | None:
        """The entry of a source; None where there is none."""
        return self._unwritten.get(source) or self.controls.by_source.get(source)

    async def refresh(self) -> None:
        """Write what was not written yet, and take what others wrote. Raises as its base."""
        await self._flush()
        await super().refresh()

    async def write(self, control: Control) -> None:
        """Write an entry. Here it is in force at once, also where the broker does not take it now: then a later `refresh` writes
        it.
        """
        self._unwritten[control.source] = control
        await self.refresh()

    async def _flush(self) -> None:
        for source, control in list(self._unwritten.items()):
            await self._broker.send(self._at, control.dump(), key=control.key)
            self.controls.by_source[source] = control
            if self._unwritten.get(source) is control:
                del self._unwritten[source]


def facts_of(control: Control | None) -> FactsDocument | None:
    """What the source's capture was applied against; None where nobody has looked yet."""
    return None if control is None else control.facts
