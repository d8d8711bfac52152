"""What the platform must hold, by the rows that stand in the database in the end, and by nothing else.

Written from the interface and the site's files, without a look at positions, states or earlier rows. Of a record only the fields
that differ between rows are given; the constant ones are held by other tests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tests.oracle.database import (
    BILL,
    CHARGE,
    ITEM,
    KEY_OF,
    NAMED_ITEM,
    NUMBERED_ITEM,
    OTHER_BILL,
    PATIENT,
    REGISTER,
    SETTLE,
    VISIT,
    Row,
    Where,
)

SERVICE = {VISIT: "mdtrt_d", SETTLE: "setl_d", CHARGE: "fee_list_d"}
SERVICE |= {REGISTER: "mdtrt_d", BILL: "setl_d", ITEM: "fee_list_d"}
SERVICE |= {OTHER_BILL: "setl_d", NAMED_ITEM: "fee_list_d", NUMBERED_ITEM: "fee_list_d"}
LEVEL = {"A": "01", "B": "02"}


@dataclass(frozen=True, slots=True)
class Holds:
    """The platform holds a record with these values."""

    values: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Told:
    """A person was told why not: class of the dead letter, and its rule where that is known."""

    dead_class: str
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """Several rows could be meant: nothing is reported. What was reported before stands while it is what one of them would give;
    else a person was told.
    """

    rule: str
    values: Sequence[Mapping[str, str | None]]


@dataclass(frozen=True, slots=True)
class Child:
    """What holds once the platform has its parents, each a service and record key. Until then it is not sent, and not told: a
    parent that does not reach the platform was.
    """

    parents: Sequence[tuple[str, str]]
    then: "Holds | Told"


@dataclass(frozen=True, slots=True)
class Several:
    """Several rows are this record: the platform holds what one of them says, and of each that says something else a person was
    told. What each would give by itself, by row.
    """

    rows: Mapping[Where, "Holds | Told | Open"]


Must: TypeAlias = Holds | Told | Open | Child | Several


def expected(rows: Mapping[Where, Row], *, moves: bool = False) -> dict[tuple[str, str], Must]:
    """By service and record key, for every row that has a record. moves: whether rows are said to move between tables: a bill that
    stands in two and says the same is one.
    """
    made = {VISIT: _visit, SETTLE: _settle, CHARGE: _charge, REGISTER: _register}
    found = {(SERVICE[table], key): made[table](rows, row) for (table, key), row in rows.items() if table in made}
    several: dict[tuple[str, str], dict[Where, Holds | Told | Open]] = {}
    for where, row in rows.items():
        if where[0] in (BILL, OTHER_BILL):
            several.setdefault(("setl_d", row["bill_no"]), {})[where] = _bill(rows, row)
        elif where[0] in (ITEM, NAMED_ITEM, NUMBERED_ITEM):
            several.setdefault(("fee_list_d", row["item_id"]), {})[where] = _item(rows, row, moves=moves)
    return found | {name: next(iter(all_.values())) if len(all_) == 1 else Several(all_) for name, all_ in several.items()}


def _missing(part: str) -> Told:
    return Told("JOIN_INCOMPLETE", f"MISSING_{part}")


def _visit(rows: Mapping[Where, Row], row: Row) -> Holds | Told:
    patient = rows.get((PATIENT, row["patient_id"]))
    if patient is None:
        return _missing("LOOKUP")
    if row["ward"] is None:
        return Told("VALIDATION")
    return Holds(
        {
            "MDTRT_ID": row[KEY_OF[VISIT]],
            "PSN_NO": row["patient_id"],
            "CERTNO": patient["cert_no"],
            "PSN_NAME": patient["name"],
            "MED_TYPE": row["med_type"],
            "ADM_DEPT_NAME": row["ward"],
            "DSCG_DEPT_NAME": row["ward"],
        }
    )


def _settle(rows: Mapping[Where, Row], row: Row) -> Told | Child:
    visit = rows.get((VISIT, row["visit_id"]))
    if visit is None:
        return _missing("VISIT")
    return Child([("mdtrt_d", row["visit_id"])], _settle_of(row, rows.get((PATIENT, visit["patient_id"]))))


def _settle_of(row: Row, patient: Row | None) -> Holds | Told:
    if patient is None:
        return _missing("LOOKUP")
    if row["total"] == "30.0001":
        return Told("MAPPING")
    return Holds(
        {
            "SETL_ID": row["settle_no"],
            "MDTRT_ID": row["visit_id"],
            "CERTNO": patient["cert_no"],
            "PSN_NAME": patient["name"],
            "MEDFEE_SUMAMT": row["total"],
            "PSN_PAY": row["total"],
        }
    )


def _charge(rows: Mapping[Where, Row], row: Row) -> Told | Child:
    if row["settle_no"] is None:
        return _missing("UNSETTLED")
    settle, visit = rows.get((SETTLE, row["settle_no"])), rows.get((VISIT, row["visit_id"]))
    if settle is None or settle["visit_id"] != row["visit_id"]:
        return _missing("SETTLEMENT")
    if visit is None:
        return _missing("VISIT")
    return Child([("mdtrt_d", row["visit_id"]), ("setl_d", row["settle_no"])], _charge_of(row, settle, visit))


def _charge_of(row: Row, settle: Row, visit: Row) -> Holds | Told:
    if row["level"] not in LEVEL:
        return Told("DICTIONARY")
    if row["item"] is None:
        return Told("VALIDATION")
    return Holds(
        {
            "BKKP_SN": row["charge_id"],
            "MDTRT_ID": row["visit_id"],
            "SETL_ID": row["settle_no"],
            "PSN_NO": visit["patient_id"],
            "PSN_INSU_RLTS_ID": visit["insu_id"],
            "MED_TYPE": visit["med_type"],
            "CHRGITM_LV": LEVEL[row["level"]],
            "HILIST_NAME": row["item"],
            "MEDINS_LIST_NAME": row["item"],
            "RX_DRORD_NO": settle["paid_by"],
        }
    )


# Of the system whose visits have several rows of a kind. Only one visit is there.


def _all(rows: Mapping[Where, Row], table: str) -> list[Row]:
    return [row for where, row in rows.items() if where[0] == table]


def _register(rows: Mapping[Where, Row], row: Row) -> Holds | Told | Open:
    values = {"MDTRT_ID": row["register_no"], "ADM_DEPT_NAME": row["ward"], "DSCG_DEPT_NAME": row["ward"]}
    return Open("AMBIGUOUS_VISIT", [values]) if len(_all(rows, REGISTER)) > 1 else Holds(values)


def _bill(rows: Mapping[Where, Row], row: Row) -> Holds | Told | Open:
    heads = _all(rows, REGISTER)
    of_bill = {"SETL_ID": row["bill_no"], "MEDFEE_SUMAMT": row["total"], "PSN_PAY": row["total"]}
    values = [of_bill | {"MDTRT_ID": head["register_no"]} for head in heads]
    if not heads:
        return _missing("VISIT")
    return Open("AMBIGUOUS_VISIT", values) if len(heads) > 1 else Holds(values[0])


def _item(rows: Mapping[Where, Row], row: Row, *, moves: bool) -> Holds | Told | Open:
    heads, bills = _all(rows, REGISTER), _all(rows, BILL) + _all(rows, OTHER_BILL)
    if moves:
        bills = [*{(bill["bill_no"], bill["total"]): bill for bill in bills}.values()]
    if not bills:
        return _missing("SETTLEMENT" if row.get("bill_no") else "UNSETTLED")
    if not heads:
        return _missing("VISIT")
    of_item = {"BKKP_SN": row["item_id"], "HILIST_NAME": row["item"], "MEDINS_LIST_NAME": row["item"]}
    values = [
        of_item | {"MDTRT_ID": head["register_no"], "SETL_ID": bill["bill_no"], "RX_DRORD_NO": bill["total"]}
        for head in heads
        for bill in bills
    ]
    if len(heads) > 1:
        return Open("AMBIGUOUS_VISIT", values)
    if len(bills) > 1:
        return Open("AMBIGUOUS_SETTLEMENT", values)
    return Told("VALIDATION") if row["item"] is None else Holds(values[0])
