"""Names of SQL Server, split and quoted so that they can be pasted into SQL."""


def split_table(name: str) -> tuple[str, str]:
    """Schema and table of `schema.table`."""
    schema, _, table = name.partition(".")
    return schema, table


def quoted(name: str) -> str:
    """One identifier, always in brackets: Chinese and reserved words stay what they are."""
    return "[" + name.replace("]", "]]") + "]"


def quoted_table(name: str) -> str:
    """`schema.table` with both parts quoted."""
    return ".".join(quoted(part) for part in split_table(name))


def literal(value: str) -> str:
    """A text in quotes, in whatever collation."""
    return "N'" + value.replace("'", "''") + "'"
