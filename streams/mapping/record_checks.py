"""What a mapping must get right about the fields of its records: known names, conversions that make sense, nothing left out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from connector.contract import TableRole
from streams.domain.normalise.fields import Dialect, field_step
from streams.domain.roles import ROLE_OF, WITHIN_REACH
from streams.domain.validate.judge import UNIQUE_LINES
from streams.domain.violations import Unfit
from streams.mapping.field_rules import rule_of
from streams.mapping.mapping_file import MappingFile, Translation
from streams.mapping.reading import Document, Place
from streams.mapping.reporting import Institution
from streams.mapping.site_file import SiteFile
from streams.mapping.sources import Source, TimeForm
from streams.mapping.tables import Table
from streams.spec.fields import Field, FieldKind, ServiceCode
from streams.spec.profiles import REPORTING
from streams.wording import nearest

CONVERSIONS = ("dictionary", "read_as", "time", "money", "default", "round", "trim", "pad_zeros", "compact", "truncate")
_INNER = {**dict.fromkeys(("product", "sum", "join", "part"), "default"), "age": "time", "days": "time", "date": "time"}
"""The conversion that makes sense inside a formula."""


def roles_of(written: MappingFile) -> set[TableRole]:
    """The roles of its tables."""
    return {table.role for table in written.tables}


def hangs(written: MappingFile, role: TableRole) -> bool:
    """Whether rows of this role hang under headers."""
    return any(table.headers for table in written.tables if table.role is role)


def check_records(document: Document, written: MappingFile, service: ServiceCode, *, site: SiteFile, dialect: Dialect) -> None:
    """Note what is wrong with the fields of a service, and with those of single tables."""
    record = written.records.of(service)
    if record is None:
        return
    known = {field.name: field for field in REPORTING.services[service].fields}
    reporting = [one for one in site.institutions if service is not ServiceCode.VISIT or one.kind in written.visit_duty]
    for place, name, source in _fields(written, service):
        if name not in known:
            document.report((*place, name), f"is no field of {service.value}{nearest(name, known)}")
            continue
        before = len(document.problems)
        check_source(document, written, source, (*place, name), own=ROLE_OF[service], table=_table(written, place))
        _institution_value(document, source, (*place, name), institutions=reporting, required=known[name].required)
        _conversion(document, source, (*place, name), known[name])
        for dictionary in translations(document, source, (*place, name)):
            _dictionary_targets(document, written, dictionary, field=known[name], dialect=dialect)
        if len(document.problems) == before:
            _fits(document, written, source, (*place, name), of=(service, known[name]), dialect=dialect)
    _absent(document, written, service, known)


def _fields(written: MappingFile, service: ServiceCode) -> Iterator[tuple[Place, str, Source]]:
    """The fields of a service and where they stand: those of all tables, then those of single ones."""
    record = written.records.of(service)
    for name, source in ({} if record is None else record.fields).items():
        yield ("records", service.value, "fields"), name, source
    for index, table in enumerate(written.tables):
        if table.role is ROLE_OF[service]:
            yield from ((("tables", index, "fields"), name, source) for name, source in table.fields.items())


def _absent(document: Document, written: MappingFile, service: ServiceCode, known: Mapping[str, Field]) -> None:
    """Required fields that have no source, or none for some of the tables."""
    record = written.records.of(service)
    of_all = {} if record is None else record.fields
    tables = {index: table for index, table in enumerate(written.tables) if table.role is ROLE_OF[service]}
    nowhere = [field for field in known.values() if field.required and field.name not in of_all]
    somewhere = {name for table in tables.values() for name in table.fields}
    if absent := [field for field in nowhere if field.name not in somewhere]:
        document.report(("records", service.value, "fields"), _no_source(absent))
    for index, table in tables.items():
        if absent := [field for field in nowhere if field.name in somewhere and field.name not in table.fields]:
            place: Place = ("tables", index, "fields") if table.fields else ("tables", index)
            document.report(place, f"{_no_source(absent)}; other tables have one in their `fields`")


def _no_source(fields: Sequence[Field]) -> str:
    return f"{len(fields)} required fields have no source: {', '.join(f'{field.name} ({field.label})' for field in fields)}"


_NUMBER: Final = "BKKP_SN"
_PARTED: Final = "; leave the column by which a table is partitioned out of its `key` (docs/mapping.md)"


def check_unique_lines(document: Document, written: MappingFile) -> None:
    """R12: two lines with one BKKP_SN would overwrite each other at the platform; the key of their table cannot be there twice."""
    of_all = {} if written.records.fee_list_d is None else written.records.fee_list_d.fields
    fees = {index: table for index, table in enumerate(written.tables) if table.role is TableRole.FEE}
    odd = {index: table for index, table in fees.items() if not is_key(table.fields.get(_NUMBER) or of_all.get(_NUMBER), table)}
    common = {index: table for index, table in odd.items() if _NUMBER not in table.fields}
    if fees and len(common) == len(fees):
        keys = {table.key for table in common.values()}
        _not_its_key(document, ("records", "fee_list_d", "fields", _NUMBER), "the fee table", keys, "")
        return
    for index, table in odd.items():
        place: Place = ("tables", index, *(("fields", _NUMBER) if _NUMBER in table.fields else ()))
        alone = len(table.key) == 1 and _NUMBER not in table.fields
        hint = f"write it for this table: `fields: {{{_NUMBER}: {table.key[0]}}}`; or, " if alone else ""
        _not_its_key(document, place, f"`{table.table}`", {table.key}, hint, what="" if _NUMBER in table.fields else f"{_NUMBER} ")


def is_key(source: Source | None, table: Table) -> bool:
    """Whether a number is the key of its table as it stands, or its columns with something between them. What has no source is told
    elsewhere.
    """
    if source is None:
        return True
    if source.join:
        named, between = source.join[::2], source.join[1::2]
        apart = len(source.join) % 2 == 1 and all(one.constant is not None for one in between)
        return apart and not source.truncate and all(map(_is_plain, named)) and tuple(one.column for one in named) == table.key
    return _is_plain(source) and (source.column,) == table.key


def _is_plain(source: Source) -> bool:
    return source.of in {None, "fee"} and not source.lookup and not source.dictionary and not source.truncate


def _not_its_key(  # noqa: PLR0913 - what is told
    document: Document, place: Place, whose: str, keys: set[tuple[str, ...]], hint: str, *, what: str = ""
) -> None:
    named = " or ".join(sorted(", ".join(key) for key in keys))
    several = next((key for key in sorted(keys) if len(key) > 1), ())
    document.report(
        place,
        f"{what}must be the key of {whose} ({named}) as it stands, because it is unique (rule {UNIQUE_LINES}); {hint}where another"
        f" column is unique too, name that as the table's `key`{_joined(several)}",
    )


def _joined(key: tuple[str, ...]) -> str:
    """How a key of several columns becomes a number; `""` for one column."""
    between = ', "-", '.join(key)
    return f"; or write all of them, {{join: [{between}]}}{_PARTED}" if key else ""


def _table(written: MappingFile, place: Place) -> Table | None:
    return written.tables[place[1]] if place[0] == "tables" and isinstance(place[1], int) else None


def check_source(  # noqa: PLR0913 - a source, and where it stands
    document: Document, written: MappingFile, source: Source, place: Place, *, own: TableRole, table: Table | None = None
) -> None:
    """Names in a source and in the sources inside it. table: for whose rows alone it is; None: for all of that role."""
    _row(document, written, source, place, own=own, table=table)
    if source.dictionary is not None and source.dictionary not in written.dictionaries:
        hint = nearest(source.dictionary, written.dictionaries)
        document.report((*place, "dictionary"), f"`{source.dictionary}` is no dictionary of this file{hint}")
    if source.lookup is not None:
        _lookup(document, written, source, place)
    choices = {way for way, _ in source.choices()}
    for way, one in (*((("by", index), one) for index, one in enumerate(source.by)), *source.nested()):
        at = (*place, *way)
        check_source(document, written, one, at, own=own, table=table)
        allowed = {"dictionary"} if way in choices else {_INNER.get(f"{way[0]}")}
        if converts := [key for key in CONVERSIONS if key in one.model_fields_set and key not in allowed]:
            document.report(at, f"conversions belong to the outer source: {', '.join(converts)}")
        if isinstance(one.time, TimeForm):
            document.report((*at, "time"), "must be `wall` or `instant` here; other forms are read by the field's own source alone")


def _row(  # noqa: PLR0913 - the same
    document: Document, written: MappingFile, source: Source, place: Place, *, own: TableRole, table: Table | None
) -> None:
    """The row that a column is said to be of."""
    if source.of == "header":
        if table is not None and not table.headers:
            document.report((*place, "of"), f"`{table.table}` hangs under no header (`under`)")
        elif table is None and not hangs(written, own):
            document.report((*place, "of"), f"no table with `role: {own.value}` hangs under a header (`under`)")
    elif source.of is not None and source.of not in WITHIN_REACH[own]:
        document.report(
            (*place, "of"), f"a {own.value} record cannot read the {source.of} row; it can read: {', '.join(WITHIN_REACH[own])}"
        )
    elif source.of is not None and TableRole(source.of) not in roles_of(written):
        document.report((*place, "of"), f"there is no table with `role: {source.of}`")


def _lookup(document: Document, written: MappingFile, source: Source, place: Place) -> None:
    tables = written.lookups
    table = tables.get(source.lookup or "")
    if table is None:
        hint = nearest(source.lookup or "", tables) or (f"; known: {', '.join(sorted(tables))}" if tables else "; there is none")
        document.report((*place, "lookup"), f"`{source.lookup}` is no lookup table of this file{hint}")
    elif len(source.by) != len(asked := table.asked_columns):
        by = "key" if table.named_by is None else "`named_by`"
        document.report((*place, "by"), f"names {len(source.by)} values, the {by} of `{table.table}` has {len(asked)} columns")


def _institution_value(
    document: Document, source: Source, place: Place, *, institutions: Sequence[Institution], required: bool
) -> None:
    if source.institution is None or source.default is not None:
        return
    name = source.institution.removeprefix("value.")
    if source.institution.startswith("value."):
        without = [one.code for one in institutions if name not in one.values]
    else:
        without = [one.code for one in institutions if name == "level" and required and one.level is None]
    if without:
        document.report((*place, "institution"), f"these institutions of site.yaml have no `{name}`: {', '.join(without)}")


def _conversion(document: Document, source: Source, place: Place, field: Field) -> None:
    """Conversions that have no meaning for the interface's type of the field."""
    kind = FieldKind(source.read_as) if source.read_as is not None else field.kind
    if source.read_as is not None and kind is not field.kind and (field.kind is not FieldKind.TEXT or kind is FieldKind.DECIMAL):
        document.report((*place, "as"), f"the interface wants a {field.kind.value} here (§ {field.clause.lstrip('§')})")
    is_time, is_decimal = kind in (FieldKind.DATE, FieldKind.DATETIME), field.kind is FieldKind.DECIMAL
    is_text = field.kind is FieldKind.TEXT
    meaningless = {"time": not is_time, "money": not is_decimal, "round": not is_decimal, "negate": not is_decimal}
    meaningless |= {"truncate": not is_text, "compact": not is_text or kind is not FieldKind.TEXT}
    meaningless["pad_zeros"] = not is_text or field.dictionary is None or field.name == "MED_TYPE"
    for name, never in meaningless.items():
        if never and name in source.model_fields_set and getattr(source, name):
            reason = (
                "MED_TYPE is never rewritten"
                if field.name == "MED_TYPE"
                else f"means nothing for {field.name} ({field.kind.value})"
            )
            document.report((*place, name), reason)


def translations(document: Document, source: Source, place: Place, *, whole: bool = False) -> Iterator[str]:
    """The dictionaries that a value may be translated by, each once: of a choice its own, or those of what is chosen from. whole:
    whether what is chosen is translated already.
    """
    if source.dictionary is not None:
        if whole:
            document.report(
                (*place, "dictionary"), f"`{source.dictionary}` translates what is translated already, by the outer source"
            )
        yield source.dictionary
    for way, one in source.choices():
        yield from translations(document, one, (*place, *way), whole=whole or source.dictionary is not None)


def _dictionary_targets(document: Document, written: MappingFile, dictionary: str, *, field: Field, dialect: Dialect) -> None:
    """Interface codes of a mapping's dictionary that the interface's closed list does not have."""
    named = written.dictionaries.get(dictionary)
    closed = dialect.dictionaries.get(field.dictionary or "")
    if named is None or closed is None or not closed.closed:
        return
    for at, target in targets_of(named):
        if target not in closed.codes:
            place: Place = ("dictionaries", dictionary, *at)
            document.report(place, f"`{target}` is no code of {field.name}; known: {', '.join(closed.codes)}")


def targets_of(translation: Translation | None) -> Iterator[tuple[Place, str]]:
    """The codes that a dictionary of a mapping translates to, with where each stands."""
    if translation is not None:
        yield from ((("codes", code), target) for code, target in translation.codes.items())
        if translation.default is not None:
            yield ("default",), translation.default


def _fits(  # noqa: PLR0913 - what is made, and of what
    document: Document, written: MappingFile, source: Source, place: Place, *, of: tuple[ServiceCode, Field], dialect: Dialect
) -> None:
    """of: the service and its field."""
    try:
        field_step(rule_of(written, source, *of, dialect.zone), dialect)
    except Unfit as unfit:
        if not unfit.value:
            document.report(place, f"its constant or default does not fit: {unfit.violation.rule}: {unfit.violation.message}")
