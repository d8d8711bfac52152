"""The topic `visit.audit` on the brokers: read whole, and appended to. Synchronous; never call it from an event loop."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from streams.errors import Unreachable
from streams.topics.audit import AuditEntry, Chain, Linked, digest_of
from streams.topics.whole import read_whole
from streams.topics.writing import write

_TRIES: Final = 20
"""Writers that may come first, one after the other, before one gives up."""


def read_audit(client: Mapping[str, Any], topic: str) -> Iterator[Linked]:
    """Every message of the log. Raises Unreachable, Newer, and Misconfigured where the topic is missing.

    client: how to reach the brokers, as kafka-python names it.
    """
    chain = Chain()
    return (chain.take(message.offset, message.value) for message in read_whole(client, topic))


def append(client: Mapping[str, Any], topic: str, entry: AuditEntry) -> AuditEntry:
    """Append an entry to the chain and return it as it stands there. Raises as `read_audit`, and Unreachable where it is not known
    whether it was written: nothing may be done then that it tells of.
    """
    otherwise = "nothing was done, and the audit log may say that it was ordered"
    chain = Chain()
    for message in read_whole(client, topic):
        chain.take(message.offset, message.value)
    for _ in range(_TRIES):
        written = replace(entry, before=chain.head)
        value = written.dump()
        write(client, topic, key=entry.id.encode(), value=value, otherwise=otherwise)
        chain, takes_part = Chain(), False
        for message in read_whole(client, topic):
            linked = chain.take(message.offset, message.value)
            takes_part = takes_part or (linked.digest == digest_of(value) and linked.link != "beside")
        if takes_part:
            return written
    raise Unreachable(f"{otherwise}: others wrote into {topic} at the same time, {_TRIES} times; try again")
