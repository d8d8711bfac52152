"""Names of MariaDB, split and quoted so that they can be pasted into SQL."""


def split_table(name: str) -> tuple[str, str]:
    """Database and table of `database.table`."""
    database, _, table = name.partition(".")
    return database, table


def quoted(name: str) -> str:
    """One identifier, always in quotes: Chinese and reserved words stay what they are."""
    return "`" + name.replace("`", "``") + "`"


def quoted_table(name: str) -> str:
    """`database.table` with both parts quoted."""
    return ".".join(quoted(part) for part in split_table(name))


def quoted_list(names: tuple[str, ...]) -> str:
    """Identifiers, quoted and separated by commas."""
    return ", ".join(quoted(name) for name in names)


def literal(value: str) -> str:
    """A text in quotes, whatever the server takes a backslash for: where there is one, as its bytes."""
    if "\\" in value:
        return f"CONVERT(X'{value.encode().hex()}' USING utf8mb4)"
    return "'" + value.replace("'", "''") + "'"
