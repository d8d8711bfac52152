"""The topic `site.binding` on the brokers: read and written whole. Synchronous; never call it from an event loop."""

from collections.abc import Mapping, Sequence
from typing import Any

from streams.errors import Misconfigured, Refused, YibaoError
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


def read_bindings(client: Mapping[str, Any], topics: Sequence[str]) -> tuple[dict[str, Binding], dict[str, str]]:
    """What is bound in each of several topics, and of those that cannot be read, why. All are read at once, and one by one where
    that fails, for one of them may be closed to us.
    """
    try:
        messages = list(read_whole(client, *topics)) if topics else []
    except YibaoError:
        messages = None
    found, unread = {}, {}
    for topic in topics:
        try:
            mine = (
                read_binding(client, topic) if messages is None else in_force(one.value for one in messages if one.topic == topic)
            )
        except YibaoError as error:
            unread[topic] = f"{error}"
            continue
        if mine is not None:
            found[topic] = mine
    return found, unread


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
