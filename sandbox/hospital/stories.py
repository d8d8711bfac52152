"""How visits go: an outpatient, an inpatient, a sale of a pharmacy. Each story writes its transactions in the order of time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from sandbox.hospital.aftermath import aftermath, delete_lines, withdraw_visit
from sandbox.hospital.catalogue import BY_NAME, DRUGS, HERBS, MEDICAL, OBSTETRICS, TREATMENTS, Item
from sandbox.hospital.registration import discharge, end, register
from sandbox.hospital.stay import Stay

_REGISTRATION: Final = BY_NAME["挂号费"]
_CONSULTATION: Final = BY_NAME["普通门诊诊察费"]
_WARD_ROUND: Final = BY_NAME["住院诊察费"]
_BEDS: Final = (BY_NAME["普通床位费"], BY_NAME["双人间床位费"])
_NURSING: Final = BY_NAME["二级护理"]
_OPERATION: Final = BY_NAME["阑尾切除术"]
_CAESAREAN: Final = BY_NAME["剖宫产术"]
_ONE: Final = Decimal(1)
_CHARGED_ONCE: Final = frozenset({1, 2, 6, 7, 13})
"""MED_CHRGITM_TYPEs of which there is one on a day: bed, consultation, operation, nursing, registration."""


def outpatient(stay: Stay) -> None:
    """Registration, prescriptions, settlement, and what comes after. Any of the rows may be committed late."""
    rng, arrived = stay.rng, stay.arrived
    department = rng.choice(MEDICAL)
    late = rng.choices(("no", "after lines", "after settlement", "never"), weights=(88, 6, 5, 1))[0]
    stay.begin(arrived)
    stay.patient()
    if late == "no":
        register(stay, department, begun=arrived)
        if rng.random() < 0.03:
            withdraw_visit(stay, at=arrived + timedelta(minutes=20))
            return
    _prescribe(stay, at=arrived + timedelta(minutes=8), items=(_REGISTRATION, _CONSULTATION))
    _prescribe(stay, at=arrived + timedelta(minutes=14), items=_some(stay, rng.randint(1, 8)))
    if rng.random() < 0.12:
        _edit(stay, at=arrived + timedelta(minutes=16))
    if late == "after lines":
        stay.begin(arrived + timedelta(minutes=18))
        register(stay, department, begun=arrived)
    paid = arrived + timedelta(minutes=rng.randint(20, 45))
    _pay(stay, at=paid, close=late in {"no", "after lines"})
    if late == "after settlement":
        stay.begin(paid + timedelta(minutes=6))
        register(stay, department, begun=arrived, ended=paid)
    if late != "never":
        aftermath(stay, at=paid + timedelta(minutes=30))


def inpatient(stay: Stay) -> None:
    """Admission, lines day by day, discharge, settlement the next morning; a few are never settled."""
    rng, arrived = stay.rng, stay.arrived
    maternity = stay.kind == "12"
    department = OBSTETRICS if maternity else rng.choice(MEDICAL[:-1])
    late = rng.random() < 0.08
    stay.begin(arrived)
    stay.patient()
    if not late:
        register(stay, department, begun=arrived)
    days = rng.randint(2, 6)
    bed = rng.choice(_BEDS)
    for day in range(days):
        _day_of_stay(stay, bed, at=arrived + timedelta(days=day, hours=2), first=day == 0)
        if late and day == 0:
            stay.begin(arrived + timedelta(hours=5))
            register(stay, department, begun=arrived)
    if rng.random() < 0.15:
        return
    left = arrived + timedelta(days=days)
    stay.begin(left)
    discharge(stay, at=left, days=days, died=not maternity and rng.random() < 0.03)
    paid = left + timedelta(hours=2)
    _pay(stay, at=paid, close=False)
    aftermath(stay, at=paid + timedelta(hours=1))


def sale(stay: Stay) -> None:
    """A sale of a pharmacy: settlement and lines at once, the number of the sale is the visit key."""
    stay.begin(stay.arrived)
    number, prescription = stay.next_settlement(), stay.prescription()
    for item in stay.rng.sample(DRUGS, stay.rng.randint(1, 4)):
        stay.charge(item, _ONE * stay.rng.randint(1, 3), at=stay.arrived, prescription=prescription, settlement=number)
    if stay.lines:
        stay.settle(list(stay.lines), at=stay.arrived)
        aftermath(stay, at=stay.arrived + timedelta(hours=1))


STORIES: Final[dict[str, Callable[[Stay], None]]] = {"outpatient": outpatient, "inpatient": inpatient, "pharmacy": sale}
"""The story by kind of care."""


def _some(stay: Stay, count: int) -> tuple[Item, ...]:
    pool = DRUGS + TREATMENTS + (HERBS if stay.rng.random() < 0.2 else ())
    return tuple(stay.rng.sample(pool, count))


def _quantity(stay: Stay, item: Item) -> Decimal:
    if item.kind == "CY":
        return _ONE * stay.rng.randint(3, 15) * 7
    whole = _ONE * stay.rng.randint(1, 3)
    return whole + Decimal("0.5") if item.halves and stay.rng.random() < 0.1 else whole


def _prescribe(stay: Stay, *, at: datetime, items: tuple[Item, ...]) -> None:
    stay.begin(at)
    prescription = stay.prescription()
    for item in items:
        quantity = _ONE if item.charge in _CHARGED_ONCE else _quantity(stay, item)
        stay.charge(item, quantity, at=at, prescription=prescription)


def _day_of_stay(stay: Stay, bed: Item, *, at: datetime, first: bool) -> None:
    extra = ((_CAESAREAN if stay.kind == "12" else _OPERATION),) if first and stay.rng.random() < 0.4 else ()
    _prescribe(stay, at=at, items=(bed, _NURSING, _WARD_ROUND, *extra, *_some(stay, stay.rng.randint(3, 7))))
    if stay.rng.random() < 0.15:
        _edit(stay, at=at + timedelta(hours=1))


def _edit(stay: Stay, *, at: datetime) -> None:
    """A bill is edited before settlement: lines dropped, or all deleted and inserted again under new ids."""
    sound = stay.sound_lines("")
    if not sound:
        return
    stay.begin(at)
    if stay.rng.random() < 0.4:
        delete_lines(stay, sound[-1:])
        return
    old = [stay.line(key) for key in sound]
    delete_lines(stay, sound)
    prescription = stay.prescription()
    for row in old:
        item = BY_NAME[f"{row['xmmc']}"]
        quantity = Decimal(f"{row['sl']}")
        stay.charge(item, quantity, at=at, prescription=prescription)


def _pay(stay: Stay, *, at: datetime, close: bool) -> None:
    """Settle all open lines; the lines are stamped with the settlement, mostly in the same transaction."""
    open_lines = [key for key in stay.lines if not stay.line(key)["jsdh"]]
    if not open_lines:
        return
    stay.begin(at)
    number = stay.next_settlement()
    stamped_before = stay.rng.random() < 0.06
    if stamped_before:
        stay.stamp(open_lines, number)
        stay.begin(at + timedelta(minutes=2))
    stay.settle(open_lines, at=at)
    if not stamped_before:
        stay.stamp(open_lines, number)
    if close:
        end(stay, at=at, settlement=number)
