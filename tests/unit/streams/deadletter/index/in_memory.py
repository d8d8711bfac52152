"""An index in memory, for tests that need no topic."""

import sqlite3
from zoneinfo import ZoneInfo

from streams.deadletter.filter.grammar import parse
from streams.deadletter.index.counting import summary
from streams.deadletter.index.filling import Filling
from streams.deadletter.index.pages import every, history, page
from streams.deadletter.index.schema import INDEXES, TABLES
from streams.deadletter.index.selecting import Clock
from streams.deadletter.index.writing import Writing
from streams.deadletter.record import encode_dead_letter
from streams.domain.changes import Incoming
from streams.indexes.shape import BOOKKEEPING

NOW_MS = 1_700_000_000_000


class InMemory:
    """What was written, and what it answers."""

    def __init__(self, now_ms, indexes=INDEXES):
        self.index = sqlite3.connect(":memory:")
        self.index.executescript(BOOKKEEPING + TABLES + indexes)
        self.clock = Clock(now_ms=now_ms, zone=ZoneInfo("Asia/Shanghai"))

    @classmethod
    def filled(cls, *portions, most_wait):
        """As the first reading of a topic makes it."""
        made = cls(NOW_MS, indexes="")
        filling = Filling(made.index, most_wait=most_wait)
        for portion in portions:
            filling.take(portion)
        filling.finish()
        made.index.executescript(INDEXES)
        return made

    def take(self, *messages):
        Writing(self.index).take(messages)
        return self

    def listed(self, text, most=1_000, after=""):
        return self.paged(text, most, after).letters

    def paged(self, text, most, after=""):
        return page(self.index, parse(text).with_default(), self.clock, most=most, after=after)

    def every(self, text):
        return list(every(self.index, parse(text).with_default(), self.clock))

    def summed(self, text, *by):
        return summary(self.index, parse(text), self.clock, by=by)

    def history(self, letter_id):
        return history(self.index, letter_id)


def indexed(messages, *, now_ms=NOW_MS):
    return InMemory(now_ms).take(*messages)


def message(letter, *, partition=0, offset=0, more=()):
    key, value, headers = encode_dead_letter(letter)
    return Incoming("visit.dead", partition, offset, key, value, (*headers, *more), letter.failed_at)
