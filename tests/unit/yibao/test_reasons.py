"""The table of reasons: exactly one for whatever is known, and of two faults the one that must be mended first."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.deliver.causes import HoldCause
from streams.deliver.remedies import REMEDIES
from streams.lanes.deliver import held_cause
from yibao.status.facts import Facts, Part, Slot
from yibao.status.reasons import reason_of
from yibao.status.rules import RULES

WORDS = st.sampled_from(["", "some words"])
CAUSES = [one.value for one in HoldCause] + [
    getattr(held_cause, name) for name in ("FLOOD_GUARD", "MSGID_MEMORY", "OTHER_LIMITS", "NO_ROOM", "TOPIC_GONE")
]
FACTS = st.builds(
    Facts,
    part=st.sampled_from(Part),
    name=st.just("his"),
    asked=st.booleans(),
    waiting=st.one_of(st.none(), st.integers(0, 9)),
    late=st.booleans(),
    rate_per_s=st.one_of(st.none(), st.just(0.0), st.just(3.0)),
    drains=st.one_of(st.none(), st.booleans()),
    away=WORDS,
    brokers=st.booleans(),
    connector=st.sampled_from(["", "RUNNING", "STOPPED", "PAUSED", "FAILED", "UNASSIGNED", "RESTARTING"]),
    failure=WORDS,
    mend=WORDS,
    slot=st.sampled_from(Slot),
    kept=WORDS,
    silent=st.booleans(),
    unseen=WORDS,
    refused=WORDS,
    changed=WORDS,
    owed=st.sampled_from([(), ("his.sf_fymx",)]),
    full=WORDS,
    workers=st.integers(0, 2),
    stuck=WORDS,
    stuck_pids=st.sampled_from([(), (4711,)]),
    beginning=WORDS,
    platform=WORDS,
    throttled=WORDS,
    parts=WORDS,
    unowned=st.integers(0, 2),
    paused=WORDS,
    ends=st.booleans(),
    pressing=WORDS,
    maintained=WORDS,
    after_maintenance=WORDS,
    where=WORDS,
    held=st.booleans(),
    cause=st.sampled_from(["", "answer_code 40006", "a_cause_of_later", *CAUSES]),
    aside=st.booleans(),
    unanswered_s=st.sampled_from([0.0, 130.0]),
    awaited=st.integers(0, 2),
    before=WORDS,
)


def of_capture(**known):
    return Facts(part=Part.CAPTURE, name="his", **known)


def of_deliver(**known):
    return Facts(part=Part.DELIVER, **{"waiting": 100, **known})


@given(FACTS)
def test_there_is_exactly_one_reason_for_whatever_is_known_and_it_is_the_first_that_holds(facts):
    """A screen that shows none, or two, sends a person to the log after all."""
    reason = reason_of(facts)
    assert [reason.name] == [rule.name for rule in RULES if rule.when(facts)][:1]
    assert reason.says
    assert reason.rank == [rule.name for rule in RULES].index(reason.name)


@given(FACTS)
def test_what_needs_a_person_says_what_to_do(facts):
    """An alarm without a remedy is answered by a restart of everything."""
    reason = reason_of(replace(facts, mend=facts.mend or "yibao resume his"))
    assert bool(reason.mend) or not reason.person


@given(FACTS, st.sampled_from([{"away": "x"}, {"failure": "x"}, {"full": "x"}, {"changed": "x"}, {"silent": True}, {"held": True}]))
def test_one_more_fault_never_hides_one_that_stands_before_it(facts, fault):
    """Who mends what is downstream first, mends it for nothing."""
    assert reason_of(replace(facts, **fault)).rank <= reason_of(facts).rank


@pytest.mark.parametrize(
    ("facts", "name", "says", "mend"),
    [
        (Facts(part=Part.SITE, away="Kafka does not answer", brokers=False), "brokers_away", "Kafka", "start the brokers"),
        (Facts(part=Part.SITE, away="Connect does not answer"), "connect_away", "Connect", "start Kafka Connect"),
        (of_capture(connector=""), "connector_missing", "no connector", "yibao connector apply --source his"),
        (of_capture(slot=Slot.LOST, failure="gone"), "slot_lost", "slot is gone", "yibao connector forget his"),
        (of_capture(failure="cannot write", full="No space left"), "disk_full", "No space", "yibao connector restart his"),
        (of_capture(failure="cannot log in"), "capture_failed", "cannot log in", "yibao connector restart his"),
        (of_capture(connector="STOPPED", silent=True), "capture_stopped", "stopped it", "yibao connector resume his"),
        (of_capture(connector="PAUSED"), "capture_stopped", "paused it", "yibao connector resume his"),
        (of_capture(changed="server is another one", mend="do this"), "source_changed", "another one", "do this"),
        (of_capture(connector="UNASSIGNED"), "capture_unassigned", "unassigned", "yibao connector restart his --all"),
        (of_capture(refused="refuses the login of capture"), "database_refuses", "refuses the login", "yibao source prepare his"),
        (of_capture(silent=True, unseen="refused"), "database_away", "refused", "mend the database"),
        (of_capture(silent=True, slot=Slot.UNREAD), "slot_unread", "nobody reads", "yibao connector restart his --all"),
        (
            of_capture(connector="STOPPED", kept="900 MiB"),
            "capture_stopped",
            "keeps 900 MiB of its log",
            "yibao connector resume his",
        ),
        (of_capture(silent=True, slot=Slot.READ), "capture_silent", "heartbeat", "yibao connector plan --source his"),
        (of_capture(owed=("a.b", "a.c")), "to_be_read_again", "a.b, a.c", "yibao resnapshot a.b --source his --wait"),
        (Facts(part=Part.JOIN, waiting=None), "offsets_missing", "no offset", "yibao topics apply"),
        (Facts(part=Part.JOIN, workers=0), "worker_missing", "no worker", "yibao worker join"),
        (Facts(part=Part.PLACE, full="/data, 3 MiB are free"), "disk_full", "/data", "workers.home"),
        (of_deliver(stuck="deliver-0: process 4711 lives", stuck_pids=(4711,), workers=0), "worker_stuck", "4711", "kill -9 4711"),
        (of_deliver(held=True, cause="flood_guard"), "flood_guard", "refused", "yibao dlq list"),
        (of_deliver(held=True, cause="answer_code 40006"), "held", "answer_code 40006", "yibao keys check"),
        (of_deliver(held=True, cause=""), "held", "nobody heard why", "lane_held"),
        (of_deliver(held=True, cause="answer_code 40006", workers=0), "worker_missing", "no worker", "yibao worker deliver"),
        (of_deliver(throttled="the platform", late=True, unanswered_s=200.0), "throttled", "the platform", "yibao limits show"),
        (of_deliver(unanswered_s=200.0, late=True), "unanswered", "3 min", "breaker_opened"),
        (of_deliver(late=True, unowned=2), "not_shared_out", "2 of its partitions", "mapping_awaited"),
        (of_deliver(late=True, rate_per_s=0.0, drains=False), "stands", "nothing of it moves", "worker's log"),
        (of_deliver(late=True, rate_per_s=9.0, drains=False, idle=1), "stands", "in 1 partition of it", "worker's log"),
        (of_deliver(late=True, rate_per_s=9.0, drains=False), "grows", "more comes", "yibao worker deliver --index 1"),
        (of_deliver(late=True), "late", "late", "yibao lag --watch"),
        (of_deliver(paused="by ops@node: who knows", mend="yibao resume"), "paused", "by ops@node", "yibao resume"),
    ],
)
def test_what_needs_a_person_is_named_with_the_command_that_mends_it(facts, name, says, mend):
    """The screen is read at night, by somebody who does not know the pipeline."""
    reason = reason_of(facts)
    assert (name, True, True, True) == (reason.name, says in reason.says, mend in reason.mend, reason.person)


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        (of_capture(), "runs"),
        (of_capture(asked=False), "not_known"),
        (of_deliver(waiting=0), "drained"),
        (of_deliver(), "moves"),
        (of_deliver(late=True, rate_per_s=9.0, drains=True), "late"),
        (of_deliver(unanswered_s=200.0), "unanswered"),
        (of_deliver(paused="by ops@node: maintenance", ends=True, held=True), "paused"),
        (of_deliver(waiting=0, awaited=3), "waits_for_parts"),
        (Facts(part=Part.JOIN, parts="9 rows wait for parts"), "waits_for_parts"),
        (Facts(part=Part.INSTITUTION, name="H1", parts="9 rows wait for parts"), "waits_for_parts"),
        (of_deliver(throttled="the platform"), "throttled"),
        (of_deliver(throttled="the platform", waiting=0), "drained"),
        (Facts(part=Part.PLACE, waiting=5, late=True, before="capture his"), "behind_another"),
        (Facts(part=Part.INSTITUTION, waiting=5, aside=True), "let_in"),
    ],
)
def test_what_goes_on_by_itself_needs_nobody(facts, name):
    """An alarm for what ends by itself is switched off, and then so is the next one."""
    reason = reason_of(facts)
    assert (name, False) == (reason.name, reason.person)


@pytest.mark.parametrize("cause", CAUSES)
def test_every_hold_has_its_remedy(cause):
    """A cause that somebody adds must not fall to `look into the log`."""
    reason = reason_of(of_deliver(held=True, cause=cause))
    assert "says it every minute" not in reason.mend
    if cause in REMEDIES:
        assert REMEDIES[cause] == reason.mend
