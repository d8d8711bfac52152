"""Canaries: a person with unmistakable values goes through both stages and every way to fail; nothing of her comes to light.

What may hold personal data: the values of captured rows, state, ready records and dead letters, and the POST itself. Everything
else is read by many and kept for long: headers, receipts, metadata, logs, metrics, errors, and what the command line shows.
"""

import asyncio
import importlib
import pkgutil
import re
from contextlib import asynccontextmanager
from dataclasses import asdict, fields, is_dataclass, replace
from datetime import UTC
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

import streams
from streams.deadletter.document import masked_document
from streams.deadletter.record import read_dead_letter
from streams.deadletter.sheet.lines import Lines
from streams.deliver.gateway import Gateway
from streams.deliver.look import PlatformLook
from streams.deliver.request import Institution, Unsealed
from streams.domain.batch.cut import CutLimits
from streams.domain.join.fold import Joiner
from streams.explain.finding import Hit
from streams.explain.gathering import subject_of
from streams.explain.standing import Fate, standings
from streams.explain.subject import Keys
from streams.explain.timeline import timeline
from streams.lanes.assignment import Assignment
from streams.lanes.deliver.look import DeliverLook
from streams.lanes.join.lookups import LookupTable, LookupTables
from streams.lanes.join.wait_round import WaitRound
from streams.lanes.look import LanesLook
from streams.lanes.watch import Watch
from streams.platform_wiring import count_answer
from streams.spec.identity import valid_resident_id
from streams.spec.profiles import REPORTING
from streams.telemetry.dying import cause_of, stack_of
from streams.telemetry.exposition import Exposition
from streams.telemetry.pulse import Pulse
from streams.telemetry.serving import Told, answer
from streams.testing import wait_for
from tests.contract.canary_rows import ADDRESS, CANARIES, CERTNO, NAME, PHONE, changes, leaks, patient, visit
from tests.settings import breaker_settings, gateway_settings
from tests.unit.streams.deadletter.index.in_memory import indexed
from tests.unit.streams.domain.join.join_rig import HOSPITAL, LIMITS, envelope, mappings
from tests.unit.streams.explain.in_memory import Logs
from tests.unit.streams.lanes.lane_rig import CHANGES, DEAD, READY, RECEIPTS, STATE, Rig
from yibao.letters.exported import content_of
from yibao.letters.shown import said

PERSONAL_TYPE = re.compile(r"\b(bytes|Header|Mapping\[str, str \| None\])(?![A-Za-z])")
LOOKUP_TOPIC = "lookup.patient"


class Feed:
    """Lookup records, some of them broken."""

    def __init__(self, log):
        self.log = log

    async def up_to_the_end(self):
        yield self.log


def lookup_records(rig):
    at = CHANGES._replace(topic=LOOKUP_TOPIC)
    for row in (
        patient(),
        patient(patient_id="Plong", name=NAME * 40),
        patient(patient_id="Pcheck", cert_no=CERTNO[:-1] + "0"),
        patient(patient_id="Pcard", cert_no=f"6217{PHONE}0001", name=None),
        patient(patient_id=None),
    ):
        rig.log.append(at, key=CERTNO.encode(), value=envelope("h.patient", "c", row, at=1))
    rig.log.append(at, key=CERTNO.encode(), value=f"{NAME} {CERTNO}".encode())
    return rig.log.messages(at)


QUICKLY = breaker_settings(failures=2, first_wait_s=0.01, longest_wait_s=0.02)


class QuotingPlatform:
    """Quotes back whatever it is sent, in its words. First it answers in every way that holds a lane or is tried again, then it
    refuses settlements and takes the rest.
    """

    def __init__(self):
        self.requests = []
        self.first = [
            {"code": 40002},
            {"code": "0000"},
            {"code": CERTNO},
            {"code": PHONE, "status": 200},
            {"code": 200, "success": False, f"err{NAME}": "1"},
            {"code": 200, "data": {"code": NAME}},
            {"code": 50000},
            {"errcode": f"ACG.{PHONE}"},
            f"<html><title>登录 {NAME} {CERTNO} {ADDRESS}</title></html>",
            *([{"code": 50000}] * 5),
        ]

    async def answer(self, request):
        body = await request.json()
        self.requests.append(body)
        told = f"第1条数据校验失败: {body['data']} 患者{NAME}（{CERTNO}），电话 {PHONE}，住址 {ADDRESS}"
        if self.first:
            first = self.first.pop(0)
            if isinstance(first, str):
                return web.Response(text=first, content_type="text/html")
            return web.json_response({**first, "message": told})
        if "setl" in request.path or "SETL_TIME" in body["data"]:
            return web.json_response({"code": 40003, "message": told, "errMsg": told})
        return web.json_response({"code": 200, "message": told.replace("校验失败", "已入库")})

    @asynccontextmanager
    async def gateway(self, outcomes):
        app = web.Application()
        app.router.add_post("/{path:.*}", self.answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        institutions = {HOSPITAL: Institution(code=HOSPITAL, name="第一医院", seal=Unsealed())}
        try:
            async with Gateway(
                gateway_settings(f"http://127.0.0.1:{port}", breaker=QUICKLY),
                institutions,
                profile=REPORTING,
                on_answer=lambda verdict, seconds: count_answer(outcomes, verdict, seconds, known=REPORTING.answers),
            ) as gateway:
                yield gateway
        finally:
            await runner.cleanup()


class Run:
    """Both stages over all of it; everything that was written, and everything that was logged."""

    def __init__(self, rig, logs, served):
        self.logs = logs
        self.served = served
        self.outcomes = rig.outcomes.snapshot()
        self.metadata = [committed.metadata for committed in rig.log.committed_offsets.values()]
        self.changes = rig.log.messages(CHANGES)
        self.ready = rig.log.messages(READY)
        self.dead = rig.log.messages(DEAD)
        self.letters = [read_dead_letter(message) for message in self.dead]
        self.receipts = rig.log.messages(RECEIPTS)
        self.state = rig.log.messages(STATE)
        self.deaths = rig.deaths.reasons


@pytest.fixture(scope="module")
def run():
    return asyncio.run(both_stages())


async def both_stages():
    rig, platform = Rig(), QuotingPlatform()
    # A mapping that was made for a wider envelope: one record passes the join and fits into no batch.
    rig.limits = CutLimits(max_chars=1_500, max_rows=5, sealed_chars=lambda plain: plain)
    narrow = {source: replace(mapping, max_plain_bytes=2_000) for source, mapping in mappings().items()}
    rig.fold = Joiner(narrow, LIMITS, zone=mappings()["his"].dialect.zone)
    tables = {LOOKUP_TOPIC: LookupTable(name="patient", key=("patient_id",))}
    rig.lookups = LookupTables(Feed(lookup_records(rig)), tables, outcomes=rig.outcomes)
    for value in changes():
        rig.log.append(CHANGES, key=CERTNO.encode(), value=value)
    rig.log.append(READY, key=CERTNO.encode(), value=f"{NAME} {CERTNO}".encode())
    end = len(rig.log.messages(CHANGES))
    served = set()
    with capture_logs() as logs:
        async with platform.gateway(rig.outcomes) as gateway:
            rig.platform = gateway
            lane = rig.join_lane()
            rounds = WaitRound(lanes := given(lane), share=1.0)
            async with looked_at(rig, "join", served, LanesLook(lanes, Watch(lanes, None, context=lane.context)), rounds):
                assert await rig.settle(lane, lambda: rig.committed("join").offset == end, at=CHANGES)
                await rounds.count()
            last = rig.log.messages(READY)[-1].offset
            lane = rig.deliver_lane()
            looks = (DeliverLook(lanes := given(lane), lane._shared.health), PlatformLook(gateway))
            async with looked_at(rig, "deliver", served, LanesLook(lanes, Watch(lanes, None, context=lane.context)), *looks):
                assert await rig.settle(lane, lambda: rig.committed("deliver").offset > last, at=READY)
    assert platform.requests
    return Run(rig, logs, served)


def given(lane):
    """A process with this lane."""
    lanes = Assignment([lane.at.topic], lambda _at, _generation: lane)
    lanes.lanes, lanes.is_given = {lane.at: lane}, True
    return lanes


@asynccontextmanager
async def looked_at(rig, stage, served, *looks):
    """What a worker of the stage serves, all the time while it works."""
    rig.outcomes.stage = stage
    pulse = Pulse(stuck_s=60)
    pulse.watch(*looks)
    exposition = Exposition(rig.outcomes, pulse, version="1")
    told = Told(worker=f"{stage}-0", conditions=lambda: pulse.conditions, metrics=exposition.written)

    def look():
        pulse.look()
        served.update(answer(path, "", told).body.decode() for path in ("/live", "/ready", "/health", "/metrics"))

    async def keep_looking():
        while True:
            look()
            await asyncio.sleep(0.005)

    looking = asyncio.ensure_future(keep_looking())
    yield
    looking.cancel()
    look()


# That the canaries were there ---------------------------------------------------------------------------------------------------


def test_the_canaries_are_what_they_pretend_to_be():
    """A number with a wrong check digit would be masked, or not, for another reason."""
    assert valid_resident_id(CERTNO)
    assert leaks(f"x{NAME}{CERTNO}y") == [NAME, CERTNO, "阳百里", "百里", "19381005", "381005541"]


def test_the_person_went_through_every_class_and_both_stages(run):
    """A run that reaches nothing leaks nothing."""
    reached = {(letter.stage, letter.dead_class) for letter in run.letters if letter.dead_class}
    classes = {
        "DECODE",
        "SCHEMA_DRIFT",
        "MAPPING",
        "DICTIONARY",
        "VALIDATION",
        "JOIN_INCOMPLETE",
        "AMBIGUOUS",
        "WITHDRAWN",
        "OVERSIZE",
    }
    delivered = {("deliver", name) for name in ("DECODE", "JOIN_INCOMPLETE", "OVERSIZE", "REJECTED")}
    assert reached == {("join", name) for name in classes} | delivered
    inside = b"".join(message.value or b"" for message in (*run.ready, *run.dead, *run.state)).decode(errors="replace")
    assert [canary for canary in CANARIES if canary not in inside] == []
    assert run.receipts
    assert {"lane_held", "lookup_rejected"} <= {event["event"] for event in run.logs}
    assert run.deaths == []


# That none of them sang ---------------------------------------------------------------------------------------------------------


def test_nothing_personal_is_in_a_dead_letters_headers(run):
    """Headers are sorted, counted and exported by any Kafka tool."""
    for message, letter in zip(run.dead, run.letters, strict=True):
        told = [header for header in message.headers if leaks(header[1] or b"")]
        assert told == [], (letter.dead_class, letter.rule)


def test_the_platforms_refusal_is_told_without_the_person_it_quotes(run):
    """It quotes the whole record; the clerk needs its words and not the patient."""
    (rejected,) = [letter for letter in run.letters if letter.dead_class == "REJECTED"][:1]
    assert "校验失败" in rejected.message
    assert leaks(rejected.message) == []


def test_nothing_personal_is_in_a_ready_records_headers(run):
    """The lane, tools and metrics read them without opening the record."""
    assert [header for message in run.ready for header in message.headers if leaks(header[1])] == []


def test_nothing_personal_is_in_a_receipt(run):
    """Receipts are the ledger: kept for more than a year, read by many."""
    assert [leaks(part) for message in run.receipts for part in (message.key, message.value) if leaks(part)] == []


def test_nothing_personal_is_in_what_the_command_line_shows_of_a_dead_letter(run):
    """Screens are photographed and sent around."""
    for letter in run.letters:
        shown = asdict(masked_document(letter))
        assert leaks(shown) == [], (letter.dead_class, letter.rule, shown)
    letters = indexed(run.dead).listed("any")
    assert {letter.dead_class for letter in run.letters if letter.dead_class} == {letter.dead_class for letter in letters}
    assert leaks([said(letter) for letter in letters]) == []


def test_nothing_personal_is_in_a_list_for_the_insurance_office(run):
    """It is sent around by mail. A person is known in it by surname and the ends of a number, and by nothing else."""
    values = {(message.partition, message.offset): message.value for message in run.dead}
    lines = Lines(site="h", zone=UTC, now_ms=0, mappings={"h": mappings()}, due_days=3)
    letters = indexed(run.dead).every("any")
    told = {letter.id: lines.line(letter, content_of(letter, values[letter.partition, letter.offset]), ()) for letter in letters}
    assert {letter.dead_class for letter in run.letters if letter.dead_class} == {letter.dead_class for letter in letters}
    assert [letter.dead_class for letter in letters if leaks(tuple(told[letter.id]))] == []
    assert leaks(list(told.values())) == []


def test_nothing_personal_is_in_the_index_of_the_dead_letters(run):
    """It lies on a disk, and is searched: what is in a letter's value, or hidden in its headers, must not be found by it."""
    kept = indexed(run.dead).index.serialize()
    assert b"REJECTED" in kept
    assert leaks(kept.decode("latin-1").encode("latin-1").decode(errors="replace")) == []


def test_nothing_personal_is_in_what_became_of_a_visit(run):
    """The question is asked by telephone, with others in the room; the indexes behind it lie on a disk."""
    logs = Logs(run.state, run.changes, run.ready, run.receipts, run.dead)
    told = set()
    for key in logs.visits():
        found, keys = logs.evidence(key), Keys(mappings())
        subject = subject_of(Hit(key, None, "mdtrt_d", "", ""), found, keys)
        now, events = standings(found, subject), timeline(found, subject)
        told |= {one.fate for one in now} | {event.what for event in events}
        assert leaks([*map(tuple, now), *map(tuple, events), keys.visit(key.decode())]) == []
        assert leaks([found, now, events]) == []
    assert {Fate.ACCEPTED, Fate.DEAD, "record made", "accepted by the platform", "could not be reported"} <= told
    for index in logs.indexes.values():
        assert leaks(index.serialize().decode("latin-1").encode("latin-1").decode(errors="replace")) == []


def test_nothing_personal_is_logged_counted_or_committed(run):
    """Logs and metrics leave the house; metadata is shown by every tool."""
    assert [event for event in run.logs if leaks(event)] == []
    assert leaks(run.outcomes) == []
    assert leaks(run.metadata) == []


def test_nothing_personal_is_served_to_monitoring(run):
    """Metrics and reasons are kept for years in systems that nobody protects as a hospital's."""
    served = "".join(run.served)
    measured = re.compile(r"\d+\.\d+(e[+-]\d+)?")  # seconds and bytes have any digits, those of a telephone, too
    assert leaks(measured.sub("", served)) == []
    for told in ("cdc_records_accepted_total", "cdc_join_waiting_rows", 'code="other"', 'class="REJECTED"', '"lane_held"'):
        assert told in served, "a page that says nothing leaks nothing"


class BrokenFold:
    """A bug whose exception holds what it choked on."""

    def fold(self, _incoming, _view, _lookups, _passed):
        try:
            return {}[NAME]
        except KeyError as error:
            raise ValueError(f"{NAME} {CERTNO} {PHONE}") from error


async def test_a_bug_that_quotes_its_input_is_told_by_type_and_place_only():
    """Exceptions of Python and of libraries quote values; the last event of a dying worker must not."""
    rig = Rig()
    rig.fold = BrokenFold()
    rig.log.append(CHANGES, key=b"v1", value=envelope("h.visit", "c", visit(1), at=1))
    with capture_logs() as logs:
        lane = rig.join_lane()
        lane.put(rig.log.messages(CHANGES))
        lane.start()
        await wait_for(lambda: bool(rig.deaths.reasons), what="the end of the worker")
        await lane.close()
    (reason, *_) = rig.deaths.reasons
    assert "ValueError" in f"{reason}"
    assert "test_no_personal_data.py" in stack_of(reason)
    assert leaks(f"{reason} {cause_of(reason)} {stack_of(reason)} {logs}") == []


def shown_fields(found):
    """The fields of a data class or named tuple that its `repr` shows, with their types."""
    if is_dataclass(found):
        return [(one.name, f"{one.type}") for one in fields(found) if one.repr]
    marks = {name: f"<{name}>" for name in found._fields}
    shown = repr(found(**marks))
    return [(name, f"{found.__annotations__[name]}") for name, mark in marks.items() if mark in shown]


def test_nothing_personal_is_in_a_repr():
    """A `repr` is what ends up in an assertion, a log of a library, a debugger's screen; rows, keys and payloads stay out of it."""
    told, looked_at = [], set()
    for module in pkgutil.walk_packages(streams.__path__, "streams."):
        if not module.name.startswith(("sandbox", "streams.testing", "streams.seal")):
            for found in vars(importlib.import_module(module.name)).values():
                is_record = isinstance(found, type) and (is_dataclass(found) or hasattr(found, "_fields"))
                if is_record and found.__module__ == module.name:
                    looked_at.add(found.__name__)
                    told += [(found.__name__, name) for name, kind in shown_fields(found) if PERSONAL_TYPE.search(kind)]
    assert [] == told
    assert {"Incoming", "StoredRow", "DeadLetter"} <= looked_at


def test_no_file_that_is_shipped_is_named_after_a_person():
    """Names of files are listed, logged and backed up without protection; samples use invented people."""
    shipped = Path(__file__).parents[2]
    folders = ("streams", "connector", "yibao", "sandbox", "deploy")
    named = [path.name for folder in folders for path in (shipped / folder).rglob("*")]
    assert named
    assert [name for name in named if leaks(name)] == []
