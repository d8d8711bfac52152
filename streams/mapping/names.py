"""How names of tables and columns, and names that a mapping gives, are written."""

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from streams.mapping.values import Form

Column = Annotated[str, StringConstraints(min_length=1)]
Columns = Column | Annotated[tuple[Column, ...], Field(min_length=1)]
Name = Annotated[
    str, Form(r"^[A-Za-z][A-Za-z0-9_-]*$", "a letter, then at most 59 letters of the Latin alphabet, digits, `_` and `-`", 60)
]
TableName = Annotated[str, Form(r"^[^.\s]+\.[^.\s]+$", "`schema.table`")]
RowsName = Annotated[str, Form(r"^[^.\s]+\.[^.\s]+(\.[^.\s]+)?$", "`schema.table`, or `schema.table.role` of a table with `roles`")]
"""What letters call the rows of a table by."""
TableNames = TableName | Annotated[tuple[TableName, ...], Field(min_length=1)]
Shard = Annotated[str, BeforeValidator(str), Form(r"^[^.*\s]+$", "what a table's name has in the place of `*`")]
Prefix = Annotated[str, Form(r"^[A-Za-z0-9_.:-]+$", "at most 20 letters of the Latin alphabet, digits, `_`, `.`, `:` and `-`", 20)]


def columns_in(written: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """What may be written as one name or as a list of them."""
    if written is None:
        return ()
    return (written,) if isinstance(written, str) else written
