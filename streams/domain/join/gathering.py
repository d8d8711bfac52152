"""Which rows belong together in one interface record, and what is missing where one cannot be built yet."""

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

from connector.contract import TableRole
from streams.domain.join.parts import Part
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit
from streams.domain.normalise.record import CompiledMapping, normalise
from streams.domain.records import Lookups, Record, SourceRows
from streams.domain.validate.judge import PARENTS

_REFUSE: Final = "refuse"
_VISIT: Final = TableRole.VISIT
_SETTLEMENT: Final = TableRole.SETTLEMENT
_FEE: Final = TableRole.FEE
_PADDING: Final = " "
_AMBIGUOUS: Final = frozenset({Part.AMBIGUOUS_VISIT, Part.AMBIGUOUS_SETTLEMENT})


class Gathered(NamedTuple):
    """The rows of a record."""

    rows: SourceRows
    """As far as they are there, and there is one of each."""
    missing: Part | None = None
    """The part that the record must wait for; None where it can be built."""
    candidates: Sequence[StoredRow] = ()
    """Where there are several rows for one part: all of them. Which is meant is not guessed."""
    readings: Sequence[SourceRows] = ()
    """Then, the rows that the record would be built from if this or that candidate were meant."""


def gather(visit: Visit, row: StoredRow, *, institution: str | None) -> Gathered:
    """The rows that the record of `row` is built from, and what it still waits for.

    Rule R24: visit, settlement and fee lines are sent in this order. So a row also waits for a part that is there but has not been
    reported itself, whether that waits or is refused (`parents`). And it waits while more than one row could be meant: the one
    that came last may be a half refund, a second registration, or on its way to another visit.
    """
    heads = _apart(visit, visit.heads())
    if row.role is _VISIT:
        own = SourceRows(visit=row.columns, tables=(row.table, "", ""))
        return Gathered(own) if len(heads) <= 1 or institution is None else Gathered(own, Part.AMBIGUOUS_VISIT, heads, (own,))
    line = row if row.role is _FEE else None
    settlements = (row,) if line is None else _apart(visit, _settlements_of(visit, row))
    rows = _of(heads[0] if len(heads) == 1 else None, settlements[0] if len(settlements) == 1 else None, line)
    # An institution that nobody registered is refused at once, whatever is missing.
    missing = None if institution is None else _missing_of(visit, row, institution, heads=heads, settlements=settlements)
    if missing is None or missing not in _AMBIGUOUS:
        return Gathered(rows, missing)
    candidates = heads if missing is Part.AMBIGUOUS_VISIT else settlements
    return Gathered(rows, missing, candidates, _readings(heads, settlements, line))


def _missing_of(
    visit: Visit, row: StoredRow, institution: str, *, heads: Sequence[StoredRow], settlements: Sequence[StoredRow]
) -> Part | None:
    if not settlements:
        return _lacking(visit, row)
    if len(heads) > 1:
        return Part.AMBIGUOUS_VISIT
    if visit.mapping.visit_required(institution) and (without := _missing(visit, heads[0] if heads else None, Part.VISIT)):
        return without
    if len(settlements) > 1:
        return Part.AMBIGUOUS_SETTLEMENT
    return _missing(visit, settlements[0], Part.SETTLEMENT) if row.role is _FEE else None


def _apart(visit: Visit, rows: Sequence[StoredRow]) -> Sequence[StoredRow]:
    """Without rows that a job has copied to the table to which they move, and that say the same there."""
    if len(rows) < 2 or not visit.mapping.moves:
        return rows
    found: list[StoredRow] = []
    for row in rows:
        if not any(_is_copy(visit.mapping, one, row) for one in found):
            found.append(row)
    return found


def _is_copy(mapping: CompiledMapping, one: StoredRow, other: StoredRow) -> bool:
    """Whether two rows are the same record as far as their own columns say, and in all that records read of them."""
    if one.table == other.table or not mapping.is_move(one.table, other.table):
        return False
    read = {name for record in mapping.records.values() for role, name in record.reads if role is one.role}
    read |= {name for role, name in mapping.records[mapping.services_of(one.role)].key_from if role == one.role}
    return all(one.columns.get(name) == other.columns.get(name) for name in read)


def unsettled(visit: Visit, fee: StoredRow) -> Part | None:
    """What a line waits for first that has no settlement; None where it has one, or several."""
    return None if _settlements_of(visit, fee) else _lacking(visit, fee)


def _lacking(visit: Visit, fee: StoredRow) -> Part:
    return Part.SETTLEMENT if _settlement_key(visit, fee) else Part.UNSETTLED


def _missing(visit: Visit, parent: StoredRow | None, part: Part) -> Part | None:
    if parent is None:
        return part
    if parent.emitted:
        return Part.UNREPORTED if parent.is_awaited else None
    if parent.refused:
        return Part.PARENT_REFUSED if visit.mapping.dialect.levels.get(PARENTS, _REFUSE) == _REFUSE else None
    return Part.UNREPORTED if parent.waits_for else None


def parents_of(visit: Visit, row: StoredRow) -> Sequence[StoredRow]:
    """The rows whose records go before that of this row (rule R24), as far as they are there."""
    if row.role is _VISIT:
        return ()
    return (*visit.heads(), *(_settlements_of(visit, row) if row.role is _FEE else ()))


def _readings(heads: Sequence[StoredRow], settlements: Sequence[StoredRow], line: StoredRow | None) -> list[SourceRows]:
    visits: Sequence[StoredRow | None] = heads or [None]
    return [_of(head, settlement, line) for head in visits for settlement in settlements]


def _of(head: StoredRow | None, settlement: StoredRow | None, line: StoredRow | None) -> SourceRows:
    """What a record is built from."""
    return SourceRows(
        None if head is None else head.columns,
        None if settlement is None else settlement.columns,
        None if line is None else line.columns,
        ("" if head is None else head.table, "" if settlement is None else settlement.table, "" if line is None else line.table),
    )


def stands(visit: Visit, row: StoredRow, gathered: Gathered, lookups: Lookups, *, today: date) -> bool:
    """Whether what was reported of a row is true if one of the candidates for a part is meant. Then it is left as it is."""
    service = visit.mapping.services_of(row.role)
    made = (normalise(visit.mapping, service, rows, lookups, today=today) for rows in gathered.readings)
    return any(isinstance(one, Record) and one.content_hash == row.emitted for one in made)


def _settlement_key(visit: Visit, fee: StoredRow) -> str | None:
    """What a line names its settlement by, without the blanks around it; None where it names none."""
    link = visit.mapping.tables[fee.table].settlement_link
    said = None if link is None else fee.columns.get(link)
    return None if said is None or not said.strip() else said.strip(_PADDING)


def _settlements_of(visit: Visit, fee: StoredRow) -> Sequence[StoredRow]:
    """The settlement that a line names, or that has the same as it, of whichever table; without a link, all of the visit."""
    mapping = visit.mapping
    rule = mapping.tables[fee.table]
    link, by = rule.settlement_link, rule.settled_by
    if link is None:
        rows = visit.rows(_SETTLEMENT)
        return rows if by is None else [row for row in rows if by.fits(fee.columns, row.columns)]
    key = fee.columns.get(link)
    if key is None or not key.strip():
        return ()
    found = [visit.find(_SETTLEMENT, name, (key,)) for name in mapping.settlement_tables]
    return [row for row in found if row is not None and not row.deleted] or _padded(visit, key.strip(_PADDING))


def _padded(visit: Visit, key: str) -> list[StoredRow]:
    """The settlements whose key is this without the blanks around it. A `char(n)` is captured with the blanks that fill it up, and
    no database counts them when it compares one.
    """
    return [row for row in visit.rows(_SETTLEMENT) if len(row.key) == 1 and row.key[0].strip(_PADDING) == key]


def _fees_of(visit: Visit, settlement: StoredRow) -> list[StoredRow]:
    """The fee lines that name this settlement, or name none because their table cannot."""
    links = {name: table.settlement_link for name, table in visit.mapping.tables.items() if table.role is _FEE}
    rows = visit.rows(_FEE) if None in links.values() or len(settlement.key) != 1 else visit.lines_under(settlement.key[0])
    name = settlement.key[0].strip(_PADDING) if len(settlement.key) == 1 else None
    return [row for row in rows if links[row.table] is None or (name is not None and _settlement_key(visit, row) == name)]


def touched(visit: Visit, row: StoredRow, *, before: StoredRow | None) -> list[StoredRow]:
    """The rows to build again after this one came, changed or went, in the order of reporting."""
    if row.role is _FEE:
        return []
    others: list[StoredRow] = []
    if row.role is _VISIT and _came_or_went(row, before):
        others = [head for head in visit.heads() if (head.table, head.key) != (row.table, row.key)]
    return [*others, *dependents(visit, row, before=before)]


def dependents(visit: Visit, row: StoredRow, *, before: StoredRow | None) -> list[StoredRow]:
    """The rows whose records read this row, in the order of reporting."""
    if row.role is _VISIT:
        readers = (reader for reader in (_SETTLEMENT, _FEE) if _differs(visit, row, before, reader))
        return [dependent for reader in readers for dependent in visit.rows(reader)]
    if row.role is _SETTLEMENT and _differs(visit, row, before, _FEE):
        return _fees_of(visit, row)
    return []


def _came_or_went(row: StoredRow, before: StoredRow | None) -> bool:
    return before is None or before.deleted or row.deleted


def _differs(visit: Visit, row: StoredRow, before: StoredRow | None, reader: TableRole) -> bool:
    """Whether a column that the records of another role read from this row has another value now, or the row is new or gone."""
    if before is None or _came_or_went(row, before):
        return True
    if before.columns == row.columns:
        return False
    reads = visit.mapping.reads(visit.mapping.services_of(reader))
    return any(role is row.role and before.columns.get(column) != row.columns.get(column) for role, column in reads)
