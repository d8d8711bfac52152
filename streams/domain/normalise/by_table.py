"""Fields that are made in another way for the rows of one table than for those of another."""

from collections.abc import Mapping

from connector.contract import TableRole
from streams.domain.normalise.conversions import Conversion
from streams.domain.normalise.fields import Dialect, FieldRule, FieldStep, Prefixes, field_step, value_of
from streams.domain.normalise.sources import ByTable, Prefixed, Reading
from streams.domain.roles import ROW_INDEX
from streams.domain.violations import DeadClass, unfit


def step_of(rule: FieldRule, dialect: Dialect) -> FieldStep:
    """Compile one field, for all tables. Raises Unfit where a default or constant of it does not fit the interface."""
    step = field_step(rule, dialect)
    if rule.of_tables and rule.own is not None:
        step = _chosen(step, {table: field_step(one, dialect) for table, one in rule.of_tables.items()}, own=rule.own)
    return step if rule.prefixed is None else _prefixed(step, rule.prefixed, dialect)


def _chosen(otherwise: FieldStep, cases: Mapping[str, FieldStep], *, own: TableRole) -> FieldStep:
    """The step that belongs to the table of the record's own row."""
    index = ROW_INDEX[own]

    def read(reading: Reading) -> str | None:
        return value_of(cases.get(reading.tables[index], otherwise), reading) or None

    source = ByTable(role=own, cases={table: one.source for table, one in cases.items()}, otherwise=otherwise.source)
    return otherwise._replace(row=-1, column="", read=read, convert=_as_it_is, longest=-1, default=None, source=source)


def _prefixed(step: FieldStep, prefixes: Prefixes, dialect: Dialect) -> FieldStep:
    """The step, with what stands before its value."""
    index, by_table = ROW_INDEX[prefixes.role], prefixes.by_table

    def read(reading: Reading) -> str | None:
        value = value_of(step, reading)
        if not value:
            return None
        prefix = by_table.get(reading.tables[index])
        if prefix is None:
            message = "没有该编号所属的数据行，无法确定编号前缀（record_prefix）"
            raise unfit(step.field, "MAPPING", value=value, message=message, dead_class=DeadClass.MAPPING)
        return prefix + value

    source = Prefixed(source=step.source, role=prefixes.role, prefixes=by_table)
    plain = FieldRule(field=step.field, source=source, conversion=Conversion(read_as=step.field.kind))
    return field_step(plain, dialect)._replace(read=read, longest=-1)


def _as_it_is(value: str) -> str:
    return value
