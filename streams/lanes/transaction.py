"""One transaction: messages, offset and mark together, or nothing."""

from collections.abc import Sequence

from streams.lanes.ports import Committed, Producer, Send, TopicPartition


async def transact(producer: Producer, sends: Sequence[Send], committed: Committed, *, group: str, at: TopicPartition) -> list[int]:
    """Write it; returns the messages' offsets. Raises whatever the client meets: then nobody knows what became of it."""
    await producer.begin()
    offsets = await producer.write(sends, at.partition)
    await producer.send_offset(group, at, committed)
    await producer.commit()
    return offsets
