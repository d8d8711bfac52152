"""What a mapping makes of the rows of each table, so that it can be compared with the mapping before: which of them count, where
they belong, what their values mean.

Rows that were captured stay what the mapping of then made of them until they change or are read again.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from connector.contract import TableRole
from streams.domain.roles import ROLE_OF
from streams.mapping.compiling import nulls_of
from streams.mapping.mapping_file import MappingFile
from streams.mapping.site_file import Site
from streams.mapping.sources import Source
from streams.mapping.tables import Table
from streams.spec.profiles import REPORTING
from streams.topics.control import Taken

_WORDS: Final = ("role", "key", "visit_key", "prefix", "under", "header", "else", "named_by", "settlement", "lookup")
"""Of a table, as they are written; the others are seen to below, or are about rows to come alone."""
_APART: Final = ("role", "settlement", "institution", "lookups", "record key")
"""Those that each of several roles of a table has of its own."""


def taken_rows(site: Site) -> Mapping[str, Mapping[str, Taken]]:
    """By source and table, a print of every word that decides about its rows. Lookups have none: what they decide stands with the
    tables that read them.
    """
    return {source: _taken(site.mappings[source]) for source in site.sources}


def _taken(written: MappingFile) -> Mapping[str, Taken]:
    """Of a table with several roles, what they have in common stands with the first one."""
    found: dict[str, dict[str, str]] = {}
    for table in written.tables:
        if table.role is not TableRole.LOOKUP:
            words = {word: _print(value) for word, value in _words(written, table) if value}
            further = table.in_database != table.table
            own = {f"{word} of the {table.role.value}": words[word] for word in _APART if word in words} if further else words
            found[table.in_database] = {**found.get(table.in_database, {}), **own}
    return found


def _words(written: MappingFile, table: Table) -> Iterator[tuple[str, Any]]:
    said = table.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    yield from ((word, said.get(word)) for word in _WORDS)
    yield "where", {column: _sorted(one) for column, one in said.get("where", {}).items()}
    yield "nulls", _nulls(written, table)
    belongs = written.institution.of(table.role)
    yield "institution", None if belongs is None else belongs.model_dump(mode="json", exclude_defaults=True)
    sources = {name: list(_sources(source)) for name, source in _read(written, table.role)}
    names = {one.lookup for found in sources.values() for one in found} | {which.lookup for which in table.which.values()}
    yield (
        "lookups",
        {
            one.lookup_name: [one.key, _nulls(written, one), *_asked(one)]
            for one in written.lookups.values()
            if one.lookup_name in names
        },
    )
    keys = [about.key for service, about in REPORTING.services.items() if ROLE_OF[service] is table.role]
    yield "record key", [_with_dictionaries(written, one) for key in keys for one in sources.get(key, ())]


def _asked(lookup: Table) -> Iterator[Any]:
    """What else says which row of a lookup is found."""
    yield from (lookup.named_columns, lookup.latest) if lookup.latest is not None else ()
    if lookup.which:
        yield {column: one.model_dump(mode="json", exclude_defaults=True) for column, one in lookup.which.items()}


def _sorted(which: Mapping[str, Any]) -> dict[str, Any]:
    """The order of the values says nothing."""
    return {word: sorted(value) if word in ("in", "not") else value for word, value in which.items()}


def _nulls(written: MappingFile, table: Table) -> list[str]:
    nulls = nulls_of(written, table)
    return [] if nulls is None else sorted(nulls.values.nulls)


def _read(written: MappingFile, role: TableRole) -> Iterator[tuple[str, Source]]:
    """What the records of a role are made of, by field."""
    for service, own in ROLE_OF.items():
        record = written.records.of(service) if own is role else None
        yield from (() if record is None else record.fields.items())


def _sources(source: Source) -> Iterator[Source]:
    """A source, and all that it is made of."""
    yield source
    for one in (*source.by, *(one for _, one in source.nested())):
        yield from _sources(one)


def _with_dictionaries(written: MappingFile, source: Source) -> list[Any]:
    translation = written.dictionaries.get(source.dictionary or "")
    return [
        source.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        None if translation is None else translation.model_dump(mode="json"),
    ]


def _print(value: object) -> str:
    return hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=4).hexdigest()
