"""A place offset that is lost, in random courses of headers and rows under them: it is found again, or refused."""

import random
from types import SimpleNamespace

import orjson
import pytest

from connector.contract import Topics
from streams.domain.changes import Incoming
from streams.domain.place.fold import NOTHING, Placer
from streams.domain.place.headers import LinkedTables, Patience
from streams.lanes.evidence import place_evidence
from streams.lanes.place.recovery import place_recovery
from streams.lanes.place.state import Overlay, PlaceState
from streams.lanes.ports import TopicPartition
from streams.lanes.recovered import Action, Place
from tests.contract.place_course import TABLES

TOPICS, PARTITIONS, LENGTH = Topics(), 3, 40
ROWS = TopicPartition(TOPICS.rows("his"), 0)


def fold():
    linked = LinkedTables(TABLES.by_name.values(), Patience(wait_ms=1_000))
    return Placer({}, partitions=PARTITIONS, linked={"his": linked})


def rows_of(rng):
    """Changes as they stand in the topic: capture sends any part of the log again, and reads rows on demand."""
    log = []
    for lsn in range(1, LENGTH):
        if rng.random() < 0.5:
            row = {"id": rng.randint(1, 3), "bill": rng.choice(["B1", "B2"])}
            change = {"table": "line", "row": row}
        else:
            number = rng.randint(1, 2)
            row = {"id": number, "no": f"B{number}", "org": 3, "visit": rng.choice(["V1", "V2", "V3"]), "dept": "D"}
            change = {"table": "bill", "row": row}
        log.append({**change, "op": rng.choice("cuuudr"), "lsn": lsn})
        if rng.random() < 0.05:
            log += [change for change in log[rng.randrange(len(log)) :] if change["op"] != "r"]  # what is read anew has a new time
    return [message(offset, **change) for offset, change in enumerate(log[: 2 * LENGTH])]


def message(offset, *, table, row, op, lsn):
    images = {"before": row, "after": None} if op == "d" else {"before": None, "after": row}
    at = {"ts_ms": lsn} if op == "r" else {"ts_ms": lsn, "lsn": lsn}
    source = {"connector": "postgresql", "name": "his", "schema": "h", "table": table, **at}
    value = orjson.dumps({"op": op, **images, "source": source})
    return Incoming(
        topic=ROWS.topic, partition=0, offset=offset, key=b"{}", value=value, headers=(), timestamp_ms=1_000 + offset // 2
    )


class Lane:
    """What a place lane has written when its offset is lost."""

    def __init__(self, rows, *, place):
        self.rows, self.fold, self.state = rows, fold(), PlaceState(TopicPartition(TOPICS.place_state("his"), 0))
        self.written = {TOPICS.rows("his"): [view(one) for one in rows], TOPICS.changes: [], TOPICS.place_state("his"): []}
        for incoming in rows[:place]:
            for placed in self.place(incoming):
                headers = (("from", b"his/b"), ("n", b"1"))
                self.written[TOPICS.changes].append(view(incoming, partition=placed.partition, value=placed.value, headers=headers))

    def place(self, incoming):
        """What a row leads to, which is committed."""
        overlay = Overlay(self.state)
        folded = self.fold.fold(incoming, overlay, source="his", going=NOTHING)
        overlay.apply(folded.state)
        self.state.apply(overlay.changed, position=0)
        entries = self.written[TOPICS.place_state("his")]
        entries += [SimpleNamespace(key=key, value=value) for key, value in overlay.changed.items()]
        return folded.placed

    @property
    def known(self):
        """What is remembered."""
        return {key: self.state.get(key) for key in self.state.scan(b"")}

    def recovered(self):
        rows = Place(at=ROWS, said=None, begin=0, end=len(self.rows), id="")

        def read(topic):
            return iter(self.written[topic])

        evidence = place_evidence(rows, source="his", fold=fold(), partitions=PARTITIONS, topics=TOPICS, read=read)
        return place_recovery(evidence, source="his", born="new")


def view(incoming, **other):
    found = {name: getattr(incoming, name) for name in ("topic", "partition", "offset", "key", "value", "headers")}
    return SimpleNamespace(**{**found, **other}, timestamp=incoming.timestamp_ms)


@pytest.mark.parametrize("seed", range(40))
def test_what_is_placed_again_leads_to_nothing_and_nothing_is_left_out(seed):
    """A row too many takes its old content again, a row too few is lost; a refusal is neither."""
    rng = random.Random(seed)
    rows = rows_of(rng)
    for place in sorted(rng.sample(range(len(rows)), 4)):
        lane = Lane(rows, place=place)
        found = lane.recovered()
        if found.action is Action.REFUSE:
            continue
        assert found.to.offset <= place, f"rows {place} to {found.to.offset} are lost: {found.why}"
        known = lane.known
        again = [orjson.loads(one.value)["op"] for incoming in rows[found.to.offset : place] for one in lane.place(incoming)]
        assert known == lane.known, f"placed again from {found.to.offset} on, and {place} was next: {found.why}"
        assert {"r"} >= set(again), "what is read as it is known changes nothing; anything else would"


def test_most_are_found():
    """A recovery that always refused would pass the other test."""
    courses = [(rows_of(random.Random(seed)), random.Random(seed).randrange(10, LENGTH)) for seed in range(30)]
    found = [Lane(rows, place=place).recovered().action for rows, place in courses]
    assert found.count(Action.WRITE) > 24, found
