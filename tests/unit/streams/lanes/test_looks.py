"""How lanes look from outside: what is told while they begin, work, lag and end."""

import base64

import orjson
import pytest

from streams.domain.commit_time import commit_of
from streams.domain.place.heard import Heard
from streams.lanes.assignment import Assignment
from streams.lanes.join.wait_round import _wait
from streams.lanes.look import LanesLook
from streams.lanes.place.captures import Capture, Captures
from streams.lanes.place.heartbeats import Heartbeats
from streams.lanes.ports import TopicPartition
from streams.lanes.watch import Watch
from streams.seal.der import SEQUENCE, element, natural
from streams.telemetry.board import Board
from streams.telemetry.certificates import first_end
from streams.telemetry.conditions import Reason
from streams.testing import FakeLog, wait_for
from tests.unit.streams.lanes.lane_rig import READY, Rig, through

HEARTBEAT = TopicPartition("beat", 0)


def looked(look):
    board = Board()
    look(board)
    return board


def reasons(board):
    return [condition.reason for condition in board.conditions]


async def test_a_worker_is_ready_when_all_of_its_lanes_have_read_their_state():
    """Before, its records wait; a probe that says so early makes a rolling restart of all at once."""
    rig = Rig()
    lane = rig.deliver_lane()
    lanes = Assignment([READY.topic], lambda _at, _generation: lane)

    async def numbers(_partitions):
        return {READY: 4}

    ending = []
    watch = Watch(lanes, numbers, context=rig.context("deliver"))
    look = LanesLook(lanes, watch, ending=lambda: bool(ending))
    assert [Reason.NOT_ASSIGNED] == reasons(looked(look))
    await lanes.assign([], 1)
    assert [] == reasons(looked(look)), "it stands by: no partition is an answer, too"
    await lanes.revoke()
    assert [Reason.NOT_ASSIGNED] == reasons(looked(look)), "the group shares them out anew"
    lanes.lanes, lanes.is_given = {READY: lane}, True
    lane.put([])
    assert [Reason.RESTORING] == reasons(looked(look))
    rig.ready(1)
    rig.platform.away = True
    lane.put(rig.log.messages(READY))
    lane.start()
    await wait_for(lambda: lane.buffer is not None)
    await watch.look()
    board = looked(look)
    labels = READY.topic, "0"
    assert (3.0, 1_700_000_000.0) == (
        board.values["cdc_lag_records"][labels],
        board.values["cdc_oldest_unfinished_record_timestamp_seconds"][labels],
    )
    rig.platform.away = False
    await wait_for(through(rig, 2))
    await wait_for(lambda: len(lane.buffer) == 0)
    board = looked(look)
    assert 2.0 == board.values["cdc_lag_records"][labels], "what was written and not fetched yet"
    assert "cdc_oldest_unfinished_record_timestamp_seconds" not in board.values
    ending.append(True)
    assert [Reason.ENDING] == reasons(looked(look))
    await lane.close()


def test_a_state_that_connect_may_invent_is_one_of_few():
    """Words of another program must not become time series without end."""
    captures = Captures(wall=lambda: 7.0)
    for source, state in (("a", None), ("b", "RUNNING"), ("c", "DREAMING"), ("gone", "FAILED")):
        captures.tell(Capture(source, state, [(0, "UNASSIGNED")]))
    board = looked(captures.look_of(lambda: ["a", "b", "c", "never heard of"]))
    assert {("a", "absent"), ("b", "running"), ("c", "other")} == board.values["cdc_capture_state"].keys()
    assert [] == reasons(board), "a source that another worker places is told of there"


async def test_a_heartbeat_that_cannot_be_read_leaves_the_last_one():
    """It is a time: it grows old by itself, and that is the alarm."""
    log = FakeLog()
    beats = Heartbeats(log, {"his": HEARTBEAT.topic}, lambda: ["his"], heard={"his": Heard(1_000)})
    await beats.read()
    assert {} == looked(beats).values
    log.append(HEARTBEAT, key=None, value=orjson.dumps({"ts_ms": 5_000}))
    await beats.read()
    log.append(HEARTBEAT, key=None, value=b"no json")
    await beats.read()
    assert {("his",): 5.0} == looked(beats).values["cdc_capture_heartbeat_timestamp_seconds"]


@pytest.mark.parametrize(
    ("value", "committed"),
    [
        (b'{"source":{"ts_ms":5}}', 5),
        (b'{"yibao":"tick","at":1}', None),
        (b'{"source":"x"}', None),
        (b'{"source":{"ts_ms":"5"}}', None),
        (b"[]", None),
        (b"no json", None),
        (None, None),
    ],
)
def test_the_commit_of_what_is_no_row_is_not_known(value, committed):
    """Ticks and strangers' messages stand in the same topic."""
    assert committed == commit_of(value)


class OneRow:
    """A state with one entry."""

    def __init__(self, value):
        self.value = value

    def stored(self, _key):
        return self.value


@pytest.mark.parametrize(
    ("waits_for", "told"),
    [
        ("settlement", ("settlement", 9_000)),
        ("lookup 患者=张三", ("lookup", 9_000)),
        ("collision:4711", ("collision", 9_000)),
        ("a_later_word", ("other", 9_000)),
        (None, ("", 0)),
    ],
)
def test_what_a_row_waits_for_is_told_in_a_word_of_ours(monkeypatch, waits_for, told):
    """Behind it may stand a key, which is a patient's."""
    row = type("Row", (), {"waits_for": waits_for, "since": 9_000})
    monkeypatch.setattr("streams.lanes.join.wait_round.load", lambda _key, _value: row)
    assert told == _wait(OneRow(None if waits_for is None else b"its entry"), b"k")


def certificate(end, *, kind=0x17):
    """As much of a certificate as is read, with this end."""
    validity = element(SEQUENCE, element(kind, b"240101000000Z" if kind == 0x17 else b"20240101000000Z"), element(kind, end))
    body = element(SEQUENCE, element(0xA0, natural(2)), natural(1), element(SEQUENCE), element(SEQUENCE), validity)
    text = base64.encodebytes(element(SEQUENCE, body))
    return b"-----BEGIN CERTIFICATE-----\n%b-----END CERTIFICATE-----\n" % text


def test_the_first_end_of_several_certificates_counts():
    """A chain is broken when one of it is."""
    assert 1_767_225_600 == first_end(certificate(b"270101000000Z") + certificate(b"260101000000Z"))
    assert 2_556_144_000 == first_end(certificate(b"20510101000000Z", kind=0x18))
    for nothing in (b"", b"no certificate", certificate(b"soon"), certificate(b"20510101000000Z", kind=0x19)):
        assert first_end(nothing) is None
