"""Rows that hang under a header and were ordered to be read again: the order waits with them for the header."""

import orjson

from streams.domain.changes import Incoming
from streams.domain.place.fold import Placer
from streams.domain.place.going import NOTHING
from streams.domain.recapture import Asked, Recapture, ended_value, header_in, order_value
from streams.domain.ticks import tick_value
from streams.lanes.place.state import PlaceState
from streams.lanes.ports import TopicPartition
from tests.contract.place_course import BEGIN_MS, BILL, TABLES

LETTER = "5f" * 16
ORDER = Recapture("his", "h.line", {"id": "2"}, "night", (Asked(LETTER, 0, BEGIN_MS, "", own=True),), "a")


class Source:
    def __init__(self):
        self.placer, self.state = Placer({}, partitions=3, linked={"his": TABLES}), PlaceState(TopicPartition("place.state.his", 0))
        self.going, self.number = NOTHING, 0

    def take(self, value, *, at=None):
        """For whom each message is, and the letters of which it is told."""
        self.number += 1
        incoming = Incoming("rows.his", 0, self.number, None, value, (), at or BEGIN_MS + self.number)
        folded = self.placer.fold(incoming, self.state, source="his", going=self.going)
        self.state.apply(folded.state, position=self.number)
        self.going = self.placer.remembering(NOTHING, self.state, begun=True)  # another worker takes over
        told = [(one.key, header_in(one.headers)) for one in folded.placed]
        return [(key, found and [letter.letter for letter in found[1]]) for key, found in told]

    def change(self, op, table, row):
        images = {"before": row, "after": None} if op == "d" else {"before": None, "after": row}
        source = {"connector": "postgresql", "name": "his", "schema": "h", "table": table, "ts_ms": BEGIN_MS}
        return self.take(orjson.dumps({"op": op, **images, "source": source | {"lsn": None if op == "r" else self.number}}))


def read_and_waiting():
    """A line was read, and its bill is not there; its reading is over."""
    source = Source()
    source.take(order_value(ORDER, at=BEGIN_MS))
    assert [] == source.change("r", "line", {"id": 2, "bill": "B1"})
    assert [] == source.take(ended_value(ORDER, at=BEGIN_MS))
    return source


def test_a_line_takes_its_order_along_when_its_bill_comes():
    """It was read long before. Its letter would stay open although the line is reported."""
    source = read_and_waiting()
    assert [(b"I3/17", [LETTER])] == source.change("c", "bill", BILL)
    assert [] == [*source.state.scan(b"A")]
    assert [(b"I3/17", None)] == source.change("u", "line", {"id": 2, "bill": "B1"})


def test_a_line_whose_bill_does_not_come_is_told_with_its_order():
    """The letter that it gets takes the place of the one for which it was read."""
    source = read_and_waiting()
    late = BEGIN_MS + 10 * TABLES.patience.wait_ms
    assert (None, [LETTER]) == source.take(tick_value(late, [0]), at=late)[0]
    assert [] == [*source.state.scan(b"A")]


def test_a_line_that_is_known_as_it_is_read_takes_its_order_to_its_visit():
    """Nothing of it changed; what was mended is the mapping."""
    source = Source()
    source.change("c", "bill", BILL)
    source.change("c", "line", {"id": 2, "bill": "B1"})
    source.take(order_value(ORDER, at=BEGIN_MS))
    assert [(b"I3/17", [LETTER])] == source.change("r", "line", {"id": 2, "bill": "B1"})


def test_a_line_that_names_neither_bill_nor_visit_is_told_with_its_order():
    """It is as it was."""
    source = Source()
    source.take(order_value(ORDER, at=BEGIN_MS))
    assert [(None, [LETTER])] == source.change("r", "line", {"id": 2, "bill": None})


def test_a_line_that_is_not_there_is_told_as_such_once():
    """It was deleted while nobody read the log."""
    source = Source()
    source.take(order_value(ORDER, at=BEGIN_MS))
    assert [(None, None)] == source.take(ended_value(ORDER, at=BEGIN_MS))
    assert [] == source.take(ended_value(ORDER, at=BEGIN_MS))


def test_only_the_row_that_was_ordered_takes_the_order():
    """Others of its table come all the time."""
    source = Source()
    source.change("c", "bill", BILL)
    source.take(order_value(ORDER, at=BEGIN_MS))
    assert [(b"I3/17", None)] == source.change("c", "line", {"id": 3, "bill": "B1"})
