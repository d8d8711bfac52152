"""One transaction: messages, offset and mark together, or nothing."""

from collections.abc import Awaitable, Sequence

from streams.lanes.ports import Committed, Producer, Send, TopicPartition, Written


async def transact(producer: Producer, sends: Sequence[Send], committed: Committed, *, group: str, at: TopicPartition) -> list[int]:
    """Write it; returns the messages' offsets. Raises whatever the client meets: then nobody knows what became of it."""
    await producer.begin()
    sent = [await producer.send(message, at.partition) for message in sends]
    offsets = await _all(sent)
    await producer.send_offset(group, at, committed)
    await producer.commit()
    return offsets


async def _all(sent: Sequence[Awaitable[Written]]) -> list[int]:
    """Every message's offset. Raises where one send failed, because the client would commit the transaction without that
    message.
    """
    offsets: list[int] = []
    failed: Exception | None = None
    for one in sent:
        try:
            offsets.append((await one).offset)
        except Exception as exc:  # noqa: BLE001 - raised below, when nothing is under way any more
            failed = failed or exc
    if failed is not None:
        raise failed
    return offsets
