"""What the lines of each settlement of a visit add up to, beside what the settlement says (rule R2), kept up to date while rows
change: so that no change reads a stay for it.

The sums stand in the state beside the visit's rows, and are written with them. They are at all times what adding up the rows'
entries gives, whatever became of the records: each change adds what its row says now and takes out what it said before.

Entry keys: visit key, `u` and source, joined by 0x1f, and `r` with a JSON array: form, and what the sums were made by. Where that
is another mapping, or the entry is missing because an earlier version wrote the rows, the sums are made anew of all rows at the
next change of one. For each settlement: the same, and what brings its lines to it; and `r`, or, where the amounts differ, `d`, or
`w`, 13 digits (as of a row that waits) and `-` until that is counted, with a JSON array: form and what stands in `Tally` but the
deadline.
"""

from functools import lru_cache
from typing import Final, NamedTuple

import orjson

from streams.domain.join.entries import FORM, SEPARATOR, WITH_TALLY, waits
from streams.domain.normalise.tallied import Share
from streams.errors import Newer

TOLD: Final = -1
"""Stands for the deadline of what was counted."""
_LETTER: Final = b"u"
_DIFFERS: Final = b"d"
_DIGITS: Final = 13
_DOCUMENT: Final = _DIGITS + 2


class Tally(NamedTuple):
    """One settlement and its lines. Amounts are cents."""

    lines_cents: int = 0
    """What the lines add up to."""
    lines: int = 0
    """How many lines there are."""
    stated_cents: int = 0
    """What the settlement says."""
    settlements: int = 0
    """How many there are; of several nobody knows which is meant."""
    unread: int = 0
    """Of how many rows the amount cannot be read: they are refused, and told."""
    deadline: int = 0
    """When it is counted that the amounts differ (ms), if they do then; `TOLD` where it was; 0 where they do not."""

    def __repr__(self) -> str:
        """Without amounts."""
        return f"Tally(lines={self.lines}, settlements={self.settlements}, differs={self.differs})"

    @property
    def differs(self) -> bool:
        """Whether the lines add up to something else than the settlement says. Of one without lines nobody can say: they may be to
        come, or stand under the settlement that it takes back.
        """
        return self.settlements == 1 and self.lines > 0 and not self.unread and self.lines_cents != self.stated_cents

    @property
    def off_cents(self) -> int:
        """By how much the lines add up to more than the settlement says; below 0: to less."""
        return self.lines_cents - self.stated_cents


def head_of(visit_key: bytes, source: str) -> bytes:
    """The state key that says by what the sums of a visit were made."""
    return visit_key + _behind_a_visit(source)


@lru_cache(64)
def _behind_a_visit(source: str) -> bytes:
    return SEPARATOR.join((b"", _LETTER, source.encode()))


def key_of(head: bytes, settlement: str) -> bytes:
    """The state key of a settlement's sums."""
    return SEPARATOR.join((head, settlement.encode()))


def of_key(key: bytes) -> tuple[bytes, str, str]:
    """Visit key, source, and as what its lines name the settlement, in the state key of its sums."""
    visit, _, source, settlement = key.split(SEPARATOR, 3)
    return visit, source.decode(), settlement.decode()


def is_tally(key: bytes) -> bool:
    """Whether a state key is of such sums, and not of a row."""
    after = key.find(SEPARATOR) + 1
    return key[after : after + 2] == _LETTER + SEPARATOR


def told_in(key: bytes, value: bytes | None) -> bool:
    """Whether an entry says that the amounts of a settlement differ, and that this was counted."""
    return value is not None and is_tally(key) and value[:1] == _DIFFERS


@lru_cache(64)
def dump_head(made_by: str) -> bytes:
    """The state value that says by what the sums were made."""
    return b"r" + orjson.dumps([WITH_TALLY, made_by])


@lru_cache(64)
def load_head(value: bytes) -> str:
    """What is in it. Raises Newer where a later version wrote it."""
    form, *members = orjson.loads(value[1:])
    _demand_known(form)
    return str(members[0])


def dump(tally: Tally) -> bytes:
    """The state value of a settlement's sums."""
    document = b"[%d,%d,%d,%d,%d,%d]" % (WITH_TALLY, *tally[:-1])
    if tally.deadline > 0:
        return b"w%013d-%b" % (tally.deadline, document)
    return (b"d" if tally.deadline else b"r") + document


def load(value: bytes) -> Tally:
    """The sums in a state value. Raises Newer where a later version wrote it."""
    waiting = waits(value)
    form, *members = orjson.loads(value[_DOCUMENT if waiting else 1 :])
    _demand_known(form)
    lines_cents, lines, stated_cents, settlements, unread = members
    deadline = int(value[1 : 1 + _DIGITS]) if waiting else TOLD if value[:1] == _DIFFERS else 0
    return Tally(lines_cents, lines, stated_cents, settlements, unread, deadline)


def added(tally: Tally, share: Share, sign: int) -> Tally:
    """The sums with what one row says (1), or without it (-1)."""
    lines_cents, lines, stated_cents, settlements, unread, deadline = tally
    _, cents, is_line = share
    if cents is None:
        unread, cents = unread + sign, 0
    if is_line:
        return Tally(lines_cents + sign * cents, lines + sign, stated_cents, settlements, unread, deadline)
    return Tally(lines_cents, lines, stated_cents + sign * cents, settlements + sign, unread, deadline)


def in_yuan(cents: int) -> str:
    """An amount as people write it."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _demand_known(form: int) -> None:
    if form > FORM:
        raise Newer(f"the sums of settlements in visit.state (form {form}; this version knows {FORM})")
