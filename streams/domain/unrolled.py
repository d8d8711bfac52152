"""The fields of one service as one straight function, for the record that has nothing wrong with it.

A loop over 24 fields spends half its time on being a loop. Here every field becomes a few lines of Python that are compiled once,
when the mapping is; nothing of a record's data ever becomes code. The function gives up (None) at the first thing that is not as it
should be: then the loop in `normalise` runs and finds all of it. Both must agree, and a test holds them to it.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias, cast

from streams.domain.sources import Reading
from streams.domain.steps import FieldStep

Fill: TypeAlias = Callable[[Reading], dict[str, str] | None]
"""The values of a record in the interface's order; None, or Unfit raised, where something needs a closer look."""

_ROWS: Final = ("visit", "settlement", "fee")


def unroll(steps: Iterable[FieldStep], blank: str | None) -> Fill:
    """One function out of all fields. blank: what an optional field without a value is; None leaves it out."""
    lines = ["def fill(reading):", f" {', '.join(_ROWS)} = reading.rows", " values = {}"]
    namespace: dict[str, object] = {}
    for number, step in enumerate(steps):
        namespace |= {f"read{number}": step.read, f"convert{number}": step.convert}
        lines += [f" {line}" for line in _field(step, number, blank)]
    lines.append(" return values")
    exec(compile("\n".join(lines), "<fields>", "exec"), namespace)  # noqa: S102 - made of the mapping's names, quoted by repr
    return cast("Fill", namespace["fill"])


def _field(step: FieldStep, number: int, blank: str | None) -> list[str]:
    raw = f"read{number}(reading)" if step.read is not None else f"{_ROWS[step.row]}.get({step.column!r})"
    given, absent = f"values[{step.name!r}] = value", _absent(step, blank)
    if step.longest < 0:
        return [f"raw = {raw}", f"if raw is not None and (value := convert{number}(raw)):", f" {given}", *absent]
    return [
        f"raw = {raw}",
        "if raw is not None and (value := raw.strip()):",
        f" if len(value) > {step.longest}:",
        f"  value = convert{number}(raw)",
        f" {given}",
        *absent,
    ]


def _absent(step: FieldStep, blank: str | None) -> list[str]:
    """What happens where the source has no value."""
    if step.default:
        return ["else:", f" values[{step.name!r}] = {step.default!r}"]
    if step.field.required:
        return ["else:", " return None"]
    return [] if blank is None else ["else:", f" values[{step.name!r}] = {blank!r}"]
