"""Names of Oracle, split and quoted so that they can be pasted into SQL."""

from connector.contract import CaptureSource


def split_table(name: str) -> tuple[str, str]:
    """Schema and table of `SCHEMA.TABLE`."""
    schema, _, table = name.partition(".")
    return schema, table


def quoted(name: str) -> str:
    """One identifier, always in quotes: in the catalogue's upper and lower case, Chinese and reserved words too."""
    return '"' + name.replace('"', '""') + '"'


def quoted_table(name: str) -> str:
    """`SCHEMA.TABLE` with both parts quoted."""
    return ".".join(quoted(part) for part in split_table(name))


def literal(value: str) -> str:
    """A text in quotes."""
    return "'" + value.replace("'", "''") + "'"


def containers(source: CaptureSource) -> tuple[str, str | None]:
    """The database to which a capture logs in, and the pluggable one in which the tables are: `CDB/PDB`, or one name where there is
    none.
    """
    database, _, pluggable = source.database.partition("/")
    return database, pluggable or None
