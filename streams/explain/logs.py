"""The topics of a site as they are looked into: through indexes that are kept from them, and message by message. Nothing is written
but the indexes, which this account alone reads.
"""

import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from connector.contract import Topics
from streams.domain.changes import Incoming
from streams.errors import Refused
from streams.explain.places import CHANGES, PLACED, READY, RECEIPTS, places, sought
from streams.explain.remembered import Institutions, state_shape
from streams.indexes.shape import Shape
from streams.indexes.store import Store
from streams.indexes.upkeep import Upkeep
from streams.lanes.kafka_broker import incoming
from streams.topics.access import BrokerAccess
from streams.topics.at_places import read_at
from streams.topics.batches import Sought
from streams.topics.whole import OnProgress

FOLDER: Final = "explain"
"""Of the indexes, below `workers.home`."""
_VERSIONS: Final = 1_000
"""Of a row in a compacted topic; most are not there any more."""
_APART: Final = 400
"""Messages: to read so many costs what a seek costs."""
FETCH_BYTES: Final = 128 * 1024
"""Of a partition, where single messages are read."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """How a site's topics are reached."""

    access: BrokerAccess
    """The brokers."""
    topics: Topics
    """Names of the topics."""
    partitions: int
    """Of the site."""
    home: Path
    """`workers.home`."""
    client_id: str
    """Our name at the brokers."""
    institutions: Institutions
    """What tells whose a row is that waits."""
    deadline_s: float = 300.0
    """So long one topic may be read."""
    on_progress: Callable[[str], OnProgress] = lambda _topic: lambda _read, _total: None
    """Of a topic: told of messages read and to be read."""
    waits: Callable[[], None] = lambda: None
    """Called where another process brings an index up to date, and this one waits for it."""
    unkept: Callable[[str], None] = lambda _why: None
    """Called with the reason where an index cannot be kept, because its disk is full: topics are read for this answer alone."""

    def state(
        self,
        question: Callable[[sqlite3.Connection], Answer],
        partitions: Collection[int] | None = None,
        looked_for: Sought | None = None,
    ) -> Answer:
        """What the index of `visit.state` answers. partitions: of which the question is; None: of all. looked_for: finds every
        message that tells something for it. Raises as `Upkeep.ask`, and Refused where the time was up.
        """
        return self._ask(self.topics.state, state_shape(self.institutions), question, partitions, looked_for)

    def state_so_far(self, question: Callable[[sqlite3.Connection], Answer]) -> tuple[Answer, bool]:
        """What the index of `visit.state` answers when the time is up, and whether it holds all of the topic. Raises as
        `Upkeep.ask`.
        """
        answer, freshness = self._upkeep(self.topics.state, state_shape(self.institutions)).ask(question)
        return answer, freshness.complete

    def changes(self, keys: Collection[bytes], partition: int, *, most: int) -> list[Incoming]:
        """The latest messages of `visit.changes` of visits with these keys, in their order."""
        return self._found(self.topics.changes, CHANGES, keys, partition, most)

    def ready(self, keys: Collection[bytes], partition: int, *, most: int) -> list[Incoming]:
        """The latest messages of `visit.ready` of visits, or of records, with these keys."""
        return self._found(self.topics.ready, READY, keys, partition, most)

    def receipts(self, keys: Collection[bytes], partition: int, *, most: int) -> list[Incoming]:
        """The latest messages of `visit.receipts` of records with these keys."""
        return self._found(self.topics.receipts, RECEIPTS, keys, partition, most)

    def placed(self, source: str, keys: Collection[bytes]) -> list[Incoming]:
        """The messages of `place.state.<source>` of rows with these keys, in their order: of each the last one counts."""
        return self._found(self.topics.place_state(source), PLACED, keys, 0, _VERSIONS)

    def at(self, topic: str, where: Collection[tuple[int, int]]) -> list[Incoming]:
        """The messages that stand at these places, as far as the topic holds them."""
        if not where:
            return []
        found = read_at(self.access, topic, where, client_id=self.client_id, apart=_APART, fetch_bytes=FETCH_BYTES)
        return [incoming(one) for one in found]

    def _found(self, topic: str, shape: Shape, keys: Collection[bytes], partition: int, most: int) -> list[Incoming]:
        if not keys:
            return []
        where = self._ask(topic, shape, lambda index: places(index, keys, most=most), [partition], sought(shape, keys))
        return self.at(topic, where)

    def _ask(
        self,
        topic: str,
        shape: Shape,
        question: Callable[[sqlite3.Connection], Answer],
        partitions: Collection[int] | None,
        looked_for: Sought | None,
    ) -> Answer:
        answer, freshness = self._upkeep(topic, shape).ask(question, partitions=partitions, sought=looked_for)
        if not freshness.complete:
            on = "" if freshness.searched else "the same command goes on from there, or "
            raise Refused(f"the time was up before the end of {topic}: {on}use a longer --deadline")
        return answer

    def _upkeep(self, topic: str, shape: Shape) -> Upkeep:
        return Upkeep(
            store=Store(self.home / FOLDER, topic, shape),
            access=self.access,
            topic=topic,
            client_id=self.client_id,
            deadline_s=self.deadline_s,
            on_progress=self.on_progress(topic),
            waits=self.waits,
            unkept=self.unkept,
        )
