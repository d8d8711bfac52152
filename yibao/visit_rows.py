"""The rows of one visit, read from its database: its own, those under its headers, and those of lookups that they need."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from connector.contract import CapturedTable, CaptureSource, TableRole
from connector.profiles import profile_of
from streams.domain.keys import named
from streams.errors import Misconfigured
from streams.mapping import Site
from streams.mapping.compiling import nulls_of
from streams.mapping.tables import Table
from yibao.captures.from_site import database_password

_MOST: Final = 50_000
_DEEPEST: Final = 4
"""A header hangs under another one, so often at most."""

Row = Mapping[str, str | None]


class VisitRows:
    """What stands in one database of a site. It is only read, by keys."""

    def __init__(self, site: Site, source: CaptureSource) -> None:
        self.source = source
        self._profile = profile_of(source.kind)
        self._password = database_password(source)
        self._tables = {table.name: table for table in source.tables}
        self._mapping = site.mappings[source.name]
        self._written = {table.table: table for table in self._mapping.tables}
        """Of a table with several roles, each."""

    def of_visit(self, key: str) -> dict[str, list[Row]]:
        """By table, the rows of the visit with this key, as the product knows it or as it stands in the tables. Of a key of several
        columns, with commas between them. Raises Misconfigured where a table has too many, Unreachable, Refused.
        """
        found: dict[str, list[Row]] = {}
        for table in self._tables.values():
            values = _values(self._written[table.name], key) if table.visit_key else ()
            if table.role is not TableRole.LOOKUP and len(values) == len(table.visit_key) > 0:
                rows = self._read(table, dict(zip(table.visit_key, values, strict=True)))
                _add(found, table, [row for row in rows if not self._names_a_header(table.name, row)])
        for _ in range(_DEEPEST):
            for written in self._written.values():
                for name in self._names_of_headers(written, found):
                    table = self._tables[written.in_database]
                    _add(found, table, self._read(table, dict(zip(written.header_columns, name, strict=True))))
        self._add_links(found)
        return found

    def _add_links(self, found: dict[str, list[Row]]) -> None:
        """The rows of link tables that name lines of the visit."""
        for written in self._written.values():
            if (through := written.through) is None:
                continue
            for line in found.get(written.in_database, ()):
                name = [line[column] or "" for column in written.key]
                _add(
                    found,
                    self._tables[through.table],
                    self._read(self._tables[through.table], dict(zip(through.line_columns, name, strict=True))),
                )

    def lookup(self, name: str, key: Sequence[str]) -> list[tuple[str, Row]]:
        """Table and rows of a lookup that answer to this key; none where this source has them not. Raises as `of_visit`."""
        for table in self._tables.values():
            written = self._written[table.name]
            if table.role is TableRole.LOOKUP and written.lookup_name == name and len(key) == len(written.asked_columns):
                rows = self._read(table, dict(zip(written.asked_columns, key, strict=True)))
                return [(table.name, row) for row in rows]
        return []

    def _read(self, table: CapturedTable, where: Mapping[str, str]) -> list[dict[str, str | None]]:
        rows = self._profile.read_rows(self.source, table, where=where, most=_MOST + 1, password=self._password)
        if len(rows) > _MOST:
            named = ", ".join(where)
            raise Misconfigured(
                f"{table.name} holds too much under one {named} (no visit has {_MOST} of its kind): see its `visit_key`"
            )
        return rows

    def _names_of_headers(self, table: Table, found: Mapping[str, Sequence[Row]]) -> Iterator[tuple[str, ...]]:
        for header in (self._written[name] for name in table.headers):
            columns = header.named_columns or header.key
            for row in found.get(header.table, ()):
                name = tuple(row[column] or "" for column in columns)
                if "" not in name and len(name) == len(table.header_columns):
                    yield name

    def _names_a_header(self, table: str, row: Row) -> bool:
        """As the place stage sees it: what stands for NULL, and blanks, name none."""
        written = self._written[table]
        if not written.headers:
            return False
        nulls = nulls_of(self._mapping, written)
        return named(row if nulls is None else nulls.read(row), written.header_columns) is not None


def _values(table: Table, key: str) -> tuple[str, ...]:
    own = key.removeprefix(table.prefix) if table.prefix else key
    columns = table.visit_columns or table.else_columns
    return (own,) if len(columns) == 1 else tuple(own.split(","))


def _add(found: dict[str, list[Row]], table: CapturedTable, rows: Sequence[Row]) -> None:
    known = {tuple(row[column] for column in table.key) for row in found.get(table.name, ())}
    new = [row for row in rows if tuple(row[column] for column in table.key) not in known]
    if new:
        found.setdefault(table.name, []).extend(new)
