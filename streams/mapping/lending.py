"""Lookups that several sources of a site read: each is filled from one database."""

from collections.abc import Mapping

from connector.contract import TableRole
from streams.mapping.mapping_file import Lent, MappingFile
from streams.mapping.reading import Document
from streams.mapping.tables import Table
from streams.wording import nearest


def lend(documents: Mapping[str, Document], mappings: Mapping[str, MappingFile]) -> None:
    """Tell every mapping what it shares with others, and note what cannot be borrowed. documents: the files, by source."""
    lent = {source: _borrowed(documents[source], source, written, mappings, documents) for source, written in mappings.items()}
    for source, written in mappings.items():
        readers = {other: one for other, one in mappings.items() if source in (one.borrowed[name] for name in lent[other])}
        written.share(Lent(lent[source], readers))


def _borrowed(
    document: Document, source: str, written: MappingFile, mappings: Mapping[str, MappingFile], known: Mapping[str, Document]
) -> dict[str, Table]:
    """The tables by the names of their lookups."""
    own = {table.lookup_name for table in written.tables if table.role is TableRole.LOOKUP}
    found: dict[str, Table] = {}
    for name, owner in written.borrowed.items():
        of_owner = mappings.get(owner)
        tables = {} if of_owner is None else {one.lookup_name: one for one in of_owner.tables if one.role is TableRole.LOOKUP}
        if name in own:
            document.report(("borrowed", name), f"`{name}` is a lookup table of this file, too; give one of them another name")
        elif owner == source:
            document.report(("borrowed", name), f"`{owner}` is this mapping's own source: its lookup tables stand in `tables`")
        elif owner not in known:
            document.report(("borrowed", name), f"`{owner}` is no source of the site{nearest(owner, known)}")
        elif of_owner is not None and name not in tables:
            document.report(("borrowed", name), f"source `{owner}` has no lookup `{name}`{nearest(name, tables)}")
        elif of_owner is not None:
            table = tables[name]
            found[name] = table.model_copy(update={"nulls": of_owner.nulls if table.nulls is None else table.nulls})
    return found


def lookups_apart(document: Document, mappings: Mapping[str, MappingFile]) -> None:
    """Each lookup is filled from one database: a row of one hospital must not take the place of another's under the same key."""
    filled: dict[str, str] = {}
    for name, mapping in mappings.items():
        for table in mapping.tables:
            if table.role is TableRole.LOOKUP and (other := filled.setdefault(table.lookup_name, name)) != name:
                document.report(
                    ("sources", name, "mapping"),
                    f"lookup `{table.lookup_name}` is filled from source `{other}` already, and rows of both would replace each "
                    "other; give this source a mapping file of its own, with other lookup names, or with `borrowed` where both "
                    "mean the same rows",
                )
