"""A table of a mapping: what its rows are, and by what they reach their visit."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

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

from connector.contract import TableRole
from streams.mapping.names import Column, Columns, Name, Prefix, TableName, TableNames, columns_in
from streams.mapping.sources import Source
from streams.mapping.strict import Code, Strict


class Which(Strict):
    """What must stand in a column of a row that counts. A list alone means `{in: list}`."""

    values: Annotated[tuple[Code, ...], Field(alias="in")] = ()
    """One of these. `""` stands for NULL and blank texts."""
    without: Annotated[tuple[Code, ...], Field(alias="not")] = ()
    """None of these."""
    lookup: Name | None = None
    """The column is one of this lookup table. It is asked when the row comes or its record is made anew, as for a field."""
    by: Columns | None = None
    """With `lookup`: the row's own columns that make the lookup's key, one per key column. Where one is empty, so is the column."""
    absent: Literal["wait", "empty"] | None = None
    """With `lookup`: where there is no such row. `wait` (the default): the row waits for it. `empty`: as if NULL stood there."""

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: object) -> object:
        if isinstance(value, str):
            return {"in": [value]}
        return {"in": value} if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _one_list(self) -> Self:
        if bool(self.values) == bool(self.without):
            raise ValueError('needs exactly one of `in` and `not`, a list of values (`""` for NULL)')
        if (self.lookup is None) != (self.by is None):
            raise ValueError("`lookup` and `by` need each other")
        if self.absent is not None and self.lookup is None:
            raise ValueError("`absent` makes sense only with `lookup`")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Either form, for editors."""
        full: dict[str, Any] = handler.resolve_ref_schema(handler(schema))
        code = {"type": ["string", "number", "boolean"]}
        return {"anyOf": [code, {"type": "array", "items": code, "minItems": 1, "description": "one of these"}, full]}


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


class Table(Strict):
    """One table to capture."""

    table: TableName
    """`schema.table`, in the catalogue's case."""
    role: TableRole
    """What its rows are: visit, settlement, fee, header (bills, prescriptions: not reported, other rows reach their visit through
    them), link (each names a line and its settlement) or lookup."""
    key: Annotated[tuple[Column, ...], Field(min_length=1)]
    """Columns that identify a row. Of a partitioned table without the column by which it is partitioned, where their values differ
    in all partitions: the database's key must hold that column, and a row that moves to another partition has another key then."""
    visit_key: Columns | None = None
    """Column that holds the visit key, or a list of them, in an order that is the same in all tables. Required for every role but
    link and lookup, where there is no `under`."""
    prefix: Prefix | None = None
    """Stands before the visit key that this table's own columns give, in the product alone: so that numbers of two tables that
    count alike (outpatient, inpatient) cannot meet. What a record reads of its visit or settlement is looked for in the tables
    with its prefix alone: others need not have these columns."""
    record_prefix: Prefix | None = None
    """Stands before the numbers of its records as they are reported (MDTRT_ID, SETL_ID or BKKP_SN, after any conversion), and
    wherever another record names one of them by that field: so that numbers of two tables, or of two systems of one institution,
    cannot meet at the platform. None must be the beginning of another one. What comes out must fit into the interface's length.
    Fields of other names (MEDINS_SETL_ID, REFL_OLD_MDTRT_ID) stay as they are."""
    under: TableNames | None = None
    """Table, or tables, that hold the headers of its rows: a row belongs to the visit of its header. A header may hang under
    another one, up to four deep."""
    header: Columns | None = None
    """With `under`: columns that name a row's header."""
    otherwise: Columns | None = Field(default=None, alias="else")
    """With `under`: columns that hold the visit key of rows that name no header. Left out: such a row is told as NO_VISIT_KEY."""
    named_by: Columns | None = None
    """Of a table that others hang under: columns by which their rows name it. Left out: its key. Where several rows share them,
    all must agree. Of a lookup: columns by which it is asked; of the rows that share them, `latest` says which is meant."""
    which: Mapping[Column, Which] = Field(default_factory=dict, alias="where")
    """Which rows count, by column: `{status: [5], deleted: {not: [1]}}`; all of it must hold. A row that stops counting is
    deleted for the platform, one that begins to is inserted. Of a lookup: which of its rows
    are known. Left out: all rows."""
    nulls: tuple[Code, ...] | None = None
    """What the hospital writes for NULL in this table, but in `key`: `[0, "-"]`. In place of the file's `nulls`; `[]`: nothing."""
    moves: Name | None = None
    """Of tables between which the hospital moves rows (a day and a year table): the same name in each. A row that goes from one of
    them is awaited in the others for `deletions.moved_within` before it counts as deleted, and is the same record there, whatever
    its key: what names the record must stand in all of them. It stays in its visit. Of headers: for the rows under them."""
    settlement: Settled | None = None
    """Fee tables: column that names the line's settlement, or how else a line finds it in its visit. Left out: the visit's only
    settlement; while it has several, the lines wait, and are told as AMBIGUOUS."""
    fields: Mapping[str, Source] = Field(default_factory=dict)
    """Where interface fields of its records come from, in place of those in `records`: what differs from other tables of its role.
    Columns that only the replaced ones read are not looked for in it."""
    kind: Source | None = None
    """Visit tables: `outpatient`, `inpatient` or `pharmacy`, of its visits and all that belongs to them, in place of the file's
    `kind`: `{constant: inpatient}` of a table of the wards."""
    lookup: Name | None = None
    """Lookup tables: the name that sources use. Default: the table's name without its schema."""
    latest: Column | None = None
    """Lookup tables with `named_by`: of several rows the one counts that has the most in this column: the latest time, the highest
    number. Where several have as much and do not say the same, nobody knows which: what asks waits, as for a row that is absent."""

    @model_validator(mode="after")
    def _fits_role(self) -> Self:
        if self.role is TableRole.LOOKUP:
            if self.visit_key is not None or self.settlement is not None:
                raise ValueError("a lookup table has neither `visit_key` nor `settlement`")
        elif self.role is TableRole.LINK:
            words = {"visit_key": self.visit_key, "under": self.under, "named_by": self.named_by, "moves": self.moves}
            if said := [f"`{word}`" for word, value in words.items() if value is not None]:
                raise ValueError(f"a link table has no {', '.join(said)}: its rows belong to the lines that they name")
        elif self.under is None and self.visit_key is None:
            raise ValueError(f"a {self.role.value} table needs `visit_key`, or `under` and `header`")
        if self.settlement is not None and self.role is not TableRole.FEE:
            raise ValueError("only a fee table has `settlement`")
        if self.moves is not None and self.role is TableRole.LOOKUP:
            raise ValueError("`moves` means nothing for a lookup: its rows are no records")
        if self.lookup is not None and self.role is not TableRole.LOOKUP:
            raise ValueError("only a lookup table has `lookup`")
        return self

    @model_validator(mode="after")
    def _of_records(self) -> Self:
        if self.kind is not None and self.role is not TableRole.VISIT:
            raise ValueError("only a visit table has `kind`: what belongs to a visit is of the visit's kind")
        if self.role in (TableRole.LOOKUP, TableRole.HEADER):
            for name in ("record_prefix", "fields"):
                if name in self.model_fields_set:
                    raise ValueError(f"`{name}` means nothing for a {self.role.value} table: its rows are no records")
        return self

    @model_validator(mode="after")
    def _linked(self) -> Self:
        if self.role is TableRole.LOOKUP and self.under is not None:
            raise ValueError("a lookup table has no `under`")
        if self.role is TableRole.LOOKUP and (self.named_by is None) != (self.latest is None):
            raise ValueError("`named_by` and `latest` need each other on a lookup table: several rows may share the columns")
        if self.role is not TableRole.LOOKUP and self.latest is not None:
            raise ValueError("only a lookup table has `latest`")
        if self.under is not None and self.header is None:
            raise ValueError("`under` needs `header`: the columns that name a row's header")
        if self.under is None and (self.header is not None or self.otherwise is not None):
            raise ValueError("`header` and `else` make sense only with `under`")
        if self.under is not None and self.visit_key is not None:
            raise ValueError("a table with `under` has no `visit_key`; where rows name no header, `else` counts")
        if self.prefix is not None and self.visit_key is None and self.otherwise is None:
            raise ValueError("`prefix` makes sense only with `visit_key` or `else`")
        return self

    @property
    def settlement_column(self) -> str | None:
        """The column that names a line's settlement."""
        return None if self.settlement is None else self.settlement.column

    @property
    def through(self) -> Through | None:
        """The table by whose rows its lines find their settlement."""
        return None if self.settlement is None else self.settlement.through

    @property
    def visit_columns(self) -> tuple[str, ...]:
        """Its own columns with the visit key."""
        return columns_in(self.visit_key)

    @property
    def header_columns(self) -> tuple[str, ...]:
        """The columns that name a row's header."""
        return columns_in(self.header)

    @property
    def else_columns(self) -> tuple[str, ...]:
        """The columns with the visit key of rows that name no header."""
        return columns_in(self.otherwise)

    @property
    def named_columns(self) -> tuple[str, ...]:
        """The columns by which rows under it name it, where its key is not meant."""
        return columns_in(self.named_by)

    @property
    def headers(self) -> tuple[str, ...]:
        """The tables that hold the headers of its rows."""
        return columns_in(self.under)

    @property
    def asked_columns(self) -> tuple[str, ...]:
        """Of a lookup, the columns by which it is asked."""
        return self.named_columns or self.key

    @property
    def lookup_name(self) -> str:
        """The name that sources use for a lookup table."""
        return self.lookup or self.table.partition(".")[2]
