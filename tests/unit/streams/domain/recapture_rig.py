"""What the tests of rows that are read again share: two hospitals' rows, through place and join."""

from streams.domain.changes import Incoming
from streams.domain.closings import letter_id
from streams.domain.place.going import NOTHING
from streams.domain.ready import closes
from streams.domain.recapture import Asked, Recapture, ended_value, order_value
from streams.domain.series import FROM, NUMBER
from streams.fold_wiring import placer_of
from streams.lanes.place.state import PlaceState
from streams.lanes.ports import TopicPartition
from streams.mapping import load_site
from tests.unit.streams.domain.join.join_rig import SITE, START_MS, TABLES, Join, envelope
from tests.unit.streams.domain.join.join_rig import SOURCES as OF_SCHEMA

KEYS = {"h.visit": "visit_id", "h.settle": "settle_no", "h.charge": "charge_id", "m.register": "register_no", "m.bill": "bill_no"}
PLACER = placer_of(load_site(SITE))


class Site:
    """Two hospitals' rows, through place and join. Both stages may be taken over at any time."""

    def __init__(self):
        self.join, self.offset, self.place = Join(), 0, 100
        self.states = {one: PlaceState(TopicPartition(f"place.state.{one}", 0)) for one in ("his", "many")}
        self.going = dict.fromkeys(self.states, NOTHING)
        self.placed = []

    def take_over(self):
        """Another worker goes on from what was committed."""
        for source, state in self.states.items():
            self.going[source] = PLACER.remembering(NOTHING, state, begun=True)

    def send(self, source, value, key=b'{"id":"1"}'):
        self.offset += 1
        self.join.now += 1
        incoming = Incoming(f"rows.{source}", 0, self.offset, key, value, (), self.join.now)
        folded = PLACER.fold(incoming, self.states[source], source=source, going=self.going[source])
        self.going[source] = folded.going
        ended = {} if folded.going.ended is None else folded.going.ended.take_changes()
        self.states[source].apply({**folded.state, **ended}, position=self.offset)
        self.placed = folded.placed
        for one in folded.placed:
            headers = ((FROM, f"{source}/b".encode()), (NUMBER, b"1"), *one.headers)
            self.join.send(one.value, key=one.key, headers=headers)

    def change(self, table, op="c", *, at=None, before=None, **columns):
        self.place += 1
        value = envelope(table, op, TABLES[table] | columns, at=at or self.place, before=before and TABLES[table] | before)
        self.send(OF_SCHEMA[table[0]], value)

    def read(self, table, **columns):
        self.send(OF_SCHEMA[table[0]], envelope(table, "r", TABLES[table] | columns, at=None, snapshot="incremental"))

    def order(self, table, *letters, plan="night", visit="", own=True, times=0, reading="a"):
        name = KEYS[table]
        asked = tuple(Asked(one, times, START_MS - 5, visit, own) for one in letters)
        return Recapture(OF_SCHEMA[table[0]], table, {name: TABLES[table][name]}, plan, asked, reading)

    def asks(self, table, *letters, **more):
        order = self.order(table, *letters, **more)
        self.send(order.source, order_value(order, at=self.join.now))

    def is_over(self, table, *letters, **more):
        order = self.order(table, *letters, **more)
        self.send(order.source, ended_value(order, at=self.join.now))

    def closings(self, letter):
        """What closed a letter, or will when its record is settled."""
        told = [one.by.value for one in self.join.ends if one.id == letter]
        return told + ["goes with"] * sum(closes(one.tail) == letter for one in self.join.ready)


def nowhere(table="m.register", source=None):
    """A site in which a row came that names no visit, and its letter."""
    site = Site()
    site.change(table, visit_id=None)
    (letter,) = site.join.dead
    assert "NO_VISIT_KEY" == letter.rule
    return site, letter_id(letter)
