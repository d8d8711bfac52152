"""The stages up to the join's outcomes, with a state in memory."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import orjson

from connector.contract import DatabaseKind, TableRole
from streams.domain.absent import Comparison, Seen
from streams.domain.changes import Incoming
from streams.domain.closings import letter_id
from streams.domain.join.fold import LEFT, Joiner
from streams.domain.join.indexed import Index
from streams.domain.join.withdrawing import WithdrawalLimits
from streams.domain.normalise.record import CompiledMapping
from streams.domain.place.fold import Placed, Placer
from streams.domain.ticks import tick_value
from streams.lanes.join.lookups import LookupTable, LookupTables
from streams.lanes.join.overlay import Overlay
from streams.lanes.join.state import State
from streams.lanes.ports import TopicPartition
from streams.mapping import Site, compile_site, load_site
from streams.mapping.settled import Settled
from streams.mapping.tables import Table, Which
from streams.telemetry.outcomes import Outcomes
from tests.oracle.course import SOON_MS
from tests.oracle.database import BESIDE, COUNTS, KEY_OF, NULL, PATIENT, SOURCE_OF, STATE, YEAR_REGISTER
from tests.oracle.known import Known
from tests.oracle.lanes import PlaceLane
from tests.oracle.messages import Kind, Message, envelope
from tests.oracle.stages import placer_of
from tests.oracle.standing import Standing
from tests.unit.streams.domain.join.join_rig import LIMITS, SITE, passed

TOPIC = "lookup.patient"
PARTITIONS = 2
_MOST_TICKS = 100
GRACE_MS = 300
PASSED = passed(
    {partition: dict.fromkeys([f"{source}/b" for source in SOURCE_OF.values()], 1 << 60) for partition in range(PARTITIONS)}
)
"""No lane has anything of before under way: each message is taken when the one before it came to its end."""


@cache
def site(*, where: bool = False, match: bool = False, nulls: bool = False, moves: bool = False) -> Site:
    """Of the tests of the join. where: whether its tables say which rows count. match: whether lines of one system find their
    settlement by what stands in both. nulls: whether something stands for NULL. moves: whether the tables of one system say that
    rows move between them.
    """
    plain = load_site(SITE)

    def changed(table: Table) -> Table:
        more: dict[str, object] = {}
        if where and table.role is not TableRole.LOOKUP:
            more["which"] = {STATE: Which.model_validate([COUNTS])}
        if match and table.table.startswith("h.") and table.settlement is not None:
            more["settlement"] = Settled(match={"settle_no": "settle_no"})
        if moves and table.table in BESIDE:
            more["moves"] = table.role.value
        return table.model_copy(update=more)

    year = Table.model_validate(
        {"table": YEAR_REGISTER, "role": "visit", "key": ["register_no"], "visit_key": "visit_id", "moves": "visit"}
    )
    mappings = {
        source: one.model_copy(
            update={
                "tables": (*map(changed, one.tables), *((year,) if moves and source == "many" else ())),
                "nulls": (NULL,) if nulls else (),
            }
        )
        for source, one in plain.mappings.items()
    }
    return plain.model_copy(update={"mappings": mappings})


@cache
def placer(**how: bool) -> Placer:
    """Of the site's mappings."""
    return placer_of(site(**how), partitions=PARTITIONS, quiet_ms=20 * SOON_MS)


@cache
def compiled(**how: bool) -> Mapping[str, CompiledMapping]:
    return compile_site(site(**how))


def new_joiner(**how: bool) -> Joiner:
    """Of a site on which a visit of two lines is a long one."""
    limits = replace(LIMITS, withdrawals=WithdrawalLimits(grace_ms=GRACE_MS), lines_a_change=1, few_lines=1, many_lines=3)
    return Joiner(
        compiled(**how),
        limits,
        zone=compiled(**how)["his"].dialect.zone,
    )


@cache
def joiner(**how: bool) -> Joiner:
    return new_joiner(**how)


def _key(value: bytes) -> bytes:
    """As capture makes it: the row's key columns."""
    message = orjson.loads(value)
    if message.get("op", "t") == "t":
        return b"{}"
    row, table = message["after"] or message["before"], f"{message['source']['schema']}.{message['source']['table']}"
    return orjson.dumps({KEY_OF[table]: row[KEY_OF[table]]})


class Partition:
    """A state in memory, as a lane has it: nothing is at hand, and of each visit only what is asked for is read. told: what comes
    out of the join, in its order. last_in: the visit in which a record was emitted last.
    """

    def __init__(self, told: list[tuple[str, str, str, Any]], last_in: dict[tuple[str, str], bytes], joiner: Joiner) -> None:
        self.joiner = joiner
        self.state = State(TopicPartition("visit.state", 0), index=Index(self.joiner.mappings), at_hand=1_500, few=1)
        self.entries: dict[bytes, bytes] = {}
        self.told = told
        """Kind, service, record key; and the record's values, a letter's class, rule, row and visit, of one that closed itself the
        row whose collision ended or the rule, None of a recall, and the class of a letter that ended by itself otherwise.
        """
        self._letters: dict[str, tuple[str, str, str]] = {}
        """By the id of a letter: service and key of its record, and its class."""
        self.last_in = last_in
        self.offset = 0
        self.left = False
        """Whether its last tick left something to do."""

    def take(self, message: Message, placed: Placed, lookups: Any) -> list[str]:
        """Fold one message; what it led to, in words."""
        self.offset += 1
        incoming = Incoming("visit.changes", placed.partition, self.offset, placed.key, placed.value, placed.headers, message.at)
        overlay = Overlay(self.state)
        folded = self.joiner.fold(incoming, overlay, lookups, PASSED)
        overlay.apply(folded.state)
        self.state.apply(overlay.changed, position=self.offset)
        self.state.note(folded.missing)
        if folded.counts.get("tick"):
            self.left = bool(folded.counts.get(LEFT))
        for key, entry in folded.state.items():
            self.entries.pop(key, None)
            if entry is not None:
                self.entries[key] = entry
        for emission in folded.recalls:
            if self.last_in.get(where := (emission.record.service, emission.record.key)) == emission.visit_key:
                self.told.append(("recall", *where, None))
        for emission in folded.ready:
            record = emission.record
            self.last_in[record.service, record.key] = emission.visit_key
            self.told.append(("record", record.service.value, record.key, orjson.loads(record.value)))
        for letter in [letter for letter in folded.dead if not letter.closed]:
            row = (letter.row.table, *letter.row.key)
            what = (letter.dead_class.value, letter.rule, row, letter.row.visit_key.encode())
            name = letter.service, letter.row.record_key or letter.record_key
            self._letters[letter_id(letter)] = *name, what[0]
            self.told.append(("letter", *name, what))
        ended = [self._letters.pop(closed.id) for closed in folded.closed if closed.id in self._letters]
        self.told += [("ended", *of) for of in ended]
        for letter in [letter for letter in folded.dead if letter.closed]:
            where = (letter.row.table, *letter.row.key) if letter.rule == "COLLISION" else letter.rule
            self.told.append(("closed", letter.service, letter.row.record_key or letter.record_key, where))
        records = [f"{one.record.service} {one.record.key}" for one in folded.ready]
        return [*records, *(f"{letter.rule} {letter.record_key}" for letter in folded.dead)]


class Patients:
    """The product's lookup tables, and the topic that they are read from."""

    def __init__(self) -> None:
        self.topic: list[Incoming] = []
        self.standing = Standing()
        """What came of what came for the first time."""
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
            value = orjson.loads(message.value or b"")
            self.standing.take((PATIENT, _patient(value)), value, message.server)

    def begin_anew(self, message: Message) -> None:
        """Another worker reads the topic from its beginning, and compaction has left the last message of each key: of one that was
        exchanged perhaps a delete, so that the table is read again, as the warning says.
        """
        last = {_patient(orjson.loads(one.value or b"")): one for one in self.topic}
        self.topic = sorted(last.values(), key=lambda one: one.offset)
        self.fresh = False
        self.open()
        self.tables.take(self.topic)
        for (_, key), row in self.standing.rows.items():
            if orjson.loads(last[key].value or b"")["op"] == "d":
                read = envelope("r", PATIENT, row, lsn=None, ts_us=message.at * 1000, snapshot="incremental")
                self.take(replace(message, value=read))

    def wrong(self) -> Iterator[str]:
        for (_, key), row in self.standing.rows.items():
            if (known := self.find("patient", (key,))) != row:
                yield f"lookup {key}: known {known}, newest {row}"


def _patient(value: Any) -> str:
    return (value["after"] or value["before"])["patient_id"]


class Flow:
    """All stages up to the join's outcomes. how: as of the site."""

    def __init__(self, **how: bool) -> None:
        self.how = how
        self.told: list[tuple[str, str, str, Any]] = []
        self.last_in: dict[tuple[str, str], bytes] = {}
        self.partitions = [Partition(self.told, self.last_in, joiner(**how)) for _ in range(PARTITIONS)]
        self.placing = {source: PlaceLane(source, placer(**how), partitions=PARTITIONS) for source in SOURCE_OF.values()}
        self.patients = Patients()
        self.absent: list[tuple[str, bytes]] = []
        """Of what was not found in the database: the source, and the message that says so."""

    def take(self, source: str, value: bytes, message: Message) -> list[str]:
        """A message of a source; what it led to, in words."""
        incoming = Incoming("rows", 0, 0, _key(value), value, (), message.at)
        placed = self.placing[source].fold(incoming, server=message.server)
        return [said for one in placed for said in self.partitions[one.partition].take(message, one, self.patients)]

    def compare(self, message: Message) -> None:
        """Compare what the join remembers of a table with what was read of it."""
        seen = Seen()
        for key, visit in message.seen:
            seen.add((key,), visit)
        of, columns = SOURCE_OF[message.table.partition(".")[0]], (KEY_OF[message.table],)
        comparison = Comparison(of, DatabaseKind.POSTGRESQL, message.table, columns, seen)
        entries = [entry for partition in self.partitions for entry in partition.entries.items()]
        absent = [one for entry in entries if (one := comparison.of_join(*entry)) is not None]
        moved = {one.key: one.visit for one in absent if one.moved}
        absent += [one for entry in entries if (one := comparison.arrived(*entry, moved)) is not None]
        self.absent += [(of, comparison.message(one, at=message.at)) for one in absent]

    def tell_absent(self, message: Message, known: Known) -> None:
        """Tell what was not found, whatever happened since."""
        for source, value in self.absent:
            self.take(source, value, message)
            known.take(replace(message, kind=Kind.ROW, value=value))
        if len(self.absent) > 1:
            known.changed = ""  # which of them led to what is not known
        self.absent.clear()

    def tick(self, message: Message) -> None:
        """Tell the time, and again at once for as long as a tick leaves something to do, as the ticker does."""
        for _ in range(_MOST_TICKS):
            for source in SOURCE_OF.values():
                self.take(source, tick_value(message.at), message)
            if not any(partition.left for partition in self.partitions):
                return
        raise AssertionError("ticks never end")

    def change_workers(self, message: Message) -> None:
        for partition in self.partitions:
            partition.joiner = new_joiner(**self.how)
        for lane in self.placing.values():
            lane.take_over()
        self.patients.begin_anew(message)
