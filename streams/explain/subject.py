"""Of what a timeline is, and how its keys may be seen. Pure."""

from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import NamedTuple

from connector.contract import TableRole
from streams.deadletter.index.pages import Letter
from streams.deadletter.record import record_key_hash
from streams.domain.changes import RowChange
from streams.domain.join.origin import personal_keys
from streams.domain.join.stored import StoredRow
from streams.domain.kinship import Identity
from streams.domain.normalise.record import CompiledMapping
from streams.domain.roles import ROLE_OF
from streams.explain.remembered import Institutions
from streams.spec.fields import ServiceCode
from streams.spec.masking import show_key


class RowName(NamedTuple):
    """What names a row."""

    source: str
    """Source in site.yaml."""
    table: str
    """`schema.table`."""
    key: tuple[str, ...]
    """Values of its key columns."""

    def __repr__(self) -> str:
        """Without the key."""
        return f"RowName(source={self.source!r}, table={self.table!r})"


class Keys:
    """How keys may be seen. mappings: of the site, by source. clear: whether all of them may."""

    def __init__(self, mappings: Mapping[str, CompiledMapping], *, clear: bool = False) -> None:
        self._mappings, self._clear = mappings, clear

    def visit(self, key: str) -> str:
        """A visit's key. Every source of a site may have it, so it is hidden where one of them says that it is a person's."""
        return self._shown(key, "visit_key", *((one, name) for one, mapping in self._mappings.items() for name in mapping.tables))

    def row(self, name: RowName) -> str:
        """Table and key of a row."""
        return f"{name.table}/{self._shown('/'.join(name.key), 'key', (name.source, name.table))}"

    def record(self, service: str, key: str) -> str:
        """Service and key of a record."""
        role = ROLE_OF.get(ServiceCode(service)) if service in {one.value for one in ServiceCode} else None
        tables = (
            (source, name)
            for source, mapping in self._mappings.items()
            for name, table in mapping.tables.items()
            if role is None or table.role is role
        )
        return f"{service} {self._shown(key, 'record_key', *tables)}"

    def key_of(self, change: RowChange) -> tuple[str, ...]:
        """The key of a change's row; () where the mapping does not know its table."""
        mapping = self._mappings.get(change.source)
        table = None if mapping is None else mapping.tables.get(change.table)
        return () if table is None else tuple(f"{change.row.get(name) or ''}" for name in table.key)

    def institution(self, source: str, role: TableRole, columns: Mapping[str, str | None]) -> str:
        """FIXMEDINS_CODE of a row's institution; `""` where nobody registered it."""
        mapping = self._mappings.get(source)
        return "" if mapping is None else mapping.institution(role, columns) or ""

    def named_by_lines(self, row: StoredRow) -> str | None:
        """As what a settlement is known to the lines that add up to its amount (rule R2); None where nobody adds them up."""
        mapping = self._mappings.get(row.source)
        tallied = None if mapping is None or row.deleted else mapping.tallied
        share = None if tallied is None else tallied.share(row)
        return None if share is None or share.is_line else share.settlement

    @property
    def institutions(self) -> Institutions:
        """What tells the institutions of rows."""
        told = sorted(
            (source, sorted(one.columns.items()), sorted(one.constants.items()), sorted(one.names.items()))
            for source, one in ((source, mapping.belonging) for source, mapping in self._mappings.items())
        )
        return Institutions(self.institution, sha256(repr(told).encode()).hexdigest())

    def _shown(self, key: str, what: str, *tables: tuple[str, str]) -> str:
        if self._clear:
            return key
        return show_key(key, personal=any(what in self._personal(*one) for one in tables))

    def _personal(self, source: str, table: str) -> Collection[str]:
        mapping = self._mappings.get(source)
        if mapping is None or table not in mapping.tables:
            return ("key", "record_key")  # nobody says what its columns hold
        return {*personal_keys(mapping, mapping.tables[table])}


class Subject:
    """What is asked for. rows: which rows of the visit; None: all of them. records: as what these were ever reported; in a receipt
    there are those of other visits, too. letters: ids of letters that are surely of them.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        rows: Collection[RowName] | None = None,
        records: Collection[Identity] = (),
        letters: Collection[str] = (),
    ) -> None:
        self.keys = keys
        self._rows = rows
        self._letters = {*letters}
        self._hashes = {record_key_hash(one.service.value, one.key) for one in records}
        self._records = {(one.institution, one.service.value, one.key) for one in records}

    def means_row(self, row: RowName) -> bool:
        """Whether it is of this row."""
        return self._rows is None or row in self._rows

    def means_record(self, service: str, institution: str, key: str) -> bool:
        """Whether it is of this record."""
        return (institution, service, key) in self._records

    def means_letter(self, letter: Letter) -> bool:
        """Whether it tells of one of the rows or records. (A key that may not be shown does not say whose it is.)"""
        if self._rows is None or letter.id in self._letters or (letter.record_hash and letter.record_hash.hex() in self._hashes):
            return True
        return any((letter.source, letter.row_table, letter.row_key) == (*one[:2], "/".join(one.key)) for one in self._rows)

    def letter(self, letter: Letter) -> str:
        """What a letter is of, as its headers show it."""
        named = f"{letter.row_table}/{letter.row_key}" if letter.row_key else ""
        return named or f"{letter.service} {letter.record_key}".strip()
