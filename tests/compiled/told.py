"""What place and join make of random courses, to the byte: one line a course, which both builds of the core must write alike.

`python -m tests.compiled.told --count 500` in a checkout and in `build/compiled/checkout`; `make compiled-proof` compares them.
Each course is that of the join's oracle, and between its messages come spoilt ones: a member that is not there, or of another type.
In a line are all changes of the state of both stages, records, letters and marks as they are written, and the names of exceptions.
`--show SEED` prints a course step by step.
"""

import argparse
import hashlib
import logging
import sys
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

import orjson

from streams.deadletter.closing import encode_closed
from streams.deadletter.record import encode_dead_letter
from streams.domain.changes import Incoming
from streams.domain.closings import Closed
from streams.domain.join import letters
from streams.domain.join.indexed import Index
from streams.domain.join.moving import first_open
from streams.domain.place.placed import Placed
from streams.domain.ready import decode, encode
from streams.domain.records import Header
from streams.domain.ticks import tick_value
from streams.lanes.join.overlay import Overlay
from streams.lanes.join.state import State
from streams.lanes.marks import JoinMark
from streams.lanes.numbers import taken
from streams.lanes.passed_marks import left_of
from streams.lanes.ports import TopicPartition
from streams.telemetry import events
from tests.oracle.course import course
from tests.oracle.database import SOURCE_OF
from tests.oracle.flow import PARTITIONS, PASSED, Patients, new_joiner, placer
from tests.oracle.lanes import PlaceLane
from tests.oracle.messages import Kind, Message

SPOILT: Final = (None, True, False, 0, -1, 7, 1.5, "", "x", "123", "1.5", [], {}, [1], {"a": 1}, 10**18, 2**64 - 1, -(2**63))
SPOILT_HEADERS: Final = (None, b"", b"x", b"1_0", b" 7", b"-1", b"9" * 30, b"\xff", "７".encode())
_OFTEN: Final = 0.3


def spoil(rng: Random, value: bytes) -> bytes:
    """A message with one member gone, or with something else in it."""
    whole = orjson.loads(value)
    inside = whole
    while True:
        name = rng.choice(sorted(inside))
        if isinstance(inside[name], dict) and inside[name] and rng.random() < 0.8:
            inside = inside[name]
            continue
        if rng.random() < 0.2:
            del inside[name]
        else:
            inside[name] = rng.choice(SPOILT)
        return orjson.dumps(whole)


def spoil_header(rng: Random, headers: tuple[Header, ...]) -> tuple[Header, ...]:
    """Headers of which one is gone, or holds something else."""
    at = rng.randrange(len(headers))
    instead = () if rng.random() < 0.2 else ((headers[at][0], rng.choice(SPOILT_HEADERS)),)
    return (*headers[:at], *instead, *headers[at + 1 :])


class Part:
    """The join of one partition."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.begin(new_joiner())
        self.offset = 0
        self.seq = 1
        self.mark = JoinMark(seq=1)

    def begin(self, joiner: Any) -> None:
        """Anew, as another worker does."""
        self.joiner = joiner
        self.state = State(TopicPartition("visit.state", 0), index=Index(joiner.mappings), at_hand=1_500, few=1)

    def take(self, incoming: Incoming, lookups: Any) -> Iterator[bytes]:
        """Fold one message; what would be written of it."""
        overlay = Overlay(self.state)
        folded = self.joiner.fold(incoming, overlay, lookups, PASSED)
        overlay.apply(folded.state)
        self.state.apply(overlay.changed, position=self.offset)
        self.state.note(folded.missing)
        yield from (b"%b %b" % (key, b"-" if value is None else value) for key, value in sorted(overlay.changed.items()))
        for emission in (*folded.recalls, *folded.ready):
            key, value, headers = encode(emission, self.seq)
            yield f"{key!r} {value!r} {headers}".encode()
            yield from self.read(Incoming("visit.ready", 0, self.seq, key, value, tuple(headers), incoming.timestamp_ms))
            self.seq += 1
        for letter in folded.dead:
            written = encode_closed(letter, letters.STAGE) if isinstance(letter, Closed) else encode_dead_letter(letter)
            yield f"{written}".encode()
        self.mark = JoinMark(seq=self.seq, taken=taken(self.mark.taken, [incoming]), **left_of(first_open(overlay)))
        yield self.mark.text().encode()
        yield f"{sorted(folded.counts.items())}".encode()

    def read(self, ready: Incoming) -> Iterator[bytes]:
        """What the deliver stage reads in a record, and in one of which a header is spoilt."""
        for one in (ready, ready._replace(headers=spoil_header(self.rng, ready.headers))):
            try:
                yield f"{tuple(decode(one))}".encode()
            except Exception as met:  # noqa: BLE001 - what is met is what is compared
                yield f"{type(met).__name__} {met}".encode()


class Told:
    """One course through the stages. say: takes what each step led to."""

    def __init__(self, seed: int, say: Callable[[str, bytes], None]) -> None:
        self.rng = Random(f"spoilt {seed}")
        self.say = say
        self.parts = [Part(self.rng) for _ in range(PARTITIONS)]
        self.placing = {source: PlaceLane(source, placer(), partitions=PARTITIONS) for source in SOURCE_OF.values()}
        self.patients = Patients()
        for message in course(seed).messages:
            self.take(message)

    def take(self, message: Message) -> None:
        """One message of the course."""
        match message.kind:
            case Kind.LOOKUP:
                self.patients.take(message)
            case Kind.WORKER:
                for part in self.parts:
                    part.begin(new_joiner())
                for lane in self.placing.values():
                    lane.take_over()
            case Kind.TICK:
                for source in SOURCE_OF.values():
                    self.place(source, tick_value(message.at), message)
            case Kind.ROW:
                value = message.value or b""
                source = orjson.loads(value)["source"]["name"]
                if self.rng.random() < _OFTEN:
                    self.place(source, spoil(self.rng, value), message)
                self.place(source, value, message)

    def place(self, source: str, value: bytes, message: Message) -> None:
        """A message of a source, through both stages."""
        incoming = Incoming("rows", 0, 0, b"{}", value, (), message.at)
        placed: list[Placed] = []
        self.note(
            f"place {value.decode()}", lambda: placed.extend(self.placing[source].fold(incoming, server=message.server)) or ()
        )
        for one in placed:
            if one.value and self.rng.random() < _OFTEN / 3:
                self.join(one._replace(value=spoil(self.rng, one.value)), message)
            self.join(one, message)

    def join(self, one: Placed, message: Message) -> None:
        """A message of the place stage, through the join."""
        part = self.parts[one.partition]
        part.offset += 1
        incoming = Incoming("visit.changes", one.partition, part.offset, one.key, one.value, one.headers, message.at)
        self.note(f"join {one.key!r} {one.value!r} {one.headers}", lambda: part.take(incoming, self.patients))

    def note(self, what: str, work: Callable[[], Any]) -> None:
        """Say what a step led to, or what it met."""
        try:
            led_to = b"\n".join(work())
        except Exception as met:  # noqa: BLE001 - what is met is what is compared
            led_to = f"raised {type(met).__name__}".encode()
        self.say(what, led_to)


def main() -> int:
    """0, always: who compares judges."""
    asked = argparse.ArgumentParser(prog="python -m tests.compiled.told")
    asked.add_argument("--first", type=int, default=0)
    asked.add_argument("--count", type=int, default=500)
    asked.add_argument("--show", type=int, metavar="SEED")
    chosen = asked.parse_args()
    events.configure(human=False, level=logging.ERROR)  # on standard error
    if chosen.show is not None:
        Told(chosen.show, lambda what, led_to: print(what, led_to.decode(errors="replace"), sep="\n  "))
        return 0
    for seed in range(chosen.first, chosen.first + chosen.count):
        whole, raised = hashlib.sha256(), [0]

        def say(what: str, led_to: bytes, whole: Any = whole, raised: list[int] = raised) -> None:
            whole.update(what.encode() + b"\0" + led_to + b"\0")
            raised[0] += led_to.startswith(b"raised ")

        Told(seed, say)
        print(seed, raised[0], whole.hexdigest(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
