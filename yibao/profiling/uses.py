"""Which columns of a mapping's tables feed which fields plainly, and which rows of a table name rows of another one. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from connector.contract import TableRole
from connector.questions import Links, Products, Sums
from streams.domain.keys import is_of_header, of_header
from streams.domain.normalise.fields import FieldRule, FieldStep, field_step
from streams.domain.normalise.sources import Column, FirstOf, LookupColumn, Source
from streams.domain.roles import ROLE_OF
from streams.mapping import Site, compile_site
from streams.mapping.columns import may_be_of_one_visit
from streams.mapping.compiling import kind_rule
from streams.mapping.field_rules import field_rules
from streams.mapping.mapping_file import MappingFile
from streams.mapping.tables import Table
from streams.spec.fields import ServiceCode


class Use(NamedTuple):
    """A column that a field is read from."""

    service: ServiceCode
    """Of the field."""
    step: FieldStep
    """How its values are converted, and judged by the interface."""
    alone: bool
    """Whether the field has no other source."""


def uses_by_table(site: Site, source: str) -> Mapping[str, Mapping[str, list[Use]]]:
    """By table and column. What is computed of several values is left out: no value alone can be wrong there. So is what stands
    before numbers.
    """
    mapping, dialect = site.mappings[source], compile_site(site)[source].dialect
    found: dict[str, dict[str, list[Use]]] = {table.table: {} for table in mapping.tables}
    for own in _tables_of(mapping, TableRole.VISIT):
        if (written := own.kind or mapping.kind) is None:
            continue
        step = field_step(kind_rule(mapping, written, dialect), dialect)._replace(name="kind")
        for where, column, alone in _plain(step.source):
            for table, name in _where(mapping, own, where, column):
                found[table.table].setdefault(name, []).append(Use(ServiceCode.VISIT, step, alone))
    for service, own, rule in _rules(site, source):
        step = field_step(rule, dialect)
        for where, column, alone in _plain(rule.source):
            needed = alone and (own.role, rule.field.name) != _UNSETTLED
            for table, name in _where(mapping, own, where, column):
                uses = found[table.table].setdefault(name, [])
                if not any((use.service, use.step.name, use.step.source) == (service, step.name, step.source) for use in uses):
                    uses.append(Use(service, step, needed))
    return found


def _where(mapping: MappingFile, own: Table, where: TableRole | str, column: str) -> Iterator[tuple[Table, str]]:
    """The tables in which a column stands, and its name there: of a header it stands in the tables that `own` hangs under."""
    if is_of_header(column):
        yield from ((table, column.removeprefix(of_header(""))) for table in mapping.tables if table.table in own.headers)
    else:
        yield from ((table, column) for table in _met(mapping, own, where))


def _rules(site: Site, source: str) -> Iterator[tuple[ServiceCode, Table, FieldRule]]:
    """The fields of each table whose rows make records, as they are for it."""
    mapping, zone = site.mappings[source], compile_site(site)[source].dialect.zone
    for service in ServiceCode:
        rules = field_rules(mapping, service, zone)
        for table in _tables_of(mapping, ROLE_OF[service]):
            for rule in rules.values():
                yield service, table, (rule.of_tables or {}).get(table.table, rule)


def _plain(source: Source, *, alone: bool = True) -> Iterator[tuple[TableRole | str, str, bool]]:
    match source:
        case Column(role=role, name=name):
            yield role, name, alone
        case LookupColumn(lookup=lookup, column=column):
            yield lookup, column, alone
        case FirstOf(sources=sources):
            for one in sources:
                yield from _plain(one, alone=False)
        case _:
            return


def _met(mapping: MappingFile, own: Table, where: TableRole | str) -> Iterator[Table]:
    """The tables of a role, or of a lookup, that a record of `own` reads: of its own role itself, of others those of its visits."""
    for table in [own] if where == own.role else _tables_of(mapping, where):
        if table.role is TableRole.LOOKUP or may_be_of_one_visit(own.table, table.table, mapping):
            yield table


def _tables_of(mapping: MappingFile, where: TableRole | str) -> Iterator[Table]:
    for table in mapping.tables:
        if where == (table.lookup_name if table.role is TableRole.LOOKUP else table.role):
            yield table


_UNSETTLED: Final = (TableRole.FEE, "SETL_ID")
"""A line without a settlement waits for one, and is refused for nothing."""
_LINE: Final = "DET_ITEM_FEE_SUMAMT"
_NOBODY: Final = ("", ())
VISIT_KEY: Final = "visit key"
"""What rows name that name any visit."""


def links_of(site: Site, source: str) -> Iterator[tuple[str, Links]]:
    """What each names, in words, and the question: visits by their key, headers, settlements, lookup rows. Of `VISIT_KEY`, which
    rows name any visit.
    """
    mapping = site.mappings[source]
    by_role = {role: [table for table in mapping.tables if table.role is role] for role in TableRole}
    for table in mapping.tables:
        if table.role is TableRole.LOOKUP:
            continue
        of_table = Links(table=table.in_database, columns=table.visit_columns, others=(), nulls=nulls_in(mapping, table))
        if table.visit_columns and table.table == table.in_database:
            yield VISIT_KEY, of_table
        visits = [(one.in_database, one.visit_columns) for one in by_role[TableRole.VISIT] if _alike(one, table)]
        among = _on_duty(site, source, table.role)
        if table.role is not TableRole.VISIT and table.visit_columns and visits and among != _NOBODY:
            yield "visit", replace(of_table, others=visits, among=among)
        headers = [one for one in mapping.tables if one.table in table.headers]
        if headers:
            named = [(one.in_database, one.named_columns or one.key) for one in headers]
            links = Links(table=table.in_database, columns=table.header_columns, others=named, nulls=nulls_in(mapping, table))
            yield "header", links
            if not table.else_columns:
                yield VISIT_KEY, replace(links, others=())
        if table.settlement_column is not None:
            settlements = [(one.in_database, one.key) for one in _met(mapping, table, TableRole.SETTLEMENT) if len(one.key) == 1]
            columns = (table.settlement_column,)
            yield "settlement", Links(table=table.in_database, columns=columns, others=settlements, nulls=nulls_in(mapping, table))
    yield from _lookups(site, source)


def nulls_in(mapping: MappingFile, table: Table) -> tuple[str, ...]:
    """What stands for NULL in the columns of a table, but in its key."""
    return tuple(one.strip() for one in (mapping.nulls if table.nulls is None else table.nulls))


def _on_duty(site: Site, source: str, role: TableRole) -> tuple[str, tuple[str, ...]] | None:
    """Column and values of the rows whose institution must report visits; None: all rows, or it is not known."""
    duty, belongs = compile_site(site)[source].duty, site.mappings[source].institution.of(role)
    codes = {name: one.kind in duty for one in site.institutions for name in (one.code, *one.his_codes)}
    if belongs is None or belongs.of is not None or all(codes.values()):
        return None
    if belongs.column is None:
        return None if codes.get(f"{belongs.constant}", True) else _NOBODY
    return belongs.column, tuple(sorted(name for name, must in codes.items() if must))


def _alike(one: Table, other: Table) -> bool:
    return one.prefix == other.prefix and len(one.visit_columns) == len(other.visit_columns) > 0


def _lookups(site: Site, source: str) -> Iterator[tuple[str, Links]]:
    """Of those whose key is made of columns of one table's own rows."""
    mapping = site.mappings[source]
    lookups = {table.lookup_name: table for table in mapping.tables if table.role is TableRole.LOOKUP}
    asked: set[tuple[str, str, tuple[str, ...]]] = set()
    for _, own, rule in _rules(site, source):
        of = rule.source
        if not isinstance(of, LookupColumn) or of.lookup not in lookups or of.absent == "empty":
            continue
        by = [one for one in of.by if isinstance(one, Column)]
        roles = {one.role for one in by}
        if len(by) != len(of.by) or len(roles) != 1:
            continue
        columns, role = tuple(one.name for one in by), roles.pop()
        for table in _met(mapping, own, role):
            if (where := (table.in_database, of.lookup, columns)) not in asked:
                asked.add(where)
                lookup = lookups[of.lookup]
                yield (
                    f"lookup {of.lookup}",
                    Links(table=table.in_database, columns=columns, others=[(lookup.table, lookup.asked_columns)]),
                )


def amounts_of(site: Site, source: str) -> Iterator[tuple[str, Products | Sums]]:
    """The rule that each amount is to keep, and the question: R1 of each fee table, and R2 where there is one fee table, whose
    lines name their settlement, and one table of settlements. Only amounts that are columns of their own rows, in yuan.
    """
    mapping = site.mappings[source]
    columns = {(service, table.table, rule.field.name): _own_column(rule, table) for service, table, rule in _rules(site, source)}
    fees = [table for table in mapping.tables if table.role is TableRole.FEE]
    settlements = [table for table in mapping.tables if table.role is TableRole.SETTLEMENT]
    for table in fees:
        count, price, amount = (columns.get((ServiceCode.FEE, table.table, name)) for name in ("CNT", "PRIC", _LINE))
        if count is not None and price is not None and amount is not None:
            yield "R1", Products(table=table.in_database, factors=(count, price), product=amount, tolerance="0.01")
    if len(fees) == len(settlements) == 1 and fees[0].settlement_column is not None and len(settlements[0].key) == 1:
        line, total = (
            columns.get((ServiceCode.FEE, fees[0].table, _LINE)),
            columns.get((ServiceCode.SETTLEMENT, settlements[0].table, "MEDFEE_SUMAMT")),
        )
        if line is not None and total is not None:
            yield (
                "R2",
                Sums(
                    table=settlements[0].in_database,
                    key=settlements[0].key[0],
                    total=total,
                    parts=fees[0].in_database,
                    link=fees[0].settlement_column,
                    amount=line,
                    tolerance="0.005",
                ),
            )


def _own_column(rule: FieldRule, table: Table) -> str | None:
    of = rule.source
    return of.name if isinstance(of, Column) and of.role == table.role and not rule.conversion.fen else None
