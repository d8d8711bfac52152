"""Says with the rows of one source, as they are placed, which visit holds the records that they claim."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import orjson

from connector.contract import UNAVAILABLE, Mark, Op
from streams.domain.changes import CLAIMED, FREED, PASSED, mark_of
from streams.domain.images import text_of
from streams.domain.keys import names_something
from streams.domain.place.claims import UNDISPUTED, Claimant, Claims, Freed, Standing
from streams.domain.place.entries import View
from streams.domain.place.placed import Folded, Named, Out, Placed
from streams.domain.records import Header, Row
from streams.errors import Rejected

_OPS: Final = {op.value: op for op in Op}
_PASSED: Final[tuple[Header, ...]] = ((PASSED, b"1"),)
_SAID: Final = ("connector", "name", "ts_ms", "txId", "gtid", "commit_lsn")
"""What a message that frees a row says of the change by which that came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimingTable:
    """A table of which a row can claim a record that another row claims."""

    name: str
    """`schema.table`."""
    key: tuple[str, ...]
    """Columns that identify a row."""
    columns: tuple[str, ...]
    """These, and those that name the record of a row."""
    claim: Callable[[Row], str | None] = field(repr=False)
    """What names the record of a row; None where nothing does."""

    def row_key(self, row: Row) -> tuple[str, ...] | None:
        """A row's key; None where it has none."""
        parts: list[str] = []
        for name in self.key:
            value = row.get(name)
            if value is None or not names_something(value):
                return None
            parts.append(value)
        return tuple(parts)


ClaimingTables: TypeAlias = Mapping[str, ClaimingTable]
"""Those of one source by name."""


class Claiming:
    """The claims of one message's rows. tables: of its source. said: its source block. place: makes the message for a visit which
    holds a record that another visit held before (visit, former one, value).
    """

    def __init__(
        self, tables: ClaimingTables, view: View, said: Mapping[str, object], place: Callable[[str, str, bytes], Placed]
    ) -> None:
        self._tables = tables
        self._claims = Claims(view)
        self._said = said
        self._place = place

    @property
    def state(self) -> dict[bytes, bytes | None]:
        """Changed state entries by key; None where the entry goes."""
        return self._claims.changed

    def direct(self, folded: Folded, envelope: Mapping[str, object], name: str, *, server: str) -> Folded:
        """What a change of a row leads to that names its visit itself. folded: without claims. name: of its table. server: which of
        the source's.
        """
        try:
            op = _OPS[f"{envelope.get('op')}"]
            known_by = mark_of(op, self._said, server=server)
            if op is Op.TRUNCATE:
                return folded._replace(placed=(*folded.placed, *self.emptied(name, known_by)), state=self.state)
            row = self._row(name, envelope, op)
            if op is Op.DELETE and folded.outcome == "moved":
                return folded  # of a former row of its key: the present one stands elsewhere
        except (KeyError, ValueError, Rejected):  # the join knows the letter for it
            return folded
        visit, stays = folded.placed[-1].key, op is not Op.DELETE
        standing = self._standing(row, visit.decode() if stays and visit else None, known_by)
        if standing == UNDISPUTED:  # as nearly all are
            return Folded(folded.placed, folded.outcome, folded.going, self._claims.changed, folded.gave_up)
        placed = list(folded.placed)
        placed[-1] = _with(placed[-1], _claimed(standing))
        if standing.passed:
            visits = [one.key for one in placed]
            if (formerly := standing.passed.encode()) in visits:
                at = visits.index(formerly)
                placed[at] = _with(placed[at], _PASSED)
        return folded._replace(placed=(*placed, *self._freed(standing.freed)), state=self.state)

    def _row(self, name: str, envelope: Mapping[str, object], op: Op) -> Named:
        """What of a row says what it claims; what was not sent, because it did not change, from before."""
        before, after = envelope.get("before"), envelope.get("after")
        image = before if op is Op.DELETE else after
        if not isinstance(image, dict):
            raise Rejected(f"the envelope of op {op.value!r} carries no row")
        columns = {
            one: value if (value := image.get(one)) is None or type(value) is str else text_of(value)
            for one in self._tables[name].columns
        }
        if UNAVAILABLE in columns.values():
            known = before if isinstance(before, dict) else {}
            columns |= {one: text_of(known.get(one)) for one, value in columns.items() if value == UNAVAILABLE}
        return Named(name, columns, is_new=op is Op.CREATE)

    def linked(self, outs: Sequence[Out]) -> tuple[list[tuple[Header, ...]], list[Placed]]:
        """What is said of each of these messages, and messages for the rows that are freed."""
        headers: list[tuple[Header, ...]] = [() for _ in outs]
        freed: list[Freed] = []
        for number, out in enumerate(outs):
            if out.row is None or out.row.table not in self._tables:
                continue
            if out.row.moves:
                continue  # what comes of that is asked with the message for the other visit
            standing = self._standing(out.row, out.visit if out.row.stays else None)
            headers[number] += _claimed(standing)
            told = [at for at in range(number + 1) if outs[at].visit == standing.passed and outs[at].row is not None]
            for at in told[-1:] if standing.passed else ():
                headers[at] += _PASSED
            freed += standing.freed
        return headers, [*self._freed(freed)]

    def emptied(self, name: str, mark: Mark | None) -> Iterable[Placed]:
        """The messages for the rows that are freed by a table that is emptied."""
        return self._freed(self._claims.emptied(name, mark)) if name in self._tables else ()

    def _standing(self, row: Named, visit: str | None, mark: Mark | None = None) -> Standing:
        """visit: where the row stands after its change; None: nowhere."""
        table = self._tables[row.table]
        key = table.row_key(row.columns)
        if key is None:
            return UNDISPUTED
        if visit is None:
            return self._claims.goes(row.table, key, mark)
        return self._claims.stands(Claimant(row.table, key, visit), table.claim(row.columns), mark, is_new=row.is_new)

    def _freed(self, freed: Iterable[Freed]) -> Iterable[Placed]:
        for row, formerly in freed:
            schema, _, name = row.table.partition(".")
            columns = dict(zip(self._tables[row.table].key, row.key, strict=True)) if row.table in self._tables else {}
            known = {one: self._said[one] for one in _SAID if one in self._said}
            said = {"source": known | {"schema": schema, "table": name}, "place": {"visit": row.visit}}
            value = {"yibao": FREED, "op": Op.DELETE.value, "before": columns, "after": None, **said}
            yield self._place(row.visit, formerly, orjson.dumps(value))


def _claimed(standing: Standing) -> tuple[Header, ...]:
    return ((CLAIMED, standing.claimed.encode()),) if standing.claimed else ()


def _with(placed: Placed, headers: tuple[Header, ...]) -> Placed:
    """A trail stays the last header."""
    return placed._replace(headers=(*headers, *placed.headers)) if headers else placed
