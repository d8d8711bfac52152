"""Ask a source's database what of its rows the mapping does not take: by column and value, with counts, and by link."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from connector.contract import CaptureSource
from connector.errors import Refused
from connector.profiles import profile_of
from connector.questions import Counted, Groups, Links, Products, Sums
from streams.domain.normalise.nulls import Nulls
from streams.domain.normalise.unseen import is_blank
from streams.domain.normalise.which import Condition
from streams.domain.violations import Unfit, Violation
from streams.mapping import Site, compile_site
from streams.mapping.compiling import nulls_of, which_of
from streams.mapping.tables import Table
from streams.spec.masking import mask
from yibao.captures.from_site import database_password
from yibao.profiling.uses import VISIT_KEY, Use, amounts_of, links_of, uses_by_table

MOST: Final = 2_000
"""So many different values of a column are judged, the most frequent ones."""
_EXAMPLES: Final = 3
_LEVELS: Final = {"R1": "refuse", "R2": "warn"}


class Rows(NamedTuple):
    """How many rows a table has."""

    table: str
    """`schema.table`."""
    rows: int
    """All of them."""
    counting: int
    """Those that count by `where`, as far as it looks at own columns."""


class Wrong(NamedTuple):
    """Values of a column that a field does not take."""

    table: str
    """`schema.table`."""
    column: str
    """The column."""
    service: str
    """Of the field."""
    field: str
    """Interface field."""
    rule: str
    """What they break."""
    level: str
    """`refuse` or `warn`."""
    rows: int
    """In how many rows that count."""
    values: int
    """How many different ones."""
    examples: tuple[str, ...]
    """The most frequent ones, masked."""
    message: str
    """For a person."""


class Dangling(NamedTuple):
    """Rows that name one that is not there."""

    table: str
    """`schema.table`."""
    columns: tuple[str, ...]
    """By which they name it."""
    names: str
    """What they name: `visit`, `settlement`, `header`, `lookup NAME`; or that they name no visit, `visit key`."""
    rows: int
    """How many, of all rows: whether they count by `where` is not asked."""


class Otherwise(NamedTuple):
    """Rows with another amount than a rule of the interface asks for."""

    table: str
    """`schema.table`."""
    rule: str
    """R1: a line's amount is quantity times price. R2: a settlement's is the sum of the lines that name it."""
    columns: tuple[str, ...]
    """The amount first, then what it is made of."""
    level: str
    """`refuse` or `warn`."""
    rows: int
    """How many, of all rows that have one: whether they count by `where` is not asked."""


class Unanswered(NamedTuple):
    """A question that took too long, or one that was answered in part."""

    table: str
    """`schema.table`."""
    about: str
    """Column or link."""
    why: str
    """In words."""
    blind: bool = True
    """Whether nothing is known of it."""


Found = Rows | Wrong | Dangling | Otherwise | Unanswered


class Profile:
    """One source. longest_s: of one question. say: told what is looked at next."""

    def __init__(self, site: Site, source: CaptureSource, *, longest_s: int, say: Callable[[str], None]) -> None:
        self._site, self._source = site, source
        self._longest_s, self._say = longest_s, say
        self._kind = profile_of(source.kind)
        self._password = database_password(source)

    def run(self) -> Iterator[Found]:
        """Table by table, then link by link. Raises Unreachable, Misconfigured, Refused."""
        uses = uses_by_table(self._site, self._source.name)
        for table in self._site.mappings[self._source.name].tables:
            yield from self._unless_refused(table.table, "its columns", self._table(table, uses[table.table]))
        for names, links in links_of(self._site, self._source.name):
            yield from self._unless_refused(links.table, names, self._link(names, links))
        for rule, amounts in amounts_of(self._site, self._source.name):
            yield from self._unless_refused(amounts.table, rule, self._amounts(rule, amounts))

    def _unless_refused(self, table: str, about: str, found: Iterator[Found]) -> Iterator[Found]:
        """What the database does not answer, of a column that is not there for one, does not end the rest."""
        try:
            yield from found
        except Refused as refused:
            yield Unanswered(table, about, f"{refused}; `yibao check --live` names what is not there")

    def _link(self, names: str, links: Links) -> Iterator[Found]:
        self._say(f"{links.table}: rows that name no {names}")
        counted = self._kind.count_dangling(self._source, links, longest_s=self._longest_s, password=self._password)
        if counted is not None and names == VISIT_KEY:
            rows = self._kind.count_groups(
                self._source, Groups(table=links.table), longest_s=self._longest_s, password=self._password
            )
            counted = None if rows is None else rows[0][1] - counted
        if counted is None:
            yield Unanswered(links.table, names, f"no answer within {self._longest_s} s")
        elif counted:
            yield Dangling(links.table, tuple(links.columns), names, counted)

    def _amounts(self, rule: str, asked: Products | Sums) -> Iterator[Found]:
        self._say(f"{asked.table}: amounts that break {rule}")
        counted = self._kind.count_otherwise(self._source, asked, longest_s=self._longest_s, password=self._password)
        if counted is None:
            yield Unanswered(asked.table, rule, f"no answer within {self._longest_s} s, or no numbers")
        elif counted:
            columns = (asked.product, *asked.factors) if isinstance(asked, Products) else (asked.total, asked.amount)
            yield Otherwise(asked.table, rule, columns, self._site.rules.get(rule, _LEVELS[rule]), counted)

    def _table(self, table: Table, uses: Mapping[str, list[Use]]) -> Iterator[Found]:
        self._say(f"{table.table}: its rows, and what stands in {', '.join(sorted(uses)) or 'no column'}")
        which = which_of(table)
        conditions = () if which is None else which.own
        nulls = nulls_of(self._site.mappings[self._source.name], table)
        counted = self._asked(table, ())
        counting = counted if not conditions else self._asked(table, [one.column for one in conditions])
        if counted is None or counting is None:
            yield Unanswered(table.table, "rows", f"no answer within {self._longest_s} s")
        else:
            if len(counting) == MOST:
                yield Unanswered(table.table, "rows that count", f"only of the {MOST} most frequent values of `where`", blind=False)
            count = sum(rows for values, rows in counting if _counts(conditions, values))
            yield Rows(table.table, counted[0][1], count if conditions else counted[0][1])
        yield from self._institutions(table, nulls)
        for column, of in sorted(uses.items()):
            groups = self._asked(table, [column, *(one.column for one in conditions)])
            if groups is None:
                yield Unanswered(table.table, column, f"no answer within {self._longest_s} s")
                continue
            if len(groups) == MOST:
                yield Unanswered(table.table, column, f"only its {MOST} most frequent values were judged", blind=False)
            values = [(values[0], rows) for values, rows in groups if _counts(conditions, values[1:])]
            yield from _wrong(table, column, of, [(_as_read(nulls, table, column, value), rows) for value, rows in values])

    def _institutions(self, table: Table, nulls: Nulls | None) -> Iterator[Found]:
        """Rows of institutions that this source does not report."""
        belongs = self._site.mappings[self._source.name].institution.of(table.role)
        if belongs is None or belongs.column is None or belongs.of is not None:
            return
        reported = compile_site(self._site)[self._source.name].institutions
        known = {name for one in self._site.institutions if one.code in reported for name in (one.code, *one.his_codes)}
        conditions = () if (which := which_of(table)) is None else which.own
        groups = self._asked(table, [belongs.column, *(one.column for one in conditions)]) or []
        others = [
            (value, rows)
            for (first, *rest), rows in groups
            if _counts(conditions, tuple(rest))
            and (value := _as_read(nulls, table, belongs.column, first) or "").strip() not in known
        ]
        if others:
            examples, rows = tuple(value or "NULL" for value, _ in others[:_EXAMPLES]), sum(rows for _, rows in others)
            message = "这些行的机构不在该来源上报的机构之内"
            yield Wrong(
                table.table, belongs.column, "", "institution", "INSTITUTION", "refuse", rows, len(others), examples, message
            )

    def _asked(self, table: Table, columns: list[str] | tuple[str, ...]) -> Counted | None:
        asked = Groups(table=table.in_database, columns=columns, most=MOST)
        return self._kind.count_groups(self._source, asked, longest_s=self._longest_s, password=self._password)


def _counts(conditions: tuple[Condition, ...], values: tuple[str | None, ...]) -> bool:
    return all(one.holds(value) for one, value in zip(conditions, values, strict=True))


def _as_read(nulls: Nulls | None, table: Table, column: str, value: str | None) -> str | None:
    if nulls is None or value is None or column in table.key:
        return value
    return nulls.read({column: value})[column]


def _wrong(table: Table, column: str, uses: list[Use], values: list[tuple[str | None, int]]) -> Iterator[Wrong]:
    for use in uses:
        found: dict[tuple[str, str], list[tuple[Violation, int]]] = {}
        for value, rows in values:
            if value is not None and not is_blank(value) and (violation := _violation(use, value)) is not None:
                found.setdefault((violation.rule, violation.level), []).append((violation, rows))
        empty = sum(rows for value, rows in values if value is None or is_blank(value))
        if empty and use.alone and use.step.field.required and use.step.default is None:
            message = f"{use.step.field.label}为必填，而这些行中没有值"
            yield Wrong(table.table, column, use.service.value, use.step.name, "REQUIRED", "refuse", empty, 1, (), message)
        for (rule, level), those in found.items():
            seen = (masked(violation.masked, uses) for violation, _ in those)
            examples = tuple(dict.fromkeys(seen))[:_EXAMPLES]
            rows, message = sum(rows for _, rows in those), those[0][0].message
            service, field = use.service.value, use.step.name
            yield Wrong(table.table, column, service, field, rule, level, rows, len(those), examples, message)


def masked(shown: str, uses: list[Use]) -> str:
    """A value as a person may see it, of a column that feeds personal fields as those demand, whatever other field it feeds."""
    for use in uses:
        shown = mask(use.step.field.name, shown) if use.step.field.personal else shown
    return shown


def _violation(use: Use, value: str) -> Violation | None:
    try:
        use.step.convert(value)
    except Unfit as unfit:
        return unfit.violation
    return None
