"""Whether a publication carries what is to be captured: tables, operations, columns, rows. Pure."""

from collections.abc import Iterator

from connector.contract import CapturedTable, CaptureSource
from connector.findings import Finding, Severity
from connector.profiles.postgresql.catalogue import Catalogue, Publication, Published
from connector.profiles.postgresql.identity import is_full
from connector.profiles.postgresql.names import quoted, quoted_table

_PARTITIONED = "p"


def check_publication(source: CaptureSource, catalogue: Catalogue) -> Iterator[Finding]:
    """Check that the publication exists, carries every table with all its rows and columns, and publishes every operation."""
    name, publication = quoted(source.publication), catalogue.publication
    existing = [table for table in source.tables if table.name in catalogue.tables]
    if publication is None:
        wanted = [table.name for table in existing] + ([source.heartbeat_table] if source.heartbeat_table else [])
        yield Finding(
            where=f"publication {source.publication}",
            what="does not exist",
            mend=f"CREATE PUBLICATION {name} FOR TABLE {', '.join(quoted_table(table) for table in wanted)};",
        )
        return
    yield from _operations(source, publication)
    yield from _roots(source, catalogue, publication)
    for table in existing:
        published = publication.tables.get(table.name)
        if published is not None:
            yield from _whole(source, table, published, full=is_full(catalogue.tables[table.name], table.name))
        elif (
            not catalogue.tables[table.name].partitions.keys() & publication.tables.keys()
        ):  # there under those names, see `_roots`
            yield _absent(source, table.name)
    if source.heartbeat_table is not None and source.heartbeat_table not in publication.tables:
        yield _absent(source, source.heartbeat_table, severity=Severity.WARNS)


def _absent(source: CaptureSource, table: str, *, severity: Severity = Severity.BLOCKS) -> Finding:
    return Finding(
        where=table,
        what=f"is not in publication {source.publication}",
        mend=f"ALTER PUBLICATION {quoted(source.publication)} ADD TABLE {quoted_table(table)};",
        severity=severity,
    )


def _operations(source: CaptureSource, publication: Publication) -> Iterator[Finding]:
    if publication.missing_operations:
        yield Finding(
            where=f"publication {source.publication}",
            what=f"does not publish {', '.join(publication.missing_operations)}",
            mend=f"ALTER PUBLICATION {quoted(source.publication)} SET (publish = 'insert, update, delete, truncate');",
        )


def _roots(source: CaptureSource, catalogue: Catalogue, publication: Publication) -> Iterator[Finding]:
    partitioned = [
        table.name for table in source.tables if (found := catalogue.tables.get(table.name)) and found.kind == _PARTITIONED
    ]
    if partitioned and not publication.via_root:
        yield Finding(
            where=f"publication {source.publication}",
            what=f"publishes rows of {', '.join(partitioned)} under the names of the partitions",
            mend=f"ALTER PUBLICATION {quoted(source.publication)} SET (publish_via_partition_root = true);",
        )


def _whole(source: CaptureSource, table: CapturedTable, published: Published, *, full: bool) -> Iterator[Finding]:
    again = (
        f"ALTER PUBLICATION {quoted(source.publication)} DROP TABLE {quoted_table(table.name)}; "
        f"ALTER PUBLICATION {quoted(source.publication)} ADD TABLE {quoted_table(table.name)};"
    )
    if published.filtered:
        yield Finding(
            where=table.name, what=f"has a row filter in publication {source.publication}: rows would be missing", mend=again
        )
    if published.columns is None:
        return
    if missing := [column for column in table.columns if column not in published.columns]:
        yield Finding(
            where=table.name,
            what=f"publication {source.publication} leaves out its columns {', '.join(missing)}",
            mend=again,
        )
    if full:
        yield Finding(
            where=table.name,
            what=f"has a column list in publication {source.publication} and a full replica identity: PostgreSQL then refuses the "
            "hospital's own updates and deletes on it unless the list holds every column",
            mend=again,
            severity=Severity.BLOCKS if missing else Severity.WARNS,
        )
