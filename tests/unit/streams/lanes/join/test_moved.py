"""The join's lane with rows that came from another partition: what it commits of them, and when it lets them go."""

from types import SimpleNamespace

import orjson

from streams.domain.changes import ARRIVED
from streams.domain.join.entries import FORM, WITH_TALLY
from streams.domain.join.moving import NOT_KNOWN
from streams.domain.series import FROM, NUMBER
from streams.domain.ticks import tick_value
from streams.lanes.join.lane import JoinLane, JoinShared
from streams.lanes.join.state import State
from streams.lanes.marks import join_mark
from streams.testing import RecordingFlow, wait_for
from tests.settings import join_settings
from tests.unit.streams.domain.join.join_rig import CHARGE, HOSPITAL, PATIENT, SETTLE, START_MS, VISIT, envelope, passed
from tests.unit.streams.lanes.join.join_world import joiner
from tests.unit.streams.lanes.lane_rig import CHANGES, READY, STATE, TOPICS, NoLookups, Rig

SERIES = "his/b"
LEFT = {"yibao": "left", "now": CHARGE | {"charge_id": "C2"}}


class Patients(NoLookups):
    """There is one."""

    def find(self, name, key):  # noqa: ARG002 - the only one
        return PATIENT


class Moved(Rig):
    """One partition of the join, whose rows are real."""

    def __init__(self):
        super().__init__()
        self.passage = SimpleNamespace(passed=NOT_KNOWN)
        self.number = 0
        self.log.started_at_ms = START_MS

    def lane(self):
        shared = JoinShared(
            topics=TOPICS, fold=joiner(), lookups=Patients(), settings=join_settings(max_chunk=7), passage=self.passage
        )
        return JoinLane(CHANGES, 1, context=self.context("join"), flow=RecordingFlow(), shared=shared, state=State(STATE))

    def comes(self, value, *more):
        self.number += 1
        self.log.append(CHANGES, key=b"V1", value=value, headers=((FROM, SERIES.encode()), (NUMBER, b"%d" % self.number), *more))

    async def works(self):
        """Everything that is there is folded by another worker; the mark and what was made ready until then."""
        offset = self.committed("join").offset
        lane, end = self.lane(), len(self.log.messages(CHANGES))
        lane.put(self.log.messages(CHANGES, offset))
        lane.start()
        # The lane takes over what it committed a moment after the broker did.
        await wait_for(
            lambda: self.deaths.reasons or (self.committed("join").offset >= end and not lane.in_hand), what="the lane's work"
        )
        waits, awaited = lane.waits, dict(lane.state.awaited)
        await lane.close()
        assert [] == self.deaths.reasons
        ready = [dict(one.headers)["record-key"].decode() for one in self.log.messages(READY)]
        return join_mark(self.committed("join").metadata), ready, waits, awaited


async def test_rows_wait_over_take_overs_and_go_when_the_lanes_have_passed():
    """All of it is in the state and the mark: the next worker knows what waits, and others what must not be passed."""
    moved = Moved()
    for table, row in (("h.visit", VISIT), ("h.settle", SETTLE)):
        moved.comes(envelope(table, "c", row, at=moved.number + 1))
    mark, ready, waits, _ = await moved.works()
    assert (WITH_TALLY, {}, ["V1", "S1"], False) == (mark.state, mark.left, ready, waits)

    for line in ("C1", "C2"):
        moved.comes(envelope("h.charge", "u", CHARGE | {"charge_id": line}, at=10), (ARRIVED, b"1:7"))
    leaves = envelope("h.charge", "d", CHARGE | {"charge_id": "C2"}, at=11)
    moved.comes(orjson.dumps(orjson.loads(leaves) | LEFT))
    moved.comes(tick_value(1))
    mark, ready, waits, awaited = await moved.works()
    assert (FORM, {SERIES: 5}, {SERIES: {HOSPITAL: 5}}) == (mark.state, mark.left, mark.left_of)
    assert (["V1", "S1"], True, {1: 2}) == (ready, waits, awaited)

    moved.passage.passed = passed({1: {SERIES: 8}})
    moved.comes(tick_value(2))
    mark, ready, waits, awaited = await moved.works()
    assert (FORM, {}, ["V1", "S1", "C1"], False, {}) == (mark.state, mark.left_of or mark.left, ready, waits, awaited)
