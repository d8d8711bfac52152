"""What a mapping must get right beyond its form: names that exist, rows that are there, conversions that make sense.

Every function notes problems in the document, with the place where they are; none stops at the first.
"""

from collections import Counter
from collections.abc import Iterator
from typing import get_args

from connector.contract import TableRole
from streams.domain.normalise.fields import Dialect
from streams.domain.roles import ROLE_OF
from streams.domain.validate.judge import UNIQUE_LINES
from streams.mapping.compiling import kind_step
from streams.mapping.link_checks import check_links
from streams.mapping.mapping_file import MappingFile
from streams.mapping.move_checks import check_moves
from streams.mapping.prefix_checks import check_prefixes
from streams.mapping.reading import Document, Place
from streams.mapping.record_checks import check_records, check_source, check_unique_lines, hangs, roles_of, targets_of, translations
from streams.mapping.renumbered_checks import check_renumbered
from streams.mapping.site_file import SiteFile
from streams.mapping.sources import Source
from streams.mapping.through_checks import check_through
from streams.mapping.which_checks import check_which
from streams.spec.fields import ServiceCode
from streams.spec.infno import CareKind
from streams.wording import nearest

CARE_KINDS: tuple[str, ...] = get_args(CareKind)


def check_mapping(document: Document, written: MappingFile, site: SiteFile, dialect: Dialect) -> None:
    """Note everything that is wrong with a mapping of this site."""
    document.written_at = {("tables", made): ("tables", at) for made, at in _made_of(written).items()}
    _tables(document, written)
    _institutions(document, written, site)
    _kind(document, written, site, dialect)
    _duty(document, written, site)
    for service in ServiceCode:
        check_records(document, written, service, site=site, dialect=dialect)
    if site.rules.get(UNIQUE_LINES, "refuse") == "refuse":
        check_unique_lines(document, written)


def _made_of(written: MappingFile) -> dict[int, int]:
    """By the place of a table that was made of an entry of the file, the place of that, where the two differ."""
    return {index: at for index, table in enumerate(written.tables) for at, _ in [table.written] if at != index}


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
    check_prefixes(document, written)
    check_through(document, written)
    check_renumbered(document, written)
    for service, role in ROLE_OF.items():
        has_table, has_record = role in roles_of(written), written.records.of(service) is not None
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


def _institutions(document: Document, written: MappingFile, site: SiteFile) -> None:
    codes = [one.code for one in site.institutions]
    for role in ROLE_OF.values():
        belonging = written.institution.of(role)
        place = ("institution", role.value)
        if belonging is None and role in roles_of(written):
            document.report(place, f"is missing, although there is a {role.value} table")
        elif belonging is not None and belonging.of is not None and not hangs(written, role):
            document.report((*place, "of"), f"no table with `role: {role.value}` hangs under a header (`under`)")
        elif belonging is not None and belonging.constant is not None and belonging.constant not in codes:
            document.report(
                (*place, "constant"), f"`{belonging.constant}` is no institution of the site{nearest(belonging.constant, codes)}"
            )


def _kind(document: Document, written: MappingFile, site: SiteFile, dialect: Dialect) -> None:
    visits = {index: table for index, table in enumerate(written.tables) if table.role is TableRole.VISIT}
    kinds: list[tuple[Place, Source | None]] = [(("kind",), written.kind)]
    kinds += [(("tables", index, "kind"), table.kind) for index, table in visits.items()]
    without = [table for table in visits.values() if table.kind is None]
    lacks = written.kind is None and (without or not visits) and not _only_lookups(written)
    if lacks and any(one.kind == "hospital" for one in site.institutions):
        document.report(("kind",), "is missing; only pharmacies can do without it, and visit tables with a `kind` of their own")
    for place, kind in kinds:
        if kind is not None:
            _kind_source(document, written, kind, place)
    if not document.problems:
        kind_step(written, dialect)


def _kind_source(document: Document, written: MappingFile, kind: Source, place: Place) -> None:
    if any(one.of == "header" for one in _all_in(kind)):
        document.report((*place, "of"), "cannot be `header`: the kind is told by the row of the visit, the settlement or the line")
    check_source(document, written, kind, place, own=TableRole.FEE)
    dictionaries = list(translations(document, kind, place))
    for dictionary in dictionaries:
        for at, code in targets_of(written.dictionaries.get(dictionary)):
            if code not in CARE_KINDS:
                where: Place = ("dictionaries", dictionary, *at)
                document.report(where, f"`{code}` is no kind of care; known: {', '.join(CARE_KINDS)}{nearest(code, CARE_KINDS)}")
    for plain in (kind.constant, kind.default):
        if plain is not None and plain not in CARE_KINDS and not dictionaries:
            document.report(place, f"`{plain}` is no kind of care; known: {', '.join(CARE_KINDS)}{nearest(plain, CARE_KINDS)}")


def _all_in(source: Source) -> Iterator[Source]:
    """A source and all that it is made of, the values by which a lookup is asked among them."""
    yield source
    for one in (*source.by, *(inner for _, inner in source.nested())):
        yield from _all_in(one)


def _only_lookups(written: MappingFile) -> bool:
    """Whether it makes no records: other mappings borrow what it has."""
    return roles_of(written) == {TableRole.LOOKUP}


def _duty(document: Document, written: MappingFile, site: SiteFile) -> None:
    bound = any(one.kind in written.visit_duty for one in site.institutions)
    if bound and TableRole.VISIT not in roles_of(written) and not _only_lookups(written):
        document.report(("visit_duty",), "there is no table with `role: visit`, although hospitals must report visits (§3.3.3)")
