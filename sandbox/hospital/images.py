"""Rows as capture writes them, so that a workload can be read without a database: what PostgreSQL stores and Debezium renders."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

import orjson

from sandbox.hospital.changes import Change, Verb
from sandbox.hospital.tables import Cell, Cells, Table

_OPS = {Verb.INSERT: "c", Verb.UPDATE: "u", Verb.DELETE: "d"}


def image(table: Table, row: Cells) -> dict[str, str | int | bool | None]:
    """A row as the JSON values of an envelope: decimals as text with the column's scale, times in ISO form, ids as numbers.

    Every time ends in `Z`. For an instant that means UTC; for a wall clock (whole seconds here) it means nothing.
    """
    return {name: _rendered(row[name], kind) for name, kind in table.columns.items()}


def envelope(change: Change, *, source: str, lsn: int, committed_at: int, transaction: int | None = None) -> bytes:
    """The message of a change that is one for capture, too (`Change.captured`). committed_at: milliseconds since the epoch.
    transaction: its number.
    """
    row = image(change.table, change.row)
    schema, _, table = change.table.name.partition(".")
    deleted = change.verb is Verb.DELETE
    document: Mapping[str, object] = {
        "before": row if deleted else None,
        "after": None if deleted else row,
        "source": {
            "connector": "postgresql",
            "name": source,
            "ts_ms": committed_at,
            "schema": schema,
            "table": table,
            "lsn": lsn,
            "txId": transaction,
        },
        "op": _OPS[change.verb],
        "ts_ms": committed_at,
    }
    return orjson.dumps(document)


def _rendered(cell: Cell, kind: str) -> str | int | bool | None:
    match cell:
        case None | bool() | int():
            return cell
        case Decimal():
            return f"{cell.quantize(Decimal(1).scaleb(-_scale(kind))):f}"
        case datetime() if kind == "timestamp":
            return f"{cell.isoformat(timespec='seconds')}Z"
        case datetime():
            return f"{cell.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
        case date():
            return f"{cell.isoformat()}Z"
        case str():
            return cell.ljust(_width(kind)) if kind.startswith("char(") else cell


def _scale(kind: str) -> int:
    return int(kind.rstrip(")").rpartition(",")[2])


def _width(kind: str) -> int:
    return int(kind.rstrip(")").partition("(")[2])
