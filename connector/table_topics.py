"""The topics that Debezium gives tables before routing. Kafka allows letters, digits, `.`, `_` and `-` there."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from connector.contract import CapturedTable, CaptureSource, DatabaseKind
from connector.errors import Misconfigured

_BY_SCHEMA: Final = "io.debezium.schema.SchemaUnicodeTopicNamingStrategy"
_BY_DATABASE: Final = "io.debezium.schema.DefaultUnicodeTopicNamingStrategy"
"""Of MariaDB, whose tables have a database in place of a schema."""


def table_topic(source: CaptureSource, table: CapturedTable) -> str:
    """Its topic. Where the underscores of two names would be the same, as of two Chinese names of one length, characters are
    written by their numbers: `_u95e8`.
    """
    return _by_numbers(source, table) if _meet(source) else _with_underscores(source, table)


def naming(source: CaptureSource) -> Mapping[str, str]:
    """What Debezium must be told, so that it names them so."""
    strategy = _BY_SCHEMA if source.kind is DatabaseKind.POSTGRESQL else _BY_DATABASE
    return {"topic.naming.strategy": strategy} if _meet(source) else {}


def refuse_colliding_topics(source: CaptureSource) -> None:
    """Raises Misconfigured where two tables would still have one topic."""
    seen: dict[str, str] = {}
    for table in source.tables:
        topic = table_topic(source, table)
        if topic in seen:
            raise Misconfigured(
                f"source {source.name}: tables {seen[topic]} and {table.name} would both be captured as topic {topic}, because "
                "Kafka allows only letters, digits, dot, dash and underscore; capture one of them from a source of its own"
            )
        seen[topic] = table.name


def _meet(source: CaptureSource) -> bool:
    """Whether two tables would have one topic with underscores. Others keep the names that a running capture has. SQL Server
    and Oracle: what Debezium names them otherwise was not seen, so that these are refused.
    """
    if source.kind in (DatabaseKind.SQLSERVER, DatabaseKind.ORACLE):
        return False
    return len({_with_underscores(source, table) for table in source.tables}) < len(source.tables)


def _with_underscores(source: CaptureSource, table: CapturedTable) -> str:
    database = f"{source.database}." if source.kind is DatabaseKind.SQLSERVER else ""
    return re.sub(r"[^a-zA-Z0-9._-]", "_", f"{source.name}.{database}{table.name}")


def _by_numbers(source: CaptureSource, table: CapturedTable) -> str:
    return "".join(_characters(f"{source.name}.{table.name}"))


def _characters(name: str) -> Iterator[str]:
    """As Debezium's UnicodeReplacementFunction: an underscore begins a number, and so is written as one itself."""
    for at, one in enumerate(name):
        if re.fullmatch("[a-zA-Z0-9.]" if at else "[a-zA-Z]", one):
            yield one
        else:
            units = one.encode("utf-16-be")
            for first in range(0, len(units), 2):
                digits = f"{int.from_bytes(units[first : first + 2], 'big'):x}"
                yield f"_u{digits if len(digits) > 2 else f'00{digits}'}"
