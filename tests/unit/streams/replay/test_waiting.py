"""What waits in visit.ready is found, tried and made anew: over random histories it ends as if the mapping had never been bad."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.changes import Incoming
from streams.domain.join.fold import Joiner
from streams.domain.ready import RECALL, decode, encode
from streams.domain.renewed import Answers
from streams.domain.replay import replay_value
from streams.lanes.passed_marks import Delivered
from streams.mapping import compile_site, load_site
from streams.replay.plan import Outcome
from streams.replay.trial import Trial, rows_of
from streams.replay.waiting import Backlog, Fare, Rows, is_ordered
from tests.unit.streams.domain.join import join_rig
from tests.unit.streams.domain.join.join_rig import HOSPITAL, LIMITS, Join, mappings, whole
from tests.unit.streams.domain.join.test_laws import arrivals

BAD = {"A": ('A: "01"', 'A: "03"'), "gone": ('A: "01", ', "")}
ALL = Delivered(1)


class Numbered(Join):
    """One partition, with all that it wrote into visit.ready, as the deliver stage reads it."""

    def send(self, value, **more):
        folded = super().send(value, **more)
        self.__dict__.setdefault("written", []).extend([*folded.recalls, *folded.ready])
        return folded

    @property
    def records(self):
        return [decode(one) for one in self.messages()]

    def messages(self):
        for number, emission in enumerate(self.written, start=1):
            key, value, headers = encode(emission, number)
            yield Incoming("visit.ready", 0, number, key, value, tuple(headers), 0)


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """Joins whose mapping has another dictionary."""
    made = {}
    for name, (good, spoilt) in BAD.items():
        folder = tmp_path_factory.mktemp(name)
        for file in join_rig.SITE.parent.iterdir():
            (folder / file.name).write_text(file.read_text("utf-8").replace(good, spoilt), "utf-8")
        found = compile_site(load_site(folder / "site.yaml"))
        made[name] = Joiner(found, LIMITS, zone=found["his"].dialect.zone)
    return made


def good():
    return Joiner(mappings(), LIMITS, zone=mappings()["his"].dialect.zone)


def backlog(join, delivered, **more):
    found = Backlog(0, delivered, **more)
    for message in join.messages():
        found.take(message)
    return found


def made_anew(join, delivered):
    """Look, order and answer, as the verb and the join do: what was said of each record."""
    entries = {key: value for visit in join.entries.values() for key, value in visit.items()}
    rows, trial = Rows(mappings(), rows_of(entries)), Trial(good(), entries, join, now_ms=join.now)
    waiting = sorted(backlog(join, delivered).waiting(), key=lambda one: one.order)
    orders, fares = [], {}
    for one in waiting:
        order = rows.order(one, plan="dawn")
        assert not rows.unread_of(one)
        tried = Outcome.GONE if order is None else trial.tried(order).outcome
        fares[one.identity] = {Outcome.PASSES: Fare.PASSES, Outcome.FAILS: Fare.FAILS}.get(tried, Fare(tried.value))
        if order is not None and is_ordered(fares[one.identity], one):
            orders.append(order)
    join.joiner = good()
    for order in orders:
        join.send(replay_value(order, at=join.now))
    return fares


def posted(join, delivered):
    """What a lane posts: what was below, and behind that what no answer makes needless."""
    answers = Answers()
    for record in join.records:
        answers.take(record)
    records = [one for one in join.records if RECALL not in one.added]
    return [one for one in records if one.number < delivered.seq or not answers.supersedes(one)]


def last(records):
    return {(one.service, one.institution, one.record_key): one.content_hash for one in records}


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_what_waits_ends_as_if_the_mapping_had_never_been_bad(bad, data):
    """Wherever the lane stood, and however often the order is given."""
    (changes,) = data.draw(arrivals(1))
    spoilt, plain = Numbered(joiner=bad[data.draw(st.sampled_from(sorted(BAD)))]), Numbered()
    for change in changes:
        spoilt.send(change)
        plain.send(change)
    delivered = Delivered(data.draw(st.integers(1, len(spoilt.records) + 1)))
    before, waiting = len(spoilt.ready), [one.identity for one in backlog(spoilt, delivered).waiting()]
    fares = made_anew(spoilt, delivered)
    assert waiting == [*fares] or set(waiting) == set(fares)
    assert list(fares.values()).count(Fare.PASSES) <= len(spoilt.ready) - before
    wanted, there = last(one for one in plain.records if one.value), last(posted(spoilt, delivered))
    for identity, fare in fares.items():
        place = (identity.service, identity.institution, identity.key)
        if fare in (Fare.PASSES, Fare.UNCHANGED):
            assert wanted[place] == there[place], f"{place} is not what the mended mapping makes of it"
    again = made_anew(spoilt, delivered)
    assert not set(again.values()) & {Fare.PASSES, Fare.FAILS}, "a second order finds nothing left to do"
    assert there == last(posted(spoilt, delivered))


def test_what_waits_is_what_was_not_delivered_and_of_an_institution_aside_what_was_not():
    """Everything else is settled, and another version would be a correction."""
    join = whole(Numbered())
    assert 3 == len([*backlog(join, Delivered(1)).waiting()])
    assert 1 == len([*backlog(join, Delivered(3)).waiting()])
    assert 2 == len([*backlog(join, Delivered(4, {HOSPITAL: 2})).waiting()])
    assert 0 == len([*backlog(join, Delivered(4, {"P36110200002": 1})).waiting()])


def test_only_what_is_meant_is_looked_at():
    """One institution's mapping was bad, or one service's."""
    join = whole(Numbered())
    found = backlog(join, ALL, services=["fee_list_d"])
    assert (["C1"], "V1") == ([one.record.record_key for one in found.waiting()], found.visit)
    assert [] == [*backlog(join, ALL, institution="P36110200002").waiting()]


def test_an_older_version_that_differs_is_answered_though_the_last_one_is_right(bad):
    """The row changed after the mapping was mended. Posted first, the older one would be refused."""
    join = Numbered(joiner=bad["A"])
    whole(join)
    join.joiner = good()
    join.change("h.charge", "u")
    assert {"mdtrt_d": Fare.UNCHANGED, "setl_d": Fare.UNCHANGED, "fee_list_d": Fare.UNCHANGED} == {
        identity.service.value: fare for identity, fare in made_anew(join, ALL).items()
    }
    assert [1, 2, 4] == [one.number for one in posted(join, ALL)]


def test_a_column_that_was_never_read_is_not_taken_for_an_empty_one():
    """The bad mapping did not read it, so the join does not remember it: what is made of that is wrong again."""
    join = whole(Numbered())
    rows = [row._replace(columns={name: value for name, value in row.columns.items() if name != "paid_by"}) for row in join.rows()]
    found = Rows(mappings(), {"V1": rows})
    tables = tuple(sorted({row.table for row in rows if "paid_by" in mappings()[row.source].tables[row.table].columns}))
    assert {tables} == {found.unread_of(one) for one in backlog(join, ALL).waiting()}
    assert {()} == {Rows(mappings(), {"V1": join.rows()}).unread_of(one) for one in backlog(join, ALL).waiting()}
