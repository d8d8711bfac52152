"""Canaries: a person with unmistakable values goes through both stages and every way to fail; nothing of her comes to light.

What may hold personal data: the values of captured rows, state, ready records and dead letters, and the POST itself. Everything
else is read by many and kept for long: headers, receipts, metadata, logs, metrics, errors, and what the command line shows.
"""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from connector.contract import UNAVAILABLE
from streams.deadletter.document import masked_document
from streams.deadletter.record import read_dead_letter
from streams.deadletter.summary import summarise
from streams.deliver.gateway import Gateway, GatewaySettings
from streams.deliver.request import Institution, Unsealed
from streams.domain.batch import CutLimits
from streams.domain.changes import tick_value
from streams.domain.join import Joiner
from streams.lanes.lookups import LookupTable, LookupTables
from streams.spec.identity import valid_resident_id
from streams.telemetry.dying import cause_of, stack_of
from streams.testing import wait_for
from tests.unit.join_rig import CHARGE, HOSPITAL, LIMITS, PATIENT, SETTLE, VISIT, envelope, mappings
from tests.unit.lane_rig import CHANGES, DEAD, READY, RECEIPTS, STATE, Rig

NAME, CERTNO, PHONE = "欧阳百里", "51010219381005541X", "13987654321"
ADDRESS, EMPLOYER, CONTACT, CARD = "临江路九十九号翠微苑", "赤水丹霞茶业", "司马青衫", "A987650123456789"
CANARIES = (NAME, CERTNO, PHONE, ADDRESS, EMPLOYER, CONTACT, CARD)
MIDDLES = ("阳百里", "百里", "19381005", "381005541", "8765", "九十九号", "翠微苑", "丹霞", "茶业", "青衫", "马青", "7650123")

PERSON = {"tel": PHONE, "addr": ADDRESS, "employer": EMPLOYER, "contact": CONTACT, "card": CARD}
BEGAN, LATER = "2023-11-01T08:00:00Z", "2023-11-01T09:00:00Z"
LOOKUP_TOPIC = "lookup.patient"
DEADLINE_MS = 1_800_000_000_000


def leaks(told):
    """The pieces of the person in a text, bytes, or anything that prints."""
    text = told.decode(errors="replace") if isinstance(told, bytes) else f"{told}"
    return [piece for piece in (*CANARIES, *MIDDLES) if piece in text]


def visit(number, **columns):
    return VISIT | PERSON | {"visit_id": f"V{number}", "begin_at": BEGAN} | columns


def settle(number, **columns):
    return SETTLE | {"visit_id": f"V{number}", "settle_no": f"S{number}", "settled_at": LATER} | columns


def charge(number, **columns):
    of = {"visit_id": f"V{number}", "settle_no": f"S{number}", "charge_id": f"C{number}", "occurred_at": BEGAN}
    return CHARGE | of | columns


def patient(**columns):
    return PATIENT | {"name": NAME, "cert_no": CERTNO} | columns


def changes():
    """Changes that reach every class of the join, the person in all of them."""
    rows = [
        *(("h.visit", "c", visit(number)) for number in (1, 2)),
        *(("h.settle", "c", settle(number)) for number in (1, 2)),
        *(("h.charge", "c", charge(number)) for number in (1, 2)),
        # MAPPING
        ("h.visit", "c", visit(3, visit_id=None)),
        ("h.visit", "c", visit(3, visit_id=f"{CERTNO}\x1f")),
        ("h.charge", "c", charge(3, charge_id=None)),
        ("h.visit", "c", visit(3, org=NAME)),
        ("h.person", "c", visit(3)),
        # SCHEMA_DRIFT
        ("h.visit", "c", {name: value for name, value in visit(3).items() if name != "ward"}),
        ("h.visit", "u", visit(3, ward=UNAVAILABLE)),
        # DICTIONARY, VALIDATION, and what only warns
        ("h.visit", "c", visit(4, med_type=PHONE)),
        ("h.visit", "c", visit(5, begin_at=CERTNO)),
        ("h.visit", "c", visit(6, tel=PHONE * 9, addr=ADDRESS * 40, employer=EMPLOYER * 40, contact=CONTACT * 40, card=CARD * 9)),
        *(("h.visit", "c", visit(7 + place, patient_id=name)) for place, name in enumerate(("Plong", "Pcheck", "Pcard", "Pnone"))),
        ("h.settle", "c", settle(7, total=PHONE)),
        ("h.settle", "c", settle(8, settled_at="2023-10-01T08:00:00Z")),
        ("h.charge", "c", charge(1, charge_id="C1b", quantity=CERTNO, price=PHONE, level=PHONE)),
        ("h.charge", "c", charge(1, charge_id="C1c", level=PHONE)),
        # JOIN_INCOMPLETE
        ("h.settle", "c", settle(20)),
        ("h.charge", "c", charge(21)),
        ("h.visit", "c", visit(22, patient_id=CERTNO)),
        # WITHDRAWN
        ("h.visit", "d", visit(2)),
        ("h.charge", "d", charge(2)),
        ("h.visit", "t", None),
    ]
    values = [envelope(table, op, row, at=place) for place, (table, op, row) in enumerate(rows, start=100)]
    good = envelope("h.visit", "c", visit(30), at=1)
    values += [
        good[:-1],
        b"\xff" + good,
        orjson.dumps([NAME, CERTNO]),
        good.replace(b'"op":"c"', f'"op":"{NAME}"'.encode()),
        good.replace(b'"postgresql"', f'"{NAME}"'.encode()),
        good.replace(b'"after":{', b'"gone":{'),
        orjson.dumps({"yibao": NAME, "at": CERTNO}),
        f"{NAME} {CERTNO}".encode(),
    ]
    return [*values, tick_value(DEADLINE_MS)]


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


class QuotingPlatform:
    """Quotes back whatever it is sent, in its words. Holds first, then refuses settlements and takes the rest."""

    def __init__(self):
        self.requests = []
        self.held = False

    async def answer(self, request):
        body = await request.json()
        self.requests.append(body)
        told = f"第1条数据校验失败: {body['data']} 患者{NAME}（{CERTNO}），电话 {PHONE}，住址 {ADDRESS}"
        if not self.held:
            self.held = True
            return web.json_response({"code": 40002, "message": told})
        if "setl" in request.path or "SETL_TIME" in body["data"]:
            return web.json_response({"code": 40003, "message": told, "errMsg": told})
        return web.json_response({"code": 200, "message": told})

    @asynccontextmanager
    async def gateway(self):
        app = web.Application()
        app.router.add_post("/{path:.*}", self.answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        institutions = {HOSPITAL: Institution(code=HOSPITAL, name="第一医院", seal=Unsealed())}
        try:
            async with Gateway(GatewaySettings(url=f"http://127.0.0.1:{port}"), institutions) as gateway:
                yield gateway
        finally:
            await runner.cleanup()


class Run:
    """Both stages over all of it; everything that was written, and everything that was logged."""

    def __init__(self, rig, logs):
        self.logs = logs
        self.outcomes = rig.outcomes.snapshot()
        self.metadata = [committed.metadata for committed in rig.log.committed_offsets.values()]
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
    rig.limits = CutLimits(max_chars=1_500, max_rows=5, sealed_chars=lambda plain: plain)
    rig.fold = Joiner(mappings(), LIMITS, zone=mappings()["his"].dialect.zone)
    tables = {LOOKUP_TOPIC: LookupTable(name="patient", key=("patient_id",))}
    rig.lookups = LookupTables(Feed(lookup_records(rig)), tables, outcomes=rig.outcomes)
    for value in changes():
        rig.log.append(CHANGES, key=CERTNO.encode(), value=value)
    rig.log.append(READY, key=CERTNO.encode(), value=f"{NAME} {CERTNO}".encode())
    end = len(rig.log.messages(CHANGES))
    with capture_logs() as logs:
        async with platform.gateway() as gateway:
            rig.platform = gateway
            assert await rig.settle(rig.join_lane(), lambda: rig.committed("join").offset == end, at=CHANGES)
            last = rig.log.messages(READY)[-1].offset
            assert await rig.settle(rig.deliver_lane(), lambda: rig.committed("deliver").offset > last, at=READY)
    assert platform.requests
    return Run(rig, logs)


# That the canaries were there ---------------------------------------------------------------------------------------------------


def test_the_canaries_are_what_they_pretend_to_be():
    """A number with a wrong check digit would be masked, or not, for another reason."""
    assert valid_resident_id(CERTNO)
    assert leaks(f"x{NAME}{CERTNO}y") == [NAME, CERTNO, "阳百里", "百里", "19381005", "381005541"]


def test_the_person_went_through_every_class_and_both_stages(run):
    """A run that reaches nothing leaks nothing."""
    reached = {(letter.stage, letter.dead_class) for letter in run.letters}
    classes = {"DECODE", "SCHEMA_DRIFT", "MAPPING", "DICTIONARY", "VALIDATION", "JOIN_INCOMPLETE", "WITHDRAWN"}
    assert reached == {*(("join", name) for name in classes), ("deliver", "DECODE"), ("deliver", "REJECTED")}
    inside = b"".join(message.value or b"" for message in (*run.ready, *run.dead, *run.state)).decode(errors="replace")
    assert [canary for canary in CANARIES if canary not in inside] == []
    assert run.receipts
    assert {"lane_held", "lookup_undecodable"} <= {event["event"] for event in run.logs}
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
    assert leaks(summarise(run.letters)) == []


def test_nothing_personal_is_logged_counted_or_committed(run):
    """Logs and metrics leave the house; metadata is shown by every tool."""
    assert [event for event in run.logs if leaks(event)] == []
    assert leaks(run.outcomes) == []
    assert leaks(run.metadata) == []


class BrokenFold:
    """A bug whose exception holds what it choked on."""

    def fold(self, _incoming, _view, _lookups):
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


def test_no_file_that_is_shipped_is_named_after_a_person():
    """Names of files are listed, logged and backed up without protection; samples use invented people."""
    shipped = Path(__file__).parents[2]
    named = [path.name for folder in ("streams", "connector", "yibao", "deploy") for path in (shipped / folder).rglob("*")]
    assert named
    assert [name for name in named if leaks(name)] == []
