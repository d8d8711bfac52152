"""`yibao status` from what brokers, Connect and databases say: a line for each part, and which of them a person looks at first."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from connector.answers import ConnectorStatus, TaskStatus
from connector.contract import CaptureSource, DatabaseKind, Drift, Look, Topics
from streams.lanes.deliver.aside import Aside
from streams.lanes.deliver.plan import Plan
from streams.lanes.marks import DeliverMark, JoinMark, PlaceMark
from streams.topics.broker import CommittedOffset, Member
from streams.topics.control import Control
from streams.topics.maintenance import Maintenance
from streams.topics.steering import Pause, Paused
from tests.unit.yibao.test_lags import SITE as LAGGING
from yibao.captures.facts import Stand
from yibao.captures.shown import Shown
from yibao.lag.asked import Measured
from yibao.lag.counted import Kind, counted
from yibao.lag.marks import STAGES, StageMarks
from yibao.lag.shown import Limits
from yibao.lag.stages import stage_lags
from yibao.monitored import Seen
from yibao.processes import Process
from yibao.status.facts import Part, Slot, SlotLook
from yibao.status.lines import first_of, lines_of
from yibao.status.parts import Asked
from yibao.status.shown import document, look_of

SITE = SimpleNamespace(**vars(LAGGING), institutions=[])
NOW = 1_700_000_000_000
SHANGHAI = ZoneInfo("Asia/Shanghai")
H1, H2 = "H36110200001", "H36110300002"
LIMITS = Limits(max_age_s=600, max_waiting=None)
SOURCE = CaptureSource(
    name="his",
    kind=DatabaseKind.POSTGRESQL,
    host="db.his",
    port=5432,
    database="his",
    user="capture",
    password_file="secret",
    password_reference="${directory:/secrets:his}",
    publication="yibao_his",
    slot="yibao_his",
    heartbeat_table="cdc.heartbeat",
    sslmode="disable",
    tables=(),
)


def capture(*, state="RUNNING", task="RUNNING", trace=None, beat_s=5.0, asked=True, **stand):
    tasks = (TaskStatus(number=0, state=task, worker="w", trace=trace),)
    status = ConnectorStatus(connector="yibao-his", state=state, worker="w", trace=None, tasks=tasks) if asked else None
    about = {"source": "his", "control": None, "found": None, **stand}
    return Shown(source=SOURCE, status=status, heartbeat_age_s=beat_s, silent_after_s=60, stand=Stand(**about), asked=asked)


def plan(**changed):
    about = {"size": 57, "last_offset": 70, "id": "29dxs0s1te0b00", "refused": 0, "opened_at": NOW // 1000 - 30, "cut": "c"}
    return Plan(**(about | changed))


def marks(*, rows=(5, 5), out=7, taken=7, seq=100, delivered=None, workers=STAGES):
    end, placed = rows
    deliver = delivered or DeliverMark(seq=seq)
    topics, owner = Topics(), Member("w-0 at 127.0.0.1", frozenset())
    owned = {"place": topics.rows("his"), "join": topics.changes, "deliver": topics.ready}
    return StageMarks(
        at_ms=NOW,
        clock_s=10.0,
        ends={"his": end},
        placed={"his": CommittedOffset(placed, PlaceMark(out=(out, 1)).text())},
        joined={
            0: CommittedOffset(1, JoinMark(seq=seq, taken={"his/": taken}).text()),
            1: CommittedOffset(1, JoinMark(seq=1).text()),
        },
        delivered={0: CommittedOffset(1, deliver.text()), 1: CommittedOffset(1, DeliverMark(seq=1).text())},
        members={
            stage: [owner._replace(parts=frozenset({(owned[stage], 0), (owned[stage], 1)}))] if stage in workers else []
            for stage in STAGES
        },
    )


def asked(found=None, *, shown=None, slots=None, kinds=None, age_s=5, **more):
    """What was said, all being well but for what is named. kinds: of the deliver stage's partition 0."""
    measured, stages = None, ()
    if found is not None:
        lags = []
        for lag in counted(found, SITE.topics):
            own = kinds if lag.stage == "deliver" and lag.waiting and kinds else {}
            oldest = NOW - age_s * 1000 if lag.waiting else None
            lags.append(_with(lag, oldest, own))
        measured, stages = Measured(marks=found, lags=lags), stage_lags(SITE, found)
    about = {"brokers_away": "", "connect_away": "", "full": "", "slots": slots or {}, "captures": [shown or capture()]}
    return Asked(at_ms=NOW, measured=measured, stages=stages, **(about | more))


def _with(lag, oldest, kinds):
    oldest = min((kind.oldest_ms for kind in kinds.values()), default=oldest)
    return replace(lag, oldest_ms=oldest, kinds=kinds, rate_per_s=0.0, coming_per_s=0.0, at_most=False)


def reasons(said):
    return {line.title: line.reason.name for line in lines_of(said, LIMITS)}


def first(said):
    line = first_of(lines_of(said, LIMITS))
    return None if line is None else (line.title, line.reason.name)


def test_where_nothing_waits_every_part_says_so_and_nobody_is_called():
    """The night on which all is well must look like it."""
    said = asked(marks())
    assert {"capture his": "runs", "place his": "drained", "join": "drained", "deliver": "drained"} == reasons(said)
    assert first(said) is None
    screen, line = look_of(lines_of(said, LIMITS), site="s", now_ms=NOW, zone="UTC")
    assert "nothing needs a person, and nothing waits" in screen.splitlines()[0]
    assert line.endswith("nothing needs a person, and nothing waits")


STOPPED = Control(source="his", facts={}, at="a", by="w", reasons=("server is another one",), since="2023-11-14T20:00:00+08:00")
LOST = Look(drifts=(Drift(where="replication slot", what="is gone", tables=("his.a",)),), facts={}, adds=False)
REFUSED = DeliverMark(seq=40, plan=plan(quiet=True), why="answer_code 40006")
FLOODED = DeliverMark(seq=40, plan=plan(), why="flood_guard")
SET_ASIDE = DeliverMark(seq=100, aside={H1: Aside(number=5, offset=5, since=1_699_990_000, waiting=30, cause="answer_code 40006")})
OF_H1 = {(H1, "fee_list_d"): Kind(30, NOW - 9_000_000)}


@pytest.mark.parametrize(
    ("said", "part", "reason"),
    [
        (asked(marks(), shown=capture(beat_s=300.0)), "capture his", "capture_silent"),
        (asked(marks(), shown=capture(beat_s=None), slots={"his": SlotLook(Slot.UNREAD, 40 << 20)}), "capture his", "slot_unread"),
        (asked(marks(), shown=capture(beat_s=300.0), slots={"his": SlotLook(Slot.LOST)}), "capture his", "slot_lost"),
        (asked(marks(), shown=capture(beat_s=300.0, unseen="no route")), "capture his", "database_away"),
        (asked(marks(), shown=capture(unseen="refuses the login", refused=True)), "capture his", "database_refuses"),
        (asked(marks(), shown=capture(task="FAILED", trace="cannot log in")), "capture his", "capture_failed"),
        (asked(marks(), shown=capture(task="FAILED", trace="x: No space left on device")), "capture his", "disk_full"),
        (asked(marks(), shown=capture(task="FAILED", trace='slot "a" is invalidated')), "capture his", "slot_lost"),
        (asked(marks(), shown=capture(found=LOST)), "capture his", "slot_lost"),
        (asked(marks(), shown=capture(state="STOPPED", beat_s=900.0)), "capture his", "capture_stopped"),
        (asked(marks(rows=(9, 5)), shown=capture(control=STOPPED)), "capture his", "source_changed"),
        (asked(marks(rows=(9, 5), workers=("join", "deliver"))), "place his", "worker_missing"),
        (asked(marks(rows=(9, 5)), age_s=900), "place his", "stands"),
        (asked(marks(rows=(9, -1))), "place his", "offsets_missing"),
        (asked(marks(taken=3, workers=("place", "deliver"))), "join", "worker_missing"),
        (asked(marks(), full="/data, 3 MiB are free"), "place his", "disk_full"),
        (asked(marks(delivered=REFUSED)), "deliver", "held"),
        (asked(marks(delivered=FLOODED)), "deliver", "flood_guard"),
        (asked(marks(delivered=DeliverMark(seq=40, plan=plan(opened_at=NOW // 1000 - 900))), age_s=900), "deliver", "unanswered"),
        (asked(marks(delivered=SET_ASIDE), kinds=OF_H1), f"institution {H1}", "held"),
        (asked(None, brokers_away="Kafka does not answer"), "site brokers", "brokers_away"),
        (asked(marks(), shown=capture(asked=False), connect_away="Connect does not answer"), "site connect", "connect_away"),
    ],
)
def test_one_part_is_named_with_one_reason(said, part, reason):
    """Of all that is said at night, this is the one line that is acted upon."""
    assert (part, reason) == first(said)


def pause(of, name, until=""):
    since = "2026-11-14T20:00:00+08:00"
    return Pause(of=of, name=name, paused=True, since=since, until=until, at=since, by="li@sre", why="the platform moves")


PAUSED_ASIDE = DeliverMark(seq=100, aside={H1: Aside(number=5, offset=5, since=1_699_990_000, waiting=30, cause="paused")})


@pytest.mark.parametrize(
    ("said", "order", "part", "option"),
    [
        (asked(marks(rows=(9, 5))), (Paused.SOURCE, "his"), "place his", "--source his"),
        (asked(marks(rows=(9, 5))), (Paused.STAGE, "place"), "place his", "--stage place"),
        (asked(marks(taken=3)), (Paused.STAGE, "join"), "join", "--stage join"),
        (asked(marks()), (Paused.STAGE, "deliver"), "deliver", "--stage deliver"),
        (asked(marks()), (Paused.INSTITUTION, H1), f"institution {H1}", f"--institution {H1}"),
        (asked(marks(delivered=PAUSED_ASIDE), kinds=OF_H1), (Paused.INSTITUTION, H1), f"institution {H1}", f"--institution {H1}"),
        (asked(marks(delivered=PAUSED_ASIDE), kinds=OF_H1), (Paused.SERVICE, "fee_list_d"), f"institution {H1}", "--service fee"),
    ],
)
def test_what_a_person_paused_is_told_with_who_and_why_and_how_it_goes_on(said, order, part, option):
    """It needs a person as long as it does not end by itself; and nothing else is taken for its cause."""
    open_, ending = (replace(said, pauses=[pause(*order, until)]) for until in ("", "2023-11-15T12:00:00+08:00"))
    (line,) = (line for line in lines_of(open_, LIMITS) if line.title == part)
    assert (part, "paused") == first(open_)
    assert ("li@sre: the platform moves" in line.reason.says, f"yibao resume {option} --why …") == (True, line.reason.mend)
    assert ("paused", None) == (reasons(ending)[part], first(ending))


@pytest.mark.parametrize(("inside", "reason"), [(True, "maintenance"), (False, "drains_after_maintenance")])
def test_what_waits_for_the_platforms_maintenance_needs_nobody(inside, reason):
    """It was announced, and it ends by itself; without a word of it the same wait is a fault."""
    late = asked(marks(delivered=DeliverMark(seq=91)), age_s=900)
    late = replace(
        late, measured=replace(late.measured, lags=[replace(one, rate_per_s=1.0, coming_per_s=None) for one in late.measured.lags])
    )
    begins, ends = (datetime.fromtimestamp(NOW / 1000, UTC) for _ in range(2))
    window = Maintenance(begins=begins, ends=ends, inside=inside, by="site.yaml", why="")
    assert "deliver" == first(late)[0]
    maintained = replace(late, maintenance=window)
    assert (reason, None) == (reasons(maintained)["deliver"], first(maintained))


def test_what_stands_behind_a_stopped_source_is_no_fault_of_its_own():
    """Whoever restarts the place worker for rows that wait for `resume`, restarts it in vain."""
    said = reasons(asked(marks(rows=(9, 5)), shown=capture(control=STOPPED), age_s=900))
    assert ("source_changed", "behind_another") == (said["capture his"], said["place his"])


def test_an_institution_that_is_aside_is_no_reason_of_its_stage():
    """All others are delivered; the stage that is called late for days would be mended instead of the key."""
    kinds = {**OF_H1, (H2, "setl_d"): Kind(2, NOW - 1_000)}
    said = asked(marks(delivered=SET_ASIDE, seq=102), kinds=kinds)
    lines = {line.title: line for line in lines_of(said, LIMITS)}
    assert ("moves", 2, NOW - 1_000) == (lines["deliver"].reason.name, lines["deliver"].waiting, lines["deliver"].oldest_ms)
    assert ("held", 30, "moves") == (
        lines[f"institution {H1}"].reason.name,
        lines[f"institution {H1}"].waiting,
        lines[f"institution {H2}"].reason.name,
    )
    assert datetime.fromtimestamp(1_699_990_000, UTC) == datetime.fromisoformat(lines[f"institution {H1}"].since)


def test_a_lane_that_is_held_is_named_with_its_partition_and_the_hospital_where_it_is_one():
    """Of a site with one hospital nothing is set aside: the lane is all that there is to see."""
    kinds = {(H1, "setl_d"): Kind(1, NOW), (H1, "fee_list_d"): Kind(59, NOW)}
    of_one, of_two = ({}, {(H2, "setl_d"): Kind(1, NOW)})
    told = [
        next(
            line.reason.says
            for line in lines_of(asked(marks(delivered=REFUSED), kinds={**kinds, **more}), LIMITS)
            if line.part is Part.DELIVER
        )
        for more in (of_one, of_two)
    ]
    assert [f"held: answer_code 40006 (partition 0, records of {H1})", "held: answer_code 40006 (partition 0)"] == told


def told(worker, reason, what=""):
    """How a worker of this machine answers."""
    reasons = [{"kind": "x", "reason": reason, "what": what}]
    return Seen(worker=worker, address="http://127.0.0.1:1", state="degraded", reasons=reasons)


def hangs(worker):
    """One whose process lives and does not answer."""
    process = Process(pid=4711, started=1, stopped=True)
    return Seen(worker=worker, address="http://127.0.0.1:1", state="silent", process=process)


@pytest.mark.parametrize(
    ("found", "heard", "reason", "person"),
    [
        (marks(delivered=DeliverMark(seq=40)), told("deliver-0", "platform_away"), "platform_away", True),
        (marks(), told("deliver-0", "platform_away"), "drained", False),
        (marks(delivered=DeliverMark(seq=40)), told("deliver-0", "platform_throttles", "3 times in a row"), "throttled", True),
        (marks(delivered=DeliverMark(seq=40)), told("deliver-0", "limited", f"all, {H1}"), "throttled", True),
        (marks(delivered=DeliverMark(seq=40)), told("deliver-0", "limited", H1), "stands", True),
        (marks(), told("deliver-0", "platform_throttles"), "drained", False),
        (marks(delivered=DeliverMark(seq=40)), told("deliver-0", "institution_throttled", f"{H1}: throttled"), "stands", True),
        (marks(delivered=DeliverMark(seq=40)), told("deliver-1", "loop_stuck"), "worker_stuck", True),
        (marks(delivered=DeliverMark(seq=40), workers=("join",)), hangs("deliver-1"), "worker_stuck", True),
        (marks(delivered=DeliverMark(seq=40), workers=("join",)), hangs("join-1"), "worker_missing", True),
        (marks(delivered=DeliverMark(seq=40), workers=("join",)), told("deliver-0", "starting"), "worker_begins", True),
        (marks(delivered=DeliverMark(seq=40), workers=("join",)), told("join-0", "starting"), "worker_missing", True),
        (marks(delivered=DeliverMark(seq=40), workers=("join",)), told("deliver-0", "of_a_later_version"), "worker_missing", True),
    ],
)
def test_what_a_worker_on_this_machine_says_of_itself_is_the_reason_of_its_stage(found, heard, reason, person):
    """Who starts a worker that waits for another mapping has two that wait."""
    (line,) = (one for one in lines_of(asked(found, heard=[heard], age_s=900), LIMITS) if one.part is Part.DELIVER)
    assert (reason, person) == (line.reason.name, line.reason.person)


def test_the_time_of_the_next_probe_of_an_institution_that_is_held_is_told():
    """Who has mended the key waits for it, and does not restart what works."""
    health = f"{H1}: answer_code, asked again at 2023-11-14T22:15:20+00:00"
    workers = [told("deliver-0", "institution_held", health), told("deliver-1", "institution_held", f"{H1}: answer_code")]
    found = marks(seq=200, delivered=SET_ASIDE)
    (line,) = (one for one in lines_of(asked(found, heard=workers, zone=SHANGHAI), LIMITS) if one.part is Part.INSTITUTION)
    assert line.reason.says.endswith("asked again at 2023-11-15T06:15:20+08:00, in 2 min"), line.reason.says
    later = replace(asked(found, heard=workers), at_ms=NOW + 600_000)
    (line,) = (one for one in lines_of(later, LIMITS) if one.part is Part.INSTITUTION)
    assert line.reason.says.endswith("asked again just now"), line.reason.says
    (line,) = (one for one in lines_of(asked(found, heard=workers[1:]), LIMITS) if one.part is Part.INSTITUTION)
    assert "asked again" not in line.reason.says


def test_two_faults_are_both_told_and_the_one_that_stands_before_the_other_comes_first():
    """The second is still there when the first is mended."""
    said = asked(marks(delivered=REFUSED, workers=("place", "deliver"), taken=3), shown=capture(beat_s=900.0))
    lines = lines_of(said, LIMITS)
    screen, brief = look_of(lines, site="a-hospital", now_ms=NOW, zone="Asia/Shanghai")
    told = screen.splitlines()
    assert "a-hospital, 2023-11-15T06:13:20+08:00: capture his needs a person" == told[0]
    order = [line.partition(":")[0] for line in told if line.startswith(("capture his:", "join:", "deliver:"))]
    assert ["capture his", "join", "deliver"] == order
    assert brief.endswith("capture his: capture_silent; join: worker_missing; deliver: held")
    assert all(len(line) <= 80 for line in told)
    found = json.loads(json.dumps(document(lines, site="a-hospital", now_ms=NOW, zone="UTC")))
    assert (True, "capture_silent", 4) == (found["needs_person"], found["first"]["reason"], len(found["parts"]))


def test_while_no_broker_answers_no_stage_and_no_capture_is_accused():
    """What nobody could ask is not known, and that is what is said."""
    said = reasons(asked(None, brokers_away="away", shown=capture(beat_s=None)))
    wanted = {"capture his": "runs", "place his": "not_known", "join": "not_known", "deliver": "not_known"}
    assert {"site brokers": "brokers_away", **wanted} == said
    assert Part.INSTITUTION.value not in " ".join(said)


def test_a_database_that_nobody_looks_into_is_no_database_that_lets_nobody_in():
    """Of a kind into which this product does not look, its silence is capture's alone."""
    shown = replace(capture(beat_s=300.0, unseen="not looked at"), source=replace(SOURCE, kind=DatabaseKind.SQLSERVER))
    assert "capture_silent" == reasons(asked(marks(), shown=shown))["capture his"]
