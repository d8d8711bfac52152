"""Workers of several versions over one site: an earlier one's state is gone on from, a later one's is left alone."""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connector.contract import Topics
from streams.domain.join import fold
from streams.domain.join.entries import FORM, WITH_TALLY, dump, key_of, load
from streams.domain.join.fold import Joiner
from streams.domain.join.replaying import is_resent
from streams.domain.join.tallies import is_tally
from streams.domain.join.tallies import load as load_tally
from streams.domain.ready import FORM as READY_FORM
from streams.domain.ticks import tick_value
from streams.errors import Newer
from streams.lanes.exits import PAGE_AT_ONCE, Exit
from streams.lanes.join import lookups
from streams.lanes.marks import JoinMark, join_mark
from streams.lanes.ports import Committed
from tests.unit.streams.domain.join.join_rig import CHARGE, LIMITS, PATIENT, START_MS, VISIT, Join, envelope, mappings
from tests.unit.streams.lanes.join.test_lookups import tables, written
from tests.unit.streams.lanes.lane_rig import CHANGES, DEAD, READY, RECEIPTS, STATE, NoLookups, Rig

GOLDEN = Path(__file__).parents[3] / "contract" / "golden"
LATER = f'r[{FORM + 1},"added",[103],0,3,false,"","","",0,0,{{}}]'.encode()
LINE = b"V1\x1ff\x1fhis\x1fh.charge\x1fC1"


class Patients(NoLookups):
    def find(self, name, key):
        return {("patient", ("P1",)): PATIENT}.get((name, key))


def join_rig():
    rig = Rig()
    rig.fold = Joiner(mappings(), LIMITS, zone=ZoneInfo("Asia/Shanghai"))
    rig.lookups = Patients()
    rig.log.started_at_ms = START_MS
    return rig


async def refusal(rig, lane, *, at):
    """Why the lane's worker ended, and that it wrote nothing before."""
    topics = (STATE, READY, DEAD, RECEIPTS)
    before = [len(rig.log.messages(topic)) for topic in topics], dict(rig.log.committed_offsets)
    assert not await rig.settle(lane, lambda: False, at=at)
    assert before == ([len(rig.log.messages(topic)) for topic in topics], dict(rig.log.committed_offsets))
    reason = rig.deaths.reasons[0]
    assert isinstance(reason, Newer)
    assert Exit.NEWER == reason.exit_code
    return f"{reason}"


# Later versions -----------------------------------------------------------------------------------------------------------------


async def test_a_partition_whose_state_a_later_version_wrote_is_not_begun():
    """At the start, before any row is folded: what the later one added may be a kind of entry that this one would not even see."""
    rig = join_rig()
    mark = JoinMark(seq=7, born="x", state=FORM + 1).text()
    rig.log.committed_offsets[Topics().group("join"), CHANGES] = Committed(offset=0, metadata=mark)
    rig.log.append(CHANGES, key=b"{}", value=envelope("h.visit", "c", VISIT, at=7))
    said = await refusal(rig, rig.join_lane(), at=CHANGES)
    assert said.startswith(f"visit.changes-0: this partition's part of visit.state (form {FORM + 1}")
    assert "run that version or newer (docs/upgrade.md)" in said


async def test_a_row_that_a_later_version_wrote_stops_the_lane():
    """Where the mark does not say so, because its offset was written by hand."""
    rig = join_rig()
    rig.log.append(STATE, key=LINE, value=LATER)
    rig.log.append(CHANGES, key=b"{}", value=envelope("h.charge", "u", CHARGE, at=203))
    assert "a row of h.charge in visit.state" in await refusal(rig, rig.join_lane(), at=CHANGES)


async def test_a_plan_that_a_later_version_opened_is_not_posted():
    """Its msgids may follow another rule: under other ids the platform would take the records a second time."""
    rig = Rig()
    mark = '{"seq":1,"last":"20240501120000b00","plan":{"n":1,"to":0,"id":"20240501120000b00","no":"0","t":1,"c":"x","layout":2}}'
    rig.ready(1)
    rig.log.committed_offsets[Topics().group("deliver"), READY] = Committed(offset=0, metadata=mark)
    said = await refusal(rig, rig.deliver_lane(), at=READY)
    assert "visit.ready-0: the mark beside the committed offset (layout in it)" in said
    assert 0 == rig.platform.posts


async def test_a_record_that_a_later_version_wrote_is_not_posted():
    """It may mean something else than "report this"."""
    rig = Rig()
    rig.ready(1)
    (record,) = rig.log.messages(READY)
    rig.log.append(READY, key=b"v", value=b"{}", headers=[("seq", b"2"), *record.headers[1:], ("form", b"%d" % (READY_FORM + 1))])
    assert f"visit.ready-0: the record at offset 1 (form {READY_FORM + 1}" in await refusal(rig, rig.deliver_lane(), at=READY)
    assert 0 == rig.platform.posts


async def test_a_later_join_does_not_stop_the_deliver_stage():
    """Stages are updated one after the other; of the join's mark only its number is asked for."""
    rig = Rig()
    rig.log.append(READY, key=b"k", value=b"somebody else's")
    rig.log.committed_offsets[Topics().group("join"), CHANGES] = Committed(offset=0, metadata='{"seq":1,"rows":{"his":9}}')
    assert await rig.settle(rig.deliver_lane(), lambda: bool(rig.log.messages(DEAD)), at=READY)


def test_what_a_later_version_wrote_calls_a_person_at_once():
    """No restart helps."""
    assert Exit.NEWER in PAGE_AT_ONCE


# Earlier versions ---------------------------------------------------------------------------------------------------------------


async def test_the_state_of_the_first_version_is_gone_on_from():
    """An update must neither stop a site nor report anything again; what it knew of its rows' messages is nothing."""
    rig = join_rig()
    first = json.loads((GOLDEN / "state_entries_v1.json").read_text(encoding="utf-8"))
    for one in first:
        rig.log.append(STATE, key=one["key"].encode(), value=one["value"].encode())
    for value in (
        envelope("h.charge", "c", CHARGE, at=103),
        envelope("h.visit", "u", VISIT | {"insu_id": "X" * 40}, at=501),
        envelope("h.visit", "u", VISIT, at=502),
        tick_value(START_MS + 2 * LIMITS.wait_ms),
    ):
        rig.log.append(CHANGES, key=b"{}", value=value)
    assert await rig.settle(rig.join_lane(), lambda: rig.committed("join").offset == 4, at=CHANGES)
    letters = [{name: value.decode() for name, value in letter.headers} for letter in rig.log.messages(DEAD)]
    told = {letter["x-dlq-row-key"]: letter["__connect.errors.offset"] for letter in letters if "x-dlq-closed-by" not in letter}
    assert {"C1": "", "C3": "", "C4": "", "C5": "", "C7": "", "R8": ""} == told
    assert [] == rig.log.messages(READY)
    entries = {message.key: message.value for message in rig.log.messages(STATE)[len(first) :]}
    changed = {key: load(key, value) for key, value in entries.items() if not (is_resent(key) or is_tally(key))}
    assert {b"V1\x1fv\x1fhis\x1fh.visit\x1fV1": 2} == {key: row.offset for key, row in changed.items() if row.offset is not None}
    assert b"V1\x1fs\x1fhis\x1fh.settle\x1fS1" not in changed
    assert WITH_TALLY == join_mark(rig.committed("join").metadata).state, "sums were made of the rows that it had left"
    assert (80_00, 4, 20_00, 1, 0) == load_tally(entries[b"V1\x1fu\x1fhis\x1fS1"])[:5]


def test_an_entry_of_an_earlier_form_stays_as_it_is_until_its_row_changes():
    """A version that is tried for an hour must not have written every visit anew, and what is written must not depend on chance."""
    join = Join()
    join.change("h.visit")
    join.change("h.settle")
    key = key_of(b"V1", load(*next(iter(join.entries[b"V1"].items()))).role, "his", "h.visit", ("V1",))
    value = join.entries[b"V1"][key]
    _, position, committed_at, _, _, *rest, _ = json.loads(value[1:])
    join.entries[b"V1"][key] = b"r" + json.dumps([position, committed_at, *rest], ensure_ascii=False).encode()
    assert [key for key in join.change("h.charge").state if b"h.visit" in key] == []
    earlier = load(key, join.entries[b"V1"][key])
    assert earlier == load(key, value)._replace(offset=None, mark=earlier.mark, reported_as="")
    changed = join.change("h.visit", "u").state[key]
    assert changed == dump(load(key, changed))


# Kinds of event ------------------------------------------------------------------------------------------------------------------


class Unheard:
    """A kind of event that came with a change of the program and that no case takes."""


def test_an_event_that_nobody_takes_is_not_folded_into_nothing(monkeypatch):
    """Its offset would be committed, and nobody would ever know. (The type checker says so first.)"""
    monkeypatch.setattr(fold, "decode", lambda _value, **_more: Unheard())
    with pytest.raises(AssertionError):
        Join().send(b"{}")
    monkeypatch.setattr(lookups, "decode", lambda _value: Unheard())
    with pytest.raises(AssertionError):
        tables().take([written(0, "c", "1")])


def test_a_tick_in_a_topic_of_lookups_is_told_like_all_else_that_is_no_row():
    """Whoever writes there writes something that is never read."""
    known = tables()
    known.take([written(0, "c", "1")._replace(value=tick_value(1)), written(1, "c", "1")._replace(value=None)])
    assert [b"lookup.dept/0/0"] == list(known.faults)
