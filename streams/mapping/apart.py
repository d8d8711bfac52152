"""Two sources of one institution: their records must not be able to have one number.

Each source is placed and joined by itself, so that a record of the one would overwrite the other's at the platform, and no letter
would tell it. What tells their numbers apart is therefore demanded in the files.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from connector.contract import TableRole
from streams.domain.roles import REPORTED, ReportedRole
from streams.mapping.connections import DatabaseSource
from streams.mapping.mapping_file import MappingFile
from streams.mapping.prefix_checks import may_meet
from streams.mapping.reading import Document
from streams.mapping.reporting import Institution
from streams.mapping.site_file import SiteFile
from streams.mapping.tables import Table
from streams.spec.fields import ServiceCode
from streams.spec.profiles import REPORTING
from streams.wording import nearest


def check_sources(document: Document, file: SiteFile, mappings: Mapping[str, MappingFile]) -> None:
    """Note institutions of sources that are none of the site, and every two sources whose records may have one number."""
    for name, source in file.sources.items():
        _institutions(document, file, name, source, mappings.get(name))
    for one, other in combinations(mappings, 2):
        if file.sources[one].distinct_numbers or file.sources[other].distinct_numbers:
            continue
        shared = [found for role in REPORTED if (found := _shared(file, mappings, (one, other), role))]
        if shared:
            document.report(("sources", other), _told(one, other, shared))


def institutions_of(file: SiteFile, source: str) -> tuple[Institution, ...]:
    """The institutions that may report from a source."""
    named = file.sources[source].institutions
    return file.institutions if named is None else tuple(one for one in file.institutions if one.code in named)


def _institutions(document: Document, file: SiteFile, name: str, source: DatabaseSource, written: MappingFile | None) -> None:
    codes = [one.code for one in file.institutions]
    for index, code in enumerate(source.institutions or ()):
        if code not in codes:
            document.report(
                ("sources", name, "institutions", index), f"`{code}` is no institution of the site{nearest(code, codes)}"
            )
    for role in REPORTED if written is not None and source.institutions is not None else ():
        belongs = None if written is None else written.institution.of(role.role)
        if belongs is not None and belongs.constant in codes and belongs.constant not in (source.institutions or ()):
            document.report(
                ("sources", name, "institutions"),
                f"lacks `{belongs.constant}`, to which all {role.role.value} rows of its mapping belong",
            )


class _Shared(NamedTuple):
    """What two sources both report, so that numbers may meet."""

    service: ServiceCode
    codes: Sequence[str]
    """Of the institutions."""
    tables: Sequence[str]
    """Whose numbers may meet."""


def _shared(file: SiteFile, mappings: Mapping[str, MappingFile], pair: tuple[str, str], role: ReportedRole) -> _Shared | None:
    first, second = ({*_reporting(file, mappings[name], name, role.role)} for name in pair)
    codes = [one.code for one in file.institutions if one.code in first & second]
    ours, theirs = ([table for table in mappings[name].tables if table.role is role.role] for name in pair)
    meeting = [(one, other) for one in ours for other in theirs if _may_meet(one, other)]
    tables = dict.fromkeys(f"{two[at].table} of `{pair[at]}`" for at in (0, 1) for two in meeting)
    return _Shared(role.service, codes, [*tables]) if codes and tables else None


def _reporting(file: SiteFile, written: MappingFile, source: str, role: TableRole) -> Iterator[str]:
    """The institutions whose records of a role a source may report."""
    belongs = written.institution.of(role)
    for one in institutions_of(file, source) if belongs is not None else ():
        if (
            belongs is not None
            and belongs.constant in (None, one.code)
            and (role is not TableRole.VISIT or one.kind in written.visit_duty)
        ):
            yield one.code


def _may_meet(one: Table, other: Table) -> bool:
    """Whether the numbers of two tables may be the same. Where one has no prefix, its numbers may begin with the other's."""
    return one.record_prefix is None or other.record_prefix is None or may_meet(one.record_prefix, other.record_prefix)


def _told(one: str, other: str, shared: Sequence[_Shared]) -> str:
    services = ", ".join(f"{found.service.value} ({REPORTING.services[found.service].key})" for found in shared)
    codes = ", ".join(dict.fromkeys(code for found in shared for code in found.codes))
    tables = ", ".join(dict.fromkeys(table for found in shared for table in found.tables))
    prefixes = (
        f"a `record_prefix` for each of {tables} in the mapping files, none the beginning of another one (what was reported already"
        " gets another number by that)"
    )
    reason = (
        f"where no number of the one can be one of the other, for `{other}` why: `distinct_numbers: …`, and compare them by"
        " `yibao check --live`"
    )
    return (
        f"reports {services} of {codes}, and so does `{one}`: where a number stands in both, one record overwrites the other at the"
        f" platform, and nobody is told. Write one of these: (1) {prefixes}; (2) where they report different institutions,"
        f" `institutions: [CODE, …]` for `{one}` and `{other}`; (3) {reason}"
    )
