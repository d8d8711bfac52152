"""What `yibao offsets recover` finds of one partition: its offset is right, is known anew from the topics, or cannot be known."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from streams.errors import Fatal, Newer
from streams.lanes.ports import Committed, TopicPartition

Mark = TypeVar("Mark")


class Action(StrEnum):
    """KEEP: offset and logs fit together. WRITE: the topics say where the lane must go on. REFUSE: they do not."""

    KEEP = "keep"
    WRITE = "write"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What is to be done about one partition."""

    at: TopicPartition
    action: Action
    why: str
    was: Committed | None
    """What is committed; None for nothing."""
    to: Committed | None = None
    """What to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One partition, and what is committed there."""

    at: TopicPartition
    said: Committed | None
    begin: int
    """The oldest offset that can still be read."""
    end: int
    """Where the next committed message will stand."""
    id: str
    """Of the topic; `""` where brokers have none."""

    def keep(self, why: str = "offset, mark and log fit together") -> Recovery:
        """Leave it."""
        return Recovery(at=self.at, action=Action.KEEP, why=why, was=self.said)

    def refuse(self, why: str) -> Recovery:
        """Leave it, although it is wrong."""
        return Recovery(at=self.at, action=Action.REFUSE, why=why, was=self.said)

    def write(self, offset: int, metadata: str, why: str) -> Recovery:
        """Write it anew."""
        return Recovery(at=self.at, action=Action.WRITE, why=why, was=self.said, to=Committed(offset=offset, metadata=metadata))

    def fits(self, log: str) -> bool:
        """Whether a lane can go on from the committed offset: it is one of this log, and what stands there can still be read.
        log: the id in its mark.
        """
        is_another = bool(log and self.id and log != self.id)
        return self.said is not None and not is_another and self.begin <= self.said.offset <= self.end


def readable(said: Committed | None, read: Callable[[str], Mark]) -> Mark | None:
    """The mark; None where there is none of ours. Raises Newer where a later version wrote it."""
    if said is None or not said.metadata:
        return None
    try:
        return read(said.metadata)
    except Newer:
        raise
    except Fatal:
        return None
