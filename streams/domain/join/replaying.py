"""Records that are tried again because a person ordered it (`streams.domain.replay`).

What goes once more as it is must be the last thing that was handed on of its row, and not something of the same content that came
again later. A record is known by its content and by the position of the change that made it. Where the row does not say that
position any more (it was touched since, or deleted and written again), or where another row's change made the record, an entry of
its own says by what it is known.
"""

from typing import Final, NamedTuple, TypeAlias

import orjson

from streams.domain.changes import dotted
from streams.domain.join.entries import SEPARATOR, visit_key_of
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit
from streams.domain.replay import Replay
from streams.errors import Newer

GONE: Final = "replay_gone"
"""Outcome: the row of an order is not there any more, or was never there."""
STALE: Final = "replay_stale"
"""Outcome: the record was handed on since in another version, or once more: nothing is sent again."""
RESENT: Final = "resent"
"""Outcome: a record went once more as it is, because the platform had refused it and a person ordered it."""
UNKNOWN: Final = "replay_unknown"
"""Outcome: the table or the source of an order is not mapped."""

FORM: Final = 2
"""Of the entries that say how the last record of a row was handed on. 2: by what it is known."""
BY: Final = "handed-on-by"
"""Behind the other headers, of a record that another row's change made: by what it is known in place of its position."""

Entries: TypeAlias = tuple[tuple[bytes, bytes | None], ...]
"""Of the state: key and value, None where it goes."""

_LETTER: Final = b"y"
_NOT_RESENT: Final = -1


class Resent(NamedTuple):
    """How the last record of a row was handed on, in its own state entry, where the row does not say it. Another order for the same
    refusal sends nothing.
    """

    content: str
    """Content hash."""
    times: int
    """How often it was sent once more; -1: it was not."""
    by: str | None = None
    """By what it is known: a position, or what `BY` says; None: by the position of the row's last change."""


class Replaying(NamedTuple):
    """The row that a fold tries again, and the order."""

    where: bytes
    """State key of the row."""
    order: Replay
    """Of which it is."""
    before: Resent
    """What was sent once more until now."""

    def __repr__(self) -> str:
        """Without keys."""
        return f"Replaying(order={self.order})"

    def resends(self, visit: Visit, row: StoredRow) -> bool:
        """Whether a record goes once more as it is: where the last thing that was handed on of the row is what the letter tells."""
        order = self.order
        if visit.place(row) != self.where or not order.resend or order.resend != row.emitted:
            return False
        before = self.before if self.before.content == row.emitted else Resent(row.emitted, _NOT_RESENT)
        # A letter counts the replay that made its record, too: what was never sent once more has no number of its own.
        went = before.times not in (_NOT_RESENT, order.times)
        return not went and order.position == (dotted(row.position) if before.by is None else before.by)

    def entry(self, row: StoredRow) -> tuple[bytes, bytes]:
        """The state entry after it went once more, with the position of the row's last change."""
        return resent_key(self.where), dump(Resent(self.order.resend, self.order.times + 1, dotted(row.position)))


def replaying(visit: Visit, row: StoredRow, order: Replay) -> Replaying:
    """What a fold needs to know to try a row again."""
    where = visit.place(row)
    value = visit.view.get(resent_key(where))
    return Replaying(where, order, Resent("", 0) if value is None else load(value))


def is_resent(key: bytes) -> bool:
    """Whether a state entry is of how a row's last record was handed on."""
    after = key.find(SEPARATOR) + 1
    return key[after : after + 2] == _LETTER + SEPARATOR


def touched(visit: Visit, before: StoredRow) -> Entries:
    """The state entry of a row whose last change handed on nothing: by what its last record is known, which it said before."""
    if not before.emitted or visit.view.get(key := resent_key(visit.place(before))) is not None:
        return ()
    return ((key, dump(Resent(before.emitted, _NOT_RESENT, dotted(before.position)))),)


def made_by_itself(visit: Visit, row: StoredRow) -> Entries:
    """The state entry of a row whose own change handed on a record: none, for the row says it."""
    key = resent_key(visit.place(row))
    return ((key, None),) if visit.view.get(key) is not None else ()


def made_by_others(visit: Visit, row: StoredRow, content: str, *, by: str) -> tuple[Entries, str]:
    """The state entry of a row whose record another row's change, or a person, made another one; and by what it is known. Nothing
    of a first record: only that row's own changes come before it. row: before it was handed on. by: position of the other change,
    or else offset of its message.
    """
    key = resent_key(visit.place(row))
    if not row.emitted and visit.view.get(key) is None:
        return (), ""
    return ((key, dump(Resent(content, _NOT_RESENT, f"+{by}"))),), f"+{by}"


def resent_key(where: bytes) -> bytes:
    """The state key of what was sent once more of the row with this state key."""
    visit_key = visit_key_of(where)
    return b"".join((visit_key, SEPARATOR, _LETTER, where[len(visit_key) :]))


def dump(resent: Resent) -> bytes:
    """The state value."""
    return b"r" + orjson.dumps([FORM, *resent])


def load(value: bytes) -> Resent:
    """What is in a state value. Raises Newer where a later version wrote it."""
    form, *members = orjson.loads(value[1:])
    if form > FORM:
        raise Newer(f"what was replayed, in visit.state (form {form}; this version knows {FORM})")
    return Resent(*members)
