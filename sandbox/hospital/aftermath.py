"""What happens to a visit after it was settled and reported: late lines, refunds, corrections, withdrawals, mended rows."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from sandbox.hospital.catalogue import BY_CODE, DRUGS
from sandbox.hospital.changes import Flaw
from sandbox.hospital.money import cents
from sandbox.hospital.stay import Stay
from sandbox.hospital.tables import FEES, SETTLEMENTS, VISITS, Cell, Cells

_SAVED_WITH_A_CHANGE: Final = 0.5
_BROKEN_LATER: Final = Flaw(name="amount broken after reporting", dead_class="VALIDATION", rule="R1")


def aftermath(stay: Stay, *, at: datetime) -> None:
    """What comes after settlement: mostly nothing; spoilt rows that are to be mended are mended."""
    if stay.mends:
        stay.begin(at)
        for table, key, cells in stay.mends:
            if (table.name, key) in stay.script.rows:
                stay.script.repair(table, key, cells)
        stay.mends.clear()
    events, weights = zip(*_EVENTS, strict=True)
    event = stay.rng.choices(events, weights=weights)[0]
    if event is not None:
        stay.begin(at + timedelta(minutes=stay.rng.randint(10, 2_000)))
        event(stay)


def delete_lines(stay: Stay, keys: list[int]) -> None:
    """Delete fee lines."""
    for key in keys:
        stay.script.delete(FEES, key)
        stay.lines.remove(key)


def withdraw_visit(stay: Stay, *, at: datetime) -> None:
    """A registration is cancelled: the visit's row is deleted, before anything was charged."""
    stay.begin(at)
    stay.script.delete(VISITS, stay.visit_id)


def _late_lines(stay: Stay) -> None:
    """Lines come after the settlement and get one of their own."""
    now = stay.script.now
    number, prescription = stay.next_settlement(), stay.prescription()
    before = list(stay.lines)
    for item in stay.rng.sample(DRUGS, 2):
        stay.charge(item, Decimal(stay.rng.randint(1, 2)), at=now, prescription=prescription)
    late = [key for key in stay.lines if key not in before]
    if late:
        stay.begin(now + timedelta(minutes=10))
        stay.settle(late, at=stay.script.now)
        stay.stamp(late, number)


def _refund(stay: Stay) -> None:
    """A negative counter-record of the last settlement; its negative lines name the lines they take back."""
    original = stay.settlements[-1]
    keys = stay.sound_lines(original)
    if not keys or stay.flaw(SETTLEMENTS, original) is not None:
        return
    shares, number, now = stay.shares(keys), stay.next_settlement(), stay.script.now
    stay.settle([], at=now, refund_of=original, shares=shares)
    for position, key in enumerate(keys, start=1):
        row = stay.line(key)
        back: dict[str, Cell] = {
            "mxid": key + (1 << 19) + (position << 4),
            "jsdh": number,
            "sl": -Decimal(f"{row['sl']}"),
            "je": -Decimal(f"{row['je']}"),
            "ytmxid": key,
            "fysj": now.replace(tzinfo=None, microsecond=0),
            "lrsj": now,
        }
        stay.script.insert(FEES, {**row, **back})


def _correct_visit(stay: Stay) -> None:
    """A correction that only the visit's record shows."""
    if (VISITS.name, stay.visit_id) in stay.script.rows:
        stay.note_visit({"zzys_xm": "更正壬", "bz": "主诊医师更正"})


def _correct_area(stay: Stay) -> None:
    """The place of insurance was wrong: the visit's record and all its fee lines read it from the visit."""
    if (VISITS.name, stay.visit_id) in stay.script.rows:
        area = "361128" if stay.person.area != "361128" else "361129"
        stay.note_visit({"cbqh": area})


def _correct_kind(stay: Stay) -> None:
    """An outpatient visit was an emergency: settlement and lines read the kind from the visit too."""
    if (VISITS.name, stay.visit_id) in stay.script.rows and stay.kind == "01":
        stay.note_visit({"jzlb": "02"})


def _correct_line(stay: Stay) -> None:
    """A quantity was wrong: the line and the sums of its settlement change in one transaction."""
    settlement = stay.settlements[-1]
    keys = stay.sound_lines(settlement)
    if not keys or stay.flaw(SETTLEMENTS, settlement) is not None:
        return
    key = keys[-1]
    stay.script.update(FEES, key, _one_more(stay.line(key)))
    lines = [key for key in stay.lines if stay.line(key)["jsdh"] == settlement]
    stay.script.update(SETTLEMENTS, settlement, stay.shares(lines).cells())


def _one_more(row: Cells) -> dict[str, Cell]:
    quantity = Decimal(f"{row['sl']}") + 1
    return {"sl": quantity, "je": cents(quantity * BY_CODE[f"{row['xmbm']}"].price)}


def _correct_relation(stay: Stay) -> None:
    """The insurance relation of a settlement was wrong; its fee lines read it from there."""
    settlement = stay.settlements[-1]
    if stay.flaw(SETTLEMENTS, settlement) is None:
        stay.script.update(SETTLEMENTS, settlement, {"cbgxid": f"N{stay.number:012d}"})


def _delete_line(stay: Stay) -> None:
    """A reported line is deleted."""
    keys = stay.sound_lines(stay.settlements[-1])
    delete_lines(stay, keys[-1:])


def _delete_settlement(stay: Stay) -> None:
    """A reported settlement is deleted with its lines, where a counter-record should have been written."""
    settlement = stay.settlements[-1]
    keys = [key for key in stay.lines if stay.line(key)["jsdh"] == settlement]
    if len(keys) == len(stay.sound_lines(settlement)) and stay.flaw(SETTLEMENTS, settlement) is None:
        delete_lines(stay, keys)
        stay.script.delete(SETTLEMENTS, settlement)


def _save_anew(stay: Stay) -> None:
    """A settlement is saved again, as many systems do it: it and its lines are deleted and inserted in one transaction, perhaps
    with a quantity that is another now.
    """
    settlement = stay.settlements[-1]
    keys = [key for key in stay.lines if stay.line(key)["jsdh"] == settlement]
    if len(keys) != len(stay.sound_lines(settlement)) or stay.flaw(SETTLEMENTS, settlement) is not None:
        return
    rows = [stay.line(key) for key in keys]
    head = stay.script.rows[SETTLEMENTS.name, settlement]
    for key in keys:
        stay.script.delete(FEES, key)
    stay.script.delete(SETTLEMENTS, settlement)
    changes = bool(rows) and stay.rng.random() < _SAVED_WITH_A_CHANGE
    if changes:
        rows[-1] = {**rows[-1], **_one_more(rows[-1])}
    for row in rows:
        stay.script.insert(FEES, row)
    stay.script.insert(SETTLEMENTS, {**head, **stay.shares(keys).cells()} if changes else head)


def _renumber_settlement(stay: Stay) -> None:
    """The insurance's number of a settlement was wrong. For the platform it is another settlement, to which its lines belong."""
    settlement = stay.settlements[-1]
    if stay.flaw(SETTLEMENTS, settlement) is None:
        stay.script.update(SETTLEMENTS, settlement, {"yb_jsid": f"{stay.institution.area}T{settlement[2:]}"})


def _renumber_line(stay: Stay) -> None:
    """A line gets another id, as by a merge of two databases. For the platform it is another line."""
    for key in stay.sound_lines(stay.settlements[-1])[-1:]:
        stay.script.change_key(FEES, key, key + 1)
        stay.lines[stay.lines.index(key)] = key + 1


def _break_line(stay: Stay) -> None:
    """A reported line is changed into one that cannot be reported."""
    keys = stay.sound_lines(stay.settlements[-1])
    for key in keys[:1]:
        amount = Decimal(f"{stay.line(key)['je']}") + 1
        stay.script.update(FEES, key, {"je": amount}, flaw=_BROKEN_LATER)


_EVENTS: Final[tuple[tuple[Callable[[Stay], None] | None, float], ...]] = (
    (None, 53),
    (_save_anew, 3),
    (_renumber_settlement, 2),
    (_renumber_line, 2),
    (_late_lines, 9),
    (_refund, 6),
    (_correct_visit, 6),
    (_correct_area, 3),
    (_correct_kind, 3),
    (_correct_line, 5),
    (_correct_relation, 3),
    (_delete_line, 2),
    (_delete_settlement, 1.5),
    (_break_line, 1.5),
)
