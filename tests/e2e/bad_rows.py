"""A hospital of one good visit, to be copied with something wrong in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import psycopg

from sandbox.hospital import Transaction, Verb, Workload
from sandbox.hospital.changes import Change
from sandbox.hospital.database import PUBLICATION
from sandbox.hospital.tables import DEPARTMENTS, FEES, PATIENTS, SETTLEMENTS, VISITS, Table

GOOD = "MZ25060200000002"
"""An outpatient visit with one settlement and no flaw, of the hospital of seed 1."""

PRESCRIPTIONS = Table(
    name="his.cf_zb",
    title="处方主表",
    key="cfxh",
    columns={"yqdm": "numeric(4,0)", "cfxh": "bigint", "jzlsh": "varchar(20)", "cfh": "varchar(30)"},
)
"""Named by two numbers."""

PRESCRIBED = Table(
    name="his.cf_mx",
    title="处方明细",
    key="mxid",
    columns={name: kind for name, kind in FEES.columns.items() if name != "jzlsh"} | {"yqdm": "integer", "cfxh": "numeric(18,0)"},
)
"""Fee lines that know only their prescription, by numbers of other types."""

LINKED = """
  - {table: his.cf_zb, role: header, key: [yqdm, cfxh], visit_key: jzlsh}
  - {table: his.cf_mx, role: fee, key: [mxid], under: his.cf_zb, header: [yqdm, cfxh], settlement: jsdh,
     where: {kdks: {not: [作废]}}}
"""
"""Their tables in the mapping."""

COUNTS = "where: {kdks: {not: [作废]}}"
"""Which fee lines count."""

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


def add_prescriptions(connection: psycopg.Connection, *, role: str) -> None:
    """Make the tables of the prescriptions, and have them captured."""
    for table, key in ((PRESCRIPTIONS, "yqdm, cfxh"), (PRESCRIBED, "mxid")):
        columns = ", ".join(f"{name} {kind}" for name, kind in table.columns.items())
        connection.execute(f"CREATE TABLE {table.name} ({columns}, PRIMARY KEY ({key}))")
        connection.execute(f"ALTER TABLE {table.name} REPLICA IDENTITY FULL")
        connection.execute(f"GRANT SELECT ON {table.name} TO {role}")
        connection.execute(f"ALTER PUBLICATION {PUBLICATION} ADD TABLE {table.name}")


def let_keys_be_exchanged(connection: psycopg.Connection) -> None:
    """Make keys deferrable, as vendors do who renumber rows in one statement."""
    for table, key in (
        (FEES.name, "mxid"),
        (PRESCRIPTIONS.name, "yqdm, cfxh"),
        (PRESCRIBED.name, "mxid"),
        (DEPARTMENTS.name, "ksdm"),
    ):
        constraint = f"{table.partition('.')[2]}_pkey"
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}, ADD PRIMARY KEY ({key}) DEFERRABLE")


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
