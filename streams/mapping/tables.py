"""A table of a mapping: what its rows are, and by what they reach their visit."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, GetJsonSchemaHandler, PrivateAttr, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from connector.contract import TableRole
from streams.domain.several_roles import in_database
from streams.mapping.names import Column, Columns, Name, Prefix, Shard, TableName, TableNames, columns_in
from streams.mapping.settled import Renumbered, Settled, Through
from streams.mapping.several_roles import check_roles, for_role, with_role
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


class Table(Strict):
    """One table to capture."""

    table: TableName
    """`schema.table`, in the catalogue's case. With `shards`, `*` stands for one of them."""
    shards: tuple[Shard, ...] = ()
    """Of a table that the hospital begins anew each year or month, what stands for `*` in its name (and in `under`): `[2025, 2026]`
    with `his.charge_*`. All of them are one entry, and must have different keys, as all tables of a role. `yibao check` names
    tables of such a name that are not in the list; a new one is added here, and `connector apply` captures it."""
    role: TableRole
    """What its rows are: visit, settlement, fee, header (bills, prescriptions: not reported, other rows reach their visit through
    them), link (each names a line and its settlement) or lookup. Where they are several at once, `roles` instead."""
    roles: tuple[TableRole, ...] = ()
    """In place of `role`, of rows that are several of visit, settlement and fee at once, each of which is reported:
    `[visit, settlement]` for a bill that is a visit and its settlement. The fields of each stand in `records`; what this table
    alone says in `fields` belongs to the one whose record has that field. Letters and `explain` name the rows by `his.bill` for the
    first of the roles, in the order of reporting, and by `his.bill.settlement` for each other one, and tell of each record by a
    letter of its own. A table that gets another role later is read again (`resnapshot --wait`); of a role that it had, and that is
    not its first one any more, records are reported once more."""
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
    renumbered: Renumbered | None = None
    """Fee tables of a system that edits lines by deleting them and inserting them again under new ids: `{same: [bill, item,
    price, quantity]}`. A line that a transaction inserts after it deleted an equal one of the same visit takes over that one's
    record: it is reported, corrected and withdrawn under the number that was reported first, and its key column reads as that
    number in every field. Of several equal ones the one deleted first is taken first. What is equal to none, or comes in another
    transaction (but under the key of a line of which nobody was told yet that it went), or before the delete, or after a
    TRUNCATE, or of a capture that names no transactions, is a new record, and the deleted line's is told as withdrawn. Which
    record a line is stands with the line in `visit.state`, and nowhere in the database: a full read finds it there, as a restart
    does; a line that was first seen by a read, or came while capture was blind, has its own number, and so has one that goes to
    another visit: the number that it had is told as withdrawn. The hospital must never use an id again: in one visit that is told
    as COLLISION, between visits nothing notices it."""
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

    _written: tuple[int, str] = PrivateAttr((-1, ""))
    """See `written`."""

    @model_validator(mode="after")
    def _sharded(self) -> Self:
        if self.table.count("*") > 1:
            raise ValueError("`table` has `*` once, for one of `shards`")
        if "*" in self.table and not self.shards:
            raise ValueError("`*` in `table` needs `shards`: what stands in its place")
        if self.shards and "*" not in self.table:
            raise ValueError("`shards` needs a `*` in `table`, in the place of which they stand")
        if twice := [shard for shard, times in Counter(self.shards).items() if times > 1]:
            raise ValueError(f"`shards`: {', '.join(twice)} is listed twice")
        return self

    @model_validator(mode="before")
    @classmethod
    def _one_of_its_roles(cls, value: object) -> object:
        return with_role(value)

    @model_validator(mode="after")
    def _fits_role(self) -> Self:
        check_roles(self.roles, self.fields)
        if self.role is TableRole.LOOKUP:
            if self.visit_key is not None or self.settlement is not None:
                raise ValueError("a lookup table has neither `visit_key` nor `settlement`")
        elif self.role is TableRole.LINK:
            words = {"visit_key": self.visit_key, "under": self.under, "named_by": self.named_by, "moves": self.moves}
            if said := [f"`{word}`" for word, value in words.items() if value is not None]:
                raise ValueError(f"a link table has no {', '.join(said)}: its rows belong to the lines that they name")
        elif self.under is None and self.visit_key is None:
            raise ValueError(f"a {self.role.value} table needs `visit_key`, or `under` and `header`")
        if self.settlement is not None and TableRole.FEE not in self.all_roles:
            raise ValueError("only a fee table has `settlement`")
        if self.renumbered is not None and self.role is not TableRole.FEE:
            raise ValueError("only a fee table has `renumbered`, and none with `roles`")
        if self.moves is not None and self.role is TableRole.LOOKUP:
            raise ValueError("`moves` means nothing for a lookup: its rows are no records")
        if self.lookup is not None and self.role is not TableRole.LOOKUP:
            raise ValueError("only a lookup table has `lookup`")
        return self

    @model_validator(mode="after")
    def _of_records(self) -> Self:
        if self.kind is not None and TableRole.VISIT not in self.all_roles:
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
    def all_roles(self) -> tuple[TableRole, ...]:
        """What its rows are at once, in the order of reporting."""
        return self.roles or (self.role,)

    def each_shard(self, written_at: int) -> Iterator[Self]:
        """One table for each of its shards. written_at: its place in the file."""
        for shard in self.shards or ("",):
            under = tuple(name.replace("*", shard) for name in columns_in(self.under)) or None
            named = {"table": self.table.replace("*", shard), "under": under, "shards": ()}
            found = self.model_copy(update=named if self.shards else {})
            found._written = written_at, self.table  # noqa: SLF001 - its own copy
            yield found

    @property
    def written(self) -> tuple[int, str]:
        """Place in the file and name of the entry that it was made of."""
        return self._written

    def apart(self) -> Iterator[Self]:
        """One table for each of its roles, as `streams.domain.several_roles` says."""
        yield from [self] if not self.roles else [self.model_copy(update=for_role(self, role)) for role in self.all_roles]

    @property
    def in_database(self) -> str:
        """The table of the database."""
        return in_database(self.table)

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

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """With one of `role` and `roles`, for editors."""
        full: dict[str, Any] = handler.resolve_ref_schema(handler(schema))
        full["required"] = [name for name in full["required"] if name != "role"]
        return full | {"oneOf": [{"required": ["role"]}, {"required": ["roles"]}]}
