"""Faults of a site with three brokers, of which one at a time may be away: what a site must bear without anybody's help."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from tests.chaos.course import Course

_ALL_IN_SYNC_S: Final = 60.0
_OFFSETS: Final = "__consumer_offsets"
_TRANSACTIONS: Final = "__transaction_state"
_COPIES: Final = 3


@contextmanager
def _admin(course: Course) -> Iterator[Any]:
    admin = KafkaAdminClient(bootstrap_servers=course.stack.endpoints.bootstrap_servers.split(","), request_timeout_ms=8000)
    try:
        yield admin
    finally:
        admin.close()


def _partitions(course: Course) -> list[tuple[str, dict[str, Any]]]:
    """Every partition with the name of its topic."""
    with _admin(course) as admin:
        described = admin.describe_topics(admin.list_topics())
    return [(topic["name"], partition) for topic in described for partition in topic["partitions"]]


def _wait_for_copies(course: Course) -> None:
    """As an operator's tool does between two brokers: until every partition has all its copies in sync."""
    until = time.monotonic() + _ALL_IN_SYNC_S
    while time.monotonic() < until:
        with suppress(KafkaError, OSError):
            if all(len(one["isr_nodes"]) == len(one["replica_nodes"]) for _, one in _partitions(course)):
                return
        time.sleep(1)


def _leader(course: Course, topic: str, number: int) -> int:
    return next(int(one["leader_id"]) for name, one in _partitions(course) if name == topic and one["partition_index"] == number)


def _leads_most(course: Course) -> int:
    return Counter(int(one["leader_id"]) for _, one in _partitions(course)).most_common(1)[0][0]


def coordinator_of(name: str, partitions: int) -> int:
    """The partition of an internal topic that a group, or a transactional id, belongs to: Java's hash of a text."""
    found = 0
    for sign in name:
        found = (31 * found + ord(sign)) & 0xFFFFFFFF
    signed = found - (1 << 32) if found >= 1 << 31 else found
    return (0 if signed == -(1 << 31) else abs(signed)) % partitions


def _coordinator(course: Course, topic: str, name: str) -> int:
    count = sum(found == topic for found, _ in _partitions(course))
    return _leader(course, topic, coordinator_of(name, count))


def _service(course: Course, node: int) -> str:
    return course.stack.brokers[node - 1]


def _aside(*acts: Callable[[Course], object]) -> Callable[[Course], None]:
    """The acts one after the other, beside the live days."""

    def plan(course: Course) -> None:
        def strike() -> None:
            for act in acts:
                act(course)

        course.at(0.1 * course.live_s, "three brokers", lambda: course.aside(strike))

    return plan


def _bounce(course: Course, node: int, *, away_s: float, kill: bool = True) -> None:
    service = _service(course, node)
    course.strike(f"{'kill -9' if kill else 'SIGTERM'} {service}, away {away_s:.0f} s")
    (course.stack.kill if kill else course.stack.stop)(service)
    time.sleep(away_s)
    course.stack.start(service)
    _wait_for_copies(course)


def _roll(course: Course) -> None:
    for node in range(1, _COPIES + 1):
        _bounce(course, node, away_s=1, kill=False)


def _kill_leader(course: Course) -> None:
    _bounce(course, _leads_most(course), away_s=15)


def _kill_coordinators(course: Course) -> None:
    topics = course.site.load().topics
    for stage in ("deliver", "join", "place"):
        _bounce(course, _coordinator(course, _OFFSETS, topics.group(stage)), away_s=8)
    _bounce(course, _coordinator(course, _TRANSACTIONS, f"{topics.group('join')}-3"), away_s=8)


def _two_down(course: Course) -> None:
    pair = [_service(course, node) for node in (1, 3)]
    for service in pair:
        course.strike(f"kill -9 {service}, 60 s")
        course.stack.kill(service)
    time.sleep(60)
    course.stack.up()
    _wait_for_copies(course)


def _freeze(for_s: float) -> Callable[[Course], None]:
    def act(course: Course) -> None:
        service = _service(course, _leads_most(course))
        pid = next(one.pid for one in course.stack.status() if one.service == service)
        assert pid is not None
        course.strike(f"freeze {service} {for_s:.0f} s")
        os.kill(pid, signal.SIGSTOP)
        time.sleep(for_s)
        os.kill(pid, signal.SIGCONT)
        _wait_for_copies(course)

    return act


def _reassign(course: Course) -> None:
    """Every copy moves on by one broker, then one copy is dropped, then all are there again; leaders follow."""
    topics = course.site.load().topics
    moved = {topics.changes, topics.ready, topics.state, topics.receipts, topics.dead, _OFFSETS, _TRANSACTIONS}
    for keep in (_COPIES, _COPIES - 1, _COPIES):
        wanted = {
            TopicPartition(name, one["partition_index"]): _turned(one["replica_nodes"], keep)
            for name, one in _partitions(course)
            if name in moved
        }
        course.strike(f"reassign {len(wanted)} partitions to {keep} copies")
        with _admin(course) as admin:
            admin.alter_partition_reassignments(wanted)
            _wait_for_copies(course)
            with suppress(KafkaError):
                admin.elect_leaders(0, raise_errors=False)


def _turned(copies: Sequence[int], keep: int) -> list[int]:
    every = [*copies, *(node for node in range(1, _COPIES + 1) if node not in copies)]
    return [*every[1:], every[0]][:keep]


PLANS: Final[dict[str, tuple[Callable[[Course], None], float, float]]] = {
    "three-roll": (_aside(_roll), 60, 0),
    "three-kill-leader": (_aside(_kill_leader), 60, 0),
    "three-kill-coordinators": (_aside(_kill_coordinators), 90, 30),
    "three-two-down": (_aside(_two_down), 110, 60),
    "three-freeze": (_aside(_freeze(20), _freeze(60)), 130, 60),
    "three-reassign": (_aside(_reassign), 60, 0),
}
"""By scenario: the plan, how long the live days are at least, and what is added to the patience, in seconds."""
