"""Whether another set of topics may take over a site's records: what one join remembers as reported, and the other one does not.

Only a join that remembers a record as reported tells a person when its row goes (WITHDRAWN). A set of topics that is filled by a
new reading remembers what the reading made a record of. A row that was reported once and is wrong today makes none: once the old
set has ended, nobody would tell that it went. Pure.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from streams.domain.absent import Digests
from streams.domain.changes import Incoming
from streams.domain.join.entries import visit_key_of
from streams.domain.join.gone import HELD, Gone
from streams.domain.roles import SERVICE_OF
from streams.explain.decoding import gone_in, row_in
from streams.explain.subject import RowName

REFUSED: Final = "refused"
"""Its row is wrong as it stands now."""
WAITS: Final = "waits"
"""Its row waits for something."""
WITHDRAWAL: Final = "withdrawal"
"""It has no row any more, and a person is not told yet."""
GUARDED: Final = "held withdrawal"
"""Likewise, and held, because so much went at once."""
UNNAMED: Final = "unnamed"
"""An early version reported its row, and did not note as what."""
UNREPORTED: Final = "unreported"
"""There is nothing against its row here: in the other join it belongs to a refused one, is not read yet, or not captured."""


class Left(NamedTuple):
    """A record that one join alone remembers as reported."""

    kind: str
    """Why, as far as that join can say: `refused`, `waits`, `withdrawal`, `held withdrawal`, `unnamed`, `unreported`."""
    service: str
    """As what it was reported."""
    institution: str
    """FIXMEDINS_CODE; `""` where an early version did not note it."""
    row: RowName
    """The row that backs it, or did."""
    letter: str
    """Id of the open letter that tells of the row; `""` where there is none."""

    def __repr__(self) -> str:
        """Without the row's key."""
        return f"Left(kind={self.kind!r}, service={self.service!r})"


class Reported:
    """The records that a join remembers as reported, or as told of when their rows went; eight bytes for each."""

    def __init__(self, state: Iterable[Incoming]) -> None:
        """state: all messages of its `visit.state`. What it ever remembered it has told, or tells when the time comes. Raises Newer
        where a later version wrote one.
        """
        self._records = Digests()
        for message in state:
            if name := _record_in(message):
                self._records.add(name)

    def __contains__(self, name: str) -> bool:
        """Whether a record is among them. name: service and `institution/key`."""
        return name in self._records


def left_with(state: Iterable[Incoming], others: Reported) -> list[Left]:
    """What this join remembers as reported and the other one does not, in the order of the topic. state: all messages of its
    `visit.state`: of each key the last one counts. Raises Newer where a later version wrote one.
    """
    found: dict[bytes, Left] = {}
    for message in state:
        if message.key is None:
            continue
        name = _record_in(message)
        left = None if name and name in others else _left_in(message)
        if left is None:
            found.pop(message.key, None)
        else:
            found[message.key] = left
    return list(found.values())


def _record_in(message: Incoming) -> str:
    """The record that an entry says was reported; `""` where it says none: a row that only claims a record did not report it."""
    if (row := row_in(message)) is not None:
        return f"{SERVICE_OF[row.role].value} {row.reported_as}" if row.emitted and row.reported_as else ""
    gone = _gone_in(message)
    return "" if gone is None else f"{SERVICE_OF[gone.role].value} {gone.record}"


def _gone_in(message: Incoming) -> Gone | None:
    """Entries of the partition begin without a visit."""
    return gone_in(message) if message.key and visit_key_of(message.key) else None


def _left_in(message: Incoming) -> Left | None:
    """What an entry tells of a record that the platform has, or may have; None where a person was told, or it has nothing."""
    if (row := row_in(message)) is not None:
        if row.deleted or not row.emitted:  # what went has an entry of its own, until a person is told
            return None
        kind = (not row.reported_as and UNNAMED) or (row.refused and REFUSED) or (row.waits_for and WAITS) or UNREPORTED
        of = SERVICE_OF[row.role].value, row.reported_as.partition("/")[0], RowName(row.source, row.table, row.key)
        return Left(f"{kind}", *of, row.letter)
    gone = _gone_in(message)
    if gone is None or not gone.deadline:
        return None
    row_name = RowName(gone.source, gone.table, gone.key)
    kind = GUARDED if gone.deadline == HELD else WITHDRAWAL
    return Left(kind, SERVICE_OF[gone.role].value, gone.record.partition("/")[0], row_name, "")
