"""Under which terms the entries of a visit's rows are found without reading the others: an index beside a copy of the state.

It is derived from the entries alone, written with them, and made anew from them where it was made in another way. So nothing of it
stands in `visit.state`, and it cannot disagree with the rows.

A term may lead to entries that had it once: whoever asks looks at the row. Refund lines that are held are exact, because every line
that is reported asks for them.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

import orjson

from connector.contract import TableRole
from streams.domain.join.claims import claim_of
from streams.domain.join.entries import SEPARATOR, is_held_refund, item_in, role_letter
from streams.domain.join.stored import Item
from streams.domain.normalise.record import CompiledMapping

Place: TypeAlias = tuple[bytes, bytes]
"""In the index: what all entries have in common that stand under a term, and the rest of the entry's key."""

HELD: Final = b"h"
_LINK: Final = b"l"
_CLAIM: Final = b"c"
_FORM: Final = 3
"""2: refund lines that are held stand under their item. 3: lines stand under what they name without the blanks around it."""
_PARTS: Final = 5
"""Of a row's key: visit, role, source, table, and the columns of its key."""


class _Rule(NamedTuple):
    """What of a table's rows is found."""

    link: str | None
    """Name of the column that names a line's settlement, as in an entry; None where none does."""
    collides: bool
    """Whether two of the rows can be one record."""


class Index:
    """For the rows of these mappings."""

    def __init__(self, mappings: Mapping[str, CompiledMapping] | None = None) -> None:
        self._rules: dict[tuple[bytes, bytes, bytes], _Rule] = {}
        for mapping in (mappings or {}).values():
            for name, table in mapping.tables.items():
                link = table.settlement_link if table.role is TableRole.FEE else None
                rule = _Rule(None if link is None else orjson.dumps(link).decode(), name in mapping.colliding)
                if rule != _NOTHING:
                    self._rules[role_letter(table.role), mapping.source.encode(), name.encode()] = rule
        told = sorted((*map(bytes.decode, key), rule.link or "", rule.collides) for key, rule in self._rules.items())
        self.form: str = orjson.dumps([_FORM, told]).decode()
        """How it is made: an index of another form does not serve."""

    def places(self, key: bytes, value: bytes) -> Iterator[Place]:
        """Where an entry stands in it, but for the refund lines that are held."""
        if not self._rules:
            return
        parts = key.split(SEPARATOR, _PARTS - 1)
        rule = self._rules.get((parts[1], parts[2], parts[3])) if len(parts) == _PARTS else None
        if rule is None:
            return
        rest = key[len(parts[0]) + 1 :]
        if rule.link is not None and (named := _text_of(value, rule.link.encode()).strip(b" ")):
            yield under(parts[0], named), rest
        if rule.collides:
            yield claimed(parts[0] + SEPARATOR + parts[1], claim_of(value)), rest

    def all_places(self, key: bytes, value: bytes) -> Iterator[Place]:
        """Where an entry stands in it."""
        yield from self.places(key, value)
        if is_held_refund(key, value):
            yield held(key, item_in(value))


_NOTHING: Final = _Rule(None, collides=False)


def held(key: bytes, item: Item | None) -> Place:
    """Where a refund line that is held stands. item: None where its entry does not say it."""
    visit_key, _, rest = key.partition(SEPARATOR)
    return b"".join((HELD, visit_key, SEPARATOR)), b"".join((orjson.dumps(item), SEPARATOR, rest))


def held_at(place: bytes) -> tuple[bytes, Item | None]:
    """The key and the item of a refund line that is held, from what stands behind `HELD` of its place."""
    visit_key, item, rest = place.split(SEPARATOR, 2)
    told = orjson.loads(item)
    return visit_key + SEPARATOR + rest, None if told is None else (told[0], told[1])


def under(visit_key: bytes, settlement: bytes) -> bytes:
    """What the lines have in common that name a settlement. settlement: as in an entry, without the blanks around it."""
    return b"".join((_LINK, visit_key, SEPARATOR, settlement, SEPARATOR))


def claimed(group: bytes, claim: bytes) -> bytes:
    """What the rows of a group have in common that are reported as a record, or claim it."""
    return b"".join((_CLAIM, group, SEPARATOR, claim, SEPARATOR))


@lru_cache(1_024)
def as_in_an_entry(text: str) -> bytes:
    """A value of a column as it stands in an entry."""
    return orjson.dumps(text)[1:-1]


def _text_of(value: bytes, name: bytes) -> bytes:
    """The text in a column of a row's entry, read without parsing the row; `b""` where there is none."""
    sought = b"%b:" % name
    at = value.find(sought)
    while at > 0 and value[at - 1] not in b",{":
        at = value.find(sought, at + 1)
    begin = at + len(sought)
    if at < 0 or value[begin : begin + 1] != b'"':
        return b""
    end = value.index(b'"', begin + 1)
    while value[end - 1] == ord("\\") and _is_escaped(value, end):
        end = value.index(b'"', end + 1)
    return value[begin + 1 : end]


def _is_escaped(value: bytes, at: int) -> bool:
    before = value[:at]
    return bool((len(before) - len(before.rstrip(b"\\"))) % 2)
