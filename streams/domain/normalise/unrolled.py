"""The fields of one service as one straight function, for the record that has nothing wrong with it.

A loop over 24 fields spends half its time on the looping itself. Here every field becomes a few lines of Python that are compiled
once, when the mapping is; nothing of a record's data ever becomes code. The function gives up (None) at the first thing that is not
as it should be: then the loop in `normalise` runs and finds all of it. Both must agree; a test compares them.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias, cast

from streams.domain.normalise.fields import FieldStep, within
from streams.domain.normalise.sources import (
    Column,
    Constant,
    FirstOf,
    InstitutionValue,
    LookupColumn,
    Reading,
    row_reader,
)
from streams.domain.roles import REPORTED, ROW_INDEX
from streams.spec.fields import Field

Fill: TypeAlias = Callable[[Reading], dict[str, str] | None]
"""The values of a record in the interface's order; None, or Unfit raised, where something needs a closer look."""

_ROWS: Final = tuple(one.role.value for one in REPORTED)
_OF_INSTITUTION: Final = frozenset({"code", "name", "area", "level"})


def unroll(steps: Iterable[FieldStep], blank: str | None) -> Fill:
    """One function out of all fields. blank: what an optional field without a value is; None leaves it out."""
    writer = _Writer(blank)
    for number, step in enumerate(steps):
        writer.write(step, number)
    exec(compile(writer.text(), "<fields>", "exec"), writer.namespace)  # noqa: S102 - made of the mapping's names, quoted by repr
    return cast("Fill", writer.namespace["fill"])


class _Writer:
    """Writes the function, field by field. A lookup row is found once, whatever number of fields reads it."""

    def __init__(self, blank: str | None) -> None:
        self.namespace: dict[str, object] = {}
        self._blank = blank
        self._lines: list[str] = []
        self._lookups: dict[object, str] = {}

    def text(self) -> str:
        """The whole function."""
        begin = [f"{', '.join(_ROWS)} = reading.rows", "institution = reading.institution", "if institution is None: return None"]
        lines = [*begin, "values = {}", *self._lines, "return values"]
        return "\n".join(["def fill(reading):", *(f" {line}" for line in lines)])

    def write(self, step: FieldStep, number: int) -> None:
        """Add one field."""
        if isinstance(step.source, Constant):
            self._write_constant(step, step.source.value)
            return
        self._lines += self._raw(step, number)
        self.namespace[f"convert{number}"] = step.convert
        if step.longest < 0:
            self._lines += [f"if raw is not None and (value := convert{number}(raw)):", f" values[{step.name!r}] = value"]
        else:
            self._lines += [
                "if raw is not None and (value := raw.strip()):",
                f" if len(value) > {step.longest}: value = convert{number}(raw)",
                f" values[{step.name!r}] = value",
            ]
        self._lines += self._absent(step)

    def _write_constant(self, step: FieldStep, constant: str | None) -> None:
        value = "" if constant is None else step.convert(constant)
        absent = self._absent(step)
        self._lines += [f"values[{step.name!r}] = {value!r}"] if value else [line.removeprefix(" ") for line in absent[1:]]

    def _raw(self, step: FieldStep, number: int) -> list[str]:
        """Lines after which `raw` is what the field is made of."""
        match step.source:
            case Column() as column:
                return [f"raw = {_column(column)}"]
            case InstitutionValue(name=name):
                return [f"raw = institution.{name}" if name in _OF_INSTITUTION else f"raw = institution.values.get({name!r})"]
            case LookupColumn() as source:
                return [*self._found(source, step.field, number), f"raw = {self._lookups[_row_of(source)]}.get({source.column!r})"]
            case FirstOf(sources=sources) if all(isinstance(one, Column) for one in sources):
                first, *others = (_column(one) for one in sources if isinstance(one, Column))
                return [f"raw = {first}", *(f"if raw is None or not raw.strip(): raw = {other}" for other in others)]
            case _:
                self.namespace[f"read{number}"] = step.read
                return [f"raw = read{number}(reading)"]

    def _found(self, source: LookupColumn, field: Field, number: int) -> list[str]:
        """The line that finds a lookup row, where it stands for the first time."""
        place = _row_of(source)
        if place in self._lookups:
            return []
        self._lookups[place] = f"row{number}"
        self.namespace[f"find{number}"] = within(field, row_reader(source))
        return [f"row{number} = find{number}(reading)"]

    def _absent(self, step: FieldStep) -> list[str]:
        """What happens where the source has no value."""
        if step.default:
            return ["else:", f" values[{step.name!r}] = {step.default!r}"]
        if step.field.required:
            return ["else:", " return None"]
        return [] if self._blank is None else ["else:", f" values[{step.name!r}] = {self._blank!r}"]


def _row_of(source: LookupColumn) -> object:
    """What two sources have in common that read one lookup row."""
    return source.lookup, source.by, source.absent


def _column(column: Column) -> str:
    return f"{_ROWS[ROW_INDEX[column.role]]}.get({column.name!r})"
