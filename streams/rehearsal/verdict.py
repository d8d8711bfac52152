"""What came of a case, held against what must come of it: every record, every open letter, every row that waits. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple, TypeAlias

from streams.domain.ready import Emission
from streams.domain.records import DeadLetter
from streams.rehearsal.case import Case, Letter, Reported
from streams.rehearsal.stages import Outcome, values_of
from streams.spec.masking import mask

_Name: TypeAlias = tuple[str, ...]


class Difference(NamedTuple):
    """One thing that is not as the case says."""

    what: str
    """Of which record, letter or row."""
    field: str
    """Interface field; `""` where the whole is meant."""
    expected: str
    """In the case, masked; `""` for nothing."""
    found: str
    """What came, masked; `""` for nothing."""


def differences(case: Case, outcome: Outcome) -> list[Difference]:
    """All of them, records first."""
    return [*_of_records(case.reported, outcome.ready), *_of_letters(case, outcome), *_of_waits(case, outcome)]


def _of_records(wanted: Sequence[Reported], ready: Sequence[Emission]) -> Iterator[Difference]:
    expected: defaultdict[_Name, list[Reported]] = defaultdict(list)
    found: defaultdict[_Name, list[Emission]] = defaultdict(list)
    for one in wanted:
        expected[one.service.value, one.key].append(one)
    for emission in ready:
        found[emission.record.service.value, emission.record.key].append(emission)
    for name in [*expected, *(name for name in found if name not in expected)]:
        pairs = zip_longest(expected[name], found[name])
        for version, (must, came) in enumerate(pairs, 1):
            what = " ".join(name) + (f", version {version}" if version > 1 else "")
            if must is None or came is None:
                yield Difference(what, "", "" if must is None else "reported", "" if came is None else "reported")
            else:
                yield from _of_record(what, must, came)


def _of_record(what: str, must: Reported, came: Emission) -> Iterator[Difference]:
    values, record = values_of(came), came.record
    if must.institution is not None and must.institution != record.institution:
        yield Difference(what, "institution", must.institution, record.institution)
    for field, value in must.fields.items():
        if values.get(field, "") != value:
            yield Difference(what, field, mask(field, value), mask(field, values.get(field, "")))


def _of_letters(case: Case, outcome: Outcome) -> Iterator[Difference]:
    left = [*outcome.letters.values()]
    for must in case.letters:
        came = next((one for one in left if _is_of(must, one)), None)
        if came is None:
            yield Difference(_row("letter", must.table, must.row_key), "", must.dead_class.value, "")
            continue
        left.remove(came)
        if (must.dead_class, must.rule or came.rule) != (came.dead_class, came.rule):
            yield Difference(
                _row("letter", must.table, must.row_key), "", _named(must.dead_class, must.rule), _named(came.dead_class, came.rule)
            )
    for one in left:
        yield Difference(_row("letter", one.row.table, one.row.key), "", "", f"{_named(one.dead_class, one.rule)}: {one.message}")


def _is_of(must: Letter, letter: DeadLetter) -> bool:
    return (must.table, must.row_key) == (letter.row.table, letter.row.key)


def _named(dead_class: str, rule: str | None) -> str:
    return f"{dead_class} {rule}" if rule else f"{dead_class}"


def _of_waits(case: Case, outcome: Outcome) -> Iterator[Difference]:
    expected = {(one.table, one.row_key): one.part for one in case.waits}
    found = {(one.table, one.key): one.part for one in outcome.waiting}
    for table, key in _in_order(expected, found):
        must, came = expected.get((table, key), ""), found.get((table, key), "")
        if must != came:
            yield Difference(_row("wait", table, key), "", must, came)


def _in_order(*of: Iterable[tuple[str, tuple[str, ...]]]) -> Iterable[tuple[str, tuple[str, ...]]]:
    return dict.fromkeys(one for each in of for one in each)


def _row(what: str, table: str, key: tuple[str, ...]) -> str:
    return f"{what} of {table} {'/'.join(key)}"
