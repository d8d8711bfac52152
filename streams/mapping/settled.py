"""How lines find their settlement, as a fee table says it."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from streams.mapping.names import Column, Columns, TableName, columns_in
from streams.mapping.strict import Strict


class Lines(Strict):
    """A settlement's list of its lines."""

    column: Column = Field(alias="list")
    """Column of the settlement with the list."""
    by: Annotated[str, StringConstraints(min_length=1)] = ","
    """What stands between two lines in it. Blanks around it do not count."""
    line: Column | None = None
    """Column of the line that stands in the list. Left out: its key."""


class Through(Strict):
    """A table whose rows each name a line and its settlement."""

    table: TableName
    """The table, of role `link`."""
    line: Columns
    """Its column that holds a line's key, or a list of them in the order of that key."""
    settlement: Columns
    """Its column that holds the key of the line's settlement, or a list of them in the order of that key."""

    @property
    def line_columns(self) -> tuple[str, ...]:
        """Its columns that hold a line's key."""
        return columns_in(self.line)

    @property
    def settlement_columns(self) -> tuple[str, ...]:
        """Its columns that hold a settlement's key."""
        return columns_in(self.settlement)


class Renumbered(Strict):
    """How a line that was inserted is known as one that was deleted."""

    same: Annotated[tuple[Column, ...], Field(min_length=1)]
    """Columns in which both say the same, NULL included, as they stand in the database: `[bill, item, price, quantity]`."""


class Settled(Strict):
    """How a line finds its settlement among those of its visit. Where several fit, it waits, and is told as AMBIGUOUS; one that was
    reported before stays as it was until it changes. A text alone means `{column: text}`.
    """

    column: Column | None = None
    """Column of the line that names the settlement by its key, which must be one column."""
    match: Mapping[Column, Column] = Field(default_factory=dict)
    """Columns of the line by columns of the settlement in which the same must stand: `{charged_at: paid_at}`, or all columns of a
    composite key. Until one fits, the line counts as unsettled."""
    lines: Lines | None = None
    """The settlement lists its lines: `{list: line_ids, by: ","}`."""
    through: Through | None = None
    """Rows of a third table say it, which may come before or after both: `{table: his.paid, line: line_id, settlement: pay_id}`.
    Until one does, the line counts as unsettled; where they name several settlements of its visit, it waits."""
    only: bool = False
    """The visit's only one; while it has several, the lines wait. The same as to leave `settlement` out."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [self.column is not None, bool(self.match), self.lines is not None, self.through is not None, self.only]
        if ways.count(True) != 1:
            raise ValueError("needs exactly one of `column`, `match`, `lines`, `through`, `only`")
        return self

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"column": value} if isinstance(value, str) else value

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> Any:
        # One column stays the text that it was: a mapping's version is made of this.
        return handler(self) if self.column is None else self.column

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Either form, for editors."""
        full: dict[str, Any] = handler.resolve_ref_schema(handler(schema))
        return {"anyOf": [{"type": "string", "description": "column that names the line's settlement"}, full]}

    @property
    def of_settlement(self) -> tuple[str, ...]:
        """Columns of the settlement by which it is found."""
        return (*self.match.values(), *(() if self.lines is None else (self.lines.column,)))
