"""Feeds a course to the product's join and says where what came out is not what must."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import orjson

from streams.domain.changes import SERVER, Incoming, tick_value
from streams.domain.join.entries import claims_in, due_from, group_of, is_moved, visit_key_of, waits
from streams.domain.join.entries import group as group_name
from streams.domain.join.fold import Joiner
from streams.domain.join.gone import deadline_of, is_gone
from streams.domain.join.withdrawing import WithdrawalLimits
from streams.domain.keys import VisitKey
from streams.domain.place.fold import Placed, Placer
from streams.domain.place.going import NOTHING, Going
from streams.lanes.join.lookups import LookupTable, LookupTables
from streams.telemetry.outcomes import Outcomes
from tests.oracle.course import SOON_MS, Course, Kind, Message
from tests.oracle.database import KEY_OF, SOURCE_OF, Where
from tests.oracle.expected import Child, Holds, Open, Several, Told, expected
from tests.oracle.features import KEPT, Features
from tests.oracle.known import Known, each, shown
from tests.unit.streams.domain.join.join_rig import LIMITS, is_row, mappings

TOPIC = "lookup.patient"
PARTITIONS = 2
GRACE_MS = 300
PLACER = Placer(
    {(SOURCE_OF[table[0]], table): VisitKey(("visit_id",)) for table in KEY_OF}, partitions=PARTITIONS, quiet_ms=20 * SOON_MS
)


_FRONT = (("from", b""), ("number", b"0"))
"""What stands before a message's other headers. No course loses a message, so that nobody asks for the numbers."""


def new_joiner() -> Joiner:
    limits = replace(LIMITS, withdrawals=WithdrawalLimits(grace_ms=GRACE_MS))
    return Joiner(mappings(), limits, zone=mappings()["his"].dialect.zone)


@cache
def joiner() -> Joiner:
    return new_joiner()


def _key(value: bytes) -> bytes:
    """As capture makes it: the row's key columns."""
    message = orjson.loads(value)
    if "op" not in message:
        return b"{}"
    row, table = message["after"] or message["before"], f"{message['source']['schema']}.{message['source']['table']}"
    return orjson.dumps({KEY_OF[table]: row[KEY_OF[table]]})


class Placing:
    """The place stage: a lane for each source."""

    def __init__(self) -> None:
        self.going: defaultdict[str, Going] = defaultdict(lambda: NOTHING)

    def placed(self, source: str, value: bytes, message: Message) -> tuple[Placed, ...]:
        """What the message leads to, with the headers of a lane."""
        incoming = Incoming("rows", 0, 0, _key(value), value, (), message.at)
        folded = PLACER.fold(incoming, source=source, server=message.server, going=self.going[source])
        self.going[source] = folded.going
        server = ((SERVER, message.server.encode()),) if message.server else ()
        return tuple(one._replace(headers=(*_FRONT, *server, *one.headers)) for one in folded.placed)


class Partition:
    """A state in memory. told: what comes out of the join, in its order."""

    def __init__(self, told: list[tuple[str, str, str, Any]]) -> None:
        self.groups: defaultdict[bytes, defaultdict[bytes, dict[bytes, bytes]]] = defaultdict(lambda: defaultdict(dict))
        self.joiner = joiner()
        self.told = told
        """Kind, service, record key; and the record's values, a letter's class, rule and row, or the row whose collision ended."""
        self.offset = 0

    def visit(self, visit_key: bytes) -> dict[bytes, bytes]:
        return {key: value for entries in self.groups[visit_key].values() for key, value in entries.items() if is_row(key)}

    def of_role(self, visit_key: bytes, role: Any) -> dict[bytes, bytes]:
        return self.groups[visit_key][group_name(visit_key, role)]

    def entries_beside(self, key: bytes) -> dict[bytes, bytes]:
        return self.groups[visit_key_of(key)][group_of(key)]

    def claims(self, visit_key: bytes, role: Any, claim: bytes) -> Iterable[bytes]:
        return claims_in(self.of_role(visit_key, role)).get(claim, ())

    def moved(self) -> list[bytes]:
        return [visit for visit in self.groups if any(map(is_moved, self.visit(visit).values()))]

    def visits_after(self, after: bytes, most: int) -> list[bytes]:
        return sorted(visit for visit in self.groups if visit > after)[:most]

    def gone(self, at: int) -> list[bytes]:
        return [
            visit
            for visit, groups in self.groups.items()
            for name, entries in groups.items()
            if is_gone(name + b"\x1f") and any(0 < deadline_of(one) <= at for one in entries.values())
        ]

    def due(self, at: int) -> list[bytes]:
        return [key for key in self.groups if any(waits(one) and due_from(one) <= at for one in self.visit(key).values())]

    def take(self, message: Message, placed: Placed, lookups: Any) -> list[str]:
        """Fold one message; what it led to, in words."""
        self.offset += 1
        incoming = Incoming("visit.changes", 0, self.offset, placed.key, placed.value, placed.headers, message.at)
        folded = self.joiner.fold(incoming, self, lookups)
        for key, entry in folded.state.items():
            entries = self.groups[visit_key_of(key)][group_of(key)]
            entries.pop(key, None)
            if entry is not None:
                entries[key] = entry
        for emission in folded.ready:
            record = emission.record
            self.told.append(("record", record.service.value, record.key, orjson.loads(record.value)))
        for letter in [letter for letter in folded.dead if not letter.closed]:
            what = (letter.dead_class.value, letter.rule, (letter.row.table, *letter.row.key))
            self.told.append(("letter", letter.service, letter.row.record_key or letter.record_key, what))
        for letter in [letter for letter in folded.dead if letter.closed and letter.rule == "COLLISION"]:
            self.told.append(("closed", letter.service, letter.record_key, (letter.row.table, *letter.row.key)))
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


class Flow:
    """All stages up to the join's outcomes."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str, Any]] = []
        self.partitions = [Partition(self.told) for _ in range(PARTITIONS)]
        self.placing, self.patients = Placing(), Patients()

    def take(self, source: str, value: bytes, message: Message) -> list[str]:
        """A message of a source; what it led to, in words."""
        placed = self.placing.placed(source, value, message)
        return [said for one in placed for said in self.partitions[one.partition].take(message, one, self.patients)]

    def tick(self, message: Message) -> None:
        for source in SOURCE_OF.values():
            self.take(source, tick_value(message.at), message)

    def change_workers(self) -> None:
        for partition in self.partitions:
            partition.joiner = new_joiner()
        self.patients.begin_anew()


def faults(course: Course, features: Features = KEPT) -> list[str]:
    """What the stages did wrong in this course, in words; empty where nothing."""
    flow, known, found = Flow(), Known(), list[str]()
    held: dict[tuple[str, str], Any] = {}
    for number, message in enumerate(course.messages):
        known.take(message)
        before = len(flow.told)
        match message.kind:
            case Kind.LOOKUP:
                flow.patients.take(message)
                if flow.patients.fresh:
                    found += flow.patients.wrong()
            case Kind.WORKER:
                flow.change_workers()
            case Kind.TICK:
                flow.tick(message)
            case Kind.ROW:
                value = message.value or b""
                outcome = flow.take(orjson.loads(value)["source"]["name"], value, message)
                if message.repeated and outcome:
                    found.append(f"message {number}, which was sent before, led to {', '.join(outcome)}")
        wrong = (*known.guessed(flow.told[before:]), *known.overwritten(flow.told[before:], held))
        found += [f"message {number}: {one}" for one in wrong]
        held |= {(service, key): values for kind, service, key, values in flow.told[before:] if kind == "record"}
    return [*found, *flow.patients.wrong(), *_orphans(flow.told), *_wrong_in_the_end(course, flow.told, features)]


def _wrong_in_the_end(course: Course, told: list[tuple[str, str, str, Any]], features: Features) -> Iterator[str]:
    held: dict[tuple[str, str], tuple[int, Any]] = {}
    letters: defaultdict[tuple[str, str], list[tuple[int, Any]]] = defaultdict(list)
    collided: defaultdict[tuple[str, str], set[Where]] = defaultdict(set)
    for moment, (kind, service, key, what) in enumerate(told):
        if kind == "record":
            held[service, key] = moment, what
        elif kind == "closed":
            collided[service, key].discard(what)
        elif what[0] == "COLLISION":
            collided[service, key].add(what[2])
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
        if wrong := _wrong(must, values, later) or _told_of(must, values, collided[where]):
            yield f"{where}: {wrong}"
    if features.withdrawn_at_the_end:
        absent = {key for _, key in course.absent} | course.without
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


def _told_of(must: Any, held: Any, collided: set[Where]) -> str:
    """Whether of each row that says something else than the platform holds a person was told, and of no other."""
    if any(isinstance(one, Open) for one in each(must).values()):
        return ""
    other = {where for where, one in each(must).items() if isinstance(one, Holds) and shown(one, held or {}) != one.values}
    return "" if other == collided else f"{collided} were told as colliding, and {other} do"


def _wrong(must: Holds | Told | Open | Several | None, held: Any, told: list[Any]) -> str:
    """What is wrong with a record in the end; `""` for nothing. told: the letters about it since it was reported last."""
    match must:
        case Holds(values):
            shown = None if held is None else {name: held.get(name) for name in values}
            return "" if shown == values else f"the platform holds {shown} and must hold {values}"
        case Open(rule, candidates):
            stands = any({name: (held or {}).get(name) for name in one} == one for one in candidates)
            return (
                ""
                if stands or any(("AMBIGUOUS", rule) == letter[:2] for letter in told)
                else f"{rule} was not told, but {told}; the platform holds {held}"
            )
        case Told(dead_class, rule):
            fits = any(dead_class == one and rule in (None, other) for one, other, _ in told)
            return "" if fits else f"{must} was not told, but {told}"
        case None:
            return "" if any(letter[0] == "WITHDRAWN" for letter in told) else "the row is gone, and nobody was told"
        case Several(rows):
            # Of one that was reported and is refused since, the platform holds what it said before.
            fits = [not _wrong(one, held, told) for one in rows.values()]
            missing = held is None and any(isinstance(one, Holds) for one in rows.values())
            return "" if any(fits) and not missing else f"the platform holds {held}, which none of {rows} says"
