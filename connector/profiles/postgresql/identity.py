"""Whether rows can be told apart, by the mapping's key and in the database's log. Pure."""

from collections.abc import Iterator

from connector.contract import CapturedTable, TableRole
from connector.findings import Finding, Severity
from connector.profiles.postgresql.catalogue import Table
from connector.profiles.postgresql.names import quoted, quoted_list, quoted_table

_PARTITIONED = "p"
_FULL, _DEFAULT, _NOTHING = "f", "d", "n"


def check_key(wanted: CapturedTable, table: Table) -> Iterator[Finding]:
    """Check that the mapping's key identifies one row: it is unique and never NULL."""
    known = [column for column in wanted.key if column in table.columns]
    if len(known) < len(wanted.key):
        return
    name, columns = quoted_table(wanted.name), quoted_list(wanted.key)
    if table.partitioned_by:
        yield from _check_key_of_partitioned(wanted, table)
    if not any(unique <= {*wanted.key, *table.partitioned_by} for unique in table.unique):
        how = "" if table.kind == _PARTITIONED else " CONCURRENTLY"  # PostgreSQL cannot do that to a partitioned table
        yield Finding(
            where=f"{wanted.name} ({', '.join(wanted.key)})",
            what="is neither the primary key nor unique: rows would take each other for the same",
            mend=f"CREATE UNIQUE INDEX{how} ON {name} ({columns});  -- or name the right key in the mapping",
        )
    for column in known:
        if not table.columns[column].not_null:
            yield Finding(
                where=f"{wanted.name}.{column}",
                what="is part of the key and may be NULL",
                mend=f"ALTER TABLE {name} ALTER COLUMN {quoted(column)} SET NOT NULL;",
            )


def _check_key_of_partitioned(wanted: CapturedTable, table: Table) -> Iterator[Finding]:
    """PostgreSQL makes nothing unique in all partitions, so that the primary key holds the columns by which a table is partitioned;
    the mapping's key should not.
    """
    named = tuple(column for column in wanted.key if column in table.partitioned_by)
    rest = tuple(column for column in wanted.key if column not in table.partitioned_by)
    key, by = quoted_list(rest), ", ".join(named or sorted(table.partitioned_by))
    twice = f"SELECT {key} FROM {quoted_table(wanted.name)} GROUP BY {key} HAVING count(*) > 1;"  # noqa: S608 - for a person
    where = f"{wanted.name} ({', '.join(wanted.key)})"
    if named and rest:
        yield Finding(
            where=where,
            what=f"holds {by}, by which the table is partitioned: a row that one update moves to another partition and to another"
            " visit is taken for one that goes and one that comes",
            mend=f"{twice}  -- where that finds nothing, and never will, leave {by} out of the key in the mapping",
            severity=Severity.WARNS,
        )
    unique = [one for one in table.unique if one <= {*wanted.key, *table.partitioned_by}]
    if unique and not any(one <= {*wanted.key} for one in unique):
        yield Finding(
            where=where,
            what="is unique in each partition, and PostgreSQL can promise no more: rows with one key would take each other for the"
            " same",
            mend=f"{twice}  -- must find nothing, now and later; else name {by} in the key, too",
            severity=Severity.WARNS,
        )


def check_identity(wanted: CapturedTable, table: Table) -> Iterator[Finding]:
    """Check that the log says enough of a row that was changed or deleted: all old values of a row with a visit key (replica
    identity FULL), the key of a lookup row.
    """
    bare = [
        name
        for name, identity in identities(table, wanted.name).items()
        if identity != _FULL and not (wanted.role is TableRole.LOOKUP and identity == _DEFAULT and set(wanted.key) <= table.primary)
    ]
    if not bare:
        return
    of = "" if bare == [wanted.name] else f" in its {_partitions(bare)}"
    yield Finding(where=wanted.name, what=f"has no full replica identity{of}: {_harm(wanted, table)}", mend=full_identity(*bare))


def _harm(wanted: CapturedTable, table: Table) -> str:
    if any(is_unidentified(table, identity) for identity in identities(table, wanted.name).values()):
        return "while it is published, PostgreSQL refuses the hospital's own updates and deletes on it"
    if wanted.role is TableRole.LOOKUP:
        return "a deleted row would arrive without its key"
    return "a deleted row would arrive without its visit, a changed one without what it was"


def is_unidentified(table: Table, identity: str) -> bool:
    """Whether a log with this replica identity does not say at all which row was changed or deleted."""
    return identity == _NOTHING or (identity == _DEFAULT and not table.primary)


def identities(table: Table, name: str) -> dict[str, str]:
    """The replica identity of each relation that holds the table's rows, by name. Partitions do not inherit that of their table."""
    return dict(table.partitions) if table.kind == _PARTITIONED else {name: table.identity}


def is_full(table: Table, name: str) -> bool:
    """Whether the log carries complete old rows, at least for one partition."""
    return _FULL in identities(table, name).values()


def full_identity(*names: str) -> str:
    """The SQL that makes the log carry complete old rows."""
    return " ".join(f"ALTER TABLE {quoted_table(name)} REPLICA IDENTITY FULL;" for name in names)


def _partitions(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{len(names)} partitions {shown}{', …' if len(names) > 3 else ''}" if len(names) > 1 else f"partition {shown}"
