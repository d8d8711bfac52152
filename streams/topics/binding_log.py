"""The topic `site.binding` on the brokers: read and written whole. Synchronous; never call it from an event loop."""

from collections.abc import Mapping
from typing import Any

from streams.errors import Misconfigured, Refused
from streams.topics.binding import Binding, differences, in_force
from streams.topics.whole import read_whole
from streams.topics.writing import write


def read_binding(client: Mapping[str, Any], topic: str) -> Binding | None:
    """What is bound; None where nothing is, also where the topic is missing. Raises Unreachable, Newer, Fatal.

    client: how to reach the brokers, as kafka-python names it.
    """
    try:
        return in_force(message.value for message in read_whole(client, topic))
    except Misconfigured:
        return None  # no such topic


def write_binding(client: Mapping[str, Any], topic: str, binding: Binding) -> Binding:
    """Write an entry into the topic, which exists; what is in force then. Raises Refused where another one, which says something
    else, came first, Unreachable where it is not known whether it was written.
    """
    write(
        client,
        topic,
        key=binding.entry.id.encode(),
        value=binding.dump(),
        otherwise="it is not known whether the site was bound: look with `yibao topics plan`",
    )
    found = read_binding(client, topic)
    if found is None or differences(found.identity, binding.identity):
        by = "nobody" if found is None else f"{found.entry.by} at {found.entry.at}"
        raise Refused(f"somebody else bound the topics at the same time ({by}): look with `yibao topics plan`")
    return found
