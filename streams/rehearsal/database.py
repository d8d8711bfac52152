"""The hospital's database of a case, as capture tells of it: rows in memory, and a change envelope of each thing that is done."""

from typing import Final, NamedTuple

import orjson

from connector.contract import Op, TableRole
from streams.domain.records import Row
from streams.errors import Misconfigured
from streams.mapping import Site, capture_sources
from streams.mapping.tables import Table
from streams.rehearsal.case import Change, RowOf, TableOf
from streams.wording import nearest

_APART: Final = " and "


class Told(NamedTuple):
    """A change as capture tells of it."""

    source: str
    """Name of the source."""
    table: Table
    """As the mapping has it."""
    key: bytes | None
    """The message's key; a TRUNCATE has one only where capture gives it one, in the topics of lookups."""
    value: bytes
    """The envelope."""
    row: Row | None
    """What stands there now; None where nothing does."""
    row_key: tuple[str, ...]
    """Values of its key columns."""

    def __repr__(self) -> str:
        """Without what the row holds."""
        return f"Told(source={self.source!r})"


class Database:
    """All sources of a site."""

    def __init__(self, site: Site) -> None:
        self._tables = {
            (source, one.table): one
            for source in site.sources
            for one in site.mappings[source].tables
            if one.in_database == one.table
        }
        self._columns = {(source.name, table.name): table.columns for source in capture_sources(site) for table in source.tables}
        self._rows: dict[tuple[str, str, tuple[str, ...]], dict[str, str | None]] = {}
        self._written = 0

    def change(self, change: Change, *, at: int, transaction: int) -> Told:
        """Do it. at: of the commit (ms). Raises Misconfigured for what no database would do."""
        for op, of in ((Op.CREATE, change.insert), (Op.UPDATE, change.update), (Op.DELETE, change.delete)):
            if of is not None:
                return self._done(op, of, at=at, transaction=transaction)
        assert change.truncate is not None
        return self._emptied(change.truncate, at=at, transaction=transaction)

    def _emptied(self, of: TableOf, *, at: int, transaction: int) -> Told:
        source, table = self._table(of)
        for where in [where for where in self._rows if where[:2] == (source, table.table)]:
            del self._rows[where]
        key = b'{"row":null}' if table.role is TableRole.LOOKUP else None
        return Told(source, table, key, self._envelope((source, table), Op.TRUNCATE, (None, None), at, transaction), None, ())

    def _done(self, op: Op, of: RowOf, *, at: int, transaction: int) -> Told:
        source, table = self._table(of)
        key = tuple(_key_value(of, column) for column in table.key)
        before = self._rows.pop((source, table.table, key), None)
        if (before is None) != (op is Op.CREATE):
            is_there = "is not there" if before is None else "is there already"
            raise Misconfigured(f"the row of {of.table} with {_shown(table, key)} {is_there}")
        columns = self._columns[source, table.table]
        for column in of.row:
            if column not in columns:
                raise Misconfigured(f"the mapping reads no column `{column}` of {of.table}{nearest(column, columns)}")
        after = None if op is Op.DELETE else {**(before or dict.fromkeys(columns)), **of.row}
        if after is not None:
            self._rows[source, table.table, key] = after
        value = self._envelope((source, table), op, (before, after), at, transaction)
        return Told(source, table, orjson.dumps(dict(zip(table.key, key, strict=True))), value, after, key)

    def _envelope(self, where: tuple[str, Table], op: Op, row: tuple[Row | None, Row | None], at: int, transaction: int) -> bytes:
        """where: source and table. row: as it was, and as it is."""
        source, table = where
        self._written += 1
        schema, _, name = table.table.partition(".")
        named = {"connector": "postgresql", "name": source, "schema": schema, "table": name, "snapshot": "false"}
        said = named | {"lsn": self._written, "txId": transaction, "ts_ms": at}
        return orjson.dumps({"before": row[0], "after": row[1], "op": op.value, "source": said, "ts_ms": at})

    def _table(self, of: TableOf) -> tuple[str, Table]:
        found = [where for where in self._tables if where[1] == of.table and of.source in (None, where[0])]
        if len(found) == 1:
            return found[0][0], self._tables[found[0]]
        if found:
            names = _APART.join(source for source, _ in found)
            raise Misconfigured(f"{of.table} is a table of the sources {names}: say which by `source`")
        sources = {source for source, _ in self._tables}
        if of.source is not None and of.source not in sources:
            raise Misconfigured(f"there is no source `{of.source}`{nearest(of.source, sources)}; it is written for {of.table}")
        near = nearest(of.table, {table for _, table in self._tables})
        where = "" if of.source is None else f" of source {of.source}"
        raise Misconfigured(f"{of.table} is no table{where} that the mapping names{near}")


def _key_value(of: RowOf, column: str) -> str:
    value = of.row.get(column)
    if value is None:
        raise Misconfigured(f"a row of {of.table} needs its key, and has no `{column}`")
    return value


def _shown(table: Table, key: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip(table.key, key, strict=True))
