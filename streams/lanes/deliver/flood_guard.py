"""The flood guard: are these bad records, or a fault of ours that would empty a hospital into the dead letters?"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from streams.lanes.settings import FloodGuard


@dataclass(slots=True)
class Tally:
    """What became of the records of a portion of a plan so far."""

    accepted: int = 0
    """Records that the platform took."""
    refused: int = 0
    """Records that it refused, each by itself."""
    in_a_row: int = 0
    """Records refused since one was accepted, across portions and plans."""
    rows: dict[str, int] = field(default_factory=dict)
    """By institution: its records refused since one of it was accepted; absent where that is none."""
    of: Counter[str] = field(default_factory=Counter)
    """By institution: its records of the portion that were refused."""

    def accept(self, records: int, institution: str = "") -> None:
        """Count accepted records of an institution."""
        self.accepted += records
        self.in_a_row = 0
        self.rows.pop(institution, None)

    def refuse(self, institution: str = "") -> None:
        """Count one refused record of an institution."""
        self.refused += 1
        self.in_a_row += 1
        self.rows[institution] = self.rows.get(institution, 0) + 1
        self.of[institution] += 1

    def next_portion(self) -> "Tally":
        """That of the portion that follows."""
        return Tally(in_a_row=self.in_a_row, rows=self.rows)

    def without(self, institution: str, *, accepted: int, was_in_a_row: int) -> None:
        """Forget what became of the records of an institution that is set aside. accepted: of those that were taken. was_in_a_row:
        what `rows` said of it before the first that is forgotten.
        """
        refused = self.of.pop(institution, 0)
        self.accepted, self.refused = self.accepted - accepted, self.refused - refused
        self.in_a_row = max(0, self.in_a_row - refused)
        self.rows.pop(institution, None)
        if was_in_a_row:
            self.rows[institution] = was_in_a_row


def verdict_of(tally: Tally, guard: FloodGuard, *, size: int) -> str:
    """Why the lane must be held now; `""` while it may go on. Ask it after each refusal, before any dead letter is written.

    size: records of the portion of a plan that is committed as one. The ratio counts refusals against all of them, decided or not:
    thirty bad lines of one visit that happen to stand first in a good plan are no flood.
    """
    return _verdict(tally.refused, tally.in_a_row, guard, size=size)


def verdict_of_one(tally: Tally, institution: str, guard: FloodGuard, *, size: int) -> str:
    """Why one institution must be held now; `""` while it may go on. size: its records of the portion."""
    return _verdict(tally.of[institution], tally.rows.get(institution, 0), guard, size=size)


def _verdict(refused: int, in_a_row: int, guard: FloodGuard, *, size: int) -> str:
    if refused >= guard.min_refused and refused > guard.ratio * size:
        return f"{refused} of {size} records of a plan were refused"
    if guard.in_a_row and in_a_row >= guard.in_a_row:
        return f"{in_a_row} records in a row were refused"
    return ""


def rows_of(rows: Mapping[str, int], *, but: Iterable[str]) -> Mapping[str, int]:
    """Without these institutions, whose places say it themselves."""
    return {name: row for name, row in rows.items() if name not in {*but}}
