"""Reading the JSON text that stands beside a committed offset: what is not ours, and what a later version wrote."""

from collections.abc import Mapping
from typing import cast

import orjson

from streams.errors import Fatal, Newer
from streams.lanes.exits import Exit


def object_of(text: str) -> dict[str, object]:
    """The JSON object in a mark. Raises Fatal where it is none."""
    try:
        mark = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise foreign() from exc
    return object_in(mark)


def object_in(value: object) -> dict[str, object]:
    """An object within it. Raises Fatal where it is something else."""
    if not isinstance(value, dict):
        raise foreign()
    return cast("dict[str, object]", value)


def refuse_others(mark: dict[str, object], members: frozenset[str]) -> None:
    """Raise Newer where a mark with a number, or its plan, has other members than these."""
    if others := mark.keys() - members:
        raise Newer(f"the mark beside the committed offset ({', '.join(sorted(others))} in it)")


def number_in(mark: dict[str, object], name: str) -> int:
    """A number in it. Raises Fatal where it is missing or something else."""
    value = mark.get(name)
    if type(value) is not int:
        raise foreign()
    return value


def numbers_in(value: object) -> Mapping[str, int]:
    """Numbers by name. Raises Fatal where it is something else."""
    if not isinstance(value, dict) or not all(type(number) is int for number in value.values()):
        raise foreign()
    return value


def left_by_institution(mark: dict[str, object]) -> Mapping[str, Mapping[str, int]]:
    """By series and institution: the first open leave, in the mark of a join. Raises Fatal where it is something else."""
    return {series: numbers_in(numbers) for series, numbers in object_in(mark.get("of", {})).items()}


def foreign() -> Fatal:
    """The error to end a worker with."""
    return Fatal(
        "the metadata of the committed offset is not ours: somebody reset the group; stop all workers and run "
        "`yibao offsets recover --dry-run` (docs/operations.md)",
        exit_code=Exit.FOREIGN_OFFSET,
    )
