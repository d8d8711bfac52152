"""Hold what came against what the hospital's own tables say."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from streams.deadletter.record import DeadLetterView, record_key_hash
from tests.examples.hospital import Expected, Row, is_same
from tests.examples.reported import classes

Identity = tuple[str, str]
"""Service and number of a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of the hospital's rows."""

    records: Mapping[Identity, Mapping[str, str]]
    """As they stand at the platform."""
    letters: tuple[DeadLetterView, ...]
    """Those that are open."""
    waiting: Mapping[str, int]
    """Rows that wait, by what they wait for."""


def faults(expected: Expected, found: Found, *, gone: Mapping[Identity, Row]) -> Iterator[str]:
    """One sentence for each difference. gone: what was to be reported before, and is not any more: the platform still has it, and a
    letter says so.
    """
    for identity, row in {**gone, **expected.records}.items():
        if identity not in found.records:
            yield f"{identity}: not accepted"
            continue
        if identity in expected.records:
            sent = found.records[identity]
            wrong = [
                f"{name} {sent.get(name, '')!r}, not {value!r}"
                for name, value in row.items()
                if not is_same(value, sent.get(name, ""))
            ]
            if wrong:
                yield f"{identity}: {'; '.join(wrong)}"
    for identity in found.records.keys() - expected.records.keys() - gone.keys():
        yield f"{identity}: accepted, and must not be"
    yield from _letters(expected, found, gone)
    if dict(found.waiting) != dict(expected.waiting):
        yield f"waiting: {dict(found.waiting)}, not {dict(expected.waiting)}"
    sums = sums_of(found, gone)
    for settlement in expected.sums.keys() | sums.keys():
        if expected.sums.get(settlement, Decimal(0)) != sums.get(settlement, Decimal(0)):
            yield f"lines of settlement {settlement}: {sums.get(settlement)}, not {expected.sums.get(settlement)}"
    if (counted := standing(found, gone)) != expected.rows:
        yield f"accepted, dead and waiting are {counted}, rows that count are {expected.rows}"


def sums_of(found: Found, gone: Mapping[Identity, Row]) -> Mapping[str, Decimal]:
    """What the lines that stand come to, by settlement."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for (service, number), record in found.records.items():
        if service == "fee_list_d" and (service, number) not in gone:
            sums[record["SETL_ID"]] += Decimal(record["DET_ITEM_FEE_SUMAMT"])
    return sums


def standing(found: Found, gone: Mapping[Identity, Row]) -> int:
    """Accepted + dead + waiting."""
    dead = sum(1 for letter in found.letters if letter.dead_class != "WITHDRAWN")
    return len(found.records.keys() - gone.keys()) + dead + sum(found.waiting.values())


def _letters(expected: Expected, found: Found, gone: Mapping[Identity, Row]) -> Iterator[str]:
    withdrawn = {letter.record_key_hash: letter.id for letter in found.letters if letter.dead_class == "WITHDRAWN"}
    told = {record_key_hash(service, number): (service, number) for service, number in gone}
    for digest in told.keys() - withdrawn.keys():
        yield f"{told[digest]}: gone, and no letter says so"
    for digest in withdrawn.keys() - told.keys():
        yield f"letter {withdrawn[digest]}: WITHDRAWN, and its record stands"
    others = {of: count for of, count in classes(found.letters).items() if of[0] != "WITHDRAWN"}
    if others != dict(expected.letters):
        yield f"letters: {others}, not {dict(expected.letters)}"
