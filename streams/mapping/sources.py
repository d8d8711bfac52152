"""Where the value of one interface field comes from, as a mapping writes it: a column, a constant, or what is made of several."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from streams.domain.normalise.written import pattern_of
from streams.mapping.names import Column, Name
from streams.mapping.strict import Code, Strict
from streams.mapping.values import Form

InstitutionValue = Annotated[
    str, Form(r"^(code|name|area|level|value\.[A-Za-z][A-Za-z0-9_]*)$", "`code`, `name`, `area`, `level` or `value.NAME`")
]

PLACES = (
    *("column", "constant", "institution", "first_of", "switch"),
    *("product", "sum", "age", "days", "part", "join", "present", "date"),
)
"""What a value can come from: exactly one of them."""

Nested: TypeAlias = "tuple[tuple[str | int, ...], Source]"
"""A source inside another one, with the way to it."""


class Shorthand(Strict):
    """A model that may be written as one text, meaning `{column: text}`."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"column": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Either form, for editors."""
        full: dict[str, Any] = handler.resolve_ref_schema(handler(schema))
        return {"anyOf": [{"type": "string", "description": "a column of the own row"}, full]}


class Source(Shorthand):
    """Where the value of one interface field comes from, and how it is converted. A text alone means `{column: text}`."""

    column: Column | None = None
    """Column of the row that `of` or `lookup` names."""
    of: Literal["visit", "settlement", "fee", "header"] | None = None
    """Row that the column belongs to. Left out: the record's own row (in `kind`: the visit's). `header`: the header that the own
    row hangs under; NULL where it hangs under none."""
    lookup: Name | None = None
    """Lookup table to read `column` from; its row is found by `by`."""
    by: "tuple[Source, ...]" = ()
    """Values that make the key of the lookup, one per key column. If one of them is empty, so is the field."""
    constant: Code | None = None
    """Always this value."""
    institution: InstitutionValue | None = None
    """A value of the row's institution in `site.yaml`: `code`, `name`, `area`, `level`, or `value.NAME` of its `values`."""
    absent: Literal["wait", "empty", "refuse"] | None = None
    """With `lookup`: what happens where there is no such row. `wait` (the default): the record waits for it. `empty`: the field
    has no value, and in `first_of` the next source is read; a row that comes later is taken up with the next change of the visit's
    rows. `refuse`: the record is refused."""
    first_of: "tuple[Source, ...]" = ()
    """The first of several sources that is not empty."""
    product: "tuple[Source, ...]" = ()
    """The product of decimals, exact (`round: true` rounds it half up to the interface's decimals). NULL where one of them is."""
    sum: "tuple[Source, ...]" = ()
    """The sum of decimals, exact. NULL where one of them is; a part that counts 0 then has `default: 0`."""
    negate: bool = False
    """The decimal with the other sign."""
    age: "Age | None" = None
    """Full years between a birth and another day."""
    days: "Days | None" = None
    """Days from one day to another by the calendar."""
    part: "Part | None" = None
    """Some characters of a text."""
    join: "tuple[JoinedPart, ...]" = ()
    """Texts one after the other; a text of punctuation alone stands for itself. NULL where one of them is."""
    present: "Source | None" = None
    """With `yes` and `no`: whether there is a value, as a code."""
    yes: Code | None = None
    """With `present`: the code where there is one."""
    no: Code | None = None
    """With `present`: the code where there is none."""
    date: "Source | None" = None
    """With `clock`: the day of a time that stands in two columns, as a date or `yyyyMMdd`; with `time: instant` the day of a time
    with a zone."""
    clock: "Source | None" = None
    """With `date`: the time of day, as `HH:mm:ss`, `HH:mm`, `HHmmss` or `HHmm`."""
    switch: "Switch | None" = None
    """Where it comes from depends on a code: one of several tables by a column."""
    nulls: tuple[Code, ...] = ()
    """Values by which the hospital writes NULL: `["0", "-", "1900-01-01"]`. A time at midnight is compared by its day."""
    dictionary: Name | None = None
    """Dictionary of this file that translates HIS codes to interface codes. In `first_of`, and in the cases of a `switch`, each
    source may have its own, where the whole has none."""
    read_as: Literal["text", "date", "datetime", "decimal"] | None = Field(default=None, alias="as")
    """How to read the value, where the interface's type of the field is not meant: a TEXT field that shows a date, for one."""
    time: "Literal['wall', 'instant'] | TimeForm | None" = None
    """`wall`: a zone-less time or text, shown as it is stored (the default). `instant`: a time with a zone (timestamptz), shown in
    the site's zone. Fractions of a second are dropped. Or another form: `{format: yyyyMMddHH:mm:ss}`, `{unix: s}`."""
    money: Literal["yuan", "fen"] | None = None
    """`fen`: the column counts hundredths. Default `yuan`."""
    round: bool = False
    """Round half up to the interface's decimals. Without it, more decimals than the interface has refuse the record."""
    trim: bool = True
    """Drop white space at both ends of a text."""
    pad_zeros: bool = False
    """Put back zeros lost in front of a code: only when the padded code is in the interface's dictionary and the raw one is not."""
    compact: Literal["uuid"] | None = None
    """`uuid`: a UUID of 32 or 36 characters in 25, digits and small letters (base 36; it can be written back)."""
    truncate: bool = False
    """Cut a text to the interface's length. Without it, a longer text refuses the record."""
    default: Code | None = None
    """Value where the source is NULL or blank."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        named = [name for name in PLACES if getattr(self, name) not in (None, ())]
        if len(named) != 1:
            raise ValueError(f"needs exactly one of {', '.join(PLACES)}; has {', '.join(named) or 'none'}")
        if self.lookup is not None and (self.column is None or not self.by or self.of is not None):
            raise ValueError("a lookup needs `column` and `by`, and no `of`")
        for name, of in (("by", "lookup"), ("absent", "lookup"), ("of", "column"), ("yes", "present"), ("no", "present")):
            if getattr(self, name) not in (None, ()) and getattr(self, of) is None:
                raise ValueError(f"`{name}` makes sense only with `{of}`")
        if self.present is not None and (self.yes is None or self.no is None):
            raise ValueError("`present` needs `yes` and `no`")
        if (self.date is None) != (self.clock is None):
            raise ValueError("`date` and `clock` need each other")
        return self

    def choices(self) -> Iterator[Nested]:
        """The sources of which one is the value, with the way to each; none where the value is another one."""
        yield from ((way, one) for way, one in self.nested() if way[0] in ("first_of", "switch") and way[1:] != ("on",))

    def nested(self) -> Iterator[Nested]:
        """The sources that this one is made of, with the way to each; not those of `by`."""
        for name in ("first_of", "product", "sum", "join"):
            for index, one in enumerate(getattr(self, name)):
                yield (name, index), one
        for name in ("present", "date", "clock"):
            if (alone := getattr(self, name)) is not None:
                yield (name,), alone
        for name in ("age", "days", "part", "switch"):
            if (model := getattr(self, name)) is not None:
                for way, one in model.nested():
                    yield (name, *way), one

    @property
    def time_form(self) -> "TimeForm | None":
        """How times stand in the column, where not as databases write them."""
        return self.time if isinstance(self.time, TimeForm) else None


class TimeForm(Strict):
    """A form of times that is none of a database's."""

    format: str | None = None
    """Of a text without a zone, by `yyyy`, `MM`, `dd`, `HH`, `mm`, `ss`, `SSS` and what stands between them."""
    unix: Literal["s", "ms"] | None = None
    """Seconds or milliseconds since 1970, shown in the site's zone."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.format is None) == (self.unix is None):
            raise ValueError("needs exactly one of format, unix")
        if self.format is not None and pattern_of(self.format) is None:
            raise ValueError(
                f"`{self.format}` is no form of a time: it needs yyyy, MM and dd, each part of yyyy, MM, dd, HH, mm, ss once, and"
                " no other letters but T"
            )
        return self


class Age(Strict):
    """Full years: who is born on 29 February is a year older on 1 March."""

    birth: Source
    """Day of birth."""
    at: Source
    """The day at which the age counts, such as the visit's."""

    def nested(self) -> Iterator[Nested]:
        """Both."""
        yield from ((("birth",), self.birth), (("at",), self.at))


class Days(Strict):
    """Days from one day to another by the calendar: 0 on the same day."""

    start: Source = Field(alias="from")
    """The first day."""
    end: Source = Field(alias="to")
    """The last day."""
    least: Annotated[int, Field(ge=0)] = 0
    """What fewer days count as: 1 where admission and discharge on one day are one."""

    def nested(self) -> Iterator[Nested]:
        """Both."""
        yield from ((("from",), self.start), (("to",), self.end))


class Part(Strict):
    """Some characters of a text."""

    of: Source
    """The text."""
    first: Annotated[int, Field(alias="from", ge=1)] = 1
    """The first character, counted from 1."""
    length: Annotated[int, Field(ge=1)] | None = None
    """How many; left out: all that follow."""

    def nested(self) -> Iterator[Nested]:
        """The text."""
        yield ("of",), self.of


class Switch(Strict):
    """The source that belongs to a code. Only that one is read, so that a number of one table is never looked for in another."""

    on: Source
    """The code."""
    cases: Annotated[Mapping[Code, Source], Field(min_length=1)]
    """Source by code."""
    otherwise: Source | None = Field(default=None, alias="else")
    """For every other code, and where there is none. Left out: another code refuses the record; without one there is no value."""

    def nested(self) -> Iterator[Nested]:
        """Code, cases, else."""
        yield ("on",), self.on
        for code, one in self.cases.items():
            yield ("cases", code), one
        if self.otherwise is not None:
            yield ("else",), self.otherwise


def _literal(value: object) -> object:
    return {"constant": value} if isinstance(value, str) and value.strip() and not any(map(str.isalnum, value)) else value


JoinedPart: TypeAlias = Annotated[Source, BeforeValidator(_literal)]

Source.model_rebuild()
