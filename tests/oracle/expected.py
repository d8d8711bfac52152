"""What the platform must hold, by the rows that stand in the database in the end, and by nothing else.

Written from the interface and the site's files, without a look at positions, states or earlier rows. Of a record only the fields
that differ between rows are given; the constant ones are held by other tests.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.oracle.database import CHARGE, KEY_OF, PATIENT, SETTLE, VISIT, Row, Where

SERVICE = {VISIT: "mdtrt_d", SETTLE: "setl_d", CHARGE: "fee_list_d"}
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


def expected(rows: Mapping[Where, Row]) -> dict[tuple[str, str], Holds | Told]:
    """By service and record key, for every row that has a record."""
    return {
        (SERVICE[table], key): {VISIT: _visit, SETTLE: _settle, CHARGE: _charge}[table](rows, row)
        for (table, key), row in rows.items()
        if table in SERVICE
    }


def _missing(part: str) -> Told:
    return Told("JOIN_INCOMPLETE", f"MISSING_{part}")


def _visit(rows: Mapping[Where, Row], row: Row) -> Holds | Told:
    patient = rows.get((PATIENT, row["patient_id"]))
    if patient is None:
        return _missing("LOOKUP")
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


def _settle(rows: Mapping[Where, Row], row: Row) -> Holds | Told:
    visit = rows.get((VISIT, row["visit_id"]))
    if visit is None:
        return _missing("VISIT")
    patient = rows.get((PATIENT, visit["patient_id"]))
    if patient is None:
        return _missing("LOOKUP")
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


def _charge(rows: Mapping[Where, Row], row: Row) -> Holds | Told:
    if row["settle_no"] is None:
        return _missing("UNSETTLED")
    settle, visit = rows.get((SETTLE, row["settle_no"])), rows.get((VISIT, row["visit_id"]))
    if settle is None or settle["visit_id"] != row["visit_id"]:
        return _missing("SETTLEMENT")
    if visit is None:
        return _missing("VISIT")
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
