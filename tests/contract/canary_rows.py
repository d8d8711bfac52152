"""A person with unmistakable values, in rows that lead to every way in which a row can fail."""

import orjson

from connector.contract import UNAVAILABLE
from streams.domain.ticks import tick_value
from tests.unit.streams.domain.join.join_rig import BILL, CHARGE, ITEM, PATIENT, REGISTER, SETTLE, VISIT, envelope

NAME, CERTNO, PHONE = "欧阳百里", "51010219381005541X", "13987654321"
ADDRESS, EMPLOYER, CONTACT, CARD = "临江路九十九号翠微苑", "赤水丹霞茶业", "司马青衫", "A987650123456789"
CANARIES = (NAME, CERTNO, PHONE, ADDRESS, EMPLOYER, CONTACT, CARD)
MIDDLES = ("阳百里", "百里", "19381005", "381005541", "8765", "九十九号", "翠微苑", "丹霞", "茶业", "青衫", "马青", "7650123")

PERSON = {"tel": PHONE, "addr": ADDRESS, "employer": EMPLOYER, "contact": CONTACT, "card": CARD}
BEGAN, LATER = "2023-11-01T08:00:00Z", "2023-11-01T09:00:00Z"
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
        # Some hospitals count by identity card: visit, row and record are called by it.
        ("h.visit", "c", visit(3, visit_id=CERTNO, org=NAME)),
        ("h.charge", "c", charge(3, visit_id=CERTNO, charge_id=PHONE, org=NAME)),
        ("h.person", "c", visit(3)),
        # SCHEMA_DRIFT
        ("h.visit", "c", {name: value for name, value in visit(3).items() if name != "ward"}),
        ("h.visit", "u", visit(3, ward=UNAVAILABLE)),
        # DICTIONARY, VALIDATION, and what only warns
        ("h.visit", "c", visit(4, med_type=PHONE)),
        ("h.visit", "c", visit(5, begin_at=CERTNO)),
        ("h.visit", "c", visit(6, tel=PHONE * 9, addr=ADDRESS * 40, employer=EMPLOYER * 40, contact=CONTACT * 40, card=CARD * 9)),
        *(("h.visit", "c", visit(7 + place, patient_id=name)) for place, name in enumerate(("Plong", "Pcheck", "Pcard", "Pnone"))),
        # OVERSIZE: for the join's limit and for the deliver stage's
        ("h.visit", "c", visit(31, addr=ADDRESS * 50)),
        ("h.visit", "c", visit(32, addr=ADDRESS * 30)),
        ("h.settle", "c", settle(7, total=PHONE)),
        ("h.settle", "c", settle(8, settled_at="2023-10-01T08:00:00Z")),
        ("h.charge", "c", charge(1, charge_id="C1b", quantity=CERTNO, price=PHONE, level=PHONE)),
        ("h.charge", "c", charge(1, charge_id="C1c", level=PHONE)),
        # JOIN_INCOMPLETE
        ("h.settle", "c", settle(20)),
        ("h.charge", "c", charge(21)),
        ("h.visit", "c", visit(22, patient_id=CERTNO)),
        # AMBIGUOUS, with candidates that are called by a person's numbers
        *(("m.register", "c", REGISTER | {"register_no": number, "visit_id": "V40", "card": CARD}) for number in (CERTNO, PHONE)),
        *(("m.bill", "c", BILL | {"bill_no": number, "visit_id": "V41"}) for number in (CERTNO, PHONE)),
        ("m.register", "c", REGISTER | {"visit_id": "V41"}),
        ("m.item", "c", ITEM | {"visit_id": "V41"}),
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
