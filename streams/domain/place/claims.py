"""Which visit holds a record that rows of several visits claim: the one whose row claimed it first, while it has such a row.

Rows of other visits that claim it are sent with the header `claimed`, which names the first one: the join does not report them.
When the visit that holds a record has no row any more that claims it, the next one holds it, in the order in which they came: the
message by which the last row went has the header `passed`, and each row of the next visit is told to be free. Rows of one visit
are no matter of the place stage: its join sees them all. Only tables are looked at of which two rows can be one record.

Entries of `place.state`, parts of a key joined by 0x1f, each value `c` and a JSON array that begins with its form. `K`, table, row
key: what a row claims (claim, visit, mark). `I`, claim: who claims it (lists of table, row key, visit), the holder's first. `T`,
table: the mark of the last change that emptied it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import orjson

from connector.contract import Mark
from streams.domain.again import after, again
from streams.domain.keys import SEPARATOR
from streams.domain.place.entries import CLAIMS_FORM, View
from streams.errors import Newer

_MOST: Final = 100
"""So many rows of one claim are remembered; more of them are made of a mapping that is wrong, and each is told."""


class Claimant(NamedTuple):
    """A row that claims a record."""

    table: str
    key: tuple[str, ...]
    visit: str

    @property
    def name(self) -> str:
        """Of the row, as the header `claimed` has it."""
        return SEPARATOR.join((self.table, *self.key))

    def __repr__(self) -> str:
        """Without the keys."""
        return f"Claimant(table={self.table!r})"


class Freed(NamedTuple):
    """A row that is to be reported, whatever the platform has of its record."""

    row: Claimant
    after: str
    """The visit that held its record before, or may have reported it."""


class Standing(NamedTuple):
    """What comes of a change of a row."""

    claimed: str = ""
    """Name of the row that claims its record in the visit which holds it; `""` where its own visit does."""
    passed: str = ""
    """The visit that held a record of the row which another visit holds now; `""` for none."""
    freed: tuple[Freed, ...] = ()


UNDISPUTED: Final = Standing()
"""Nobody else is concerned."""


class _Known(NamedTuple):
    """What a row claims."""

    claim: str
    visit: str
    mark: Mark | None


class Claims:
    """The claims of one source while one message is folded. view: its state. changed: entries, for the caller."""

    def __init__(self, view: View) -> None:
        self.changed: dict[bytes, bytes | None] = {}
        self._view = view

    def stands(self, row: Claimant, claim: str | None, mark: Mark | None = None, *, is_new: bool = False) -> Standing:
        """A row stands in a visit, with this claim. mark: None where the caller knows that nobody sent it before. is_new: whether
        the row was made just now. Else, where it is not known, a version may have reported it that looked at no claims.
        """
        where = _row_key(row.table, row.key)
        known = self._known(where)
        if known is not None and again(mark, known.mark):
            return Standing(self._claimed(row._replace(visit=known.visit), known.claim))
        there = () if claim is None else self._claimants(claim)
        if known is not None and known[:2] == (claim, row.visit) and row in there:
            return Standing(_first_elsewhere(there, row))
        if known is None and claim is not None and not there:  # as nearly all begin
            self._put(where, _Known(claim, row.visit, mark))
            self.changed[_claim_key(claim)] = b"c" + orjson.dumps([CLAIMS_FORM, tuple(row)])
            return UNDISPUTED
        gone = self._gives_up(row, known) if known is not None and known.claim != claim else UNDISPUTED
        if claim is None:
            if known is not None:
                self.changed[where] = None
            return gone
        self._put(where, _Known(claim, row.visit, after(mark, None if known is None else known.mark)))
        came = [row if _same(one, row) else one for one in there]
        if row not in came and len(came) < _MOST:
            came.append(row)
        now = self._in_order(claim, there, came)
        freed = [one for one in _freed(there, now) if not _same(one.row, row)]
        if known is None and not is_new and now[0].visit != row.visit:
            freed.append(Freed(now[0], row.visit))
        return Standing(_first_elsewhere(now, row), gone.passed or _passed(there, now), (*gone.freed, *freed))

    def goes(self, table: str, key: tuple[str, ...], mark: Mark | None = None) -> Standing:
        """A row stands nowhere any more."""
        where = _row_key(table, key)
        known = self._known(where)
        if known is None or again(mark, known.mark):
            return UNDISPUTED
        self.changed[where] = None
        return self._gives_up(Claimant(table, key, known.visit), known)

    def emptied(self, table: str, mark: Mark | None) -> Iterator[Freed]:
        """All rows of a table go. Where that is told again: those that came before it."""
        when = f"T{SEPARATOR}{table}".encode()
        told, prefix = self._load(when), _row_key(table, ("",))
        repeated = bool(told) and again(mark, _mark(told[0]))
        if not repeated:
            self.changed[when] = b"c" + orjson.dumps([CLAIMS_FORM, mark and tuple(mark)])
        for where in list(self._view.scan(prefix)):
            known = self._known(where)
            if not repeated or (known is not None and again(known.mark, mark)):
                yield from self.goes(table, tuple(where[len(prefix) :].decode().split(SEPARATOR))).freed

    def _gives_up(self, row: Claimant, known: _Known) -> Standing:
        there = self._claimants(known.claim)
        now = self._in_order(known.claim, there, [one for one in there if not _same(one, row)])
        return Standing("", _passed(there, now), tuple(_freed(there, now)))

    def _in_order(self, claim: str, before: Sequence[Claimant], now: list[Claimant]) -> list[Claimant]:
        """Those of the visit that holds the claim first, while it has some; kept."""
        if before and now and now[0].visit != before[0].visit:
            now.sort(key=lambda one: one.visit != before[0].visit)
        document = orjson.dumps([CLAIMS_FORM, *map(tuple, now)])
        self.changed[_claim_key(claim)] = b"c" + document if now else None
        return now

    def _claimed(self, row: Claimant, claim: str) -> str:
        return _first_elsewhere(self._claimants(claim), row)

    def _claimants(self, claim: str) -> Sequence[Claimant]:
        return [Claimant(table, tuple(key), visit) for table, key, visit in self._load(_claim_key(claim))]

    def _known(self, where: bytes) -> _Known | None:
        found = self._load(where)
        if not found:
            return None
        claim, visit, mark = found
        return _Known(claim, visit, _mark(mark))

    def _put(self, where: bytes, known: _Known) -> None:
        self.changed[where] = b"c" + orjson.dumps([CLAIMS_FORM, known.claim, known.visit, known.mark and tuple(known.mark)])

    def _load(self, where: bytes) -> list[Any]:
        value = self.changed[where] if where in self.changed else self._view.get(where)
        if value is None:
            return []
        members: list[Any]
        form, *members = orjson.loads(value[1:])
        if form > CLAIMS_FORM:
            raise Newer(f"a claim in place.state (form {form}; this version knows {CLAIMS_FORM})")
        return members


def _first_elsewhere(all_: Sequence[Claimant], row: Claimant) -> str:
    """Name of the row by which another visit than this row's holds a claim; `""` where none does."""
    return all_[0].name if all_ and all_[0].visit != row.visit else ""


def _passed(before: Sequence[Claimant], now: Sequence[Claimant]) -> str:
    """The visit that held a claim which another one holds now; `""` for none."""
    return before[0].visit if before and now and before[0].visit != now[0].visit else ""


def _freed(before: Sequence[Claimant], now: Sequence[Claimant]) -> Iterator[Freed]:
    """The rows whose visit holds a claim now, and did not before."""
    if _passed(before, now):
        yield from (Freed(one, before[0].visit) for one in now if one.visit == now[0].visit and one in before)


def _mark(members: Any) -> Mark | None:
    return members and Mark(tuple(members[0]), members[1], members[2])


def _same(one: Claimant, other: Claimant) -> bool:
    return one[:2] == other[:2]


def _row_key(table: str, key: Sequence[str]) -> bytes:
    return SEPARATOR.join(("K", table, *key)).encode()


def _claim_key(claim: str) -> bytes:
    return f"I{SEPARATOR}{claim}".encode()
