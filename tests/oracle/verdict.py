"""Feeds a course to the product's join and says where what came out is not what must."""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson

from streams.domain.changes import Incoming, tick_value
from streams.domain.join.entries import due_from, group_of, visit_key_of, waits
from streams.domain.join.entries import group as group_name
from streams.domain.join.fold import Joiner
from streams.lanes.join.lookups import LookupTable, LookupTables
from streams.telemetry.outcomes import Outcomes
from tests.oracle.course import Course, Kind, Message
from tests.oracle.database import KEY_OF, MANY, Row, Where
from tests.oracle.expected import Child, Holds, Open, Told, expected
from tests.oracle.features import KEPT, Features
from tests.unit.streams.domain.join.join_rig import LIMITS, mappings

TOPIC = "lookup.patient"


@cache
def joiner() -> Joiner:
    return Joiner(mappings(), LIMITS, zone=mappings()["his"].dialect.zone)


class Partition:
    """A state in memory, and what came out of the join, in its order."""

    def __init__(self) -> None:
        self.groups: defaultdict[bytes, defaultdict[bytes, dict[bytes, bytes]]] = defaultdict(lambda: defaultdict(dict))
        self.joiner = joiner()
        self.told: list[tuple[str, str, str, Any]] = []
        """Kind, service, record key; and the record's values, or a letter's class and rule."""
        self.offset = 0

    def visit(self, visit_key: bytes) -> dict[bytes, bytes]:
        return {key: value for entries in self.groups[visit_key].values() for key, value in entries.items()}

    def of_role(self, visit_key: bytes, role: Any) -> dict[bytes, bytes]:
        return self.groups[visit_key][group_name(visit_key, role)]

    def due(self, at: int) -> list[bytes]:
        return [key for key in self.groups if any(waits(one) and due_from(one) <= at for one in self.visit(key).values())]

    def take(self, message: Message, value: bytes, lookups: Any) -> list[str]:
        """Fold one message; what it led to, in words."""
        self.offset += 1
        incoming = Incoming("visit.changes", 0, self.offset, b"{}", value, (), message.at)
        folded = self.joiner.fold(incoming, self, lookups)
        for key, entry in folded.state.items():
            assert entry is not None
            visit_key = visit_key_of(key)
            self.groups[visit_key][group_of(key)][key] = entry
        for emission in folded.ready:
            record = emission.record
            self.told.append(("record", record.service.value, record.key, orjson.loads(record.value)))
        for letter in folded.dead:
            self.told.append(("letter", letter.service, letter.record_key, (letter.dead_class.value, letter.rule)))
        records = [f"{one.record.service} {one.record.key}" for one in folded.ready]
        return [*records, *(f"{letter.rule} {letter.record_key}" for letter in folded.dead)]


class Patients:
    """The product's lookup tables, and the topic that they are read from."""

    def __init__(self) -> None:
        self.topic: list[Incoming] = []
        self.newest: dict[str, Any] = {}
        """By key, what came last of what came for the first time."""
        self.fresh = True
        """Whether the worker has read everything from the first copy on."""
        self.open()

    def open(self) -> None:
        self.tables = LookupTables(None, {TOPIC: LookupTable(name="patient", key=("patient_id",))}, outcomes=Outcomes("join"))

    def find(self, name: str, key: tuple[str, ...]) -> Any:
        return self.tables.find(name, key)

    def take(self, message: Message) -> None:
        incoming = Incoming(TOPIC, 0, len(self.topic), b"k", message.value, (), message.at)
        self.topic.append(incoming)
        self.tables.take([incoming])
        if not message.repeated:
            row = orjson.loads(message.value or b"")["after"]
            self.newest[row["patient_id"]] = row

    def begin_anew(self) -> None:
        """Another worker reads the topic from its beginning, and compaction has left the last message of each key."""
        last = {orjson.loads(one.value or b"")["after"]["patient_id"]: one for one in self.topic}
        self.topic = sorted(last.values(), key=lambda one: one.offset)
        self.fresh = False
        self.open()
        self.tables.take(self.topic)

    def wrong(self) -> Iterator[str]:
        for key, row in self.newest.items():
            if (known := self.find("patient", (key,))) != row:
                yield f"lookup {key}: known {known}, newest {row}"


class Known:
    """The rows of the system with several of a kind, as they were sent so far."""

    def __init__(self) -> None:
        self.rows: dict[Where, Row] = {}

    def take(self, message: Message) -> None:
        if message.kind is not Kind.ROW or message.repeated:
            return
        value = orjson.loads(message.value or b"")
        row, table = value["after"] or value["before"], f"{value['source']['schema']}.{value['source']['table']}"
        if (where := (table, row[KEY_OF[table]])) in MANY:
            self.rows.pop(where, None)
            if value["op"] != "d":
                self.rows[where] = row

    def guessed(self, told: list[tuple[str, str, str, Any]]) -> Iterator[str]:
        """What was reported although several rows could be meant."""
        if told and self.rows:
            musts = expected(self.rows)
            for kind, service, key, _ in told:
                if kind == "record" and isinstance(musts.get((service, key)), Open):
                    yield f"{service} {key} was reported by a guess"


def faults(course: Course, features: Features = KEPT) -> list[str]:
    """What the join did wrong in this course, in words; empty where nothing."""
    partition, patients, known, found = Partition(), Patients(), Known(), list[str]()
    for number, message in enumerate(course.messages):
        known.take(message)
        before = len(partition.told)
        match message.kind:
            case Kind.LOOKUP:
                patients.take(message)
                if patients.fresh:
                    found += patients.wrong()
            case Kind.WORKER:
                partition.joiner = Joiner(mappings(), LIMITS, zone=mappings()["his"].dialect.zone)
                patients.begin_anew()
            case Kind.TICK:
                partition.take(message, tick_value(message.at), patients)
            case Kind.ROW:
                outcome = partition.take(message, message.value or b"", patients)
                if message.repeated and outcome:
                    found.append(f"message {number}, which was sent before, led to {', '.join(outcome)}")
        found += known.guessed(partition.told[before:])
    return [*found, *patients.wrong(), *_orphans(partition.told), *_wrong_in_the_end(course, partition.told, features)]


def _wrong_in_the_end(course: Course, told: list[tuple[str, str, str, Any]], features: Features) -> Iterator[str]:
    held: dict[tuple[str, str], tuple[int, Any]] = {}
    letters: defaultdict[tuple[str, str], list[tuple[int, tuple[str, str]]]] = defaultdict(list)
    for moment, (kind, service, key, what) in enumerate(told):
        if kind == "record":
            held[service, key] = moment, what
        else:
            letters[service, key].append((moment, what))
    musts = expected(course.rows)
    for where in musts.keys() | held.keys():
        since, values = held.get(where, (-1, None))
        later = [what for moment, what in letters[where] if moment > since]
        must = musts.get(where)
        if isinstance(must, Child):
            if any(parent not in held for parent in must.parents):
                continue  # what was reported of it with another parent stands
            must = must.then
        if wrong := _wrong(must, values, later):
            yield f"{where}: {wrong}"
    if features.withdrawn_at_the_end:
        absent = {key for _, key in course.absent}
        withdrawn = {key for (_, key), all_ in letters.items() for _, what in all_ if what[0] == "WITHDRAWN"}
        yield from (f"{key}: told as withdrawn, and never gone" for key in sorted(withdrawn - absent))


def _orphans(told: list[tuple[str, str, str, Any]]) -> Iterator[str]:
    """Records that were reported before what they belong to. The sites of the courses are hospitals, which report visits."""
    seen: set[tuple[str, str]] = set()
    for kind, service, key, values in told:
        if kind == "record":
            parents = {"setl_d": {"mdtrt_d": "MDTRT_ID"}, "fee_list_d": {"mdtrt_d": "MDTRT_ID", "setl_d": "SETL_ID"}}.get(
                service, {}
            )
            for parent, name in parents.items():
                if (parent, values[name]) not in seen:
                    yield f"{service} {key} was reported before {parent} {values[name]}"
            seen.add((service, key))


def _wrong(must: Holds | Told | Open | None, held: Any, told: list[tuple[str, str]]) -> str:
    """What is wrong with a record in the end; `""` for nothing. told: the letters about it since it was reported last."""
    match must:
        case Holds(values):
            shown = None if held is None else {name: held.get(name) for name in values}
            return "" if shown == values else f"the platform holds {shown} and must hold {values}"
        case Open(rule, candidates):
            stands = any({name: (held or {}).get(name) for name in one} == one for one in candidates)
            return "" if stands or ("AMBIGUOUS", rule) in told else f"{rule} was not told, but {told}; the platform holds {held}"
        case Told(dead_class, rule):
            fits = any(dead_class == one and rule in (None, other) for one, other in told)
            return "" if fits else f"{must} was not told, but {told}"
        case None:
            return "" if ("WITHDRAWN", "DELETED_AFTER_REPORT") in told else "the row is gone, and nobody was told"
