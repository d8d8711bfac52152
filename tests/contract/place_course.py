"""A course of one source in which every kind of entry of the place stage comes up, for `golden/`."""

import orjson

from streams.domain.changes import CLAIMED, Incoming
from streams.domain.keys import VisitKey
from streams.domain.place.awaited import Awaited
from streams.domain.place.claiming import ClaimingTable
from streams.domain.place.ended import Ended
from streams.domain.place.fold import Placer
from streams.domain.place.going import NOTHING
from streams.domain.place.headers import LinkedTable, LinkedTables, Patience
from streams.domain.recapture import header_in
from streams.lanes.place.state import Overlay, PlaceState
from streams.lanes.ports import TopicPartition

BEGIN_MS = 1_714_700_000_000
TABLES = LinkedTables(
    [
        LinkedTable(
            name="h.bill",
            key=("id",),
            columns=frozenset({"id", "no", "org", "visit", "dept"}),
            visit_key=VisitKey(("org", "visit"), "I"),
            named_by=("no",),
            forwarded=False,
        ),
        LinkedTable(
            name="h.line",
            key=("id",),
            columns=frozenset({"id", "bill"}),
            visit_key=None,
            under=("h.bill",),
            header=("bill",),
            carried=("dept",),
        ),
    ],
    Patience(wait_ms=900_000),
)
BILL = {"id": 1, "no": "B1", "org": 3, "visit": 17, "dept": "内科"}
COURSE = (
    ("c", "bill", BILL),
    ("c", "line", {"id": 1, "bill": "B1"}),
    ("r", "line", {"id": 2, "bill": "B2"}),
    ("c", "line", {"id": 3, "bill": "B1"}),
    ("d", "line", {"id": 3, "bill": "B1"}),
)
OTHER = BILL | {"id": 2, "no": "B2"}
EXCHANGED = (
    ("c", "bill", BILL),
    ("c", "bill", OTHER),
    ("d", "bill", BILL),
    ("c", "bill", BILL | {"id": 2}),
)
"""A statement that exchanges keys, seen half."""


def entries(course=COURSE, *, tx=None):
    """The entries after a course, by key. tx: the transaction of its changes."""
    placer = Placer({}, partitions=3, linked={"his": TABLES})
    state, found = PlaceState(TopicPartition("place.state.his", 0)), {}
    for number, (op, table, row) in enumerate(course):
        images = {"before": row, "after": None} if op == "d" else {"before": None, "after": row}
        at = {"ts_ms": BEGIN_MS + number, "ts_us": (BEGIN_MS + number) * 1000, "lsn": 101 + number, "txId": tx}
        source = {"connector": "postgresql", "name": "his", "schema": "h", "table": table, **at}
        value = orjson.dumps({"op": op, **images, "source": source})
        overlay = Overlay(state)
        folded = placer.fold(Incoming("rows.his", 0, number, None, value, (), BEGIN_MS + 50 + number), overlay, source="his")
        state.apply(folded.state, position=number)
        found |= folded.state
    return {key: value for key, value in found.items() if value is not None}


PATIENTS = {
    name: ClaimingTable(name=name, key=("id",), columns=("id", "no"), claim=lambda row: f"v\x1fH36110200001/{row['no']}")
    for name in ("w.inpatient", "w.outpatient")
}
"""Two tables of visits whose numbers overlap."""


def claims():
    """The entries after an in- and an outpatient came with one number, by key."""
    found = {}
    for number, name in enumerate(PATIENTS):
        found |= _placed(name, View(found), at=101 + number).state
    return found


ENDINGS = ((("w.fee", b'{"id":"7"}'), "I17"), (("fee_list_d", "H36110200001", "731"), "O17"))
"""Claims that end: of a row, and of a record which another row has."""


def ended():
    """The entries after these ended, and there was no room for one more."""
    memory = Ended(600_000, most=len(ENDINGS))
    memory.ends(("fee_list_d", "H36110200001", "730"), "O17", row=None, at=1_714_700_000_000)
    for number, (name, visit) in enumerate(ENDINGS):
        memory.ends(name, visit, row=("w.fee", b'{"id":"%d"}' % (7 + number)), at=1_714_700_000_000 + number)
    return memory.take_changes()


def ended_in(golden):
    """The visits in which what comes now was last."""
    memory = Ended.kept(View({one["key"].encode(): one["value"].encode() for one in golden}), 600_000, begun=True)
    return [memory.begins(name, "X1", row=("w.fee", b"{}"), at=1_714_700_000_002).visit for name, _ in ENDINGS]


def first_claimant(golden):
    """Who claimed the number first, as another outpatient with it is told: table and key."""
    view = View({one["key"].encode(): one["value"].encode() for one in golden})
    (placed,) = _placed("w.outpatient", view, at=201, key=9).placed[:1]
    return dict(placed.headers)[CLAIMED].decode().replace("\x1f", "/")


class View(dict):
    """Entries by key, as the place stage reads them."""

    def scan(self, prefix):
        return sorted(key for key in self if key.startswith(prefix))

    def due(self, at):
        del at
        return []


def _placed(table, view, *, at, key=7):
    keys = {("his", name): VisitKey(("no",), name[2].upper()) for name in PATIENTS}
    placer = Placer(keys, partitions=3, claiming={"his": PATIENTS})
    said = {
        "connector": "postgresql",
        "name": "his",
        "schema": "w",
        "table": table[2:],
        "ts_ms": BEGIN_MS,
        "ts_us": BEGIN_MS * 1000,
    }
    value = orjson.dumps({"op": "c", "before": None, "after": {"id": key, "no": 17}, "source": {**said, "lsn": at}})
    return placer.fold(Incoming("rows.his", 0, at, None, value, (), BEGIN_MS), view, source="his")


ORDERED = {"yibao": "recapture", "source": {"name": "his", "schema": "h", "table": "line", "ts_ms": BEGIN_MS}, "plan": "9f8e7d6c"}
LETTERS = [["5f" * 16, 0, BEGIN_MS - 5, "I17", True], ["7a" * 16, 2, BEGIN_MS - 9, "", True], ["00" * 16, 1, BEGIN_MS, "O3", False]]


def awaited():
    """The entries after rows were ordered to be read again: one did not come, one was read, one waits for its bill."""
    placer, state = Placer({}, partitions=3, linked={"his": TABLES}), PlaceState(TopicPartition("place.state.his", 0))
    going, found = placer.remembering(NOTHING, state, begun=True), {}
    orders = [
        ORDERED | {"key": {"id": key}, "reading": f"r{key}", "letters": [one]} for key, one in zip("123", LETTERS, strict=True)
    ]
    rows = [{"id": 2, "bill": None}, {"id": 3, "bill": "B9"}]
    source = {"connector": "postgresql", "name": "his", "schema": "h", "table": "line", "ts_ms": BEGIN_MS}
    reads = [{"op": "r", "before": None, "after": row, "source": source} for row in rows]
    end = orders[2] | {"yibao": "recaptured"}
    for number, message in enumerate([*orders, *reads, end]):
        incoming = Incoming("rows.his", 0, number, None, orjson.dumps(message), (), BEGIN_MS + number)
        folded = placer.fold(incoming, state, source="his", going=going)
        going = folded.going
        state.apply(folded.state, position=number)
        found |= folded.state
    return {key: value for key, value in found.items() if value is not None and key[:1] == b"A"}


def awaited_in(golden):
    """By key of each row that is awaited, what its next message is told."""
    view = View({one["key"].encode(): one["value"].encode() for one in golden})
    memory = Awaited.kept(view)
    keys = [one["key"].rpartition("\x1f")[2] for one in golden]
    return {key: header_in(memory.goes("h.line", {"id": key}, read=True)) for key in keys}
