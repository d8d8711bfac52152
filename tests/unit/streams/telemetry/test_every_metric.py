"""Every metric that is declared is served by lanes that work, and moves: one that never does is a rule that never fires."""

import asyncio
import subprocess
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import orjson
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from connector.contract import Drift, Look, SlotState
from streams.deliver.causes import HoldCause, RetryCause
from streams.deliver.gateway import Gateway
from streams.deliver.look import PlatformLook
from streams.deliver.request import Institution, Unsealed
from streams.deliver.verdict import Held, Retry, Throttled
from streams.domain.closings import ClosedBy
from streams.domain.join.fold import Joiner
from streams.domain.place.heard import Heard
from streams.domain.ready import CLOSES, REPORTED
from streams.lanes.assignment import Assignment
from streams.lanes.deliver import renewed
from streams.lanes.deliver.look import DeliverLook
from streams.lanes.join.lane import JoinLane
from streams.lanes.join.lookups import LookupTable, LookupTables
from streams.lanes.join.ticks import Ticker
from streams.lanes.join.wait_round import WaitRound
from streams.lanes.look import BrokersLook, LanesLook, PausesLook
from streams.lanes.place.captures import Capture, Captures
from streams.lanes.place.heartbeats import Heartbeats
from streams.lanes.place.look import PlaceLook
from streams.lanes.ports import TopicPartition
from streams.lanes.steering import Steering
from streams.lanes.watch import Watch
from streams.platform_wiring import count_answer
from streams.spec.fields import ServiceCode
from streams.spec.profiles import REPORTING
from streams.telemetry.conditions import Reason
from streams.telemetry.exposition import Exposition
from streams.telemetry.files_look import FilesLook
from streams.telemetry.metric_table import METRICS
from streams.telemetry.pulse import Pulse
from streams.testing import FakePlatform, wait_for
from streams.topics.maintenance import Ordered
from streams.topics.steering import Orders, Pause, Paused
from tests.settings import gateway_settings
from tests.unit.streams.domain.join.join_rig import CHARGE, LIMITS, PATIENT, SETTLE, VISIT, envelope, mappings
from tests.unit.streams.lanes.deliver.test_asides import A, Hospitals
from tests.unit.streams.lanes.deliver.test_orphans import family, write
from tests.unit.streams.lanes.deliver.test_renewed import DAWN, Night
from tests.unit.streams.lanes.lane_rig import CHANGES, INSTITUTION, QUICK, READY, Rig, held, through
from tests.unit.streams.lanes.place.test_lane import ROWS, TOPICS, Place
from tests.unit.streams.lanes.place.test_lookout import FACTS, Database, lookout
from tests.unit.streams.lanes.test_roll_call import Cluster
from yibao.monitored import Seen
from yibao.status.heard import heard_of

NOT_APPLIED = Look(
    drifts=(Drift(where="publication", what="is gone", tables=("his.fee",)),),
    facts=FACTS,
    adds=False,
    slot=SlotState(active=True, retained_bytes=4096, safe_bytes=10**9),
)


def moved(outcomes, *looks, pulse=None):
    """The metrics with a value other than 0, as a worker serves them now; and what speaks against it."""
    pulse = pulse or Pulse(stuck_s=60)
    pulse.watch(*looks)
    pulse.look()
    text, _ = Exposition(outcomes, pulse, version="1").written()
    names = {metric.name for metric in METRICS}
    found = set()
    for family_ in text_string_to_metric_families(text.decode()):
        found |= {one.name.removesuffix("_count") for one in family_.samples if one.value}
    return found & names, {one.reason for one in pulse.conditions}


def assigned(topic, lane):
    """A process with one lane, as its group gave it."""
    lanes = Assignment([topic], lambda _at, _generation: lane)
    lanes.lanes, lanes.times, lanes.is_given = {lane.at: lane}, 1, True
    return lanes


def watch(lanes, context, number):
    async def numbers(partitions):
        return dict.fromkeys(partitions, number)

    return Watch(lanes, numbers, context=context)


def all_of_process(tmp_path, certificate):
    key = tmp_path / "key.pem"
    key.write_text("a key")
    return FilesLook({"platform.ca_file": certificate}, {INSTITUTION: key})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    made = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    files = ("-keyout", folder / "k.pem", "-out", folder / "ca.pem")
    subprocess.run([*made, "-subj", "/CN=x", *files], check=True, capture_output=True)
    return folder / "ca.pem"


async def a_lane_that_meets_everything():
    """The deliver stage: what is held, tried again, throttled, refused, repeated, slow and taken over."""
    rig = Rig()
    rig.outcomes.stage = "deliver"
    rig.deliver_options = {"lease_s": -1.0, "probe_s": 0.05, "max_probe_s": 0.05}
    rig.platform = FakePlatform(refuses=["2"])
    no = Held(cause=HoldCause.ANSWER_CODE, code="40002", message="not allowed")
    rig.platform.script = [no] * 100_000  # it is held until we have looked, however long that takes
    for number in (1, 2, 1, 2, 3, 4, 5):
        rig.ready(number)
    lane = rig.deliver_lane(1)
    await held(rig, lane)
    lanes = assigned(READY.topic, lane)
    watching = watch(lanes, rig.context("deliver"), 9)
    await watching.look()
    seen, reasons = moved(rig.outcomes, LanesLook(lanes, watching))
    assert {Reason.LANE_HELD} == reasons
    await lane.close()
    rig.platform.script = [Retry(cause=RetryCause.TIMEOUT), Throttled(after_s=0.001)]
    assert await rig.settle(rig.deliver_lane(2), through(rig, 6), at=READY)
    return seen | moved(rig.outcomes)[0]


async def institutions_that_are_held(_rig=None):
    """One whose key is wrong is set aside."""
    site = Hospitals(shut_out=[A])
    site.outcomes.stage = "deliver"
    site.more(20)
    lane = site.deliver_lane()
    lane.put(site.log.messages(READY))
    lane.start()
    await wait_for(lambda: site.mark.aside and site.mark.seq == 21 and lane.mark == site.mark)
    site.more(4)
    lane.put(site.log.messages(READY, site.committed("deliver").offset))
    await wait_for(lambda: site.mark.aside[A].waiting == 6 and lane.mark == site.mark)
    pulse = Pulse(stuck_s=60)
    seen, reasons = moved(site.outcomes, DeliverLook(assigned(READY.topic, lane), lane._shared.health), pulse=pulse)
    await lane.close()
    assert {Reason.INSTITUTION_HELD, Reason.INSTITUTION_ASIDE} == reasons
    worker = Seen(worker="deliver-0", address="", state="degraded", reasons=[one.document for one in pulse.conditions])
    assert {A} == {*heard_of([worker], "deliver").probes}, "when it is asked again is known to whoever waits for it"
    return seen


async def parents_that_are_refused():
    """Records wait for them, and a letter closes when one of them is taken after all."""
    rig = Rig()
    rig.outcomes.stage = "deliver"
    family(rig)
    rig.platform = FakePlatform(refuses=["M"])
    lane = rig.deliver_lane(1)
    lane.put(rig.log.messages(READY))
    lane.start()
    await wait_for(lambda: through(rig, 6)() and lane.mark.seq == 6)
    seen, _ = moved(rig.outcomes, DeliverLook(assigned(READY.topic, lane), lane._shared.health))
    await lane.close()
    rig.platform.refuses.clear()
    write(rig, 6, ServiceCode.VISIT, "M", tail=(REPORTED, (CLOSES, b"letter")), MDTRT_ID="M", x="mended")
    assert await rig.settle(rig.deliver_lane(2), lambda: rig.outcomes.of("letter_closed", ClosedBy.ACCEPTED.value) > 0, at=READY)
    return seen | moved(rig.outcomes)[0]


async def a_plan_that_is_made_anew(monkeypatch):
    """The flood guard held it, and a mapping was mended."""
    monkeypatch.setattr(renewed, "LOOK_S", 0.01)
    night = Night()
    night.outcomes.stage = "deliver"
    for visit in range(5):
        night.family(visit, v=True, s=True, f=True)
    lane = night.deliver_lane(1)
    await held(night, lane)
    for visit in range(5):
        for one in ServiceCode:
            night.write(one, visit, tail=(DAWN,))
    night.in_force()
    lane.put(night.log.messages(READY))
    await wait_for(night.is_done)
    await lane.close()
    return moved(night.outcomes)[0]


@asynccontextmanager
async def platform(answers):
    async def answer(_request):
        return web.json_response(answers.pop(0)) if answers else web.Response(status=503)

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    finally:
        await runner.cleanup()


async def the_way_to_the_platform():
    """The real gateway: sealing, requests, the breaker."""
    rig = Rig()
    rig.outcomes.stage = "deliver"
    institutions = {INSTITUTION: Institution(code=INSTITUTION, name="h", seal=Unsealed())}
    async with (
        platform([{"code": 200}]) as url,
        Gateway(
            gateway_settings(url),
            institutions,
            profile=REPORTING,
            on_answer=lambda verdict, seconds: count_answer(rig.outcomes, verdict, seconds, known=REPORTING.answers),
            on_sealed=lambda seconds: rig.outcomes.observe("sealing_s", seconds),
        ) as gateway,
    ):
        rig.platform = gateway
        rig.ready(1)
        assert await rig.settle(rig.deliver_lane(), through(rig, 2), at=READY)
        seen, reasons = moved(rig.outcomes, PlatformLook(gateway))
        assert set() == reasons
        rig.ready(2)
        lane = rig.deliver_lane(2)
        lane.put(rig.log.messages(READY, 1))
        lane.start()
        await wait_for(lambda: gateway.phase.value == "open")
        assert {Reason.PLATFORM_AWAY} == moved(rig.outcomes, PlatformLook(gateway))[1]
        await lane.close()
    return seen


async def a_join_whose_rows_wait():
    """Rows that wait for others, a letter, a warning, a change of a lookup, and commits that are read back."""
    rig = Rig(settings=replace(QUICK, doubt_s=-1.0))
    rig.outcomes.stage = "join"
    rig.fold = Joiner(mappings(), LIMITS, zone=mappings()["his"].dialect.zone)
    tables = LookupTables(None, {"lookup.patient": LookupTable(name="patient", key=("patient_id",))}, outcomes=rig.outcomes)
    at = TopicPartition("lookup.patient", 0)
    rig.log.append(at, key=b"k", value=envelope("h.patient", "c", PATIENT, at=1))
    tables.take(rig.log.messages(at))
    tables.caught_up = rig.lookups.caught_up
    rig.lookups = tables
    warned = ("h.visit", {**VISIT, "visit_id": "V2", "begin_at": "1970-01-01T00:30:00Z"})
    waiting = (("h.visit", VISIT), ("h.settle", SETTLE), ("h.charge", {**CHARGE, "settle_no": "S9"}))
    for place, (table, row) in enumerate((*waiting, warned)):
        rig.log.append(CHANGES, key=b"V1", value=envelope(table, "c", row, at=place + 1))
    rig.log.append(CHANGES, key=b"V1", value=b"no json")
    lane = rig.join_lane()
    lane.put(rig.log.messages(CHANGES))
    lane.start()
    await wait_for(lambda: rig.committed("join").offset == 5 and lane.state.waits)
    lanes = assigned(CHANGES.topic, lane)
    rounds = WaitRound(lanes, share=1.0)
    await rounds.count()
    await Ticker(lanes, rows=[ROWS.topic], context=rig.context("join"), every_s=1.0, wall_ms=lambda: 5).tick()
    seen, _ = moved(rig.outcomes, rounds)
    assert isinstance(lane, JoinLane)
    assert {"parent_refused": 1, "settlement": 1} == {part: count for part, count in rounds._counts.items() if count}
    await lane.close()
    return seen


async def a_join_that_emits():
    """A record that becomes ready."""
    rig = Rig()
    rig.outcomes.stage = "join"
    rig.change(1)
    assert await rig.settle(rig.join_lane(), lambda: rig.committed("join").offset == 1, at=CHANGES)
    return moved(rig.outcomes)[0]


async def a_source_that_stands():
    """Its database is not what its capture was applied against, and Connect says that it failed."""
    place, database, captures = Place(), Database(), Captures()
    watching = lookout(place.log, database)
    place.captured(1, visit="v1")
    lane = place.lane(lookout=watching)
    beats = Heartbeats(place.log, {"his": TOPICS.heartbeat("his")}, lambda: ["his"], heard={"his": Heard(1_000)})
    place.log.append(TopicPartition(TOPICS.heartbeat("his"), 0), key=None, value=orjson.dumps({"ts_ms": 1_700_000_000_000}))
    await beats.read()
    captures.tell(Capture("his", "RUNNING", [(0, "FAILED")]))
    lane.put(place.log.messages(ROWS))
    lane.start()
    await wait_for(lambda: place.committed.offset == 1)
    database.finds["his"] = NOT_APPLIED
    await watching.look("his")
    lanes = assigned(ROWS.topic, lane)
    looks = (PlaceLook(lanes, {ROWS.topic: "his"}, watching), beats, captures.look_of(lambda: ["his"]))
    seen, reasons = moved(place.outcomes, LanesLook(lanes, watch(lanes, lane.context, 1), tells_held=False), *looks)
    await lane.close()
    assert {Reason.SOURCE_STOPPED, Reason.CAPTURE_FAILED} == reasons
    return seen


async def brokers_and_files(tmp_path, certificate):
    """What every worker knows of its surroundings."""
    cluster = Cluster(["a:1", "b:1"], ["a:1", "b:1"])
    cluster.away = {"b:1"}
    cluster.brokers = {"a:1", "b:1"}
    cluster.ask = answers_for(cluster)
    await cluster.told(calls=3)
    files = all_of_process(tmp_path, certificate)
    files.read()
    outcomes = SimpleNamespace(stage="deliver", counted=dict, histograms=dict)
    pulse = Pulse(stuck_s=60, beat_s=0.001)
    pulse.begin(asyncio.get_running_loop())
    await wait_for(lambda: pulse.late_s > 0, what="a beat that is late")
    orders = Orders(
        pauses={(pause.of, pause.name): pause for pause in (paused(Paused.INSTITUTION, A), paused(Paused.SOURCE, "his"))}
    )
    pauses = PausesLook(Steering("deliver", None, wall_ms=lambda: 0, orders=orders))
    until = datetime.fromtimestamp(60, UTC).isoformat()
    orders.maintenance = Ordered(begins="1970-01-01T00:00:00+00:00", ends=until, open=True, at="", by="li@office", why="theirs")
    seen, reasons = moved(outcomes, BrokersLook(cluster.roll_call), files, pauses, pulse=pulse)
    assert {Reason.BROKERS_LOST, Reason.PAUSED, Reason.MAINTENANCE} == reasons
    assert [f"institution {A}"] == [one.what for one in pulse.conditions if one.reason is Reason.PAUSED], "and nobody's name"
    return seen


def paused(of, name):
    at = "2024-05-01T00:00:00+08:00"
    return Pause(of=of, name=name, paused=True, since=at, at=at, by="li@office", why="they asked")


def answers_for(cluster):
    """Brokers that name all of the cluster, also those that are away."""

    async def ask(address):
        if address in cluster.away:
            raise ConnectionRefusedError(111, "Connection refused")
        return cluster.brokers

    return ask


async def test_every_declared_metric_is_served_and_moves(monkeypatch, tmp_path, certificate):
    """Held against the table, so that whoever adds a metric shows it here."""
    found = set()
    for seen in (
        a_lane_that_meets_everything(),
        institutions_that_are_held(),
        parents_that_are_refused(),
        a_plan_that_is_made_anew(monkeypatch),
        the_way_to_the_platform(),
        a_join_whose_rows_wait(),
        a_join_that_emits(),
        a_source_that_stands(),
        brokers_and_files(tmp_path, certificate),
    ):
        found |= await seen
    assert set() == {metric.name for metric in METRICS} - found
