"""Claims that ended: in which visit a record was last, so that what comes with it in another visit is known as a move.

A claim ties a record to a visit through a row. It ends when the row is deleted, loses its visit, or becomes another record; it
begins when a row comes with the record. Where the claim that begins follows one of another visit, the row came from there: it
waits for the lane there, and is sent although its visit has reported it just so before.

What ended is remembered for a while by the clock of the database, and so much of it; the join takes nothing for unchanged that
comes back later (`streams.domain.join.withdrawing`). The memory outlives its worker (`streams.domain.place.ended_entries`). Where a
part of it is missing, because an earlier version kept none or because it was too much, each claim that begins is in doubt for that
while: what its visit said of the record before is then worth nothing.
"""

from collections.abc import Mapping
from typing import Final, Protocol, Self

from streams.domain.place import ended_entries
from streams.domain.place.ended_entries import Claim, Name, Where
from streams.domain.place.entries import View

ENDED_MS: Final = 600_000
"""So long claims are remembered at least; longer where a record may be without a row for longer."""

MOST: Final = 100_000
"""Claims of one source that are remembered (some 50 MB)."""


class Names(Protocol):
    """By what a table's rows are known as records."""

    def differs(self, one: Mapping[str, object], other: Mapping[str, object]) -> bool:
        """Whether two images of a row may be two records."""

    def of(self, image: Mapping[str, object]) -> Name | None:
        """The record of a row; None where it is none yet."""


DOUBT: Final = Claim("", 0, None)
"""In the place of a claim, where there may have been one."""


class Ended:
    """The claims of one source that ended. A record's name is whatever names it; a row's place where nothing else does.

    horizon_ms: so long one is remembered. lost: whether there were some that are not known any more.
    """

    __slots__ = ("_at", "_changed", "_claims", "_horizon_ms", "_in_doubt", "_most", "_names", "_until")

    def __init__(self, horizon_ms: int, *, lost: bool = False, most: int = MOST) -> None:
        self._horizon_ms = horizon_ms
        self._most = most
        self._claims: dict[Name, Claim] = {}
        self._names: dict[Where, Name] = {}
        """By row that its visit does not have any more, as which record it is remembered."""
        self._at = 0
        self._in_doubt = lost
        self._until: int | None = None
        """When the doubt is over; None: so long after the first claim that begins."""
        self._changed: dict[bytes, bytes | None] = {ended_entries.KEPT: ended_entries.kept(None if lost else 0)}

    @classmethod
    def kept(cls, view: View, horizon_ms: int, *, begun: bool, most: int = MOST) -> Self:
        """As the entries of a source have them. begun: whether an earlier worker may have seen claims that ended."""
        until = ended_entries.kept_in(view)
        ended = cls(horizon_ms, lost=begun if until == ended_entries.NEVER else until != 0, most=most)
        if until == ended_entries.NEVER:
            return ended
        ended._until = until or None
        for name, claim in ended_entries.claims_in(view):
            ended._remember(name, claim)
        ended._changed.clear()
        return ended

    def __bool__(self) -> bool:
        return self._in_doubt or bool(self._claims)

    def take_changes(self) -> dict[bytes, bytes | None]:
        """The entries that are others now than when this was asked last, by key; None where one goes."""
        if not self._changed:
            return {}
        changed, self._changed = self._changed, {}
        return changed

    def ends(self, name: Name, visit: str, *, row: Where | None, at: int) -> None:
        """A claim ended. at: when its change was committed (ms)."""
        self._forget(name)
        claim = Claim(visit, max(self._at, at), row)
        self._remember(name, claim)
        self._changed[ended_entries.key_of(name)] = ended_entries.dump(claim)
        self._thin_out()

    def begins(self, name: Name, visit: str, *, row: Where, at: int) -> Claim | None:
        """A claim begins; the one of another visit that it follows. at: as above."""
        if not self._in_doubt and name not in self._claims and row not in self._names:
            return None
        known = self._names.pop(row, None)
        if known is not None and known != name:  # the row is there again, as another record
            self._claims[known] = self._claims[known]._replace(row=None)
            self._changed[ended_entries.key_of(known)] = ended_entries.dump(self._claims[known])
        claim = self._forget(name)
        if claim is None and self._in_doubt:
            return self._doubted(max(self._at, at))
        return None if claim is None or claim.visit == visit else claim

    def _doubted(self, at: int) -> Claim | None:
        if self._until is None:
            self._doubt(at + self._horizon_ms)
        elif at > self._until:
            self._doubt(0)
        return DOUBT if self._in_doubt else None

    def _doubt(self, until: int) -> None:
        """until: by the database's clock (ms); 0: no longer."""
        self._in_doubt, self._until = until > 0, until or None
        self._changed[ended_entries.KEPT] = ended_entries.kept(until)

    def _remember(self, name: Name, claim: Claim) -> None:
        self._at = claim.at
        self._claims[name] = claim
        if claim.row is not None and claim.row != name:
            self._names[claim.row] = name

    def _thin_out(self) -> None:
        while self._claims:
            name = next(iter(self._claims))
            too_much = len(self._claims) > self._most
            if not too_much and self._claims[name].at >= self._at - self._horizon_ms:
                return
            if too_much:
                self._doubt(self._at + self._horizon_ms)
            self._forget(name)

    def _forget(self, name: Name) -> Claim | None:
        claim = self._claims.pop(name, None)
        if claim is None:
            return None
        self._changed[ended_entries.key_of(name)] = None
        if claim.row is not None:
            self._names.pop(claim.row, None)
        return claim


def changed(  # noqa: PLR0913 - a row, and where it was and is
    ended: Ended,
    names: Names | None,
    row: Where,
    *,
    visits: tuple[str | None, str | None],
    images: tuple[object, object],
    at: int,
) -> Claim | None:
    """Note what a change of a row does to its claim; the claim of another visit that it follows. names: of its table; None where
    the row's place says it all. visits, images: before and after the change.
    """
    (was, visit), (before, after) = visits, images
    if was == visit and (names is None or not _differ(names, before, after)):
        return None
    old = row if was is None else _name(names, before, row)
    new = row if visit is None else _name(names, after, row)
    if was is not None and (visit is None or old != new):
        ended.ends(old, was, row=row if visit is None else None, at=at)
    return ended.begins(new, visit, row=row, at=at) if visit is not None and (was is None or old != new) else None


def _name(names: Names | None, image: object, row: Where) -> Name:
    return (names.of(image) if names is not None and isinstance(image, dict) else None) or row


def _differ(names: Names, before: object, after: object) -> bool:
    return isinstance(before, dict) and isinstance(after, dict) and names.differs(before, after)
