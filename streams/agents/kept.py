"""What a stage remembers of its partitions, as long as they are here."""

from collections.abc import Callable
from typing import Generic, TypeVar

from streams.lanes.ports import TopicPartition

T = TypeVar("T")


class Kept(Generic[T]):
    """The memory of each partition. A partition that is kept through a rebalance goes on with its own; one that comes back reads
    what was written since it went.

    make: of a partition that comes.
    """

    def __init__(self, make: Callable[[TopicPartition], T]) -> None:
        self._make = make
        self._found: dict[TopicPartition, T] = {}

    def of(self, at: TopicPartition) -> T:
        """That of a partition."""
        if at not in self._found:
            self._found[at] = self._make(at)
        return self._found[at]

    def forget(self, kept: set[TopicPartition]) -> None:
        """Forget all but these."""
        for at in self._found.keys() - kept:
            del self._found[at]
