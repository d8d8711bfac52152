"""What became of a row, from what the topics hold of it."""

from dataclasses import replace

import orjson
import pytest

from connector.contract import TableRole
from streams.deliver.receipt import Receipt, ReceiptLine, encode_receipt
from streams.domain.changes import Incoming
from streams.domain.join.entries import dump, key_of
from streams.domain.join.parts import Part
from streams.domain.join.stored import StoredRow
from streams.domain.kinship import Identity
from streams.domain.ready import RECALL, Emission, encode
from streams.domain.records import Record, RowOrigin
from streams.domain.violations import DeadClass
from streams.explain.standing import Fate, standings
from streams.explain.subject import Keys, RowName, Subject
from streams.explain.timeline import timeline
from streams.spec.fields import ServiceCode
from tests.unit.streams.deadletter.index.in_memory import message as letter_message
from tests.unit.streams.deadletter.test_record import LETTER
from tests.unit.streams.domain.join.join_rig import HOSPITAL, envelope, mappings
from tests.unit.streams.explain.in_memory import Logs

AT = 1_764_000_000_000
LINE = RowName("his", "h.charge", ("C1",))


def held(**more):
    """The row of a fee line, as a message of `visit.state`."""
    row = StoredRow(TableRole.FEE, LINE.source, LINE.table, LINE.key, {"charge_id": "C1", "org": "H"}, (7,), AT, 0)
    row = row._replace(**more)
    return Incoming("visit.state", 0, 0, key_of(b"V1", row.role, row.source, row.table, row.key), dump(row), (), AT)


def ready(number, content="a" * 32, tail=()):
    """A version of its record, as a message of `visit.ready` at the offset 10 times its number."""
    of = ServiceCode.FEE, HOSPITAL, "2204", "C1", b'{"BKKP_SN":"C1"}', content, "m@1", "2025-11-24", "1.00"
    key, value, headers = encode(Emission(Record(*of), b"V1", "7", AT, AT, tail), number)
    return Incoming("visit.ready", 0, number * 10, key, value, tuple(headers), AT + number)


def receipt(number, content="a" * 32):
    line = ReceiptLine(key="C1", hash=content, number=number, day="", amount="", committed_at=AT, mapping_version="m@1")
    about = {"msgid": f"m{number}", "plan": "p1", "service": "fee_list_d", "institution": HOSPITAL, "infno": "2204", "code": "200"}
    said = Receipt(**about, repeated=False, attempts=1, posted_at=AT, answered_at=AT + 100, records=(line,))
    key, value = encode_receipt(said)
    return Incoming("visit.receipts", 0, number, key, value, (), AT + 100)


EMITTED = {"emitted": "a" * 32, "reported_as": f"{HOSPITAL}/C1"}
ASIDE = {HOSPITAL: {"n": 1, "o": 10, "w": 3, "t": AT // 1000, "c": "seal"}}
IN_A_PLAN = {"n": 3, "to": 30, "id": "p1", "no": "0", "t": AT // 1000, "c": "cut"}


def standing(state, *, changes=(), joined=-1, delivered='{"seq":1}', offset=0, records=(), receipts=(), dead=()):
    logs = Logs([state], [*changes], [*records], [*receipts], [*dead], joined=joined, delivered=(offset, delivered))
    found = logs.evidence(b"V1")
    [one] = standings(found, Subject(Keys(mappings())))
    record = Identity(HOSPITAL, ServiceCode.FEE, "C1")
    return one, timeline(found, Subject(Keys(mappings()), rows=[LINE], records=[record]))


@pytest.mark.parametrize(
    ("part", "until", "words"),
    [
        (Part.SETTLEMENT, AT + 60_000, "for its settlement, of which no row came yet"),
        (Part.UNREPORTED, 0, "for the record of its visit or settlement, which waits itself"),
        ("lookup ward", AT + 60_000, "for a row of the lookup ward"),
        ("collision 7", AT + 60_000, "for another row to give up its record, of which that says something else"),
    ],
)
def test_a_row_that_waits_says_for_what_and_until_when(part, until, words):
    """The hospital can only bring what it is told is missing."""
    one, _ = standing(held(waits_for=f"{part}", since=AT, deadline=until or AT + 10**12))
    assert (Fate.WAITING, words, f"{until or ''}") == (one.fate, one.words, one.facts.get("until", ""))


def test_a_record_is_accepted_when_a_receipt_has_its_last_version():
    """That an earlier version was accepted is another thing."""
    one, _ = standing(held(**EMITTED), records=[ready(1)], receipts=[receipt(1)])
    assert (Fate.ACCEPTED, "m1") == (one.fate, one.facts["msgid"])
    one, _ = standing(
        held(**EMITTED), records=[ready(1, "b" * 32), ready(2)], receipts=[receipt(1, "b" * 32)], delivered='{"seq":2}'
    )
    assert (Fate.UNDER_WAY, "m1", "0 records of its partition go before it") == (one.fate, one.facts["msgid before"], one.words)


def test_a_receipt_of_the_same_content_from_before_does_not_speak_for_the_version_that_is_on_its_way():
    """A row that goes back to what it was is sent again."""
    one, _ = standing(
        held(**EMITTED), records=[ready(1), ready(2, "b" * 32), ready(3)], receipts=[receipt(1)], delivered='{"seq":2}'
    )
    assert Fate.UNDER_WAY == one.fate


@pytest.mark.parametrize(
    ("mark", "fate", "facts"),
    [
        ({"seq": 1, "plan": IN_A_PLAN}, Fate.UNDER_WAY, {"plan": "p1"}),
        ({"seq": 1, "plan": IN_A_PLAN, "why": "answer_code 40006"}, Fate.HELD, {"plan": "p1", "cause": "answer_code 40006"}),
        ({"seq": 1, "plan": IN_A_PLAN | {"to": 10}, "why": "seal"}, Fate.HELD, {"cause": "seal"}),
        (
            {"seq": "1", "at": 9, "aside": ASIDE},
            Fate.HELD,
            {"cause": "seal"},
        ),
        ({"seq": 3}, Fate.UNKNOWN, {"number": "2"}),
        ({"seq": 1}, Fate.UNDER_WAY, {"number": "2"}),
    ],
)
def test_where_a_record_is_on_its_way_is_read_from_the_lanes_mark(mark, fate, facts):
    """Held for a key and waiting in a queue are mended by different people."""
    one, _ = standing(held(**EMITTED), records=[ready(2)], delivered=orjson.dumps(mark).decode(), offset=10)
    assert (fate, facts) == (one.fate, {name: one.facts.get(name) for name in facts})


def test_an_open_letter_of_the_row_goes_before_what_was_accepted_of_it():
    """The last change of the row is what the hospital wants reported."""
    origin = RowOrigin(source="his", table="h.charge", key=("C1",), visit_key="V1", record_key="C1")
    told = letter_message(
        replace(LETTER, stage="join", dead_class=DeadClass.VALIDATION, service="fee_list_d", institution=HOSPITAL, row=origin)
    )
    one, events = standing(held(**EMITTED, letter=dict(told.headers)["x-dlq-id"].decode()), receipts=[receipt(1)], dead=[told])
    assert (Fate.DEAD, "VALIDATION", "m1") == (one.fate, one.facts["class"], one.facts["msgid"])
    assert ["could not be reported", "accepted by the platform"] == [event.what for event in events]


def test_what_the_join_has_not_folded_yet_is_said():
    """Else a change that was made a second ago seems to be lost."""
    change = Incoming("visit.changes", 0, 4, b"V1", envelope("h.charge", "u", {"charge_id": "C1", "visit_id": "V1"}, at=9), (), AT)
    one, events = standing(held(), changes=[change], joined=4)
    assert "1 later messages of its visit" == one.facts["not joined yet"]
    assert [("capture", "row changed", "not yet")] == [(event.stage, event.what, event.facts["joined"]) for event in events]


def test_a_recall_is_told_and_is_no_version_of_the_record():
    """It has no content, and is never posted."""
    one, events = standing(held(**EMITTED), records=[ready(1), ready(2, "", (RECALL,))], receipts=[receipt(1)])
    assert Fate.ACCEPTED == one.fate
    assert ["record made", "record recalled: no row backs it", "accepted by the platform"] == [event.what for event in events]
