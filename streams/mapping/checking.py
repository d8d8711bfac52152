"""What a mapping must get right beyond its form: names that exist, rows that are there, conversions that make sense.

Every function notes problems in the document, with the place where they are; none stops at the first.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import get_args

from connector.contract import TableRole
from streams.domain.normalise.fields import Dialect, field_step
from streams.domain.roles import ROLE_OF, WITHIN_REACH
from streams.domain.validate.judge import UNIQUE_LINES
from streams.domain.violations import Unfit
from streams.mapping.compiling import field_rule, kind_step
from streams.mapping.link_checks import check_links
from streams.mapping.mapping_file import MappingFile, Translation
from streams.mapping.move_checks import check_moves
from streams.mapping.reading import Document, Place
from streams.mapping.reporting import Institution
from streams.mapping.site_file import SiteFile
from streams.mapping.sources import Source, TimeForm
from streams.mapping.tables import Table
from streams.mapping.through_checks import check_through
from streams.mapping.which_checks import check_which
from streams.spec.fields import Field, FieldKind, ServiceCode
from streams.spec.infno import CareKind
from streams.spec.profiles import REPORTING
from streams.wording import nearest

CARE_KINDS: tuple[str, ...] = get_args(CareKind)
CONVERSIONS = ("dictionary", "read_as", "time", "money", "default", "round", "trim", "pad_zeros", "compact", "truncate")
_INNER = {**dict.fromkeys(("product", "sum", "join", "part"), "default"), "age": "time", "days": "time"}
"""The conversion that makes sense inside a formula."""


def check_mapping(document: Document, written: MappingFile, site: SiteFile, dialect: Dialect) -> None:
    """Note everything that is wrong with a mapping of this site."""
    _tables(document, written)
    _institutions(document, written, site)
    _kind(document, written, site, dialect)
    _duty(document, written, site)
    for service in ServiceCode:
        _record(document, written, service, site=site, dialect=dialect)
    if site.rules.get(UNIQUE_LINES, "refuse") == "refuse":
        _unique_lines(document, written)


def _tables(document: Document, written: MappingFile) -> None:
    names = Counter(table.table for table in written.tables)
    lookups = Counter(table.lookup_name for table in written.tables if table.role is TableRole.LOOKUP)
    for index, table in enumerate(written.tables):
        if names[table.table] > 1:
            document.report(("tables", index, "table"), f"`{table.table}` is listed {names[table.table]} times")
        if table.role is TableRole.LOOKUP and lookups[table.lookup_name] > 1:
            document.report(("tables", index), f"lookup name `{table.lookup_name}` is used twice; give one of them `lookup`")
    _settlement_links(document, written)
    _settled(document, written)
    check_links(document, written)
    check_which(document, written)
    check_moves(document, written)
    check_through(document, written)
    for service, role in ROLE_OF.items():
        has_table, has_record = role in _roles(written), written.records.of(service) is not None
        if has_table and not has_record:
            document.report(("records",), f"`{service.value}` is missing, although there is a {role.value} table")
        if has_record and not has_table:
            document.report(("records", service.value), f"there is no table with `role: {role.value}`")


def _settlement_links(document: Document, written: MappingFile) -> None:
    """A line names its settlement by one column. No line that has one could ever match a settlement whose key is of several."""
    settlements = [table for table in written.tables if table.role is TableRole.SETTLEMENT]
    fees = [table for table in written.tables if table.role is TableRole.FEE]
    linked = [table for table in fees if table.settlement_column is not None]
    if not linked or (linked != fees and any(len(table.key) == 1 for table in settlements)):
        return  # Lines without a link may belong to the settlements with the longer key.
    named = " and ".join(f"{table.table} by `{table.settlement_column}`" for table in linked)
    for index, table in enumerate(written.tables):
        if table.role is TableRole.SETTLEMENT and len(table.key) > 1:
            document.report(
                ("tables", index, "key"),
                f"is of {len(table.key)} columns ({', '.join(table.key)}), but lines name their settlement by one column"
                f" ({named}) and would never find it; write the one column that they name, if it is unique, or name all by"
                " `settlement: {match: {column of the line: column of the settlement, …}}`",
            )


def _settled(document: Document, written: MappingFile) -> None:
    """A list of lines names them by one column."""
    for index, table in enumerate(written.tables):
        lines = None if table.settlement is None else table.settlement.lines
        if lines is not None and lines.line is None and len(table.key) > 1:
            document.report(
                ("tables", index, "settlement", "lines"),
                f"needs `line`: the column of the line that stands in `{lines.column}` (the key is of {len(table.key)} columns)",
            )


def _roles(written: MappingFile) -> set[TableRole]:
    return {table.role for table in written.tables}


def _hangs(written: MappingFile, role: TableRole) -> bool:
    """Whether rows of this role hang under headers."""
    return any(table.headers for table in written.tables if table.role is role)


def _institutions(document: Document, written: MappingFile, site: SiteFile) -> None:
    codes = [one.code for one in site.institutions]
    for role in ROLE_OF.values():
        belonging = written.institution.of(role)
        place = ("institution", role.value)
        if belonging is None and role in _roles(written):
            document.report(place, f"is missing, although there is a {role.value} table")
        elif belonging is not None and belonging.of is not None and not _hangs(written, role):
            document.report((*place, "of"), f"no table with `role: {role.value}` hangs under a header (`under`)")
        elif belonging is not None and belonging.constant is not None and belonging.constant not in codes:
            document.report(
                (*place, "constant"), f"`{belonging.constant}` is no institution of the site{nearest(belonging.constant, codes)}"
            )


def _kind(document: Document, written: MappingFile, site: SiteFile, dialect: Dialect) -> None:
    if written.kind is None:
        if any(one.kind == "hospital" for one in site.institutions):
            document.report(("kind",), "is missing; only pharmacies can do without it")
        return
    if any(one.of == "header" for one in _all_in(written.kind)):
        document.report(("kind", "of"), "cannot be `header`: the kind is told by the row of the visit, the settlement or the line")
    _source(document, written, written.kind, ("kind",), own=TableRole.FEE)
    translation = written.dictionaries.get(written.kind.dictionary or "")
    for at, kind in _targets(translation):
        if kind not in CARE_KINDS:
            place: Place = ("dictionaries", str(written.kind.dictionary), *at)
            document.report(place, f"`{kind}` is no kind of care; known: {', '.join(CARE_KINDS)}{nearest(kind, CARE_KINDS)}")
    for plain in (written.kind.constant, written.kind.default):
        if plain is not None and plain not in CARE_KINDS and translation is None:
            document.report(("kind",), f"`{plain}` is no kind of care; known: {', '.join(CARE_KINDS)}")
    kind_step(written, dialect)


def _all_in(source: Source) -> Iterator[Source]:
    """A source and all that it is made of, the values by which a lookup is asked among them."""
    yield source
    for one in (*source.by, *(inner for _, inner in source.nested())):
        yield from _all_in(one)


def _duty(document: Document, written: MappingFile, site: SiteFile) -> None:
    bound = any(one.kind in written.visit_duty for one in site.institutions)
    if bound and TableRole.VISIT not in _roles(written):
        document.report(("visit_duty",), "there is no table with `role: visit`, although hospitals must report visits (§3.3.3)")


def _record(document: Document, written: MappingFile, service: ServiceCode, *, site: SiteFile, dialect: Dialect) -> None:
    record = written.records.of(service)
    if record is None:
        return
    place: Place = ("records", service.value, "fields")
    known = {field.name: field for field in REPORTING.services[service].fields}
    reporting = [one for one in site.institutions if service is not ServiceCode.VISIT or one.kind in written.visit_duty]
    for name, source in record.fields.items():
        if name not in known:
            document.report((*place, name), f"is no field of {service.value}{nearest(name, known)}")
            continue
        before = len(document.problems)
        _source(document, written, source, (*place, name), own=ROLE_OF[service])
        _institution_value(document, source, (*place, name), institutions=reporting, required=known[name].required)
        _conversion(document, source, (*place, name), known[name])
        _dictionary_targets(document, written, source, field=known[name], dialect=dialect)
        if len(document.problems) == before:
            _fits(document, written, service, field=known[name], dialect=dialect)
    absent = [field for field in known.values() if field.required and field.name not in record.fields]
    if absent:
        names = ", ".join(f"{field.name} ({field.label})" for field in absent)
        document.report(place, f"{len(absent)} required fields have no source: {names}")


_PARTED = "; leave the column by which a table is partitioned out of its `key` (docs/mapping.md)"


def _unique_lines(document: Document, written: MappingFile) -> None:
    """R12: two lines with one BKKP_SN would overwrite each other at the platform; the key of their table cannot be there twice."""
    record = written.records.fee_list_d
    source = None if record is None else record.fields.get("BKKP_SN")
    keys = {table.key for table in written.tables if table.role is TableRole.FEE}
    if source is None or not keys:
        return
    joint = any(len(key) > 1 for key in keys)
    if source.of not in {None, "fee"} or source.lookup or keys != {(source.column,)} or source.dictionary or source.truncate:
        named = " or ".join(sorted(", ".join(key) for key in keys))
        document.report(
            ("records", "fee_list_d", "fields", "BKKP_SN"),
            f"must be the key of the fee table ({named}) as it stands, because it is unique (rule {UNIQUE_LINES}); where another"
            f" column is unique too, write `rules: {{{UNIQUE_LINES}: off}}` in the site's file{_PARTED if joint else ''}",
        )


def _source(document: Document, written: MappingFile, source: Source, place: Place, *, own: TableRole) -> None:
    """Names in a source and in the sources inside it."""
    if source.of == "header":
        if not _hangs(written, own):
            document.report((*place, "of"), f"no table with `role: {own.value}` hangs under a header (`under`)")
    elif source.of is not None and source.of not in WITHIN_REACH[own]:
        document.report(
            (*place, "of"), f"a {own.value} record cannot read the {source.of} row; it can read: {', '.join(WITHIN_REACH[own])}"
        )
    elif source.of is not None and TableRole(source.of) not in _roles(written):
        document.report((*place, "of"), f"there is no table with `role: {source.of}`")
    if source.dictionary is not None and source.dictionary not in written.dictionaries:
        hint = nearest(source.dictionary, written.dictionaries)
        document.report((*place, "dictionary"), f"`{source.dictionary}` is no dictionary of this file{hint}")
    if source.lookup is not None:
        _lookup(document, written, source, place)
    for way, one in (*((("by", index), one) for index, one in enumerate(source.by)), *source.nested()):
        at = (*place, *way)
        _source(document, written, one, at, own=own)
        if converts := [key for key in CONVERSIONS if key in one.model_fields_set and key != _INNER.get(f"{way[0]}")]:
            document.report(at, f"conversions belong to the outer source: {', '.join(converts)}")
        if isinstance(one.time, TimeForm):
            document.report((*at, "time"), "must be `wall` or `instant` here; other forms are read by the field's own source alone")


def _lookup(document: Document, written: MappingFile, source: Source, place: Place) -> None:
    tables: dict[str, Table] = {table.lookup_name: table for table in written.tables if table.role is TableRole.LOOKUP}
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


def _dictionary_targets(document: Document, written: MappingFile, source: Source, *, field: Field, dialect: Dialect) -> None:
    """Interface codes of a mapping's dictionary that the interface's closed list does not have."""
    named = written.dictionaries.get(source.dictionary or "")
    closed = dialect.dictionaries.get(field.dictionary or "")
    if named is None or closed is None or not closed.closed:
        return
    for at, target in _targets(named):
        if target not in closed.codes:
            place: Place = ("dictionaries", str(source.dictionary), *at)
            document.report(place, f"`{target}` is no code of {field.name}; known: {', '.join(closed.codes)}")


def _targets(translation: Translation | None) -> Iterator[tuple[Place, str]]:
    """The codes that a dictionary of a mapping translates to, with where each stands."""
    if translation is not None:
        yield from ((("codes", code), target) for code, target in translation.codes.items())
        if translation.default is not None:
            yield ("default",), translation.default


def _fits(document: Document, written: MappingFile, service: ServiceCode, *, field: Field, dialect: Dialect) -> None:
    try:
        field_step(field_rule(written, service, field, dialect), dialect)
    except Unfit as unfit:
        if not unfit.value:
            place: Place = ("records", service.value, "fields", field.name)
            document.report(place, f"its constant or default does not fit: {unfit.violation.rule}: {unfit.violation.message}")
