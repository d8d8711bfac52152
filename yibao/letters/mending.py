"""Who mends a letter, where, and what happens by itself after that: from the letter's class and the site's mapping."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from connector.contract import CaptureSource, TableRole
from streams.deadletter.index.pages import Letter
from streams.domain.normalise.record import CompiledMapping
from streams.domain.normalise.sources import in_table, values_of
from streams.domain.several_roles import in_database
from streams.domain.violations import DeadClass
from streams.spec.fields import ServiceCode

_LOOKUP: Final = "lookup "

_COMES_AGAIN: Final = "when the row changes, or its table is read again, its record is made anew; accepted, it closes this letter"
_MAPPED_ANEW: Final = (
    "after a mended mapping and a restart, `yibao replay plan id:{} --depth renormalise` makes its record anew; accepted, it "
    "closes this letter"
)
_READ_AGAIN: Final = (
    "the row had no place, and when it comes again with one, this letter does not hear of it: `yibao replay plan id:{} --depth "
    "recapture` reads the row again, and what comes of it closes this letter"
)
_UNPLACED: Final = frozenset({DeadClass.MAPPING, DeadClass.SCHEMA_DRIFT, DeadClass.JOIN_INCOMPLETE, DeadClass.AMBIGUOUS})
"""Classes of letters about rows that had no place."""
_THEN: Final[Mapping[DeadClass, str]] = {
    DeadClass.DECODE: "nothing: report the message to whoever maintains this product, and close the letter",
    DeadClass.SCHEMA_DRIFT: _MAPPED_ANEW,
    DeadClass.JOIN_INCOMPLETE: "when the missing row comes, the record goes by itself; accepted, it closes this letter",
    DeadClass.AMBIGUOUS: "when one candidate is left, the record goes by itself; accepted, it closes this letter",
    DeadClass.COLLISION: "when one of the two rows has another key or is gone, the other one's record goes and this letter closes",
    DeadClass.CORRECTION: (
        "nothing: the platform has what was reported before. `yibao replay plan id:{} --depth renormalise` sends what it is now, "
        "and that closes this letter; so does the row when it says again what was reported"
    ),
    DeadClass.MAPPING: _MAPPED_ANEW,
    DeadClass.DICTIONARY: _MAPPED_ANEW,
    DeadClass.VALIDATION: _COMES_AGAIN,
    DeadClass.OVERSIZE: _COMES_AGAIN,
    DeadClass.ENCRYPT: "nothing: no stage writes such letters",
    DeadClass.REJECTED: "a changed content is sent again; accepted, it closes this letter. The same content is not sent again",
    DeadClass.WITHDRAWN: "nothing: withdraw the record at the platform, then `yibao dlq close` with its confirmation",
    DeadClass.INTERNAL: "nothing: no stage writes such letters",
}


class Mending(NamedTuple):
    """What is to be done about a letter."""

    owner: str
    """Who is asked first."""
    where: tuple[str, ...]
    """`schema.table.column` in the hospital's system, of what is wrong, with the row's key as far as it may be shown."""
    then: str
    """What happens by itself when it is mended."""


def mending_of(letter: Letter, mappings: Mapping[str, CompiledMapping], sources: Iterable[CaptureSource]) -> Mending:
    """Who mends a letter, where and what then. mappings: by source."""
    return Mending(letter.owner, Places(mappings, sources).of(letter), _then(letter))


class Places:
    """Where letters are mended in the hospitals' systems. mappings: by source."""

    def __init__(self, mappings: Mapping[str, CompiledMapping], sources: Iterable[CaptureSource]) -> None:
        self._mappings = mappings
        self._lookups = {table.lookup: table.name for source in sources for table in source.tables if table.lookup is not None}

    def of(self, letter: Letter) -> tuple[str, ...]:
        """Of a letter, as `Mending.where`."""
        own = [mapping for name, mapping in self._mappings.items() if letter.source in ("", name)]
        return tuple(dict.fromkeys([place for mapping in own for place in _places(letter, mapping, self._lookups)]))


def _then(letter: Letter) -> str:
    if letter.dead_class not in DeadClass.__members__:
        return ""
    dead_class = DeadClass(letter.dead_class)
    if letter.stage == "join" and not letter.service and letter.row_table and dead_class in _UNPLACED:
        return _READ_AGAIN.format(letter.id)
    return _THEN[dead_class].format(letter.id)


def _places(letter: Letter, mapping: CompiledMapping, lookups: Mapping[str, str]) -> Iterator[str]:
    if letter.rule == "MISSING_LOOKUP" and letter.cause:
        where, _, key = letter.cause.partition("=")
        yield f"{lookups.get(where, where)}{_of(key)}"
        return
    record = mapping.records.get(ServiceCode(letter.service)) if letter.service in {*ServiceCode} else None
    for step in record.steps if record is not None else ():
        if step.name == letter.field:
            own = mapping.tables.get(letter.row_table)
            source = step.source if own is None else in_table(step.source, own.role, own.name)
            for role, column in values_of(source):
                yield from (f"{table}.{column}{key}" for table, key in _tables(role, letter, mapping, lookups))
            return
    if letter.row_table:
        yield f"{in_database(letter.row_table)}{_of(letter.row_key)}"


def _tables(role: str, letter: Letter, mapping: CompiledMapping, lookups: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The tables in which a value of a role, or of a lookup, stands, and the key of the row where that is known."""
    if role.startswith(_LOOKUP):
        name = role.removeprefix(_LOOKUP)
        yield lookups.get(name, name), ""
        return
    own = mapping.tables.get(letter.row_table)
    if own is not None and own.role == role:
        yield in_database(own.name), _of(letter.row_key)
        return
    at = _of(letter.visit_key) if role == TableRole.VISIT else ""
    yield from ((in_database(table.name), at) for table in mapping.tables.values() if table.role == role)


def _of(key: str) -> str:
    return f" of {key}" if key else ""
