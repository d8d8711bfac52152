"""Records that are tried again because a person ordered it (`streams.domain.replay`)."""

from typing import Final, NamedTuple

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

FORM: Final = 1
"""Of the entries that say what was sent once more."""

_LETTER: Final = b"y"


class Resent(NamedTuple):
    """What of a row was sent once more, in its own state entry: another order for the same refusal sends nothing."""

    content: str
    """Content hash."""
    times: int
    """How often."""


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
        # A letter counts the replay that made its record, too: what was never sent once more has no number of its own.
        went = self.before.content == row.emitted and self.before.times != order.times
        return not went and order.position == dotted(row.position)

    @property
    def entry(self) -> tuple[bytes, bytes]:
        """The state entry after it went once more."""
        return resent_key(self.where), dump(Resent(self.order.resend, self.order.times + 1))


def replaying(visit: Visit, row: StoredRow, order: Replay) -> Replaying:
    """What a fold needs to know to try a row again."""
    where = visit.place(row)
    value = visit.beside(resent_key(where))
    return Replaying(where, order, Resent("", 0) if value is None else load(value))


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
    if form != FORM:
        raise Newer(f"what was replayed, in visit.state (form {form}; this version knows {FORM})")
    return Resent._make(members)
