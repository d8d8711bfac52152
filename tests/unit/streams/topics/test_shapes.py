"""Topics and first offsets: what is created, what is refused, and what must never be written twice."""

from dataclasses import replace

from connector.contract import CapturedTable, CaptureSource, DatabaseKind, TableRole, Topics
from streams.topics.offsets import Reach, plan_first_offsets
from streams.topics.shapes import LiveTopic, TopicAction, compare, plan_topics
from streams.topics.stages import stages
from tests.settings import topic_settings

TOPICS = Topics(prefix="sr.")
SETTINGS = topic_settings(partitions=4)
LOOKUP = CapturedTable(name="his.dept", role=TableRole.LOOKUP, key=("code",), visit_key=(), columns=("code",), lookup="dept")
SOURCE = CaptureSource(
    name="his",
    kind=DatabaseKind.POSTGRESQL,
    host="h",
    port=1,
    database="d",
    user="u",
    password_file="f",
    password_reference="${directory:/s:p}",
    sslmode="require",
    publication="p",
    slot="s",
    heartbeat_table=None,
    tables=(LOOKUP,),
)
SPECS = {spec.name: spec for spec in plan_topics(TOPICS, [SOURCE, replace(SOURCE, name="his2")], SETTINGS)}


def live(spec, **changed):
    return replace(
        LiveTopic(
            name=spec.name, partitions=spec.partitions, replication_factor=spec.replication_factor, configs=dict(spec.configs)
        ),
        **changed,
    )


def one(spec, found):
    (plan,) = compare([spec], {spec.name: found})
    return plan


def test_every_topic_that_capture_writes_is_planned():
    """One record for a missing topic blocks a connector for ever, with state RUNNING."""
    wanted = {
        TOPICS.changes,
        TOPICS.signals,
        TOPICS.notifications,
        TOPICS.heartbeat("his"),
        TOPICS.heartbeat("his2"),
        TOPICS.lookup("dept"),
    }
    assert wanted <= SPECS.keys()


def test_the_stages_topics_have_one_width():
    """A visit keeps its partition from stage to stage."""
    assert {4} == {SPECS[name].partitions for name in (TOPICS.changes, TOPICS.state, TOPICS.ready, TOPICS.dead, TOPICS.receipts)}


def test_what_is_remembered_is_compacted_and_what_is_passed_on_is_not():
    """Compaction of `visit.changes` would leave holes, and a hole stops the join."""
    compacted = {name for name, spec in SPECS.items() if spec.configs["cleanup.policy"] == "compact"}
    remembered = {
        TOPICS.state,
        TOPICS.orphans,
        TOPICS.control,
        TOPICS.place_state("his"),
        TOPICS.place_state("his2"),
        TOPICS.lookup("dept"),
    }
    assert remembered == compacted


def test_signals_have_one_partition():
    """Debezium reads only one."""
    assert SPECS[TOPICS.signals].partitions == 1


def test_a_topic_as_planned_is_left_alone():
    """A second apply changes nothing."""
    spec = SPECS[TOPICS.state]
    assert TopicAction.UNCHANGED is one(spec, live(spec)).action


def test_another_width_is_refused_and_the_mend_is_said():
    """Widening a topic would move visits to other partitions."""
    spec = SPECS[TOPICS.changes]
    plan = one(spec, live(spec, partitions=3))
    assert TopicAction.CONFLICT is plan.action
    assert "kafka.partitions" in plan.differences[0]


def test_another_cleanup_policy_is_refused():
    """An uncompacted state topic forgets visits; a compacted ready topic loses records."""
    for name, policy in ((TOPICS.state, "delete"), (TOPICS.ready, "compact")):
        spec = SPECS[name]
        plan = one(spec, live(spec, configs={**spec.configs, "cleanup.policy": policy}))
        assert TopicAction.CONFLICT is plan.action
        assert f"cleanup.policy={spec.configs['cleanup.policy']}" in plan.differences[0]


def test_the_topic_that_stood_unused_is_given_its_shape():
    """Earlier versions made it to expire. What it holds now, what capture was applied against, must never."""
    spec = SPECS[TOPICS.control]
    plan = one(spec, live(spec, configs={"cleanup.policy": "delete", "retention.ms": "1"}))
    assert (TopicAction.RESHAPE, True) == (plan.action, "cleanup.policy is delete, planned compact" in plan.differences)


def test_other_settings_are_said_and_left():
    """An operator's longer retention is an operator's right."""
    spec = SPECS[TOPICS.receipts]
    plan = one(spec, live(spec, configs={**spec.configs, "retention.ms": "1"}))
    assert (plan.action, "retention.ms is 1" in plan.differences[0]) == (TopicAction.DRIFTED, True)


MARKS = {"place": "the place stage's first mark", "join": "the join's", "deliver": "the deliver stage's"}
ROWS = TOPICS.rows("his")


def offsets(committed=(), **reach):
    names = {"rows": ROWS, "changes": TOPICS.changes, "state": TOPICS.state, "ready": TOPICS.ready, "receipts": TOPICS.receipts}
    return plan_first_offsets(
        stages(TOPICS, ["his"]),
        partitions=2,
        marks=MARKS,
        committed=set(committed),
        reach={(names[name], number): found for name, parts in reach.items() for number, found in enumerate(parts)},
    )


NOTHING, HELD, EXPIRED = Reach(begin=0, end=0), Reach(begin=0, end=9), Reach(begin=5, end=9)


def test_a_new_site_gets_a_first_offset_for_each_partition_of_each_stage():
    """A stage without one refuses to start."""
    plan = offsets(changes=[NOTHING] * 2)
    places = [(ROWS, 0), (TOPICS.changes, 0), (TOPICS.changes, 1), (TOPICS.ready, 0), (TOPICS.ready, 1)]
    assert places == [(first.topic, first.partition) for first in plan.write]
    assert {(TOPICS.group(name), 0, mark) for name, mark in MARKS.items()} == {
        (first.group, first.offset, first.metadata) for first in plan.write
    }
    assert (plan.refusals, plan.notes) == ((), ())


def test_captured_rows_that_nobody_read_yet_are_read_from_the_beginning():
    """Capture may be started before the stages."""
    plan = offsets(rows=[HELD], changes=[HELD] * 2)
    assert not plan.refusals
    assert {0} == {first.offset for first in plan.write}


def test_an_existing_offset_is_never_written_again():
    """It would deliver everything a second time."""
    places = [
        (TOPICS.group("place"), (ROWS, 0)),
        (TOPICS.group("join"), (TOPICS.changes, 0)),
        (TOPICS.group("deliver"), (TOPICS.ready, 1)),
    ]
    assert [(TOPICS.group("join"), 1), (TOPICS.group("deliver"), 0)] == [
        (first.group, first.partition) for first in offsets(committed=places).write
    ]


def test_a_lost_offset_of_a_stage_that_has_worked_is_refused():
    """Offsets expire and groups get deleted; starting again at the beginning would report everything twice."""
    for results in ({"state": [HELD, NOTHING]}, {"ready": [HELD, NOTHING]}):
        plan = offsets(changes=[HELD] * 2, **results)
        assert any(TOPICS.group("join") in refusal for refusal in plan.refusals)
    assert TOPICS.group("deliver") in offsets(receipts=[HELD, NOTHING]).refusals[0]


def test_rows_that_expired_unread_are_said():
    """They come back only by a snapshot on demand."""
    plan = offsets(rows=[EXPIRED], changes=[NOTHING, NOTHING])
    assert plan.write[0].offset == 5
    assert "snapshot on demand" in plan.notes[0]


def test_records_that_expired_undelivered_are_refused():
    """Their numbers are gone, so delivery would stop at a hole anyway, without saying why."""
    plan = offsets(ready=[EXPIRED, NOTHING], state=[NOTHING] * 2)
    assert any("expired before they were delivered" in refusal for refusal in plan.refusals)


def test_what_must_be_kept_for_ever_may_not_have_been_given_an_end():
    """The audit log is a chain: without its beginning nobody can say that nothing was taken out of it."""
    spec = SPECS[TOPICS.audit]
    for name in ("retention.ms", "retention.bytes"):
        plan = one(spec, live(spec, configs={**spec.configs, name: "604800000"}))
        assert (TopicAction.CONFLICT, True) == (plan.action, f"{name} 604800000" in plan.differences[0])
