"""A case: what happens in the hospital's database, and what must come of it. One file each, beside the mapping.

```yaml
case: a line that is taken back after its settlement was reported
at: "2026-05-04 09:00:00"                  # when it begins, in the site's time zone
happens:
  - insert: {table: his.visit, row: {visit_id: V1, org: H1}}
  - together:                              # one transaction
      - insert: {table: his.settle, row: {settle_no: S1, visit_id: V1}}
      - update: {table: his.charge, row: {charge_id: C1, settle_no: S1}}   # the key, and what changes
  - later: 2h
  - delete: {table: his.charge, row: {charge_id: C1}}
reported:                                  # every record, in the order of its versions
  - {service: fee_list_d, key: C1, fields: {CNT: "2.0000"}}                # fields that are not named may be anything
letters:
  - {class: WITHDRAWN, table: his.charge, key: C1}
waits:
  - {table: his.charge, key: C2, for: settlement}
```
"""

from datetime import datetime
from typing import Annotated, Self, TypeAlias

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from streams.domain.violations import DeadClass
from streams.mapping.names import Columns, RowsName, TableName, columns_in
from streams.mapping.strict import Strict
from streams.mapping.values import Form
from streams.spec.fields import ServiceCode

Text: TypeAlias = Annotated[str, StringConstraints(min_length=1)]
Span: TypeAlias = Annotated[
    str, Form(r"^[1-9][0-9]{0,4}[smhd]$", "a number of five digits at most with `s`, `m`, `h` or `d` behind it")
]
_FIRST, _LAST = 1990, 2100
_MOST_EVENTS = 20_000
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _moment(value: object) -> object:
    """A moment as a person writes it; the zone is the site's."""
    try:
        found = datetime.fromisoformat(f"{value}")
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None or not _FIRST <= found.year <= _LAST:
        raise ValueError("must be a date and a time without a zone, of 1990 to 2100, such as `2026-05-04 09:00:00`")
    return found


class TableOf(Strict):
    """A table."""

    table: TableName
    """`schema.table`, as the mapping names it."""
    source: Text | None = None
    """The source, where two of the site have a table of this name."""


class RowOf(TableOf):
    """A row of a table."""

    row: Annotated[dict[Text, str | None], Field(min_length=1)]
    """Its columns, as texts; what is left out is NULL. Times as `2026-05-04T08:30:00Z`: of a column without a zone the wall clock,
    of one with a zone UTC."""


class Change(Strict):
    """What is done to one row, or to all of a table. Exactly one of these."""

    insert: RowOf | None = None
    """The row is there from now on."""
    update: RowOf | None = None
    """Its key, and the columns that change. A key that changes is a delete and an insert, together."""
    delete: RowOf | None = None
    """Its key."""
    truncate: TableOf | None = None
    """The table is emptied by TRUNCATE."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        names = [*type(self).model_fields]
        if sum(getattr(self, name) is not None for name in names) != 1:
            raise ValueError(f"needs exactly one of {', '.join(f'`{name}`' for name in names)}")
        return self


class Event(Change):
    """One step of a case: a transaction of one change, or one of several, or time that passes. Exactly one of all."""

    together: Annotated[tuple[Change, ...], Field(min_length=1)] | None = None
    """A transaction of several changes."""
    later: Span | None = None
    """So much time passes."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """Those of the transaction."""
        if self.later is not None:
            return ()
        return (self,) if self.together is None else self.together

    @property
    def seconds(self) -> int:
        """How much time passes."""
        return 0 if self.later is None else int(self.later[:-1]) * _SECONDS[self.later[-1]]


class Reported(Strict):
    """A record that goes to the platform."""

    service: ServiceCode
    """As what."""
    key: Text
    """Value of the service's key field."""
    institution: Text | None = None
    """Its FIXMEDINS_CODE; left out: any."""
    fields: dict[Text, str] = Field(default_factory=dict)
    """Values of fields; `""` for one that is not sent. Those that are not named may be anything."""


class Letter(Strict):
    """A dead letter."""

    dead_class: Annotated[DeadClass, Field(alias="class")]
    """Why."""
    rule: Text | None = None
    """The first rule that refuses; left out: any."""
    table: RowsName
    """Of its row; of a table with `roles` as letters name it: `his.bill`, `his.bill.settlement`."""
    key: Columns
    """Values of the row's key columns."""

    @property
    def row_key(self) -> tuple[str, ...]:
        """Of the row."""
        return columns_in(self.key)


class Waits(Strict):
    """A row that waits for something at the end."""

    table: RowsName
    """Its table."""
    key: Columns
    """Values of its key columns."""
    part: Annotated[Text, Field(alias="for")]
    """What it waits for, as `yibao join pending` names it: `visit`, `settlement`, `unsettled`, `lookup patient`, …; of
    a row that waits in the place stage, `header`."""

    @property
    def row_key(self) -> tuple[str, ...]:
        """Of the row."""
        return columns_in(self.key)


class Case(Strict):
    """What happens, and what must come of it: all of it."""

    case: Text
    """What it shows."""
    at: Annotated[datetime, BeforeValidator(_moment)]
    """When it begins, in the site's time zone. Between two steps lies a minute, and more where a site's grace for withdrawals asks
    for it."""
    happens: Annotated[tuple[Event, ...], Field(min_length=1, max_length=_MOST_EVENTS)]
    """In its order."""
    reported: tuple[Reported, ...] = ()
    """Every record that goes out; versions of one record in their order."""
    letters: tuple[Letter, ...] = ()
    """Every dead letter that is open at the end."""
    waits: tuple[Waits, ...] = ()
    """Every row that waits at the end."""
