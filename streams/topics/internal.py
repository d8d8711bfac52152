"""The topics in which brokers and Kafka Connect keep what they must not lose, and what mends them. Pure.

Three copies of every record of ours do not help while one broker alone knows the offsets of a group, a transaction, or how far
capture is: while it is away they stand, and what only it has is lost with it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

INTERNAL: Final = {
    "__consumer_offsets": "offsets.topic.replication.factor",
    "__transaction_state": "transaction.state.log.replication.factor",
}
"""The brokers' own topics that the stages need, each with the setting that made it."""

_OF_CONNECT: Final = {"config": "config.storage", "offset": "offset.storage", "status": "status.storage"}
_COPIES: Final = 3
_IN_SYNC: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalTopic:
    """One of them as the brokers have it."""

    name: str
    copies: Sequence[Sequence[int]]
    """By partition: the brokers that have one, the preferred leader first."""
    in_sync: int
    """So many must have what is acknowledged (`min.insync.replicas`)."""


def may_be_connects(names: Iterable[str], *, prefix: str) -> list[str]:
    """The topics that Connect may have made for itself. It does not tell their names. prefix: of the site's own."""
    mine = [name for name in names if not (prefix and name.startswith(prefix))]
    return sorted(name for name in mine if "connect" in name.lower() and _part(name))


def internal_notes(found: Sequence[InternalTopic], *, brokers: Sequence[int], copies: int, servers: str) -> tuple[str, ...]:
    """What a person should know of them, each with the statement that mends it. copies: of the site's topics; a cluster of three
    brokers and more must have three in any case.
    """
    wanted = _COPIES if len(brokers) >= _COPIES else copies
    told = [note for topic in found for note in _notes(topic, brokers=sorted(brokers), wanted=wanted, servers=servers)]
    if wanted >= _COPIES and not any(topic.name not in INTERNAL for topic in found):
        told.append(
            "no topic of Kafka Connect was recognised (its name has `connect`, and `config`, `offset` or `status`): see to it that "
            "those which its config.storage.topic, offset.storage.topic and status.storage.topic name have "
            f"{wanted} copies and min.insync.replicas {_IN_SYNC}"
        )
    return tuple(told)


def _notes(topic: InternalTopic, *, brokers: Sequence[int], wanted: int, servers: str) -> Iterator[str]:
    fewest = min((len(copies) for copies in topic.copies), default=wanted)
    if fewest < wanted:
        yield (
            f"{topic.name} has {fewest} of {wanted} copies: while one broker is away, what needs it stands, and what only it has "
            f"is lost with it. {_reassign(topic, brokers, wanted=wanted, servers=servers)}; "
            f"for new clusters set {_setting(topic.name)}={wanted}"
        )
    if wanted >= _COPIES and topic.in_sync < _IN_SYNC:
        yield (
            f"{topic.name} has min.insync.replicas {topic.in_sync}: what one broker alone acknowledged is lost with it. "
            f"kafka-configs.sh --bootstrap-server {servers} --alter --entity-type topics --entity-name {topic.name} "
            f"--add-config min.insync.replicas={_IN_SYNC}"
        )


def _setting(name: str) -> str:
    return INTERNAL.get(name) or f"{_OF_CONNECT[_part(name)]}.replication.factor"


def _part(name: str) -> str:
    """What Connect keeps in a topic, by its name; `""` where that says nothing."""
    return next((part for part in _OF_CONNECT if part in name.lower()), "")


def _reassign(topic: InternalTopic, brokers: Sequence[int], *, wanted: int, servers: str) -> str:
    partitions: list[Mapping[str, object]] = [
        {"topic": topic.name, "partition": number, "replicas": _more(copies, brokers, first=number)[:wanted]}
        for number, copies in enumerate(topic.copies)
    ]
    document = json.dumps({"version": 1, "partitions": partitions}, separators=(",", ":"))
    return f"kafka-reassign-partitions.sh --bootstrap-server {servers} --execute --reassignment-json-file <(echo '{document}')"


def _more(copies: Sequence[int], brokers: Sequence[int], *, first: int) -> list[int]:
    """The brokers that have a copy, then the others, not always the same one first."""
    turn = first % len(brokers)
    return [*copies, *(broker for broker in (*brokers[turn:], *brokers[:turn]) if broker not in copies)]
