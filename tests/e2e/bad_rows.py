"""A hospital of one good visit, to be copied with something wrong in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from sandbox.hospital import Transaction, Verb, Workload
from sandbox.hospital.changes import Change
from sandbox.hospital.tables import FEES, PATIENTS, SETTLEMENTS, VISITS, Table

GOOD = "MZ25060200000002"
"""An outpatient visit with one settlement and no flaw, of the hospital of seed 1."""

FIRST = 1_900_000_000_000_000_000
"""Keys of 19 digits: a JSON number of many programs does not hold them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """The rows of one visit."""

    visit: Mapping[str, Any]
    settlement: Mapping[str, Any]
    fee: Mapping[str, Any]

    @property
    def keys(self):
        """Of the records that are reported of it."""
        return {self.visit["yb_jzid"], self.settlement["yb_jsid"], str(self.fee["mxid"])}

    def transaction(self, *parts):
        """All of it at once, or the named parts (`visit`, `settlement`, `fee`)."""
        rows = {"visit": (VISITS, self.visit), "settlement": (SETTLEMENTS, self.settlement), "fee": (FEES, self.fee)}
        return transaction(*(rows[part] for part in parts or rows))


def transaction(*rows: tuple[Table, Mapping[str, Any]]) -> Transaction:
    """Rows that are inserted together."""
    return Transaction(at=None, changes=tuple(Change(table=table, verb=Verb.INSERT, row=row) for table, row in rows))


class Copies:
    """Copies of the good visit under keys of their own."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {}
        self._numbers = count(1)
        changes = [change for each in Workload(visits=5, seed=1) for change in each.changes]
        for change in changes:
            if change.row.get("jzlsh") == GOOD:
                self._rows[change.table.name] = dict(change.row)
        patients = [change.row for change in changes if change.table is PATIENTS]
        self.patient = next(row for row in patients if row["brid"] == self._rows[VISITS.name]["brid"])

    def visit(self, *, visit=None, settlement=None, fee=None) -> Visit:
        """One copy; columns that are given have the given values."""
        number = next(self._numbers)
        keys = {"jzlsh": f"BAD{number:06}", "jsdh": f"JSBAD{number:06}", "yb_jzid": f"VBAD{number:06}"}
        own = {VISITS.name: {"jzid": FIRST + number, "zhjsdh": keys["jsdh"]}, FEES.name: {"mxid": FIRST + number}}
        own[SETTLEMENTS.name] = {"yb_jsid": f"SBAD{number:06}"}
        made = []
        for table, changed in ((VISITS, visit), (SETTLEMENTS, settlement), (FEES, fee)):
            row = {**self._rows[table.name], **own[table.name]}
            row |= {name: value for name, value in keys.items() if name in row}
            made.append({**row, **(changed or {})})
        return Visit(visit=made[0], settlement=made[1], fee=made[2])
