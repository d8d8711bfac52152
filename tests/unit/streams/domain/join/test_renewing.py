"""What waits in visit.ready is made anew by an order: each order is answered behind what waits, and nothing is guessed."""

import shutil

import pytest

from streams.domain.changes import decode as decode_change
from streams.domain.join.fold import Joiner
from streams.domain.join.parts import ELSEWHERE
from streams.domain.join.renewing import IN_FORCE
from streams.domain.ready import RECALL, REPORTED
from streams.domain.replay import ANEW, Replay, replay_value
from streams.mapping import compile_site, load_site
from tests.unit.streams.domain.join import join_rig
from tests.unit.streams.domain.join.join_rig import LIMITS, PATIENT, Join, whole

KEYS = {"h.visit": {"visit_id": "V1"}, "h.settle": {"settle_no": "S1"}, "h.charge": {"charge_id": "C1"}}


def order(table, **more):
    said = {"letter": "", "times": 0, "first_failed_at": 0} | more
    return Replay("his", table, KEYS[table], "V1", "dawn", **said)


def renew(join, table, **more):
    return join.send(replay_value(order(table, **more), at=join.now))


def row(join, table):
    (found,) = [one for one in join.rows() if one.table == table]
    return found


@pytest.fixture
def mended(tmp_path):
    """The join after somebody changed his.yaml."""

    def joiner(before, after):
        site = tmp_path / f"site{len([*tmp_path.iterdir()])}"
        shutil.copytree(join_rig.SITE.parent, site)
        text = (site / "his.yaml").read_text("utf-8")
        assert before in text
        (site / "his.yaml").write_text(text.replace(before, after), "utf-8")
        mappings = compile_site(load_site(site / "site.yaml"))
        return Joiner(mappings, LIMITS, zone=mappings["his"].dialect.zone)

    return joiner


def test_an_order_says_what_it_is_of():
    """The join must tell it from a letter's; versions before take it for one of an unknown letter."""
    for one in (order("h.visit"), order("h.visit", last=True)):
        assert one == decode_change(replay_value(one, at=1))
    assert order("h.visit").is_of_ready
    assert b"last" not in replay_value(order("h.visit"), at=1)


def test_what_differs_under_the_mended_mapping_goes_behind_what_waits_once(mended):
    """The order may come twice: whoever sends orders may be killed in between. The second one says which version is right."""
    join = whole(Join())
    join.joiner = mended('A: "01"', 'A: "03"')
    renew(join, "h.charge")
    assert (4, (ANEW, b"dawn")) == (len(join.ready), join.ready[-1].tail[0])
    assert join.ready[-1].record.content_hash == row(join, "h.charge").emitted
    renew(join, "h.charge")
    (word,) = join.recalls
    assert (4, ("C1", row(join, "h.charge").emitted)) == (len(join.ready), (word.record.key, word.record.content_hash))
    assert (RECALL, (ANEW, b"dawn")) == word.tail


def test_what_is_unchanged_is_not_sent_but_named():
    """An earlier version of it may wait, which the mapping of before made."""
    join = whole(Join())
    for table in KEYS:
        renew(join, table)
    assert 3 == len(join.ready)
    assert [one.record.content_hash for one in join.ready] == [one.record.content_hash for one in join.recalls]
    assert [] == join.dead


def test_what_cannot_be_made_any_more_leaves_nothing_that_waits_right(mended):
    """Its letter is its fate. What is made of it later is sent, whatever it says: the platform may have nothing."""
    join = whole(Join())
    before = row(join, "h.charge").emitted
    join.joiner = mended('A: "01", ', "")
    renew(join, "h.charge")
    (word,) = join.recalls
    assert ("C1", "") == (word.record.key, word.record.content_hash)
    assert (["DICTIONARY DICTIONARY"], ELSEWHERE) == (join.letters(), row(join, "h.charge").emitted)
    join.joiner = None
    renew(join, "h.charge")
    assert (4, before) == (len(join.ready), join.ready[-1].record.content_hash)
    assert before == row(join, "h.charge").emitted


def test_what_waits_for_a_part_now_leaves_nothing_that_waits_right():
    """It goes when the part is there, with what it says then."""
    join = whole(Join())
    visit = join.ready[0].record.content_hash
    join.patients.clear()
    renew(join, "h.visit")
    (word,) = join.recalls
    assert ("V1", "", 3) == (word.record.key, word.record.content_hash, len(join.ready))
    join.patients["P1",] = PATIENT
    join.tick(after_ms=1)
    assert (4, visit, REPORTED) == (len(join.ready), join.ready[-1].record.content_hash, join.ready[-1].tail[0])


def test_what_is_another_record_now_leaves_nothing_that_waits_of_the_former_one(mended):
    """The mapping took the wrong column for its key. Both are told apart: the new one goes."""
    join = whole(Join())
    join.joiner = mended("BKKP_SN: charge_id", "BKKP_SN: settle_no")
    folded = renew(join, "h.charge")
    assert ["C1"] == [one.record.key for one in folded.recalls if (ANEW, b"dawn") in one.tail]
    assert ["S1"] == [one.record.key for one in folded.ready]


def test_a_row_that_is_gone_is_not_answered():
    """Its withdrawal is told by itself."""
    join = whole(Join())
    join.change("h.charge", "d")
    before = len(join.recalls)
    renew(join, "h.charge")
    assert (3, before) == (len(join.ready), len(join.recalls))


def test_what_ends_a_run_names_no_row():
    """It only says that all was ordered before it."""
    join = whole(Join())
    folded = join.send(replay_value(order("h.visit", last=True), at=join.now))
    assert ({IN_FORCE: 1}, (), ()) == (dict(folded.counts), folded.ready, folded.recalls)
