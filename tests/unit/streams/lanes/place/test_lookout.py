"""The look-out: a source whose database changed under its capture stops before its next rows are placed, and the others go on."""

import time

import pytest
from structlog.testing import capture_logs

from connector.contract import Drift, Look
from streams.errors import Fatal, Newer
from streams.lanes.place.gate import Gate
from streams.lanes.place.lookout import Lookout, LookoutSettings
from streams.lanes.ports import TopicPartition
from streams.testing import FakeLog, wait_for
from streams.topics.control import Control, Controls, load
from tests.unit.streams.lanes.place.test_lane import TOPICS, Place

AT = TopicPartition(TOPICS.control, 0)
FACTS = {"log": 1, "tables": {}}
GONE = Drift(where="publication", what="is gone", tables=("his.fee", "his.visit"))
OTHER = Drift(where="his.visit", what="is another table", tables=("his.visit", "his.dept"))
AS_APPLIED = Look(drifts=(), facts=FACTS, adds=False)
QUICK = LookoutSettings(look_s=0.0, look_within_s=60.0, control_s=0.01, stopped_s=0.01)


class Database:
    """What the next looks find, by source; an exception is raised."""

    def __init__(self, **finds):
        self.finds = finds
        self.compared = []

    def __call__(self, source, applied):
        self.compared.append(applied)
        found = self.finds.get(source, AS_APPLIED)
        if isinstance(found, Exception):
            raise found
        return Look(drifts=(), facts=FACTS, adds=True) if applied is None else found


def lookout(log, database, *, who="place-0@here", clock=time.monotonic, taken=None):
    gate = Gate(log, topic=TOPICS.control)
    return Lookout(gate, database, settings=QUICK, clock=clock, now=lambda: "now", who=who, taken=taken or {})


def written(log):
    return [load(message.value) for message in log.messages(AT)]


def found(*drifts):
    return Look(drifts=drifts, facts=FACTS, adds=False)


def resumed(**changes):
    return Control(**{"source": "his", "facts": FACTS, "at": "later", "by": "li@office", "why": "meant", **changes})


async def test_what_nobody_wrote_down_is_written_down_as_it_is():
    """A site of an earlier version, or one whose database is not reached from where it is applied."""
    log, database = FakeLog(), Database()
    await lookout(log, database).open("his")
    assert [("his", FACTS, False, "place-0@here")] == [(one.source, one.facts, one.stopped, one.by) for one in written(log)]
    await lookout(log, database).open("his")
    assert 1 == len(written(log))
    assert [None, FACTS] == database.compared


async def test_a_source_whose_database_differs_is_stopped_with_all_reasons_and_tables():
    """The second reason may come while it stands for the first: its tables must be read again as well."""
    log, database = FakeLog(), Database()
    watching = lookout(log, database)
    await watching.open("his")
    with capture_logs() as logs:
        for drifts in ((GONE,), (GONE,), (OTHER,), ()):
            database.finds["his"] = found(*drifts)
            await watching.look("his")
    last = written(log)[-1]
    assert 3 == len(written(log))
    assert ((str(GONE), str(OTHER)), ("his.fee", "his.visit", "his.dept"), "now") == (last.reasons, last.read_again, last.since)
    assert ["source_stopped", "source_stopped"] == [entry["event"] for entry in logs]
    assert "yibao resnapshot his.dept --source his --wait" in logs[-1]["remedy"]


async def test_rows_of_a_stopped_source_stay_until_a_person_lets_them_go_on():
    """What is wrong must not go out. Nothing of it is lost: it waits in its topic."""
    place = Place()
    database = Database()
    watching = lookout(place.log, database)
    await watching.open("his")
    database.finds["his"] = found(GONE)
    lane = place.lane(lookout=watching)
    for number in range(3):
        place.captured(number, visit="V1")
    lane.put(place.log.messages(TopicPartition(TOPICS.rows("his"), 0)))
    lane.start()
    await wait_for(lambda: bool(lane.held))
    assert (0, f"{GONE}") == (place.committed.offset, lane.held)
    person = Gate(place.log, topic=TOPICS.control)
    await person.write(resumed())
    await watching.gate.refresh()
    await wait_for(lambda: place.committed.offset == 3)
    assert "" == lane.held
    await lane.close()


async def test_a_source_that_stands_does_not_keep_another_from_going_on():
    """One hospital's mistake must not stop the group."""
    log, database = FakeLog(), Database(his=found(GONE))
    watching = lookout(log, database)
    for source in ("his", "other", "his", "other"):
        await watching.look(source)
    assert {"his": True, "other": False} == {one.source: one.stopped for one in written(log)}


async def test_a_worker_that_starts_anew_reads_that_a_source_stands_before_it_takes_a_row():
    """A restart is what somebody tries first."""
    place = Place()
    await Gate(place.log, topic=TOPICS.control).write(resumed(reasons=("it is another server",), since="then"))
    place.captured(1, visit="V1")
    with capture_logs() as logs:
        lane = place.lane(lookout=lookout(place.log, Database(his=OSError("away"))))
        lane.put(place.log.messages(TopicPartition(TOPICS.rows("his"), 0)))
        lane.start()
        await wait_for(lambda: "source_stopped" in [entry["event"] for entry in logs])
    assert (0, "it is another server") == (place.committed.offset, lane.held)
    await lane.close()


async def test_a_source_stands_at_once_although_no_broker_takes_the_word_and_it_is_written_later():
    """Rows that were fetched before the broker went are in hand: what is wrong among them must not go out when it is back."""

    class Away(FakeLog):
        away = False

        async def send(self, at, value, *, key=None):
            if self.away:
                raise OSError
            return await super().send(at, value, key=key)

    log, database = Away(), Database()
    watching = lookout(log, database)
    await watching.open("his")
    log.away, database.finds["his"] = True, found(GONE)
    await watching.look("his")
    assert ([False], True) == ([one.stopped for one in written(log)], watching.gate.of("his").stopped)
    log.away = False
    await watching.look("his")
    await watching.gate.refresh()
    assert [False, True] == [one.stopped for one in written(log)]


async def test_what_a_person_writes_while_the_database_is_looked_at_is_not_taken_back():
    """Otherwise a source that was just let go on would stand again, for what is no longer so."""
    log = FakeLog()
    await Gate(log, topic=TOPICS.control).write(resumed(reasons=("x",), facts={"log": 1, "old": 1}))

    def looks(source, applied):
        if "old" in applied:
            log.append(AT, key=b"his", value=resumed().dump())
            return found(GONE)
        return AS_APPLIED

    await lookout(log, looks).open("his")
    assert [True, False] == [one.stopped for one in written(log)]


async def test_that_a_source_goes_on_is_told_with_who_let_it():
    """Whoever was called by the alarm reads how it ended."""
    log = FakeLog()
    watching = lookout(log, Database())
    await watching.gate.write(resumed(reasons=("x",)))
    with capture_logs() as logs:
        await watching.open("his")
        await Gate(log, topic=TOPICS.control).write(resumed())
        await watching.open("his")
    assert ["source_stopped", "source_resumed"] == [entry["event"] for entry in logs]
    assert ("li@office", "meant") == (logs[-1]["by"], logs[-1]["why"])


async def test_a_database_that_cannot_be_looked_at_stops_nothing_and_is_told_once():
    """It is away for a night, or only Connect reaches it."""
    log, database = FakeLog(), Database()
    watching = lookout(log, database)
    with capture_logs() as logs:
        for finds in (OSError("no route"), OSError("no route"), AS_APPLIED):
            database.finds["his"] = finds
            await watching.look("his")
    assert [("capture_unwatched", "no route"), ("capture_watched", None)] == [(one["event"], one.get("reason")) for one in logs]
    assert [False] == [one.stopped for one in written(log)]


async def test_how_far_a_log_was_is_remembered_between_looks_and_written_down_once_an_hour():
    """A copy of yesterday is known by its log, which went back; a new entry for each look would fill the topic."""
    log, now, database = FakeLog(), [0.0], Database()
    watching = lookout(log, database, clock=lambda: now[0])
    await watching.open("his")
    for hour, position in ((0.1, 5), (0.2, 6), (1.3, 7)):
        now[0], database.finds["his"] = hour * 3600, Look(drifts=(), facts={**FACTS, "log": position}, adds=False)
        await watching.look("his")
    assert [1, 5, 6] == [applied["log"] for applied in database.compared[1:]]
    assert [1, 7] == [one.facts["log"] for one in written(log)]


async def test_rows_of_another_server_say_so_to_the_join():
    """Their places in the log are compared with none of before: otherwise what is new would be dropped as sent again."""
    place = Place()
    watching = lookout(place.log, Database())
    await watching.gate.write(resumed(life=2))
    place.captured(1, visit="V1")
    await place.work(place.lane(lookout=watching), 1)
    (message,) = [one for each in place.written().values() for one in each]
    assert [("from", b"his/b"), ("seq", b"1"), ("server", b"2")] == [*message.headers]


@pytest.mark.parametrize(("value", "error"), [(b"{}", Newer), (b"x", Fatal), (b'{"form":1}', Fatal)])
async def test_an_entry_that_is_none_of_this_version_ends_the_worker(value, error):
    """To go on as if nothing stood there could let wrong rows out."""
    log = FakeLog()
    await log.send(AT, value, key=b"his")
    with pytest.raises(error):
        await lookout(log, Database()).open("his")


def test_the_note_of_an_order_is_no_word_about_a_source():
    """`yibao offsets recover` notes in the same topic what it writes; a place worker that took that for an entry would end."""
    controls = Controls()
    controls.take([None, b'{"form":1,"order":"offsets recover","stage":"join","partitions":[]}'])
    assert {} == controls.by_source


def taking(**words):
    """As what a mapping takes the rows of two tables of a source."""
    return {"his": {"his.fee": {"key": "1", **words}, "his.visit": {"key": "1"}}}


async def test_rows_that_another_mapping_takes_otherwise_are_owed_until_they_were_read_again():
    """They stay what the mapping of then made of them: half old and half new, and nobody sees which."""
    log, database = FakeLog(), Database()
    await lookout(log, database, taken=taking()).open("his")
    assert [taking()["his"]] == [one.taken for one in written(log)]
    with capture_logs() as logs:
        for taken in (taking(where="2"), taking(where="2"), taking()):
            await lookout(log, database, taken=taken).open("his")
    assert [(), ("his.fee",), ("his.fee",)] == [one.read_again for one in written(log)]
    remedy = "yibao resnapshot his.fee --source his --wait"
    assert [("mapping_changed", ["his.fee: where"], remedy)] * 2 == [(one["event"], one["changes"], one["remedy"]) for one in logs]


async def test_what_an_earlier_version_wrote_down_says_nothing_of_the_mapping():
    """Nobody knows as what its rows were taken; from now on it is known."""
    log, database = FakeLog(), Database()
    await Gate(log, topic=TOPICS.control).write(resumed(read_again=("his.visit",)))
    with capture_logs() as logs:
        await lookout(log, database, taken=taking(where="2")).open("his")
    assert (taking(where="2")["his"], ("his.visit",), []) == (written(log)[-1].taken, written(log)[-1].read_again, logs)
