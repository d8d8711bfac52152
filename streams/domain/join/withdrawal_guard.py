"""Withdrawals that are too many to be people's work: an archive job that deletes a million rows must not become a million letters.

They are held, and one letter says so, until the site's limits or the mapping change. What is held may still be backed by a row.

Entry key, one for each source and partition: nothing, `g` and the source, joined by 0x1f. Entry value: `r` and a JSON array.
"""

from typing import Final, NamedTuple

import orjson

from streams.domain.join.entries import FORM, SEPARATOR, WITHOUT_TRAIL
from streams.errors import Newer

_HOUR_MS: Final = 3_600_000
_RELEASED: Final = "released "


class Guard(NamedTuple):
    """What was told, and what is held."""

    since: int = 0
    """When the hour began in which is counted (ms)."""
    offset: int = 0
    """In `visit.changes`, of the first change of that hour that withdrew something."""
    told: int = 0
    """Withdrawals told since."""
    held: str = ""
    """By which limits withdrawals are held; `""` while none is. Behind `released `: they were, and what is held is looked at."""
    held_at: int = 0
    """When the holding began (ms)."""

    def held_by(self, limits: str) -> bool:
        """Whether withdrawals are held by these limits."""
        return self.held == limits

    @property
    def releases(self) -> bool:
        """Whether what was held is looked at again."""
        return self.held.startswith(_RELEASED)

    def under(self, limits: str) -> "Guard":
        """After the limits were looked at: others than those that hold release it."""
        return self if self.held in ("", limits) or self.releases else self._replace(held=_RELEASED + limits)

    def counted(self, number: int, *, now: int, first: int) -> "Guard":
        """With so many withdrawals more. first: offset of the first change that made one of them."""
        fresh = now - self.since >= _HOUR_MS
        return self._replace(since=now, offset=first, told=number) if fresh else self._replace(told=self.told + number)

    def is_too_much(self, *, per_hour: int, share: float, offset: int) -> bool:
        """Whether what is counted now is no people's work. per_hour: so many always are; 0: any number. share: of all changes."""
        return 0 < per_hour < self.told and self.told > share * (offset - self.offset + 1)


def guard_key(source: str) -> bytes:
    """The state key."""
    return SEPARATOR.join((b"", b"g", source.encode()))


def dump_guard(guard: Guard) -> bytes:
    """The state value."""
    return b"r" + orjson.dumps([WITHOUT_TRAIL, *guard])


def load_guard(value: bytes | None) -> Guard:
    """The guard in a state value. Raises Newer where a later version wrote it."""
    if value is None:
        return Guard()
    form, *members = orjson.loads(value[1:])
    if form > FORM:
        raise Newer(f"a count of withdrawals in visit.state (form {form}; this version knows {FORM})")
    return Guard(*members)
