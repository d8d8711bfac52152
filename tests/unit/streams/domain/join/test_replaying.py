"""Records that are tried again by an order: once, never older than what was reported, and nothing else of the visit is touched."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.deadletter.record import encode_dead_letter, letter_id
from streams.domain.changes import dotted
from streams.domain.join import replaying
from streams.domain.join.entries import load
from streams.domain.join.replaying import GONE, RESENT, STALE, UNKNOWN
from streams.domain.ready import REPORTED, encode
from streams.domain.replay import FIRST_FAILED_AT, REPLAY_COUNT, REPLAY_ID, Replay, replay_value
from tests.unit.streams.domain.join.join_rig import LIMITS, PATIENT, START_MS, Join, whole
from tests.unit.streams.domain.join.test_laws import arrivals

LETTER = "5f" * 16
KEYS = {"h.visit": {"visit_id": "V1"}, "h.settle": {"settle_no": "S1"}, "h.charge": {"charge_id": "C1"}}
WRONG = {"quantity": "3.0000"}
UNKNOWN_CODE = "DICTIONARY DICTIONARY"


def order(table, *, times=0, key=None, source="his", **more):
    return Replay(source, table, key or KEYS[table], "V1", "night", LETTER, times, START_MS - 5, **more)


def replay(join, table, **more):
    return join.send(replay_value(order(table, **more), at=join.now))


SERVICES = {"h.visit": "mdtrt_d", "h.settle": "setl_d", "h.charge": "fee_list_d"}


def resend(join, table, *, times=0, emission=None):
    """Order what the platform refused, as its letter says it."""
    refused = emission or next(one for one in reversed(join.ready) if one.record.service.value == SERVICES[table])
    position = said(refused.tail).get(replaying.BY) or refused.position
    return replay(join, table, times=times, resend=refused.record.content_hash, position=position)


def _row(join, table):
    (row,) = [row for row in join.rows() if row.table == table]
    return row


def said(headers):
    return {name: value.decode() for name, value in headers}


def test_what_a_mended_mapping_lets_pass_goes_once_and_says_why(mended):
    """The order may come twice: whoever sends orders may be killed in between."""
    join = Join()
    join.change("h.visit")
    join.change("h.settle")
    join.change("h.charge", level="?")
    assert [UNKNOWN_CODE] == join.letters()
    join.joiner = mended('B: "02"', 'B: "02", "?": "03"')
    for _ in range(2):
        replay(join, "h.charge")
    assert "fee_list_d C1" == join.reported()[-1]
    assert 3 == len(join.ready)
    headers = said(encode(join.ready[-1], 7)[2])
    assert ("night", "1", f"{START_MS - 5}") == tuple(headers[name] for name in (REPLAY_ID, REPLAY_COUNT, FIRST_FAILED_AT))


def test_what_fails_again_is_told_again_under_its_id():
    """Nobody would know that it was tried, and would wait."""
    join = Join()
    join.change("h.visit")
    join.change("h.settle")
    join.change("h.charge", **WRONG)
    replay(join, "h.charge", times=4)
    first, again = join.dead
    assert letter_id(first) == letter_id(again)
    headers = said(encode_dead_letter(again)[2])
    assert ("night", "5", f"{START_MS - 5}") == tuple(headers[name] for name in (REPLAY_ID, REPLAY_COUNT, FIRST_FAILED_AT))
    assert len(said(encode_dead_letter(first)[2])) == len(headers)


def test_what_was_given_up_is_told_again_or_goes():
    """A lookup table that was missing: after its rows came, and before."""
    join = Join(patients={})
    join.change("h.visit")
    join.tick(after_ms=LIMITS.wait_ms)
    replay(join, "h.visit")
    assert ["JOIN_INCOMPLETE MISSING_LOOKUP"] * 2 == join.letters()
    join.patients["P1",] = PATIENT
    replay(join, "h.visit")
    assert ["mdtrt_d V1"] == join.reported()


def test_what_waits_for_a_refused_settlement_goes_behind_it():
    """The order names the settlement alone; its lines have no letters. They are no replays."""
    join = Join()
    join.change("h.visit")
    join.change("h.settle", total="20.0001")
    join.change("h.charge")
    join.change("h.settle", "u")
    assert ["mdtrt_d V1", "setl_d S1", "fee_list_d C1"] == join.reported()


def test_nothing_is_sent_where_nothing_differs():
    """An accepted record in a plan would be sent twice."""
    join = whole(Join())
    for table in KEYS:
        replay(join, table)
    assert (3, 3, []) == (len(join.ready), join.counts["unchanged"], join.dead)


def test_what_the_platform_refused_goes_again_as_it_is_once_for_each_refusal():
    """Its rule was wrong, and was mended there. Until it is refused again another order for it is an old one."""
    join = whole(Join())
    (_, settlement, _) = join.ready
    for _ in range(3):
        resend(join, "h.settle", emission=settlement)
    *_, again = join.ready
    assert (4, 1, 2) == (len(join.ready), join.counts[RESENT], join.counts[STALE])
    assert (settlement.record, REPORTED) == (again.record, again.tail[0])
    resend(join, "h.settle", times=1, emission=settlement)
    assert (5, 2) == (len(join.ready), join.counts[RESENT])
    assert "2" == said(join.ready[-1].tail)[REPLAY_COUNT]


def test_what_was_made_anew_by_a_replay_and_then_refused_by_the_platform_can_be_sent_again_once(mended):
    """Its letter counts the replay that made it, which was no sending again. First the dictionary was wrong, then the platform."""
    join = Join()
    join.change("h.visit")
    join.change("h.settle")
    join.change("h.charge", level="?")
    join.joiner = mended('B: "02"', 'B: "02", "?": "03"')
    replay(join, "h.charge")
    for _ in range(2):
        resend(join, "h.charge", times=1)
    assert (4, 1, 1) == (len(join.ready), join.counts[RESENT], join.counts[STALE])
    resend(join, "h.charge", times=2)
    assert 5 == len(join.ready)


def test_what_changed_since_is_not_sent_again():
    """What the order is of is older than what the platform may have now; also where the old content is back."""
    join = whole(Join())
    (_, _, line) = join.ready
    join.change("h.charge", "u", item="头孢")
    resend(join, "h.charge", emission=line)
    join.change("h.charge", "u")
    resend(join, "h.charge", emission=line)
    assert (5, 2) == (len(join.ready), join.counts[STALE])
    resend(join, "h.charge", emission=join.ready[-1])
    assert (6, 1) == (len(join.ready), join.counts[RESENT])


def test_what_was_only_touched_since_can_be_sent_again():
    """Hospital systems write rows again as they were, delete and insert them, or write them wrong and right again: no newer version
    ever closes such a letter. Once for each refusal, as always.
    """
    join = whole(Join())
    line = join.ready[-1]
    for touch in range(4):
        if touch % 2:
            join.change("h.charge", "d", tx="7")
            join.change("h.charge", tx="7")
        else:
            join.change("h.charge", "u", level="?" if touch else "A")
            join.change("h.charge", "u")
        for _ in range(2):
            resend(join, "h.charge", times=touch, emission=line)
        assert (4 + touch, 1 + touch, 1 + touch) == (len(join.ready), join.counts[RESENT], join.counts[STALE])
        line = join.ready[-1]


def test_what_another_row_changed_and_changed_back_is_not_sent_again_by_the_letter_of_before():
    """Content and row are what they were, and the second copy is on its way already."""
    join = whole(Join())
    line = join.ready[-1]
    join.change("h.visit", "u", med_type="12")
    join.change("h.visit", "u")
    assert (line.record, line.position) == (join.ready[-1].record, join.ready[-1].position)
    resend(join, "h.charge", emission=line)
    assert (7, 1) == (len(join.ready), join.counts[STALE])
    for _ in range(2):
        resend(join, "h.charge", emission=join.ready[6])
    assert (8, 1, 2) == (len(join.ready), join.counts[RESENT], join.counts[STALE])


@pytest.mark.parametrize("resends", [True, False])
def test_a_mapping_that_makes_another_record_of_it_sends_that(mended, resends):
    """The platform refused a code of the dictionary; with the right one it is a correction, as after a change of the row."""
    join = whole(Join())
    line = join.ready[-1]
    join.joiner = mended('A: "01"', 'A: "03"')
    replay(join, "h.charge", **({"resend": line.record.content_hash, "position": line.position} if resends else {}))
    assert (4, 1, 0) == (len(join.ready), join.counts["corrected"], join.counts[RESENT])
    assert b'"CHRGITM_LV":"03"' in join.ready[-1].record.value


def test_a_mapping_that_refuses_it_now_keeps_what_was_handed_on(mended):
    """A correction that is right again is known for one."""
    join = whole(Join())
    emitted = _row(join, "h.charge").emitted
    join.joiner = mended('A: "01", ', "")
    resend(join, "h.charge")
    assert ([UNKNOWN_CODE], emitted, 3) == (join.letters(), _row(join, "h.charge").emitted, len(join.ready))


@pytest.mark.parametrize(
    ("more", "outcome"),
    [({"key": {"charge_id": "C9"}}, GONE), ({"key": {}}, GONE), ({"source": "nobody"}, UNKNOWN), ({}, GONE)],
)
def test_an_order_for_what_is_not_there_does_nothing(more, outcome):
    """The row was deleted, its table is mapped no longer, or somebody else wrote the order."""
    join = whole(Join())
    join.change("h.charge", "d")
    before = len(join.ready), len(join.dead)
    folded = replay(join, "h.charge", **more)
    assert ((*before,), {outcome: 1}, {}) == ((len(join.ready), len(join.dead)), dict(folded.counts), dict(folded.state))


@pytest.mark.parametrize(
    "broken", [b'{"yibao":"replay"}', b'{"yibao":"replay","source":{},"key":{"a":1}}', b'{"yibao":"replay","source":1,"key":{}}']
)
def test_what_is_no_order_is_a_letter(broken):
    """Something else wrote into the rows."""
    join = Join()
    join.send(broken)
    assert ["DECODE DECODE"] == join.letters()


def test_what_was_sent_once_more_is_kept_in_an_entry_of_its_own():
    """To the last byte: another version must not send it again."""
    join = whole(Join())
    resend(join, "h.settle")
    (key, value) = next((key, value) for key, value in join.entries[b"V1"].items() if replaying.is_resent(key))
    assert b"V1\x1fy\x1fs\x1fhis\x1fh.settle\x1fS1" == key
    resent = join.ready[-1]
    assert b'r[2,"%b",1,"%b"]' % (resent.record.content_hash.encode(), resent.position.encode()) == value
    assert replaying.Resent(resent.record.content_hash, 1, resent.position) == replaying.load(value)
    assert replaying.Resent("5f", 1) == replaying.load(b'r[1,"5f",1]')


ORDERS = st.tuples(st.sampled_from(sorted(KEYS)), st.sampled_from(["S1", "S2", "C1", "C2", "R", "V1"]), st.booleans())


@settings(max_examples=60, deadline=None)
@given(arrivals(1), st.lists(ORDERS, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_orders_change_nothing_but_what_they_send_once_more(orders_of, asked, rng):
    """Wherever they stand among the changes: nothing older goes, nothing is lost, and every other record and letter is the same."""
    (changes,) = orders_of
    plain, replayed = Join(), Join()
    for change in changes:
        plain.send(change)
        replayed.send(change)
        if asked and rng.random() < 0.5:
            _order(replayed, *asked.pop())
    sent_again = [one for one in replayed.ready if REPLAY_ID in said(one.tail)]
    assert [one.record for one in plain.ready] == [one.record for one in replayed.ready if REPLAY_ID not in said(one.tail)]
    assert plain.last() == replayed.last()
    told_again = [letter for letter in replayed.dead if letter.original_headers]
    assert [letter_id(one) for one in plain.dead] == [letter_id(one) for one in replayed.dead if not one.original_headers]
    assert {_failure(one) for one in told_again} <= {_failure(one) for one in plain.dead}
    assert len(sent_again) == replayed.counts[RESENT]
    assert _content(plain) == _content(replayed)


KINDS = st.sampled_from(["line", "line", "visit", "delete", "resend", "resend"])
STEPS = st.lists(st.tuples(KINDS, st.integers(0, 3)), max_size=24)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_only_the_last_thing_that_was_handed_on_is_sent_again_and_that_once(steps):
    """Whatever it is the same as: what was handed on since is newer, or the same and on its way. Rows are changed and changed back,
    written wrong, deleted and inserted, and their visits change.
    """
    join, sent = whole(Join()), set()
    for step, which in steps:
        lines = [one for one in join.ready if one.record.service == "fee_list_d"]
        if step == "line":
            join.change("h.charge", "u", level="AAB?"[which])
        elif step == "visit":
            join.change("h.visit", "u", med_type=f"1{which}")
        elif step == "delete":
            join.change("h.charge", "d", tx="7")
            join.change("h.charge", tx="7")
        else:
            asked, before = lines[-1 - which % len(lines)], len(join.ready)
            resend(join, "h.charge", times=int(said(asked.tail).get(REPLAY_COUNT, 0)), emission=asked)
            wanted = asked is lines[-1] and not _row(join, "h.charge").refused
            assert wanted == (len(join.ready) > before), dict(join.counts)
            sent |= {id(asked)} if wanted else set()
    assert join.counts[RESENT] == len(sent)


def _failure(letter):
    """Which record fails, and at what. (Its id is also of the rows that it reads beside its own: they may have changed since.)"""
    return letter.service, letter.institution, letter.record_key, letter.dead_class, letter.rule


def _order(join, table, key, resends):
    name = next(iter(KEYS[table]))
    row = next((row for row in join.rows() if row.table == table and row.key == (key,)), None)
    more = {"resend": row.emitted, "position": dotted(row.position)} if resends and row is not None and row.emitted else {}
    replay(join, table, key={name: key}, **more)


def _content(join):
    return {
        (row.table, row.key): (row.columns, row.emitted, row.refused, row.waits_for, row.deleted)
        for visit in join.entries
        for row in [load(key, value) for key, value in join.visit(visit).items()]
    }
