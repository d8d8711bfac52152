"""The rows of the courses of records that come back (`tests/oracle/claims.py`), and what the platform must hold by them alone."""

from typing import Any, Final

from tests.unit.streams.domain.join.join_rig import CHARGE, ITEM, REGISTER, SETTLE

VISITS: Final = ("V1", "V2", "V3", "V5")
"""V2 and V5 stand in one partition."""
LONELY: Final = ("V7", "V8", "V9")
"""Visits in which nothing stands but the registration that moves."""
Row = dict[str, Any]
Where = tuple[str, str]

KEY_OF: Final = {
    "h.visit": "visit_id",
    "h.settle": "settle_no",
    "h.charge": "charge_id",
    "m.register": "register_no",
    "m.bill": "bill_no",
    "m.item": "item_id",
    "m.named_item": "item_id",
    "m.numbered_item": "row_id",
}
RECORDS: Final = {
    "C1": ("h.charge",),
    "C2": ("h.charge",),
    "SX": ("h.settle",),
    "R9": ("m.register",),
    "I1": ("m.item", "m.named_item", "m.numbered_item"),
    "I2": ("m.item", "m.named_item", "m.numbered_item"),
    "I3": ("m.numbered_item",),
}
"""By record number, the tables in which its row can stand."""


def made(table: str, key: str, name: str, visit: str, says: str) -> Row:
    """A row of a record."""
    match table:
        case "h.charge":
            return CHARGE | {"charge_id": key, "visit_id": visit, "settle_no": f"S{visit}", "item": says}
        case "h.settle":
            return SETTLE | {"settle_no": key, "visit_id": visit, "total": f"{says}.00"}
        case "m.register":
            return REGISTER | {"register_no": key, "visit_id": visit, "ward": says}
        case _:
            more = {"m.named_item": {"bill_no": f"B{visit}"}, "m.numbered_item": {"row_id": key}}.get(table, {})
            return ITEM | more | {"item_id": name, "visit_id": visit, "item": says}


def number(where: Where, row: Row) -> str:
    """Of the record."""
    return f"{row.get('item_id', where[1])}"


def expected(where: Where, row: Row, visit: str) -> tuple[tuple[str, str], Row]:
    """The record of a row, and what the platform must hold of it."""
    match where[0]:
        case "h.charge":
            return ("fee_list_d", where[1]), {"MDTRT_ID": visit, "SETL_ID": f"S{visit}", "HILIST_NAME": row["item"]}
        case "h.settle":
            return ("setl_d", where[1]), {"MDTRT_ID": visit, "MEDFEE_SUMAMT": row["total"]}
        case "m.register":
            return ("mdtrt_d", where[1]), {"ADM_DEPT_NAME": row["ward"]}
        case _:
            values = {"MDTRT_ID": f"R{visit}", "SETL_ID": f"B{visit}", "HILIST_NAME": row["item"]}
            return ("fee_list_d", number(where, row)), values
