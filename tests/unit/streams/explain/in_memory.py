"""What the topics hold, for tests that need no brokers: the indexes in memory, and what they lead to."""

import sqlite3
from dataclasses import dataclass

from connector.contract import Topics
from streams.deadletter.index.pages import history
from streams.domain.join.entries import visit_key_of
from streams.explain.decoding import accepted_in, ready_in, records_of, remembered_in, sums_in
from streams.explain.evidence import Evidence, Lanes, Told
from streams.explain.places import CHANGES, READY, RECEIPTS, places
from streams.explain.remembered import Institutions, of_visit, state_shape, sums_of_visit
from streams.indexes.shape import BOOKKEEPING
from streams.lanes.marks import deliver_mark
from tests.unit.streams.deadletter.index.in_memory import indexed

STATE = state_shape(Institutions(lambda _source, _role, columns: columns.get("org") or "", "by the column org"))


def index_of(shape, messages):
    """An index, read on from nothing."""
    index = sqlite3.connect(":memory:")
    index.executescript(BOOKKEEPING + shape.tables + shape.indexes)
    shape.writing(index).take(messages)
    return index


@dataclass
class Logs:
    """The messages of each topic of one partition, and how far the stages are."""

    state: list
    changes: list
    ready: list
    receipts: list
    dead: list
    joined: int = -1
    delivered: tuple = (0, '{"seq":1}')

    def __post_init__(self):
        shapes = {"state": STATE, "changes": CHANGES, "ready": READY, "receipts": RECEIPTS}
        self.indexes = {name: index_of(shape, getattr(self, name)) for name, shape in shapes.items()}
        self.letters = indexed(self.dead)

    def visits(self):
        """Keys of the visits that the join remembers."""
        return sorted({visit for one in self.state if one.key and (visit := visit_key_of(one.key))})

    def evidence(self, visit):
        """All that is known of a visit."""
        rows, gone = remembered_in(self.read("state", of_visit(self.indexes["state"], visit)), visit)
        ready = ready_in(self.read("ready", places(self.indexes["ready"], [visit], most=1_000)), visit)
        keys = {one.key.encode() for one in records_of(rows, gone)} | {one.record_key.encode() for one in ready}
        offset, mark = self.delivered
        return Evidence(
            topics=Topics(),
            partition=0,
            visit_key=visit,
            lanes=Lanes(joined=self.joined, offset=offset, delivered=deliver_mark(mark)),
            rows=rows,
            gone=gone,
            sums=sums_in(self.read("state", sums_of_visit(self.indexes["state"], visit))),
            changes=self.read("changes", places(self.indexes["changes"], [visit], most=1_000)),
            ready=ready,
            receipts=accepted_in(self.read("receipts", places(self.indexes["receipts"], keys, most=1_000))),
            letters=[Told(one, history(self.letters.index, one.id)) for one in self.letters.every("any")],
        )

    def read(self, name, found):
        """The messages that stand there."""
        there = {(one.partition, one.offset): one for one in getattr(self, name)}
        return [there[one.partition, one.offset] for one in found]
